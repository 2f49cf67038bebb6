/**
 * The events that tell of steps: their attempts, and their ends.
 */
import type { Attempt } from './attempt.js';
import { attemptId, rfc3339, toolOf } from './event.js';
import type { EventDrafts } from './event-drafts.js';
import { causeText, failureExitCode, failureText } from './failure-words.js';
import { addLeases } from './lease-events.js';
import { attemptsSeen, type LiveAttempt } from './live.js';
import type { ManualNote } from './by-hand.js';
import { causeOf } from './needs.js';
import type { Json, Retry, Step } from './plan.js';
import type { Cause, StepKind, StepRecord } from './record.js';
import { retryDelayMs } from './retry-delay.js';

/** What the events of a step are told by, beside its record. */
export interface StepSurroundings {
  readonly runId: string;
  readonly stepOf: ReadonlyMap<string, Step>;
  readonly stateOf: ReadonlyMap<string, StepKind>;
  readonly manual: readonly ManualNote[];
  readonly live: ReadonlyMap<string, LiveAttempt> | undefined;
  /** The place of the event that the run was aborted, or null. */
  readonly aborted: number | null;
  /** Infinity for a run that was not. */
  readonly abortedAt: number;
}

export class StepEvents {
  /** The places of all starts. */
  readonly starts: number[] = [];
  readonly #drafts: EventDrafts;
  readonly #around: StepSurroundings;

  constructor(drafts: EventDrafts, around: StepSurroundings) {
    this.#drafts = drafts;
    this.#around = around;
  }

