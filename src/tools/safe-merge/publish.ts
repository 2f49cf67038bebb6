/**
 * The remote's side of publishing: look, push, look again.
 */
import { isAncestor } from '../git/merge-tree.js';
import type { Objects } from '../git/objects.js';
import { pushCommit } from '../git/push.js';
import { branchOnRemote, fetchBranches, type Remote, RemoteFailure } from '../git/remote.js';
import { readRef } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { remoteStopped } from './git-fetch.js';
import { stopped } from './reasons.js';
import { runRefs, type RunKey } from './state.js';
import type { Target } from './target.js';
import { short } from './words.js';

export interface Publication {
  readonly repository: Repository;
  readonly objects: Objects;
  readonly remote: Remote;
  readonly target: Target;
  readonly run: RunKey;
  /** Where the remote's branch was when the merge was made. */
  readonly expected: string;
  /** What shall be there: a descendant of `expected`. */
  readonly commit: string;
  /** Called right before the push. */
  readonly intend?: () => Promise<void>;
}

export type Published =
  /** We pushed it, and the remote has it. */
  | { readonly kind: 'pushed' }
  /** It was there already: nothing to push, or an answer of an earlier push was lost. */
  | { readonly kind: 'already' }
  /** Somebody else was there first; nothing of ours is on the remote. */
  | { readonly kind: 'moved'; readonly found: string | null };

/** A git on the other side holds the branch, or died with it. */
const LOCKED = /\.lock': File exists|failed to lock/;

/**
 * Brings the commit onto the remote's branch; never by force.
 *
 * @throws Stopped when the remote refuses or cannot be reached
 */
export async function publish(publication: Publication): Promise<Published> {
  const { repository, remote, target, commit, expected } = publication;
  const before = await look(publication);
  if (before === commit || (before !== expected && (await has(publication)))) return { kind: 'already' };
  if (before !== expected) return { kind: 'moved', found: before };
  await publication.intend?.();
  const pushed = await pushCommit(repository, remote, target.branch, commit);
  // Whatever was said: what is there counts.
  const after = await lookAgain(publication, pushed.kind === 'no-answer' ? pushed.said : null);
  if (after === commit || (after !== expected && (await has(publication)))) return { kind: 'pushed' };
  if (pushed.kind === 'refused') {
    throw stopped('guarded_push_failed', 2, {
      code: 'push_rejected',
      message: `"${remote.name}" (${remote.shownUrl}) refuses the push to "${target.branch}": ${pushed.said}`,
      hint: 'The remote has a rule against it (a hook, a protected branch): satisfy it or ask its owner. Trying again does not help.',
    });
  }
  if (after !== expected) return { kind: 'moved', found: after };
  if (pushed.kind === 'moved' && LOCKED.test(pushed.said)) {
    throw stopped('guarded_push_failed', 1, {
      code: 'remote_locked',
      message: `"${remote.name}" (${remote.shownUrl}) cannot move "${target.branch}": ${pushed.said}`,
      hint: 'Another git is at work there, or was killed: start again. When it says the same then, its owner removes the lock file it names.',
    });
  }
  if (pushed.kind === 'no-answer') {
    throw remoteStopped('guarded_push_failed', remote, new RemoteFailure(pushed.trouble, pushed.said));
  }
  throw stopped('guarded_push_failed', 1, {
    code: 'push_without_effect',
    message: `"${remote.name}" answered ${pushed.kind === 'accepted' ? 'that it took the push' : `"${pushed.said}"`}, but "${target.branch}" is still at ${short(expected)} there.`,
    hint: 'Look at the hooks of the remote, then start again.',
  });
}

async function look({ repository, remote, target }: Publication): Promise<string | null> {
  try {
    return await branchOnRemote(repository, remote, target.branch, true);
  } catch (error) {
    throw error instanceof RemoteFailure ? remoteStopped('guarded_push_failed', remote, error) : error;
  }
}

/** After a push the remote may be gone: then nobody knows, and the next attempt looks first. */
async function lookAgain(publication: Publication, said: string | null): Promise<string | null> {
  try {
    return await branchOnRemote(publication.repository, publication.remote, publication.target.branch, true);
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    const failure = new RemoteFailure(error.trouble, said ?? error.said);
    throw remoteStopped('guarded_push_failed', publication.remote, failure);
  }
}

/** Tells whether the remote's branch, wherever it is now, has our commit in its history. */
async function has({ repository, objects, remote, target, run, commit }: Publication): Promise<boolean> {
  const { target: ref } = runRefs(run);
  // Where pushes go to another address than where fetches come from, that one cannot be asked for commits.
  if (remote.pushUrl !== null) return false;
  try {
    await fetchBranches(repository, remote, [{ branch: target.branch, to: ref }]);
  } catch (error) {
    if (error instanceof RemoteFailure) return false;
    throw error;
  }
  const now = await readRef(repository, ref);
  return now !== null && (await isAncestor(objects, commit, now));
}
