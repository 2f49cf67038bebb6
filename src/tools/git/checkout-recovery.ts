/**
 * Finishing or undoing what a killed move of a work tree left behind.
 */
import { exists } from '../../os/paths.js';
import {
  closeJournal,
  holdsIndex,
  indexLockPath,
  readJournal,
  takeIndex,
  type Journal,
} from './checkout-journal.js';
import { bringTo, ForeignChanges } from './checkout-move.js';
import { giveBack } from './git-directories.js';
import type { Objects } from './objects.js';
import { readRef } from './refs.js';
import type { Repository } from './repository.js';
import { checkedOut } from './worktrees.js';

export type Settled =
  /** No move was broken off. */
  | { readonly kind: 'nothing' }
  /** The branch had moved: the files followed. Or it had not: they are as before. */
  | { readonly kind: 'finished' | 'undone'; readonly journal: Journal }
  /** Somebody cleared it up and went on since: nothing was touched but the journal. */
  | { readonly kind: 'obsolete'; readonly journal: Journal }
  /** Somebody's changes are in the way: nothing was touched. */
  | {
      readonly kind: 'foreign';
      readonly journal: Journal;
      readonly paths: readonly string[];
      readonly lock: string | null;
    };

/** Tells whether a move of the work tree was begun and not ended. It may still be going on. */
export async function isMoving(checkout: Repository): Promise<boolean> {
  return (await readJournal(checkout)) !== null;
}

/**
 * Settles a broken-off move. The caller holds the lock that every mover holds, so that nobody is still at it.
 */
export async function settle(checkout: Repository, objects: Objects): Promise<Settled> {
  const journal = await readJournal(checkout);
  if (journal === null) return { kind: 'nothing' };
  const at = await readRef(checkout, `refs/heads/${journal.branch}`);
  const here = (await checkedOut(checkout)) === journal.branch;
  const foreign = async (paths: readonly string[]): Promise<Settled> => {
    const lock = (await holdsIndex(checkout, journal)) || (await exists(indexLockPath(checkout)));
    return { kind: 'foreign', journal, paths, lock: lock ? indexLockPath(checkout) : null };
  };
  if (!here || (at !== journal.from && at !== journal.to)) {
    // While our lock is there no git has put the files right since.
    if (await holdsIndex(checkout, journal)) return foreign([]);
    await closeJournal(checkout, journal);
    return { kind: 'obsolete', journal };
  }
  if (!(await takeIndex(checkout, journal))) return foreign([]);
  // Nothing but git directories was moved yet: the files are the person's own.
  const isTaking = journal.taken !== undefined && at === journal.from;
  try {
    if (isTaking) await giveBack(checkout, journal);
    else await bringTo(checkout, objects, journal, at === journal.to ? 'to' : 'from');
  } catch (error) {
    if (error instanceof ForeignChanges) return foreign(error.paths);
    throw error;
  }
  await closeJournal(checkout, journal);
  return { kind: at === journal.to && !isTaking ? 'finished' : 'undone', journal };
}