  /** Adds all that is known of a step. @param start - the place of the event that it stands behind at least */
  add(record: StepRecord, sequence: number, start: number): void {
    const { abortedAt } = this.#around;
    const step = this.#around.stepOf.get(record.id);
    if (step === undefined || record.state === 'pending') return;
    const limit = record.endedAt ?? Infinity;
    let last = start;
    let behind = this.#drafts.behind(start, step.dependsOn);
    last = addLeases(this.#drafts.add, record.leases ?? [], record.id, behind, abortedAt) ?? last;
    if (last !== start) behind = [last];
    if (record.toolWait !== undefined) {
      const { tool, why, since, until } = record.toolWait;
      const data = { step_id: record.id, tool, why, until: until === null ? null : rfc3339(until) };
      const at = Math.min(since, limit, abortedAt);
      this.#drafts.add('tool_wait', at, behind, `${record.id} ${since}`, data);
    }
    const attempts = attemptsSeen(step, record, this.#around.live?.get(record.id) ?? null);
    const resets = this.#resetsOf(record.id);
    for (const [index, { number, startedAt, ended }] of attempts.entries()) {
      const own = {
        step_id: record.id,
        step_attempt_id: attemptId(this.#around.runId, record.id, number),
      };
      const key = `${record.id} ${number}`;
      if (startedAt !== null) {
        // Attempts before a reset by hand are of a launch that the record no longer names.
        const launchedAt = resets.some((at) => startedAt < at) ? 0 : (record.launchedAt ?? 0);
        const at = Math.min(Math.max(startedAt, launchedAt), limit, abortedAt);
        const data = { ...own, sequence, tool_id: toolOf(step), attempt: number };
        last = this.#drafts.add('step_started', at, behind, key, data, launchedAt);
        this.starts.push(last);
        behind = [last];
      }
      if (ended === null) continue;
      const next = attempts[index + 1]?.startedAt ?? Infinity;
      const wasReset = resets.some((at) => ended.endedAt <= at && at <= next);
      const willRetry = !wasReset && (ended !== attempts.at(-1)?.ended || isToBeRetried(record, step, ended));
      last = this.#addOutcome(record, step, ended, Math.min(ended.endedAt, limit), behind, willRetry, {
        ...own,
        attempt: number,
      });
      behind = [last];
    }
    if (record.endedAt !== null)
      this.#drafts.noteEnd(record.id, this.#addStepEnd(record, attempts.at(-1)?.ended ?? null, last, behind));
  }

  /** Adds how one attempt ended, and the retry that follows from it. */
  #addOutcome(
    record: StepRecord,
    step: Step,
    attempt: Attempt,
    at: number,
    after: readonly number[],
    willRetry: boolean,
    own: { readonly step_id: string; readonly step_attempt_id: string; readonly attempt: number },
  ): number {
    const { end } = attempt;
    const key = `${record.id} ${attempt.number}`;
    if (end.kind === 'succeeded')
      return this.#drafts.add('step_succeeded', at, after, key, { ...own, exit_code: end.exitCode });
    if (end.kind === 'canceled') {
      return this.#drafts.add('step_canceled', at, this.#afterAbort(record, after), key, {
        ...own,
        ...causeData(record.cause),
      });
    }
    const { failure } = end;
    let behind = after;
    if (failure.reason === 'timed-out') {
      const data = { step_id: record.id, timeout_sec: failure.afterSec, attempt: own.attempt };
      behind = [this.#drafts.add('step_timeout', at, after, key, data)];
    }
    const failed = this.#drafts.add('step_failed', at, behind, key, {
      ...own,
      exit_code: failureExitCode(failure),
      ...(failure.reason === 'signal' ? { signal: failure.signal } : {}),
      reason: failure.reason,
      error: failureText(failure),
      will_retry: willRetry,
    });
    if (!willRetry) return failed;
    // The machinery's losses do not wait: only a failure of the command does.
    const delay = failure.reason === 'worker-lost' ? 0 : delaySec(step.retry, attempt.number);
    return this.#drafts.add('step_retry', at, [failed], key, {
      step_id: record.id,
      attempt: attempt.number + 1,
      delay,
    });
  }

  /** Adds the end of a step that no attempt of it tells. */
  #addStepEnd(
    record: StepRecord,
    lastAttempt: Attempt | null,
    last: number,
    behind: readonly number[],
  ): number {
    const at = record.endedAt!;
    if (lastAttempt?.end.kind === record.state) return last;
    const none = { step_id: record.id, step_attempt_id: null, attempt: null };
    switch (record.state) {
      case 'succeeded':
        return this.#drafts.add('step_succeeded', at, behind, record.id, {
          ...none,
          exit_code: 0,
          reused_from: record.reusedFrom,
        });
      case 'failed': {
        const failure = record.failure;
        return this.#drafts.add('step_failed', at, behind, record.id, {
          ...none,
          exit_code: failure === null ? -1 : failureExitCode(failure),
          reason: failure?.reason ?? null,
          error: failure === null ? 'failed' : failureText(failure),
          will_retry: false,
        });
      }
      case 'skipped': {
        const by = record.cause !== null && 'step' in record.cause ? [record.cause.step] : [];
        const after = this.#drafts.behind(behind[0]!, by);
        return this.#drafts.add('step_skipped', at, after, record.id, {
          step_id: record.id,
          ...causeData(record.cause),
          ...this.#why(record),
        });
      }
      case 'canceled':
        return this.#drafts.add('step_canceled', at, this.#afterAbort(record, behind), record.id, {
          ...none,
          ...causeData(record.cause),
        });
      default:
        throw new Error(`BUG: step "${record.id}" is ${record.state}, and has an end`);
    }
  }

  #why({ id, cause }: StepRecord): Readonly<Record<string, Json>> {
    const { stepOf, stateOf } = this.#around;
    return cause === null ? {} : { reason: causeOf(stepOf.get(id)!, cause, (on) => stateOf.get(on)) };
  }

  #afterAbort(record: StepRecord, after: readonly number[]): readonly number[] {
    return record.cause?.kind === 'aborted' && this.#around.aborted !== null
      ? [...after, this.#around.aborted]
      : after;
  }

  #resetsOf(step: string): readonly number[] {
    return this.#around.manual.flatMap((one) =>
      one.step === step && one.action === 'reset' ? [one.at] : [],
    );
  }
}

/** Whether the newest ended attempt of a step is followed by another, or was going to be when the step was canceled. */
function isToBeRetried(record: StepRecord, step: Step, last: Attempt): boolean {
  if (last.end.kind !== 'failed' || record.state === 'failed') return false;
  const { failure } = last.end;
  const final = failure.reason === 'exit-code' && step.retry.nonRetryableExitCodes.includes(failure.exitCode);
  return !final && last.number < step.retry.maxAttempts;
}

/** @param endings - how many attempts had failed by then */
const delaySec = (retry: Retry, endings: number): number =>
  retry.initialIntervalSec === 0 ? 0 : retryDelayMs(retry, endings) / 1000;

function causeData(cause: Cause | null): Readonly<Record<string, Json>> {
  if (cause === null) return { cause: null };
  const by = 'step' in cause ? { cause_step: cause.step as string } : {};
  return { cause: cause.kind, ...by, reason: causeText(cause) };
}
