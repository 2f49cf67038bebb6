/**
 * The work trees of a repository: the engine's own, and those of people.
 */
import { readFileSync, statSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { namesIn } from '../os/paths.js';
import { GitFailure } from '../tools/git/call.js';
import { sweepWorktrees } from '../tools/git/close-worktree.js';
import { identity, writeCommit } from '../tools/git/commit.js';
import { mergeBases, mergeTrees, isAncestor } from '../tools/git/merge-tree.js';
import { BadName, branchName, fileNameOf } from '../tools/git/names.js';
import { withObjects } from '../tools/git/objects.js';
import { noteFile, worktreesFolder, worktreesLocked, type WorktreeNote } from '../tools/git/own-worktree.js';
import { shownPath } from '../tools/git/path-bytes.js';
import { publishing } from '../tools/git/published.js';
import { readRef } from '../tools/git/refs.js';
import { gitIn, NoRepository, openRepository, type Repository } from '../tools/git/repository.js';
import { readStatus } from '../tools/git/status.js';
import { listWorkTrees } from '../tools/git/worktrees.js';
import { publishBranch } from '../tools/workstream/publish-branch.js';
import { readJson } from '../os/json-file.js';
import { PlanwrightError } from './errors.js';

export interface ListedWorktree {
  readonly path: string;
  /** Short name; null when none is checked out. */
  readonly branch: string | null;
  readonly commit: string | null;
  /** `main`: the repository's first. `engine`: of an attempt. `person`: any other. */
  readonly kind: 'main' | 'engine' | 'person';
  /** Whose it is, of the engine's. */
  readonly run: string | null;
  readonly step: string | null;
  readonly locked: boolean;
  /** Its folder is gone. */
  readonly missing: boolean;
}

export interface WorktreeStatus extends ListedWorktree {
  /** Files with changes that are not committed; null when it cannot be looked at. */
  readonly changed: number | null;
  readonly untracked: number | null;
}

const refuse = (message: string, ...remedies: string[]): PlanwrightError =>
  new PlanwrightError('bad-request', message, remedies);

async function opened(root: string): Promise<Repository> {
  try {
    return await openRepository(root);
  } catch (error) {
    if (!(error instanceof NoRepository)) throw error;
    throw refuse(error.message, error.hint);
  }
}

export async function listWorktrees(root: string, home: string): Promise<ListedWorktree[]> {
  return listed(await opened(root), home);
}

async function listed(repository: Repository, home: string): Promise<ListedWorktree[]> {
  const folder = worktreesFolder(home, repository.commonDir);
  const own = await realpath(folder).catch(() => folder);
  const trees = (await listWorkTrees(repository)).filter(({ bare }) => !bare);
  return trees.map(({ path, branch, head, locked, missing }, at) => {
    const isOwn = path.startsWith(`${folder}${sep}`) || path.startsWith(`${own}${sep}`);
    const note = isOwn ? (readJson(noteFile(folder, basename(path))) as WorktreeNote | null) : null;
    return {
      path,
      branch: branch?.replace(/^refs\/heads\//, '') ?? null,
      commit: head,
      kind: isOwn ? 'engine' : at === 0 ? 'main' : 'person',
      run: note?.owner.run ?? null,
      step: note?.owner.step ?? null,
      ...{ locked, missing },
    };
  });
}

/** Returns the work trees with what is not committed in them; only the one of that path or branch, if one is named. */
export async function worktreeStatus(
  root: string,
  home: string,
  cwd: string,
  named?: string,
): Promise<WorktreeStatus[]> {
  const all = await listWorktrees(root, home);
  const trees = named === undefined ? all : [await find(all, cwd, named)];
  return Promise.all(
    trees.map(async (tree) => {
      try {
        const { changed, unmerged, untracked } = await readStatus(await openRepository(tree.path));
        return { ...tree, changed: changed.length + unmerged.length, untracked: untracked.length };
      } catch (error) {
        if (!(error instanceof NoRepository || error instanceof GitFailure)) throw error;
        return { ...tree, changed: null, untracked: null };
      }
    }),
  );
}

async function find(all: readonly ListedWorktree[], cwd: string, named: string): Promise<ListedWorktree> {
  const path = resolve(cwd, named);
  const real = await realpath(path).catch(() => path);
  const found = all.find((tree) => tree.path === path || tree.path === real || tree.branch === named);
  if (found !== undefined) return found;
  throw refuse(
    `there is no work tree "${named}": neither a path nor a branch`,
    'planwright worktree list    has them',
  );
}

/** Where work trees for people are made unless they say where: beside the repository, not in it. */
const besides = ({ workTree, commonDir }: Repository): string => `${workTree ?? commonDir}.worktrees`;

/**
 * Makes a work tree for a person, on a branch that is made if it is not there.
 *
 * @throws PlanwrightError `bad-request`
 */
export async function createWorktree(
  root: string,
  branchText: string,
  { path, from }: { readonly path: string | null; readonly from: string | null },
): Promise<{ readonly path: string; readonly branch: string; readonly made: boolean }> {
  const repository = await opened(root);
  const branch = checkedName(branchText);
  const to = path ?? join(besides(repository), fileNameOf(branch));
  const isThere = (await readRef(repository, `refs/heads/${branch}`)) !== null;
  if (isThere && from !== null)
    throw refuse(
      `branch "${branch}" is there already: it is not begun at "${from}"`,
      'leave --from out, or name another branch',
    );
  await mkdir(dirname(to), { recursive: true });
  const args = isThere ? [to, `refs/heads/${branch}`] : ['-b', branch, to, from ?? 'HEAD'];
  // By its short name, else git checks out the commit and not the branch.
  const plain = isThere ? [to, branch] : args;
  await run(repository, ['worktree', 'add', '--quiet', ...plain]);
  return { path: to, branch, made: !isThere };
}

function checkedName(text: string): string {
  try {
    return branchName(text);
  } catch (error) {
    if (!(error instanceof BadName)) throw error;
    throw refuse(error.message);
  }
}

async function run(repository: Repository, args: readonly string[]): Promise<void> {
  try {
    await worktreesLocked(repository, () => gitIn(repository, args));
  } catch (error) {
    if (!(error instanceof GitFailure) || error.reason !== 'exit-code') throw error;
    throw refuse(`git refuses: ${error.stderr.replace(/^fatal: /, '')}`);
  }
}

/**
 * Removes a work tree of a person; its branch stays. One with anything that is not committed is left alone.
 *
 * @throws PlanwrightError `bad-request`
 */
export async function removeWorktree(
  root: string,
  home: string,
  cwd: string,
  named: string,
): Promise<ListedWorktree> {
  const [tree] = await worktreeStatus(root, home, cwd, named);
  if (tree!.kind === 'main') throw refuse(`"${tree!.path}" is the repository itself`);
  if (tree!.kind === 'engine')
    throw refuse(
      `"${tree!.path}" belongs to step "${tree!.step ?? '?'}" of run ${tree!.run ?? '?'}`,
      'what was left behind goes with: planwright worktree clean',
    );
  const { changed, untracked } = tree!;
  if ((changed ?? 0) + (untracked ?? 0) > 0)
    throw refuse(
      `"${tree!.path}" has ${changed} changed and ${untracked} new files that are not committed`,
      'commit them, or move them away',
    );
  await run(await opened(root), ['worktree', 'remove', tree!.path]);
  return tree!;
}

export type BranchMerged =
  | { readonly merged: true; readonly commit: string; readonly already: boolean }
  | { readonly merged: false; readonly reason: string; readonly conflicts: readonly string[] };

/**
 * Merges a branch into another by a merge commit (`--no-ff`). With conflicts, or when the other one's work tree is not clean,
 * nothing has changed afterwards.
 *
 * @throws PlanwrightError `bad-request` when there is no such branch
 */
export async function mergeBranch(
  root: string,
  home: string,
  from: string,
  into: string,
  now: number,
): Promise<BranchMerged> {
  const repository = await opened(root);
  const [theirs, ours] = await Promise.all(
    [from, into].map(async (name) => {
      const id = await readRef(repository, `refs/heads/${checkedName(name)}`);
      if (id === null) throw refuse(`there is no branch "${name}"`, 'git branch    lists them');
      return id;
    }),
  );
  const people = await identity(repository);
  if (people === null)
    throw refuse('git does not know who you are', 'git config user.name "…"; git config user.email "…"');
  const scratch = join(home, 'scratch');
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  return withObjects(repository, scratch, async (objects): Promise<BranchMerged> => {
    if (await isAncestor(objects, theirs!, ours!)) return { merged: true, commit: ours!, already: true };
    const merged = await mergeTrees(objects, await mergeBases(objects, ours!, theirs!), ours!, theirs!);
    if (merged.kind === 'conflicts') {
      const conflicts = merged.conflicts.map(({ path, kind }) => `${shownPath(path)} (${kind})`);
      return { merged: false, reason: 'conflicts', conflicts };
    }
    const message = `Merge branch '${from}' into ${into}\n`;
    const parents = [ours!, theirs!];
    const commit = await writeCommit(objects, {
      tree: merged.tree,
      parents,
      message,
      people,
      atSec: Math.floor(now / 1000),
    });
    const moved = await publishing(home, repository, () =>
      publishBranch(repository, objects, { branch: into, from: ours!, to: commit, owner: 'worktree merge' }),
    );
    if (moved.kind === 'moved' || moved.kind === 'already') return { merged: true, commit, already: false };
    const reason = moved.kind === 'lost' ? `"${into}" was moved by somebody else meanwhile` : moved.detail;
    return { merged: false, reason, conflicts: [] };
  });
}

export interface Cleaned {
  readonly path: string;
  /** Why it stays; null when it went, or would go. */
  readonly kept: string | null;
  /** What was in one of the engine's is kept as this patch. */
  readonly patch: string | null;
}

/**
 * Removes work trees that nobody uses: the engine's whose worker has died, with what is in them captured first, and those that
 * `createWorktree` made and that have nothing uncommitted.
 */
export async function cleanWorktrees(
  root: string,
  home: string,
  {
    olderThanMs,
    now,
    dryRun,
  }: { readonly olderThanMs: number; readonly now: number; readonly dryRun: boolean },
): Promise<Cleaned[]> {
  const repository = await opened(root);
  const folder = besides(repository);
  const done: Cleaned[] = [];
  for (const tree of await worktreeStatus(root, home, root)) {
    if (tree.kind !== 'person' || tree.missing || dirname(tree.path) !== folder) continue;
    if (now - madeAt(tree.path) < olderThanMs) continue;
    const dirty = (tree.changed ?? 1) + (tree.untracked ?? 1) > 0;
    const kept = tree.locked ? 'it is locked' : dirty ? 'it has files that are not committed' : null;
    if (kept === null && !dryRun) await run(repository, ['worktree', 'remove', tree.path]);
    done.push({ path: tree.path, kept, patch: null });
  }
  const own = worktreesFolder(home, repository.commonDir);
  if (dryRun) {
    for (const id of await namesIn(join(own, '.own'))) {
      const note = readJson(noteFile(own, id)) as WorktreeNote | null;
      if (note !== null && now - note.openedAt >= olderThanMs)
        done.push({ path: join(own, id), kept: null, patch: null });
    }
    return done;
  }
  const fileFor = ({ id }: { readonly id: string }): string =>
    join(home, 'leftovers', `${fileNameOf(id)}.patch`);
  for (const { id, saved, trouble } of await sweepWorktrees(home, olderThanMs, now, fileFor))
    done.push({ path: join(own, id), kept: trouble, patch: saved?.id ?? null });
  return done;
}

/** A linked work tree's `.git` file is written when it is made, and not again. */
function madeAt(path: string): number {
  try {
    readFileSync(join(path, '.git'));
    return statSync(join(path, '.git')).mtimeMs;
  } catch {
    return Date.now();
  }
}
