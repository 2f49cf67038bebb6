/**
 * What a run or a step waits for that somebody else has, or that is out of order: leases and tools.
 */
import { waitedFor, type LeaseUse } from '../plan/lease-use.js';
import { TOOL_WAIT_WORDS, type ToolWait } from '../plan/tool-wait.js';
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

/** `tool "aider", for 40 s more: it failed too often in a row`; null when no tool is waited for. */
export function toolWait(wait: ToolWait | undefined, now: number): string | null {
  if (wait === undefined || wait.endedAt !== null) return null;
  if (wait.forPlace === true) return `a free place: tool "${oneLine(wait.tool)}" may be used again`;
  const left = wait.until === null ? '' : `, for ${seconds(Math.max(0, wait.until - now))} more`;
  return `tool "${oneLine(wait.tool)}"${left}: ${TOOL_WAIT_WORDS[wait.why]}`;
}

/** Leases that were taken away while they were held, in words. */
export const takenLeases = (uses: readonly LeaseUse[] | undefined): string[] =>
  (uses ?? []).flatMap(({ name, taken }) =>
    taken === null
      ? []
      : [`lease "${oneLine(name)}" was taken away by ${oneLine(taken.actor)}: ${oneLine(taken.reason)}`],
  );
