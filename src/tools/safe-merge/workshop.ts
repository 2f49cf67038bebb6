/**
 * A work tree of our own, outside the repository: for a person to resolve conflicts in, for a gate to run in.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stateHome } from '../../home.js';
import { seeThrough } from '../git/ending.js';
import { LockUnavailable, takeLock } from '../git/process-lock.js';
import { gitIn, line, openRepository, type Repository } from '../git/repository.js';
import { setOwnRefs } from './own-refs.js';
import { runRefs } from './state.js';
import type { Context } from './tool.js';

/** Making one takes a moment; a hundred at once take a while. */
const PATIENCE_SEC = 120;

/** Returns where a run's work tree of this kind lies. */
export function workshopPath({ repository, env, run }: Context, kind: 'conflicts' | 'gate'): string {
  // Two clones may have runs of the same name.
  const clone = createHash('sha256').update(repository.commonDir).digest('hex').slice(0, 12);
  return join(stateHome(env), 'safe-merge', 'worktrees', clone, `${run}-${kind}`);
}

/** Makes the work tree at a commit, with all its files; one that is there is replaced. */
export async function openWorkshop(
  context: Context,
  kind: 'conflicts' | 'gate',
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
  context: Context,
  kind: 'conflicts' | 'gate',
  keep = kind === 'conflicts',
): Promise<void> {
  const path = workshopPath(context, kind);
  const { repository } = context;
  if (keep) await seeThrough(() => keepWork(context, path));
  const remove = async (): Promise<void> => {
    // --force: a gate leaves its output there, and a merge its conflicts. Twice: a kill may have left it locked.
    const args = ['worktree', 'remove', '--force', '--force', path];
    await gitIn(repository, args, { accept: [0, 128] }); // 128: there is none
    // A kill in the middle leaves files that git no longer counts as a work tree.
    if (await isThere(path)) await rm(path, { recursive: true, force: true });
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
async function keepWork({ repository, run, say }: Context, path: string): Promise<void> {
  const workshop = await openRepository(path).catch(() => null);
  if (workshop === null || workshop.commonDir !== repository.commonDir) return;
  // Not by its own index, which may be in conflict.
  const env = { GIT_INDEX_FILE: join(workshop.gitDir, 'planwright-index'), ...NOBODY };
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

async function isThere(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return true;
  } catch {
    return false;
  }
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
