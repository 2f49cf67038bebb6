/**
 * Removing work trees of ours: never one with something in it that was not captured.
 */
import { lstat, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { exists, namesIn } from '../../os/paths.js';
import { lifeOf } from '../../os/process-identity.mjs';
import { capturePatch, evidenceRef, patchRef, type CapturedPatch } from './capture-patch.js';
import { treeOfCommit } from './commit-facts.js';
import { keepFiles, sweepKept } from './kept-files.js';
import { removeTree } from './remove-tree.js';
import {
  findOwnWorktree,
  forgetLinked,
  ownFolder,
  readNote,
  worktreesFolder,
  worktreesLocked,
  type OwnWorktree,
  type WorktreeNote,
} from './own-worktree.js';
import { forgetOwnGit } from './own-git.js';
import { readRefs } from './refs.js';
import { NoRepository, openRepository, type Repository } from './repository.js';
import { takeSnapshot } from './work-snapshot.js';

export interface CloseRequest {
  /** What was captured of it last; null for nothing. */
  readonly captured: Pick<CapturedPatch, 'tree' | 'leftOut'> | null;
  /** Where a capture goes that is still to be made. */
  readonly file: string;
  readonly atSec: number;
  readonly isLitter?: (path: string) => boolean;
  /** Nothing has run in it since it was captured: it is not looked at again. */
  readonly isStill?: boolean;
}

/** What was in it that nobody had captured yet; null: nothing. */
export interface Closed {
  readonly saved: CapturedPatch | null;
}

/** Names what is captured at the last moment. */
export const leftoverId = (id: string): string => `leftover/${id}`;

/** Removes a work tree. What is in it and was not captured is captured first. Safe to run again after a kill. */
export async function closeOwnWorktree(worktree: OwnWorktree, request: CloseRequest): Promise<Closed> {
  const isKept = request.isStill === true && request.captured !== null;
  const intact = await isIntact(worktree);
  const saved = !isKept && intact ? await saveRest(worktree, request) : null;
  await removeOwnWorktree(worktree, intact);
  return { saved };
}

async function saveRest(worktree: OwnWorktree, request: CloseRequest): Promise<CapturedPatch | null> {
  const { captured, file, atSec, isLitter = () => false } = request;
  const snapshot = await takeSnapshot(worktree, isLitter);
  await snapshot.discard();
  const known = new Set(captured?.leftOut.map(({ path }) => path));
  const isKnown =
    captured === null
      ? snapshot.leftOut.length === 0 && (await isAsOpened(worktree, snapshot.tree))
      : snapshot.tree === captured.tree;
  // Ignored files that came after the capture count too: checks make them, and tools that a check starts.
  if (isKnown && snapshot.leftOut.every(({ path }) => known.has(path))) return null;
  const { owner } = worktree.note;
  const message = `What was left of ${owner.step}, attempt ${owner.attempt}, of run ${owner.run}`;
  const id = await freeId(worktree.repository, leftoverId(worktree.id));
  const patch = await capturePatch(worktree, { id, file, atSec, isLitter, message });
  return patch.commit === null && patch.evidence === null ? null : patch;
}

const isAsOpened = async ({ git, base }: OwnWorktree, tree: string): Promise<boolean> =>
  (await treeOfCommit(git.run, base)) === tree;

/** A name that no capture has yet: two attempts of the same name may both have left something. */
async function freeId(repository: Repository, id: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const free = n === 1 ? id : `${id}-${n}`;
    if ((await readRefs(repository, [patchRef(free), evidenceRef(free)])).size === 0) return free;
  }
}

/** Says whether the directory is still the one that was made: one that was replaced holds files of somebody else. */
export async function isIntact({ path, note }: OwnWorktree): Promise<boolean> {
  try {
    return isTheOne(note, await lstat(path));
  } catch {
    return false;
  }
}

/** The number of one that was removed is soon given to another: when it was made tells them apart. */
const isTheOne = ({ inode, bornMs }: WorktreeNote, stats: Stats): boolean =>
  stats.isDirectory() && stats.ino === inode && (bornMs === undefined || stats.birthtimeMs === bornMs);

/** Returns where a work tree is that was moved away within its folder; null: it cannot be found. */
export async function placeOf({ path, note }: OwnWorktree): Promise<string | null> {
  const folder = dirname(path);
  for (const name of await namesIn(folder)) {
    const stats = await lstat(join(folder, name)).catch(() => null);
    if (stats !== null && isTheOne(note, stats)) return join(folder, name);
  }
  return null;
}

const closingFile = (folder: string, id: string): string => join(ownFolder(folder, id), 'closing');

