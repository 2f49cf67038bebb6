/**
 * Being the only one who moves a branch, and leaving no lock file behind when that is cut short.
 */
import { LockUnavailable, type ProcessLock, takeLock } from '../git/process-lock.js';
import { seeThrough } from '../git/ending.js';
import { noteRefs, settleRefs } from '../git/ref-note.js';
import { trackingRef } from '../git/remote.js';
import type { ExaminedCheckout } from './examine.js';
import type { Landing } from './land-locally.js';
import { type ReasonCode, Stopped, stopped } from './reasons.js';
import { recoverHeld } from './recover.js';
import { lockFile } from './state.js';
import type { Context } from './tool.js';

/**
 * Waits for the lock that everyone holds who moves the branch, and puts right what whoever held it before left half-done:
 * a step whose worker was killed is begun again, and not by another env_scan.
 *
 * @throws Stopped when somebody else holds it all the time, or that cannot be put right
 */
export async function holdBranch(
  context: Context,
  reasonCode: ReasonCode,
  timeout: number,
): Promise<ProcessLock> {
  const lock = await waitFor(context, reasonCode, timeout);
  try {
    const { repository, directory, target } = context;
    const { problems } = await recoverHeld(repository, directory, target.branch);
    const [problem, ...more] = problems;
    if (problem === undefined) return lock;
    throw new Stopped({ exitCode: 1, reasonCode, problems: [problem, ...more] });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function waitFor(
  { repository, target }: Context,
  reasonCode: ReasonCode,
  timeout: number,
): Promise<ProcessLock> {
  try {
    const lock = await takeLock(lockFile(repository, target.branch), timeout);
    if (lock !== null) return lock;
  } catch (error) {
    if (!(error instanceof LockUnavailable)) throw error;
    throw stopped(reasonCode, 1, {
      code: 'lock_unavailable',
      message: error.message,
      hint: 'Install it and start again.',
    });
  }
  throw stopped(reasonCode, 2, {
    code: 'lock_timeout',
    message: `another run has been publishing "${target.branch}" of this repository for more than ${timeout} s.`,
    hint: 'Wait until it has ended, then start again; or give more time (--timeout).',
  });
}

/** Does something that moves refs of the person's; lock files of a git that is killed meanwhile do not stay. */
export async function noted<Value>(
  { repository, remote, target, to }: Landing,
  checkouts: readonly ExaminedCheckout[],
  work: () => Promise<Value>,
): Promise<Value> {
  const tracking = trackingRef(remote.refspecs, target.branch);
  const refs = { [`refs/heads/${target.branch}`]: to, ...(tracking === null ? {} : { [tracking]: to }) };
  const heads = checkouts.map((checkout) => checkout.gitDir);
  return seeThrough(async () => {
    await noteRefs(repository, target.branch, refs, heads);
    try {
      return await work();
    } finally {
      await settleRefs(repository, target.branch);
    }
  });
}
