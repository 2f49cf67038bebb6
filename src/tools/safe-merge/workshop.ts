/**
 * A work tree of our own, outside the repository: for a person to resolve conflicts in, for a gate to run in.
 */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stateHome } from '../../home.js';
import { removeTree } from '../git/remove-tree.js';
import { seeThrough } from '../git/ending.js';
import { forgetLinked } from '../git/own-worktree.js';
import { LockUnavailable, takeLock } from '../git/process-lock.js';
import { gitIn, line, openRepository, type Repository } from '../git/repository.js';
import { setOwnRefs } from './own-refs.js';
import { runRefs } from './state.js';
import type { Context } from './tool.js';

/** Making one takes a moment; a hundred at once take a while. */
const PATIENCE_SEC = 120;

export type WorkshopKind = 'conflicts' | 'gate';

/** How the names of gates' work trees end. */
export const GATE = '-gate';

/** What is to be known of a run to find its work trees. */
export type Workshops = Pick<Context, 'repository' | 'env' | 'run' | 'say'>;

/** Returns where the work trees of all clones lie. */
export const workshopsFolder = (home: string): string => join(home, 'safe-merge', 'worktrees');

/** Returns where those of a clone lie. Two may have runs of the same name. */
export function workshopFolder({ repository, env }: Pick<Context, 'repository' | 'env'>): string {
  const clone = createHash('sha256').update(repository.commonDir).digest('hex').slice(0, 12);
  return join(workshopsFolder(stateHome(env)), clone);
}

/** Returns where a run's work tree of this kind lies. */
export const workshopPath = (owner: Omit<Workshops, 'say'>, kind: WorkshopKind): string =>
  join(workshopFolder(owner), `${owner.run}-${kind}`);

/** Makes the work tree at a commit, with all its files; one that is there is replaced. */
export async function openWorkshop(
  context: Workshops,
  kind: WorkshopKind,
  commit: string,
): Promise<Repository> {
  const path = workshopPath(context, kind);
  await closeWorkshop(context, kind);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await oneAtATime(context.repository, () =>
    gitIn(context.repository, ['worktree', 'add', '--detach', '--no-checkout', path, commit]),
  );
  const workshop = await openRepository(path);
  await gitIn(workshop, ['read-tree', '--reset', '-u', commit]);
  return workshop;
}

/**
 * Removes the work tree.
 *
 * @param keep - first save what somebody wrote in it, as refs/planwright/kept/<run>
 */
export async function closeWorkshop(
  context: Workshops,
  kind: WorkshopKind,
  keep = kind === 'conflicts',
): Promise<void> {
  const path = workshopPath(context, kind);
  const { repository } = context;
  if (keep) await seeThrough(() => keepWork(context, path));
  const remove = async (): Promise<void> => {
    // Not by `git worktree remove`: killed half-way, it cannot go on from what it left. What git knows of it goes first:
    // files without that are found by their name, but not the reverse.
    await forgetLinked(repository, path);
    await removeTree(path);
  };
  await seeThrough(() => oneAtATime(repository, remove));
}

const NOBODY = {
  GIT_AUTHOR_NAME: 'planwright',
  GIT_AUTHOR_EMAIL: 'planwright@invalid',
  GIT_COMMITTER_NAME: 'planwright',
  GIT_COMMITTER_EMAIL: 'planwright@invalid',
};

/** Somebody may have begun to resolve there, and given another answer since: the files are their work all the same. */
async function keepWork({ repository, run, say }: Workshops, path: string): Promise<void> {
  const workshop = await openRepository(path).catch(() => null);
  if (workshop === null || workshop.commonDir !== repository.commonDir) return;
  // Not by its own index, which may be in conflict.
  const env = { GIT_INDEX_FILE: await freshIndex(workshop), ...NOBODY };
  await gitIn(workshop, ['read-tree', 'HEAD'], { env });
  await gitIn(workshop, ['add', '--all', '.'], { env });
  const tree = line(await gitIn(workshop, ['write-tree'], { env }));
  if (tree === line(await gitIn(workshop, ['rev-parse', 'HEAD^{tree}']))) return; // as it was laid out
  const args = ['commit-tree', '-p', 'HEAD', '-m', 'Begun in the work tree for resolving', tree];
  const commit = line(await gitIn(workshop, args, { env }));
  const ref = runRefs(run).kept;
  await setOwnRefs(repository, { [ref]: commit }, `${run} keeps work`, 'conflicts_unresolved');
  say(`what was begun in ${path} is kept as ${ref}`);
}

/** Returns where an index of our own may be made beside that of a work tree. What was killed at one is gone. */
export async function freshIndex(workshop: Repository): Promise<string> {
  const index = join(workshop.gitDir, 'planwright-index');
  for (const left of [index, `${index}.lock`]) await rm(left, { force: true });
  return index;
}

/** git does not expect two processes to add work trees at once. */
async function oneAtATime<Value>(repository: Repository, work: () => Promise<Value>): Promise<Value> {
  const path = join(repository.commonDir, 'planwright', 'locks', 'worktrees.lock');
  const lock = await takeLock(path, PATIENCE_SEC).catch((error: unknown) => {
    if (error instanceof LockUnavailable) return null;
    throw error;
  });
  try {
    return await work();
  } finally {
    await lock?.release();
  }
}
