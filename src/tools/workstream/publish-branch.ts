/**
 * Moving a branch of a person's to commits that were proven: by compare-and-swap, with the work tree that has it checked out.
 */
import { moveCheckout } from '../git/checkout-move.js';
import type { Obstacle } from '../git/checkout-obstacles.js';
import { isAncestor } from '../git/merge-tree.js';
import type { Objects } from '../git/objects.js';
import { shownPath } from '../git/path-bytes.js';
import { takeLock } from '../git/process-lock.js';
import { noteRefs, settleRefs } from '../git/ref-note.js';
import { moveRefs, readRef } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { checkoutsOf, usesOf } from '../git/worktrees.js';
import { recover } from '../safe-merge/recover.js';
import { lockFile } from '../safe-merge/state.js';

export interface BranchMove {
  /** Short name. */
  readonly branch: string;
  readonly from: string;
  readonly to: string;
  /** For journal and reflog. */
  readonly owner: string;
}

export type BranchMoved =
  | { readonly kind: 'moved' }
  /** It was there already: an answer of an earlier try was lost. */
  | { readonly kind: 'already' }
  /** It is somewhere else. `has`: with our commit in its history. */
  | { readonly kind: 'lost'; readonly found: string | null; readonly has: boolean }
  /** It may not be moved; nothing was changed. `isLasting`: until a person does something about it. */
  | { readonly kind: 'refused'; readonly detail: string; readonly isLasting: boolean };

const PATIENCE_SEC = 120;

/**
 * Moves the branch, and the files of the work tree where it is checked out, together or not at all.
 *
 * Safe to run again after a kill at any moment: what was begun is finished or undone first, and a branch that is there already
 * is not moved again.
 */
export async function publishBranch(
  repository: Repository,
  objects: Objects,
  move: BranchMove,
): Promise<BranchMoved> {
  const { branch, from, to, owner } = move;
  const { problems } = await recover(repository, objects.directory, branch);
  const [problem] = problems;
  if (problem !== undefined) return refused(`${problem.message} ${problem.hint}`);
  const lock = await takeLock(lockFile(repository, branch), PATIENCE_SEC);
  if (lock === null) return refused(`another run has been moving "${branch}" for ${PATIENCE_SEC} s`, false);
  try {
    const ref = `refs/heads/${branch}`;
    const found = await readRef(repository, ref);
    if (found === to) return { kind: 'already' };
    if (found !== from) {
      return { kind: 'lost', found, has: found !== null && (await isAncestor(objects, to, found)) };
    }
    const [use] = await usesOf(repository, branch);
    if (use !== undefined)
      return refused(`a ${use.operation} that uses "${branch}" goes on in ${use.gitDir}; finish it first`);
    const checkouts = await checkoutsOf(repository, branch);
    const [first, second] = checkouts;
    if (second !== undefined)
      return refused(
        `"${branch}" is checked out in ${first!.path} and in ${second.path}; switch one of them`,
      );
    const checkout = first?.repository ?? null;
    if (first !== undefined && checkout === null) {
      return refused(`"${branch}" is checked out in "${first.path}", which cannot be reached`);
    }
    // Lock files of a git that is killed meanwhile are ours to remove.
    await noteRefs(repository, branch, { [ref]: to }, [checkout?.gitDir ?? repository.gitDir]);
    try {
      if (checkout === null) {
        return answerOf(await moveRefs(repository, [{ ref, from, to }], `planwright: landed (${owner})`));
      }
      const moved = await moveCheckout(checkout, objects, { branch, from, to }, [], owner);
      return moved.kind === 'obstacle' ? refused(obstacleText(first!.path, moved.obstacle)) : answerOf(moved);
    } finally {
      await settleRefs(repository, branch);
    }
  } finally {
    await lock.release();
  }
}

function answerOf(moved: Awaited<ReturnType<typeof moveRefs>>): BranchMoved {
  if (moved.kind === 'moved') return { kind: 'moved' };
  if (moved.kind === 'stale') return { kind: 'lost', found: moved.found, has: false };
  return refused(`another git is at work, or was killed: "${moved.lock}" is there`);
}

const refused = (detail: string, isLasting = true): BranchMoved => ({ kind: 'refused', detail, isLasting });

function obstacleText(where: string, obstacle: Obstacle): string {
  const some = (paths: readonly string[]): string =>
    `${paths.slice(0, 3).map(shownPath).join(', ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''}`;
  switch (obstacle.kind) {
    case 'changed':
      return `${where} has changes that are not committed: ${some(obstacle.paths)}; commit them or put them aside`;
    case 'in-the-way':
      return `files that git does not track lie in ${where} where the patches bring their own: ${some(obstacle.paths)}`;
    case 'hidden':
      return `files that git was told not to look at would be changed in ${where}: ${some(obstacle.paths)}`;
    case 'filter':
      return `the content filter "${obstacle.filter}" belongs to files that change in ${where}: ${some(obstacle.paths)}`;
    case 'lfs':
      return `Git LFS cannot write files that change in ${where} (${some(obstacle.paths)}): ${obstacle.said}`;
    case 'other-branch':
      return `${where} no longer has the branch checked out at the commit that was merged`;
    case 'locked':
      return `another git is at work, or was killed: "${obstacle.lock}" is there`;
    case 'refused':
      return `git does not bring ${where} to the new commit: ${obstacle.said}`;
  }
}
