/**
 * This repository's side of publishing: its branch, the remote-tracking ref and the files, all together or not at all.
 */
import { moveCheckout } from '../git/checkout-move.js';
import { type CheckoutMove, findObstacle, type Obstacle } from '../git/checkout-obstacles.js';
import { isAncestor } from '../git/merge-tree.js';
import type { Objects } from '../git/objects.js';
import { moveRefs, readRef, type RefMove } from '../git/refs.js';
import { trackingRef, type Remote } from '../git/remote.js';
import type { Repository } from '../git/repository.js';
import { checkoutsOf } from '../git/worktrees.js';
import { lfsFailed } from './lfs.js';
import type { Problem } from './reasons.js';
import type { Target } from './target.js';
import { listed, short } from './words.js';

export interface Landing {
  readonly repository: Repository;
  readonly objects: Objects;
  readonly remote: Remote;
  readonly target: Target;
  /** For the journal and the reflog. */
  readonly owner: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Returns what keeps the branch and its files from moving, or null. Asked before anything is published, right after
 * the work trees were examined and found free of changes.
 */
export async function landingProblem(landing: Landing): Promise<Problem | null> {
  if (landing.from === landing.to) return null;
  const where = await findCheckout(landing);
  if ('code' in where) return where;
  if (where.checkout === null) return null;
  const obstacle = await findObstacle(where.checkout, landing.objects, moveOf(landing), true);
  return obstacle === null ? null : explain(where.checkout, landing.target, obstacle);
}

/**
 * Moves the branch, wherever it is checked out, from the commit it was seen at.
 *
 * @returns what kept it from moving, or null; nothing is changed then
 */
export async function landLocally(landing: Landing): Promise<Problem | null> {
  const { repository, objects, target, to, owner } = landing;
  const others = await trackingMoves(landing);
  if (landing.from === landing.to) {
    // A note for people, which the next fetch writes anyway: nothing depends on it.
    if (others.length > 0) await moveRefs(repository, others, `planwright: ${owner}`);
    return null;
  }
  const where = await findCheckout(landing);
  if ('code' in where) return where;
  if (where.checkout !== null) {
    const moved = await moveCheckout(where.checkout, objects, moveOf(landing), others, owner);
    if (moved.kind === 'moved') return null;
    return moved.kind === 'obstacle'
      ? explain(where.checkout, target, moved.obstacle)
      : explainRefs(target, moved);
  }
  const branch = { ref: `refs/heads/${target.branch}`, from: landing.from, to };
  const moved = await moveRefs(repository, [branch, ...others], `planwright: fast-forward (${owner})`);
  return moved.kind === 'moved' ? null : explainRefs(target, moved);
}

/** The one work tree that holds the branch, null when none does. */
async function findCheckout({
  repository,
  target,
}: Landing): Promise<{ checkout: Repository | null } | Problem> {
  const checkouts = await checkoutsOf(repository, target.branch);
  const lost = checkouts.find((one) => one.repository === null);
  if (lost !== undefined) {
    return {
      code: 'checkout_unreachable',
      message: `"${target.branch}" is checked out in "${lost.path}", which cannot be reached.`,
      hint: 'Make it reachable, or remove it from the list: git worktree unlock <path>, git worktree prune',
    };
  }
  const [first, second] = checkouts;
  if (second !== undefined) {
    return {
      code: 'checked_out_twice',
      message: `"${target.branch}" is checked out in more than one work tree, also in ${second.path}.`,
      hint: 'Switch one of them to another branch.',
    };
  }
  return { checkout: first?.repository ?? null };
}

const moveOf = ({ target, from, to }: Landing): CheckoutMove => ({ branch: target.branch, from, to });

/** The remote-tracking ref follows what was seen on the remote; git's own push has often moved it already. */
async function trackingMoves({ repository, objects, remote, target, to }: Landing): Promise<RefMove[]> {
  const ref = trackingRef(remote.refspecs, target.branch);
  if (ref === null || ref === `refs/heads/${target.branch}`) return [];
  const from = await readRef(repository, ref);
  if (from === to) return [];
  // Somebody may have fetched meanwhile and know of more.
  if (from !== null && !(await isAncestor(objects, from, to))) return [];
  return [{ ref, from, to }];
}

function explainRefs(
  target: Target,
  moved: Exclude<Awaited<ReturnType<typeof moveRefs>>, { kind: 'moved' }>,
): Problem {
  if (moved.kind === 'locked') {
    return {
      code: 'lock_file_present',
      message: `another git is at work, or was killed: "${moved.lock}" is there.`,
      hint: `Wait for it. If no git runs in this repository: rm "${moved.lock}"`,
    };
  }
  return {
    code: 'target_moved',
    message: `"${moved.ref}" was at ${short(moved.expected ?? 'nothing')} and is at ${short(moved.found ?? 'nothing')} now.`,
    hint: `Somebody committed to "${target.branch}" in between: start the safe merge again.`,
  };
}

/** Says what an obstacle is and how to clear it. */
function explain(checkout: Repository, target: Target, obstacle: Obstacle): Problem {
  const where = checkout.workTree ?? '';
  switch (obstacle.kind) {
    case 'changed':
      return {
        code: 'dirty_working_tree',
        message: `${where} has changes that are not committed: ${listed(obstacle.paths)}.`,
        hint: 'Commit them or put them aside (git stash -u), then start again.',
      };
    case 'in-the-way':
      return {
        code: 'files_in_the_way',
        message: `files that git does not track lie in ${where} where the merge brings its own: ${listed(obstacle.paths)}.`,
        hint: 'Move them elsewhere, then start again.',
      };
    case 'hidden':
      return {
        code: 'hidden_changes',
        message: `files that git was told not to look at would be changed in ${where}: ${listed(obstacle.paths)}.`,
        hint: 'Let git look again: git update-index --no-assume-unchanged --no-skip-worktree <file>',
      };
    case 'filter':
      return {
        code: 'content_filter',
        message: `the content filter "${obstacle.filter}" belongs to files that change in ${where}: ${listed(obstacle.paths)}. It is a program of the configuration, and none is run.`,
        hint: 'Merge here with git itself, or in a clone without that filter.',
      };
    case 'lfs':
      return lfsFailed(
        `cannot write files that change in ${where} (${listed(obstacle.paths)})`,
        obstacle.said,
      );
    case 'other-branch':
      return {
        code: 'target_moved',
        message: `${where} no longer has "${target.branch}" checked out at the commit that was merged.`,
        hint: 'Start the safe merge again.',
      };
    case 'locked':
      return {
        code: 'lock_file_present',
        message: `another git is at work, or was killed: "${obstacle.lock}" is there.`,
        hint: `Wait for it. If no git runs in this repository: rm "${obstacle.lock}"`,
      };
    case 'refused':
      return {
        code: 'checkout_refused',
        message: `git does not bring ${where} to the new commit: ${obstacle.said}`,
        hint: 'Put that right, then start again.',
      };
  }
}