/** Says whether a work tree is being removed by us. */
export const isClosing = (folder: string, id: string): Promise<boolean> => exists(closingFile(folder, id));

/**
 * Removes a work tree whose content is kept, or worth nothing.
 *
 * @param mayKeep - its files may be used again, if it was opened so
 */
export async function removeOwnWorktree(worktree: OwnWorktree, mayKeep = false): Promise<void> {
  const { id, path, repository, git } = worktree;
  const own = join(git.index, '..');
  const gone = join(own, '..', '..', '.gone', `${id}-${randomBytes(4).toString('hex')}`);
  await mkdir(join(gone, '..'), { recursive: true, mode: 0o700 });
  // Who sees that it is gone must not take it for somebody's doing.
  await writeFile(closingFile(join(own, '..', '..'), id), '').catch(ifMissing);
  if (!(await isIntact(worktree))) await setAside(path, strangersFolder(join(own, '..', '..')), id);
  // First out of the way, at once: a kill in the middle leaves no half of a work tree behind.
  await rename(path, gone).catch(ifMissing);
  await worktreesLocked(repository, () => forgetLinked(repository, path));
  if (!(mayKeep && (await keepFiles(join(own, '..', '..'), git, gone)))) await removeTree(gone);
  await removeTree(own);
  forgetOwnGit(own);
}

/** Where things are kept that somebody put in the place of a work tree: they are not ours to remove. */
export const strangersFolder = (folder: string): string => join(folder, '.strangers');

/** Says whether nothing is there, or a directory with nothing in it. */
export async function isBare(path: string): Promise<boolean> {
  const entries = await readdir(path).catch(({ code }: NodeJS.ErrnoException) =>
    code === 'ENOENT' ? [] : null,
  );
  return entries?.length === 0;
}

async function setAside(path: string, strangers: string, id: string): Promise<void> {
  if (await isBare(path)) return;
  await mkdir(strangers, { recursive: true, mode: 0o700 });
  await rename(path, join(strangers, `${id}-${randomBytes(4).toString('hex')}`)).catch(ifMissing);
}

/** Removes a work tree that was only half made. No tool has seen it: there is nothing in it to lose. */
export async function removeHalfMade(repository: Repository, home: string, id: string): Promise<void> {
  const folder = worktreesFolder(home, repository.commonDir);
  await worktreesLocked(repository, () => forgetLinked(repository, join(folder, id)));
  await removeTree(join(folder, id));
  await removeTree(ownFolder(folder, id));
}

function ifMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

export interface Swept {
  readonly id: string;
  readonly saved: CapturedPatch | null;
  /** Why it is still there; null: it is gone. */
  readonly trouble: string | null;
}

/**
 * Removes work trees that nobody came back for: older than `olderThanMs`, opened by a process that has died. What is in
 * them is captured first.
 *
 * @param fileFor - where the patch of such a work tree goes
 */
export async function sweepWorktrees(
  home: string,
  olderThanMs: number,
  now: number,
  fileFor: (note: WorktreeNote) => string,
): Promise<Swept[]> {
  const swept: Swept[] = [];
  const top = join(home, 'worktrees');
  for (const folder of (await namesIn(top)).map((name) => join(top, name))) {
    await removeTree(join(folder, '.gone'));
    await sweepKept(folder);
    for (const id of await namesIn(join(folder, '.own'))) {
      const note = readNote(folder, id);
      if (note === null || lifeOf(note.worker) !== 'dead' || now - note.openedAt < olderThanMs) continue;
      swept.push(await sweepOne(home, folder, note, fileFor(note), now));
    }
  }
  return swept;
}

async function sweepOne(
  home: string,
  folder: string,
  note: WorktreeNote,
  file: string,
  now: number,
): Promise<Swept> {
  const { id } = note;
  try {
    const repository = await openRepository(note.workTree ?? note.commonDir);
    if (worktreesFolder(home, repository.commonDir) !== folder)
      return { id, saved: null, trouble: 'its repository was moved' };
    const worktree = findOwnWorktree(repository, home, id);
    if (worktree === null) {
      await removeHalfMade(repository, home, id);
      return { id, saved: null, trouble: null };
    }
    const { saved } = await closeOwnWorktree(worktree, {
      captured: null,
      file,
      atSec: Math.floor(now / 1000),
    });
    return { id, saved, trouble: null };
  } catch (error) {
    // One that cannot be saved stays, and must not keep the others from going.
    const gone = error instanceof NoRepository ? ' (its files are kept)' : '';
    return { id, saved: null, trouble: `${error instanceof Error ? error.message : String(error)}${gone}` };
  }
}
