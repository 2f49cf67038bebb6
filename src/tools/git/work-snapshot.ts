/**
 * The files of a work tree, as they are now, as a tree; and what lies there that a tree of ours leaves out.
 */
import { lstat, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GitFailure } from './call.js';
import { listBelow, findOddFiles, mendFiles } from './odd-files.js';
import type { LeftOut } from './evidence.js';
import { copyIndex, MAX_LISTING, renewOwnGit, type OwnGit } from './own-git.js';
import type { OwnWorktree } from './own-worktree.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from './path-bytes.js';
import { line } from './repository.js';
import { submodulesOf } from './commit-facts.js';
import { allEnded } from '../../os/all-ended.js';

export interface WorkSnapshot {
  readonly tree: string;
  readonly leftOut: readonly LeftOut[];
  /** The index that the tree was written from, with the file system's facts. */
  readonly index: string;
  discard(): Promise<void>;
}

const NUL = Buffer.from([0]);
let serial = 0;

/** Takes a snapshot; the work tree, its own index and HEAD stay as they are. */
export async function takeSnapshot(
  worktree: OwnWorktree,
  isLitter: (path: string) => boolean,
): Promise<WorkSnapshot> {
  const { git, note } = worktree;
  serial += 1;
  const index = `${git.index}.${process.pid}.${serial}`;
  const env = { GIT_INDEX_FILE: index };
  const discard = (): Promise<void> => rm(index, { force: true });
  try {
    await renewOwnGit(dirname(git.index), worktree.repository);
    await copyIndex(git.index, index);
    const [odd, submodules, isAdded] = await allEnded([
      findOddFiles(git.workTree),
      submodulesOf(git.run, worktree.base),
      add(git, index, []).then(
        () => true,
        () => false, // what stands in its way is seen below
      ),
    ]);
    // Most have neither repositories in them nor what nobody may read: then it is done.
    if (!isAdded || odd.repositories.length > 0) {
      await copyIndex(git.index, index);
      await addAll(git, index, odd.repositories);
    }
    const added = note.included.map(({ path }) => path);
    const asItIs = (): Promise<[tree: string, others: string[]]> =>
      allEnded([git.run(['write-tree'], { env }).then(line), othersThan(git, index)]);
    const [litter, seen] = await allEnded([
      unwanted(git, index, worktree.base, (path) => added.includes(path) || isLitter(path)),
      asItIs(), // most leave none
    ]);
    if (litter.length > 0) {
      await git.run(['update-index', '-z', '--force-remove', '--stdin'], { env, input: joined(litter) });
    }
    const [tree, others] = litter.length > 0 ? await asItIs() : seen;
    const included = new Map(note.included.map((one) => [one.path, one]));
    const leftOut: LeftOut[] = [];
    for (const path of others) {
      const copied = included.get(path);
      if (copied === undefined) leftOut.push({ path, reason: isLitter(path) ? 'litter' : 'ignored' });
      else if (await isChanged(git, copied)) leftOut.push({ path, reason: 'included' });
    }
    for (const path of submodules) leftOut.push(...(await allBelow(git, path, 'submodule')));
    for (const path of odd.repositories) {
      if (!submodules.includes(path)) leftOut.push(...(await allBelow(git, path, 'nested-repository')));
    }
    for (const path of odd.tooDeep) leftOut.push({ path, reason: 'too-deep' });
    for (const { path } of odd.special) leftOut.push({ path, reason: 'special-file' });
    for (const path of odd.empty) {
      if (!submodules.includes(path)) leftOut.push({ path, reason: 'empty-directory' });
    }
    return { tree, leftOut, index, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

/** Takes in every file but those of repositories inside, which git would make submodules of. */
async function add(git: OwnGit, index: string, repositories: readonly string[]): Promise<void> {
  const specs = ['.', ...repositories.map((path) => `:(top,exclude,literal)${path}`)];
  await git.run(['add', '--all', '--pathspec-from-file=-', '--pathspec-file-nul'], {
    env: { GIT_INDEX_FILE: index, GIT_LITERAL_PATHSPECS: '0' },
    input: joined(specs),
  });
}

/** The same; files that may not be read are made readable first. */
async function addAll(git: OwnGit, index: string, repositories: readonly string[]): Promise<void> {
  await add(git, index, repositories).catch(async (error: unknown) => {
    if (!(error instanceof GitFailure) || (await mendFiles(git.workTree)) === 0) throw error;
    await add(git, index, repositories);
  });
}

/** Paths that are in the index and not in the base, and shall not be. */
async function unwanted(
  git: OwnGit,
  index: string,
  base: string,
  isUnwanted: (path: string) => boolean,
): Promise<string[]> {
  const args = ['diff-index', '--cached', '-z', '--name-only', '--no-renames', '--diff-filter=A', base];
  const answer = await git.run(args, { env: { GIT_INDEX_FILE: index }, maxBytes: MAX_LISTING });
  return [...fields(answer.stdout)].map(pathFromBytes).filter(isUnwanted);
}

async function othersThan(git: OwnGit, index: string): Promise<string[]> {
  const answer = await git.run(['ls-files', '-z', '--others'], {
    env: { GIT_INDEX_FILE: index },
    maxBytes: MAX_LISTING,
  });
  // One that ends in "/" is a repository.
  return [...fields(answer.stdout)].filter((path) => path.at(-1) !== 0x2f).map(pathFromBytes);
}

async function allBelow(git: OwnGit, path: string, reason: LeftOut['reason']): Promise<LeftOut[]> {
  const below = await listBelow(git.workTree, path, { mends: true });
  return below.map((entry) => ({ path: entry.path, reason }));
}

async function isChanged(
  git: OwnGit,
  copied: { path: string; size: number; changedMs: number },
): Promise<boolean> {
  try {
    const { size, ctimeMs } = await lstat(fileBytes(git.workTree, copied.path));
    return size !== copied.size || ctimeMs !== copied.changedMs;
  } catch {
    return false; // deleted: nothing to keep
  }
}

const joined = (paths: readonly string[]): Buffer =>
  Buffer.concat(paths.flatMap((path) => [bytesFromPath(path), NUL]));
