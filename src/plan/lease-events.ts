/**
 * The events that tell of leases.
 */
import type { AddEvent } from './event-drafts.js';
import type { LeaseUse } from './lease-use.js';

/**
 * Adds what became of the leases that a step, or the run (null), asked for. Nothing is waited for after `abortedAt`.
 *
 * @returns the place of the last one that was granted, or null
 */
export function addLeases(
  add: AddEvent,
  uses: readonly LeaseUse[],
  step: string | null,
  after: readonly number[],
  abortedAt: number,
): number | null {
  let behind = after;
  let last: number | null = null;
  for (const { name, askedAt, grantedAt, token, heldBy, ahead, taken } of uses) {
    const own = { step_id: step, lease: name };
    const key = `${step ?? ''} ${name}`;
    if (heldBy !== null) {
      const data = { ...own, held_by: heldBy.run, held_by_step: heldBy.step, ahead };
      behind = [add('lease_wait', Math.min(askedAt, abortedAt), behind, key, data)];
    }
    if (grantedAt === null) continue;
    const at = Math.min(Math.max(grantedAt, askedAt), abortedAt);
    last = add('lease_granted', at, behind, key, { ...own, token, waited_sec: (at - askedAt) / 1000 });
    behind = [last];
    if (taken === null) continue;
    const { reason, actor } = taken;
    add('lease_lost', Math.max(taken.at, at), behind, key, { ...own, reason, actor });
  }
  return last;
}
