/**
 * Bringing a clean work tree, its index and its branch to a later commit: all three or none, also across a kill.
 *
 * git's own way (`merge --ff-only`) leaves half-written files and an `index.lock` nobody may remove when it is killed.
 * Here a journal is written first, `index.lock` is held throughout, the new index is made beside the old one and
 * renamed, and the branch moves by compare-and-swap. Whoever comes next reads the journal and settles it.
 */
import { copyFile, open, rename, rmdir, unlink } from 'node:fs/promises';
import { syncDirectory } from './atomic-file.js';
import { type GitAnswer, GitFailure } from './call.js';
import { filesBelow, onDisk, parents, whatLies } from './checkout-files.js';
import {
  closeJournal,
  dropNewIndex,
  indexLockPath,
  indexPath,
  type Journal,
  newIndexPath,
  openJournal,
  takeIndex,
} from './checkout-journal.js';
import { findObstacle, type CheckoutMove, type Obstacle } from './checkout-obstacles.js';
import type { Objects } from './objects.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from './path-bytes.js';
import { moveRefs, type RefMove, type RefsMoved } from './refs.js';
import { gitIn, type Repository } from './repository.js';
import { diffTrees, isSubmodule, type TreeChange } from './tree.js';

export type CheckoutMoved =
  | { readonly kind: 'moved' }
  | { readonly kind: 'obstacle'; readonly obstacle: Obstacle }
  | Exclude<RefsMoved, { kind: 'moved' }>;

/**
 * Moves a work tree and its branch, and `others` with the branch. On any answer but `moved` nothing has changed.
 *
 * Only one process may do this at a time in a repository (process-lock.ts).
 *
 * @param owner - whose work it is, for whoever finds the journal
 */
export async function moveCheckout(
  checkout: Repository,
  objects: Objects,
  move: CheckoutMove,
  others: readonly RefMove[],
  owner: string,
): Promise<CheckoutMoved> {
  const journal = await openJournal(checkout, { ...move, owner });
  if (!(await takeIndex(checkout, journal))) {
    await closeJournal(checkout, journal);
    return { kind: 'obstacle', obstacle: { kind: 'locked', lock: indexLockPath(checkout) } };
  }
  const obstacle =
    (await findObstacle(checkout, objects, move)) ?? (await writeFiles(checkout, objects, journal));
  if (obstacle !== null) {
    await closeJournal(checkout, journal);
    return { kind: 'obstacle', obstacle };
  }
  const branch = { ref: `refs/heads/${move.branch}`, from: move.from, to: move.to };
  const refs = await moveRefs(checkout, [branch, ...others], `planwright: fast-forward (${owner})`);
  if (refs.kind !== 'moved') await bringTo(checkout, objects, journal, 'from');
  await closeJournal(checkout, journal);
  return refs;
}

/** Writes the files and the index; when git refuses or fails on the way, they are as before. */
async function writeFiles(
  checkout: Repository,
  objects: Objects,
  journal: Journal,
): Promise<Obstacle | null> {
  const index = await copyOfIndex(checkout);
  try {
    const env = { GIT_INDEX_FILE: index };
    // Checks everything before it writes the first file.
    const write = (accept: number[]): Promise<GitAnswer> =>
      gitIn(checkout, ['read-tree', '-m', '-u', journal.from, journal.to], { env, accept });
    if ((await write([0, 128])).exitCode !== 0) {
      if (await isBegun(checkout, objects, journal)) await bringTo(checkout, objects, journal, 'from');
      // A file that was only touched, or came by a copy of the whole clone, is refused as changed until the index has
      // seen it again. Rare, and a large tree takes its time. 1: some are changed.
      await copyFile(indexPath(checkout), index);
      await gitIn(checkout, ['update-index', '-q', '--refresh'], { env, accept: [0, 1] });
      await write([0]);
    }
    await replaceIndex(checkout, index);
    return null;
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    // Somebody's change of the last moment is a reason to refuse, not a reason to undo what was not done.
    if (await isBegun(checkout, objects, journal)) await bringTo(checkout, objects, journal, 'from');
    return { kind: 'refused', said: error.stderr || error.message };
  } finally {
    await dropNewIndex(checkout);
  }
}

/** Tells whether any file was written. */
async function isBegun(checkout: Repository, objects: Objects, journal: Journal): Promise<boolean> {
  for (const change of await diffTrees(objects, journal.from, journal.to)) {
    const lying = await whatLies(checkout, checkout.workTree ?? '', change);
    if (lying === 'after' || lying === 'part') return true;
  }
  return false;
}

/** Makes the copy in which a new index is built. */
export async function copyOfIndex(checkout: Repository): Promise<string> {
  const copy = newIndexPath(checkout);
  await dropNewIndex(checkout);
  await copyFile(indexPath(checkout), copy);
  return copy;
}

