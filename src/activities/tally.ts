/**
 * Counts the tries of a step: those of its command, and those that the machinery lost.
 *
 * Temporal numbers every start of the activity. A command that ended is known (from the heartbeat and from the disk of
 * this host); what is missing to Temporal's number was lost with its worker. The server's number rules: a worker killed
 * before its first heartbeat leaves no other trace.
 */
import type { Attempt, LogRef } from '../plan/attempt.js';
import type { CommandHeartbeat } from './api.js';

/** So often a step may be lost or given back beside the attempts of its command. The workflow's retry policy allows as many. */
export const FREE_STARTS = 10;

/** Starts without an end that the machinery is to blame for. */
export const freeStarts = ({ losses, excused, gated }: Tally): number => losses + excused - gated;

export interface Tally {
  /** Ended attempts as far as they are known, oldest first. */
  readonly attempts: readonly Attempt[];
  /** How many ended, known or not. */
  readonly endings: number;
  /** Starts that are neither an attempt nor a loss. */
  readonly excused: number;
  /** How many of those only found out that their tool is out of order: they may be as many as that takes. */
  readonly gated: number;
  /** Starts of which nothing was heard. */
  readonly losses: number;
}

/**
 * Counts what came before this start of the activity.
 *
 * @param start - Temporal's attempt number, 1 or more
 * @param beat - what the last heartbeat told, if there was one
 * @param onDisk - ended attempts that this host remembers of the same schedule
 */
export function tally(start: number, beat: CommandHeartbeat | undefined, onDisk: readonly Attempt[]): Tally {
  // Never more than were started: after `temporal activity reset` the server counts anew, and so do we.
  const before = start - 1;
  const known = new Map((beat?.attempts ?? []).map((attempt) => [attempt.number, attempt]));
  for (const attempt of onDisk) known.set(attempt.number, attempt); // with its whole tail
  const endings = Math.min(before, Math.max(beat?.endings ?? 0, ...known.keys(), 0));
  const excused = Math.min(before - endings, beat?.excused ?? 0);
  const attempts = [...known.values()]
    .filter(({ number }) => number <= endings)
    .sort((a, b) => a.number - b.number);
  const gated = Math.min(excused, beat?.gated ?? 0);
  return { attempts, endings, excused, gated, losses: before - endings - excused };
}

/** What this host knows of a start that did not end. */
export interface Trace {
  readonly startedAt: number;
  readonly logs: LogRef;
}

/**
 * Makes an attempt of each loss: a step that is not idempotent may have had its effect, so it counts as tried.
 *
 * @param maxAttempts - a start that comes when so many are used up runs nothing: lost before it could say so, it is none
 * @param heardOf - when the first of them began, as its heartbeat told; null when none did. What it told has been read.
 */
export function withLossesCounted(
  before: Tally,
  maxAttempts: number,
  traces: readonly Trace[],
  heardOf: number | null,
  now: number,
): Tally {
  const tried = Math.min(before.losses, Math.max(0, maxAttempts - before.endings));
  const lost = Array.from({ length: tried }, (_, index): Attempt => {
    const trace = traces[index];
    return {
      number: before.endings + index + 1,
      startedAt: (index === 0 ? heardOf : null) ?? trace?.startedAt ?? now,
      endedAt: now, // when it was noticed: nobody saw it end
      end: { kind: 'failed', failure: { reason: 'worker-lost', message: LOST } },
      logs: trace?.logs ?? null,
    };
  });
  return {
    attempts: [...before.attempts, ...lost],
    endings: before.endings + lost.length,
    excused: before.excused + before.losses - tried,
    gated: before.gated,
    losses: 0,
  };
}

const LOST =
  'worker lost: it ended, or was not heard of in time, while the command ran; set `idempotent: true` for a step that may be run again';
