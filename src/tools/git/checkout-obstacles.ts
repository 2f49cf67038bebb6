/**
 * Why a work tree cannot be brought to another commit without touching what is not ours.
 */
import { filesBelow, onDisk, parents } from './checkout-files.js';
import { filteredFiles, lfsFiles } from './checkout-filters.js';
import type { Objects } from './objects.js';
import { fields, pathFromBytes } from './path-bytes.js';
import { readRef } from './refs.js';
import { gitIn, type Repository } from './repository.js';
import { readStatus } from './status.js';
import { diffTrees, type TreeChange } from './tree.js';
import { checkedOut } from './worktrees.js';

export interface CheckoutMove {
  /** Short name. */
  readonly branch: string;
  readonly from: string;
  /** A descendant of `from`. */
  readonly to: string;
}

export type Obstacle =
  /** Uncommitted changes to files git knows. */
  | { readonly kind: 'changed'; readonly paths: readonly string[] }
  /** Something git does not know lies where a new file belongs. */
  | { readonly kind: 'in-the-way'; readonly paths: readonly string[] }
  /** Marked `assume-unchanged` or `skip-worktree`, and yet to be changed: git would write over whatever is there. */
  | { readonly kind: 'hidden'; readonly paths: readonly string[] }
  /** A content filter that we do not run belongs to files that change. */
  | { readonly kind: 'filter'; readonly paths: readonly string[]; readonly filter: string }
  /** Git LFS cannot write files that change: it is not there, or their content cannot be had. */
  | { readonly kind: 'lfs'; readonly paths: readonly string[]; readonly said: string }
  /** The branch is not checked out here any more, or has moved on. */
  | { readonly kind: 'other-branch'; readonly found: string | null }
  | { readonly kind: 'locked'; readonly lock: string }
  /** git itself refused; nothing is changed. */
  | { readonly kind: 'refused'; readonly said: string };

/**
 * Returns the first obstacle to a move of `checkout` (a repository with a work tree), or null. Changes nothing.
 *
 * @param seenClean - the caller has just seen that the branch is checked out at `from`, and nothing is changed
 */
export async function findObstacle(
  checkout: Repository,
  objects: Objects,
  move: CheckoutMove,
  seenClean = false,
): Promise<Obstacle | null> {
  if (!seenClean) {
    const branch = await checkedOut(checkout);
    if (branch !== move.branch || (await readRef(checkout, `refs/heads/${branch}`)) !== move.from) {
      return { kind: 'other-branch', found: branch };
    }
    // New files are looked for where the merge brings its own, below.
    const { changed, unmerged } = await readStatus(checkout, 'no');
    if (changed.length + unmerged.length > 0) return { kind: 'changed', paths: [...unmerged, ...changed] };
  }
  const changes = await diffTrees(objects, move.from, move.to);
  return (
    (await hiddenFiles(checkout, changes)) ??
    (await filesInTheWay(checkout, changes)) ??
    (await filteredFiles(checkout, objects, move.to, changes)) ??
    (await lfsFiles(checkout, objects, move.to, changes))
  );
}

async function hiddenFiles(checkout: Repository, changes: readonly TreeChange[]): Promise<Obstacle | null> {
  const touched = new Set(changes.filter((change) => change.before !== null).map((change) => change.path));
  if (touched.size === 0) return null;
  // Few are asked for by name. An argument of a Node process is UTF-8, and a list of them is bounded.
  const few = touched.size <= 200 && ![...touched].some((path) => /\p{Surrogate}/u.test(path));
  const args = ['ls-files', '-z', '-v', ...(few ? ['--', ...touched] : [])];
  const answer = await gitIn(checkout, args, { maxBytes: 512 * 1024 * 1024 });
  const paths: string[] = [];
  for (const field of fields(answer.stdout)) {
    const tag = String.fromCharCode(field[0] ?? 0);
    const path = pathFromBytes(field.subarray(2));
    if (!touched.has(path)) continue;
    const there = (await onDisk(checkout.workTree ?? '', path)) !== 'nothing';
    if (tag.toLowerCase() === tag || (tag === 'S' && there)) paths.push(path);
  }
  return paths.length === 0 ? null : { kind: 'hidden', paths };
}

/** git itself would keep untracked files, but write over ignored ones: they are somebody's all the same. */
async function filesInTheWay(checkout: Repository, changes: readonly TreeChange[]): Promise<Obstacle | null> {
  const top = checkout.workTree ?? '';
  const known = new Set(changes.filter((change) => change.before !== null).map((change) => change.path));
  const paths = new Set<string>();
  for (const { path, after } of changes) {
    if (after === null || known.has(path)) continue;
    for (const parent of parents(path)) {
      const kind = await onDisk(top, parent);
      if (kind === 'nothing') break;
      if (kind !== 'directory' && !known.has(parent)) paths.add(parent);
      if (kind !== 'directory') break;
    }
    const kind = await onDisk(top, path);
    if (kind === 'directory') {
      const strangers = (await filesBelow(top, path)).filter((file) => !known.has(file));
      // A new submodule may find its directory, but not somebody's files in it.
      for (const stranger of strangers) paths.add(stranger);
    } else if (kind !== 'nothing') {
      // Below a link, lstat sees the link's target: the parent is in the way then, and named above.
      if (!parents(path).some((parent) => paths.has(parent) || known.has(parent))) paths.add(path);
    }
  }
  return paths.size === 0 ? null : { kind: 'in-the-way', paths: [...paths] };
}
