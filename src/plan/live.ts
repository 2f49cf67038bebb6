/**
 * The tries of a step as far as they are known now: those that ended, and the one that runs or is waited for.
 */
import type { Attempt } from './attempt.js';
import { waitedFor } from './lease-use.js';
import type { Step } from './plan.js';
import type { StepRecord } from './record.js';

/** A step at work, as the server sees it. Times are milliseconds since 1970. */
export interface LiveAttempt {
  /** The attempt that runs, or the next one while none does. */
  readonly number: number;
  readonly state: 'queued' | 'running' | 'backing-off';
  /** When the running attempt started; null while none runs. */
  readonly startedAt: number | null;
  /** When the next attempt is due; null unless the step backs off. */
  readonly nextAt: number | null;
  /** Ended attempts of the command, oldest first, as far as they are known. */
  readonly ended: readonly Attempt[];
  /** Why the last attempt failed, in one line; null when none has. */
  readonly lastFailure: string | null;
  /** The worker that had it last, or null. */
  readonly worker: string | null;
  /** Of a landing: how many patches stand where (`src/landing/counts.ts`). */
  readonly landing?: Readonly<Record<string, number>>;
}

/** One attempt; `startedAt` is null when that is not known to have happened, `ended` while it has not. */
export interface SeenAttempt {
  readonly number: number;
  readonly startedAt: number | null;
  readonly ended: Attempt | null;
}

/**
 * Returns a step's attempts, oldest first.
 *
 * A step that has none of its own kind (an approval, a sub-plan, a landing) counts as tried once, from its launch to its end.
 */
export function attemptsSeen(step: Step, record: StepRecord, live: LiveAttempt | null): SeenAttempt[] {
  const ended = record.state === 'running' && live !== null ? live.ended : record.attempts;
  const seen = ended.map((attempt) => ({
    number: attempt.number,
    startedAt: attempt.startedAt,
    ended: attempt,
  }));
  if (record.launchedAt === null) return seen;
  if (waitedFor(record.leases) !== null) return seen; // nothing has been tried
  if (record.state === 'running') return [...seen, ...runningNow(step, record.launchedAt, seen.length, live)];
  if (seen.length > 0 || record.endedAt === null) return seen;
  const whole = wholeAttempt(step, record, record.launchedAt, record.endedAt);
  return whole === null ? seen : [{ number: 1, startedAt: record.launchedAt, ended: whole }];
}

function runningNow(step: Step, launchedAt: number, ended: number, live: LiveAttempt | null): SeenAttempt[] {
  // When a worker began is its own to say: what is told now must be what the record will say.
  const hasAttempts = isTriedByWorkers(step);
  if (live === null)
    return ended === 0 ? [{ number: 1, startedAt: hasAttempts ? null : launchedAt, ended: null }] : [];
  return live.state === 'running' ? [{ number: live.number, startedAt: live.startedAt, ended: null }] : [];
}

function wholeAttempt(step: Step, record: StepRecord, startedAt: number, endedAt: number): Attempt | null {
  const base = { number: 1, startedAt, endedAt, logs: null };
  switch (record.state) {
    case 'succeeded':
      return { ...base, end: { kind: 'succeeded', exitCode: 0 } };
    case 'failed':
      return record.failure === null ? null : { ...base, end: { kind: 'failed', failure: record.failure } };
    case 'canceled':
      // One that was canceled before any worker had it was never tried.
      return isTriedByWorkers(step) ? null : { ...base, end: { kind: 'canceled' } };
    default:
      return null;
  }
}

const isTriedByWorkers = ({ work }: Step): boolean => work.kind === 'command' || work.kind === 'workstream';
