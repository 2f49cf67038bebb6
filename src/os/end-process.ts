/**
 * Ends processes that are known by identity.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { lifeOf, signalTo, type ProcessIdentity } from './process-identity.mjs';

const LOOK_MS = 50;

/** Ends exactly this process: asks first, and after `graceMs` does not ask. Returns false when it was not there. */
export async function endProcess(process: ProcessIdentity, graceMs: number): Promise<boolean> {
  if (!signalTo(process, 'SIGTERM')) return false;
  const limit = performance.now() + graceMs;
  while (lifeOf(process) === 'alive') {
    if (performance.now() > limit) signalTo(process, 'SIGKILL');
    await sleep(LOOK_MS);
  }
  return true;
}