/** Puts the new index in the place of the old one. */
export async function replaceIndex(checkout: Repository, index: string): Promise<void> {
  const file = await open(index, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(index, indexPath(checkout));
  await syncDirectory(checkout.gitDir);
}

/** Files or index entries of a broken-off move that hold somebody's own work by now. */
export class ForeignChanges extends Error {
  override readonly name = 'ForeignChanges';
  constructor(readonly paths: readonly string[]) {
    super(`${paths.length} files were changed by somebody else`);
  }
}

/**
 * Brings every path of a broken-off move to one of its two ends. `index.lock` is ours.
 *
 * @throws ForeignChanges before anything is written
 */
export async function bringTo(
  checkout: Repository,
  objects: Objects,
  journal: Journal,
  end: 'from' | 'to',
): Promise<void> {
  const top = checkout.workTree ?? '';
  const changes = await diffTrees(objects, journal.from, journal.to);
  const wanted = new Map(
    changes.map((change) => [change.path, end === 'from' ? change.before : change.after]),
  );
  const unwanted = [...wanted].flatMap(([path, side]) => (side === null ? [path] : []));
  if (await isThere(checkout, top, changes, wanted, end)) {
    // git makes a directory before the file in it, and may have come no further.
    for (const path of unwanted) await removeEmptyParents(top, path);
    return;
  }
  const index = await copyOfIndex(checkout);
  const env = { GIT_INDEX_FILE: index };
  try {
    await gitIn(checkout, ['update-index', '-z', '--index-info'], {
      env,
      input: indexInfo(wanted, journal.from),
    });
    for (const path of unwanted) await removeFile(top, path);
    const files = [...wanted].filter(([, side]) => side !== null && !isSubmodule(side.mode));
    const present = files.flatMap(([path]) => [bytesFromPath(path), NUL]);
    await gitIn(checkout, ['checkout-index', '-f', '-u', '-q', '-z', '--stdin'], {
      env,
      input: Buffer.concat(present),
    });
    await replaceIndex(checkout, index);
  } finally {
    await dropNewIndex(checkout);
  }
}

const NUL = Buffer.from([0]);

type Wanted = ReadonlyMap<string, { readonly mode: string; readonly id: string } | null>;

function indexInfo(wanted: Wanted, anyId: string): Buffer {
  const none = '0'.repeat(anyId.length);
  return Buffer.concat(
    [...wanted].flatMap(([path, side]) => {
      const head = side === null ? `0 ${none}\t` : `${side.mode} ${side.id}\t`;
      return [Buffer.from(head), bytesFromPath(path), NUL];
    }),
  );
}

/**
 * Tells whether files and index are at the wanted end already.
 *
 * @throws ForeignChanges when some are at neither end
 */
async function isThere(
  checkout: Repository,
  top: string,
  changes: readonly TreeChange[],
  wanted: Wanted,
  end: 'from' | 'to',
): Promise<boolean> {
  const foreign = new Set<string>();
  const entries = await indexEntries(checkout, new Set(changes.map((change) => change.path)));
  const asEntry = (side: TreeChange['before']): string | null =>
    side === null ? null : `${side.mode} ${side.id} 0`;
  let there = true;
  for (const change of changes) {
    const { path, before, after } = change;
    const side = wanted.get(path) ?? null;
    const lying = await whatLies(checkout, top, change);
    const entry = entries.get(path) ?? null;
    if (lying === 'foreign' || ![asEntry(before), asEntry(after)].includes(entry)) foreign.add(path);
    if (lying !== (end === 'from' ? 'before' : 'after') || entry !== asEntry(side)) there = false;
    // `checkout-index -f` removes a directory that stands where a file belongs, with all that is in it.
    if (side !== null && !isSubmodule(side.mode) && (await onDisk(top, path)) === 'directory') {
      for (const file of await filesBelow(top, path)) if (wanted.get(file) !== null) foreign.add(file);
    }
    for (const parent of parents(path)) {
      const kind = await onDisk(top, parent);
      if (kind !== 'nothing' && kind !== 'directory' && !wanted.has(parent)) foreign.add(parent);
    }
  }
  if (foreign.size > 0) throw new ForeignChanges([...foreign]);
  return there;
}

/** `<mode> <id> <stage>` of those paths that are in the index. */
async function indexEntries(checkout: Repository, paths: ReadonlySet<string>): Promise<Map<string, string>> {
  const answer = await gitIn(checkout, ['ls-files', '-s', '-z'], { maxBytes: 512 * 1024 * 1024 });
  const found = new Map<string, string>();
  for (const field of fields(answer.stdout)) {
    const tab = field.indexOf(9);
    const path = pathFromBytes(field.subarray(tab + 1));
    if (paths.has(path)) found.set(path, field.toString('latin1', 0, tab));
  }
  return found;
}

/** Removes a file and the directories it leaves empty. */
async function removeFile(top: string, path: string): Promise<void> {
  const kind = await onDisk(top, path);
  if (kind === 'file' || kind === 'link') await unlink(fileBytes(top, path));
  await removeEmptyParents(top, path);
}

async function removeEmptyParents(top: string, path: string): Promise<void> {
  for (const parent of parents(path).reverse()) {
    try {
      await rmdir(fileBytes(top, parent));
    } catch {
      // not empty, or not there
    }
  }
}
