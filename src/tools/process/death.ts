/**
 * Waits for, or brings about, the end of processes that are not children of ours.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { lifeOf, signalTo, type ProcessIdentity } from '../../os/process-identity.mjs';

/** There is no event for the death of somebody else's child. */
const LOOK_MS = 5;

/** Resolves when the process is dead, true; or at the latest after `withinMs`, false. */
export async function death(identity: ProcessIdentity, withinMs = Infinity): Promise<boolean> {
  const limit = performance.now() + withinMs;
  while (lifeOf(identity) === 'alive') {
    if (performance.now() > limit) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

/** Kills exactly this process, if it lives, and waits for its death; false when it is still there after `withinMs`. */
export async function killAndWait(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  signalTo(identity, 'SIGKILL');
  return death(identity, withinMs);
}
