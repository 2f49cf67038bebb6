/**
 * What a run or a step waits for that somebody else has: leases.
 */
import { waitedFor, type LeaseUse } from '../plan/lease-use.js';
import { oneLine } from './text/neutralise.js';
import { seconds } from './text/time.js';

/** `lease "x", held by run y for 3 m 05 s, 2 before it`; null when no lease is waited for. */
export function leaseWait(uses: readonly LeaseUse[] | undefined, now: number): string | null {
  const wait = waitedFor(uses);
  if (wait === null) return null;
  const { name, heldBy, ahead } = wait;
  if (heldBy === null) return `lease "${oneLine(name)}"`;
  const holder = `run ${heldBy.run}${heldBy.step === null ? '' : ` (step ${heldBy.step})`}`;
  const others = ahead > 0 ? `, ${ahead} before it` : '';
  return `lease "${oneLine(name)}", held by ${holder} for ${seconds(Math.max(0, now - heldBy.since))}${others}`;
}

/** Leases that were taken away while they were held, in words. */
export const takenLeases = (uses: readonly LeaseUse[] | undefined): string[] =>
  (uses ?? []).flatMap(({ name, taken }) =>
    taken === null
      ? []
      : [`lease "${oneLine(name)}" was taken away by ${oneLine(taken.actor)}: ${oneLine(taken.reason)}`],
  );
