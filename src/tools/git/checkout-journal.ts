/**
 * The note that a work tree is being brought to another commit. Who finds one that nobody works on any more knows what
 * was going on, and which `index.lock` is ours.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { syncDirectory, writeAtomically } from './atomic-file.js';
import type { Repository } from './repository.js';

export interface Journal {
  readonly format: 1;
  /** Short name of the branch that is checked out. */
  readonly branch: string;
  readonly from: string;
  readonly to: string;
  /** Whose work it is, for a person. */
  readonly owner: string;
  readonly host: string;
  readonly at: string;
  /**
   * Git directories that are moved out of the work tree, so that the files beside them can be tracked. Until the branch
   * has moved they are moved back; `to` is `from` before the commit is made.
   */
  readonly taken?: readonly { readonly from: string; readonly to: string }[];
  /** What the `index.lock` of this move holds: so a lock of somebody else is never taken for ours. */
  readonly token: string;
}

const journalPath = (checkout: Repository): string =>
  join(checkout.gitDir, 'planwright', 'fast-forward.json');
export const indexPath = (checkout: Repository): string => join(checkout.gitDir, 'index');
/** Where the new index is made. */
export const newIndexPath = (checkout: Repository): string => join(checkout.gitDir, 'planwright', 'index');
/** The content of our `index.lock`, before it is one. */
const lockTokenPath = (checkout: Repository): string => join(checkout.gitDir, 'planwright', 'index-lock');
export const indexLockPath = (checkout: Repository): string => join(checkout.gitDir, 'index.lock');

/** Writes the note; it is on the disk before anything is touched. */
export async function openJournal(
  checkout: Repository,
  move: Pick<Journal, 'branch' | 'from' | 'to' | 'owner' | 'taken'>,
): Promise<Journal> {
  const journal: Journal = {
    format: 1,
    ...move,
    host: hostname(),
    at: new Date().toISOString(),
    token: `planwright ${randomBytes(16).toString('hex')}\n`,
  };
  await writeJournal(checkout, journal);
  return journal;
}

async function writeJournal(checkout: Repository, journal: Journal): Promise<void> {
  await writeAtomically(journalPath(checkout), `${JSON.stringify(journal, null, 2)}\n`);
}

/** Writes where the branch goes, once that is known. */
export async function journalTo(checkout: Repository, journal: Journal, to: string): Promise<Journal> {
  const known = { ...journal, to };
  await writeJournal(checkout, known);
  return known;
}

/** Returns the note, or null. One that cannot be read is treated as none: it was written whole, so it is not ours. */
export async function readJournal(checkout: Repository): Promise<Journal | null> {
  let text: string;
  try {
    text = await readFile(journalPath(checkout), 'utf8');
  } catch {
    return null;
  }
  try {
    const journal = JSON.parse(text) as Partial<Journal>;
    const { branch, from, to, token } = journal;
    const whole = [branch, from, to, token].every((field) => typeof field === 'string' && field !== '');
    return journal.format === 1 && whole ? (journal as Journal) : null;
  } catch {
    return null;
  }
}

/** Removes what a killed move left, then our `index.lock`, then the note: so that none of them stays without one. */
export async function closeJournal(checkout: Repository, journal: Journal): Promise<void> {
  await dropNewIndex(checkout);
  if (await holdsIndex(checkout, journal)) await rm(indexLockPath(checkout), { force: true });
  await rm(lockTokenPath(checkout), { force: true });
  await rm(journalPath(checkout), { force: true });
  await syncDirectory(join(checkout.gitDir, 'planwright'));
}

/** Removes the index that was being made, and what lies beside it: all is ours alone. */
export async function dropNewIndex(checkout: Repository): Promise<void> {
  await rm(newIndexPath(checkout), { force: true });
  // git's locks beside it, and what else is made for it
  for (const rest of ['.lock', '-gitmodules', '-gitmodules.lock']) {
    await rm(`${newIndexPath(checkout)}${rest}`, { force: true });
  }
}

/** Tells whether `index.lock` is there and belongs to this move. */
export async function holdsIndex(checkout: Repository, journal: Journal): Promise<boolean> {
  try {
    return (await readFile(indexLockPath(checkout), 'utf8')) === journal.token;
  } catch {
    return false;
  }
}

/**
 * Takes `index.lock`, as git does while it changes a work tree: nobody can commit or add in between.
 *
 * @returns false when somebody else has it
 */
export async function takeIndex(checkout: Repository, journal: Journal): Promise<boolean> {
  if (await holdsIndex(checkout, journal)) return true;
  const token = lockTokenPath(checkout);
  await writeAtomically(token, journal.token);
  try {
    // There with its content or not at all: an empty one, left by a kill, would be nobody's and stay.
    await link(token, indexLockPath(checkout));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code ?? '')) throw error;
    return await makeLock(indexLockPath(checkout), journal.token);
  } finally {
    await rm(token, { force: true });
  }
}

/** What file systems without hard links answer. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

async function makeLock(path: string, token: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(token);
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
