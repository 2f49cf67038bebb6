/**
 * What happened in a run, as a list of events. Derived from the record whenever it is asked for, never stored as a
 * second truth: the same record gives the same events with the same ids.
 */
import type { Attempt } from './attempt.js';
import { attemptId, rfc3339, toolOf, type EventType, type RunEvent } from './event.js';
import { idsOf, inOrder, type Draft } from './event-order.js';
import { addLeases, type AddEvent } from './lease-events.js';
import { attemptsSeen, type LiveAttempt } from './live.js';
import { causeText, failureExitCode, failureText } from './failure-words.js';
import type { Json, Retry, Step } from './plan.js';
import { retryDelayMs } from './retry-delay.js';
import type { Cause, QuarantineNote, RunRecord, StepRecord } from './record.js';

/** What is known of a run beside its record. */
export interface BesideRecord {
  /** Running steps, as the server sees them now. */
  readonly live?: ReadonlyMap<string, LiveAttempt>;
  readonly quarantine?: QuarantineNote | null;
  /** Leaves out the events of all other steps. */
  readonly only?: ReadonlySet<string>;
}

/**
 * Returns the events of a run, oldest first.
 *
 * Each attempt has one start and one outcome. Whatever the clocks of the workers say, a start stands before its
 * outcome, a cause before its effect, and no event is older than the one before it.
 */
export function eventsOf(record: RunRecord, beside: BesideRecord = {}): RunEvent[] {
  return keyedEventsOf(record, beside).map(({ event }) => event);
}

/** The same, each with a key that stays the same while the run goes on: a follower knows by it what it has seen. */
export function keyedEventsOf(
  record: RunRecord,
  beside: BesideRecord = {},
): { key: string; event: RunEvent }[] {
  const { runId } = record.head;
  const placed = inOrder(new Drafts(record, beside).all());
  const ids = idsOf(runId, placed);
  return placed.map(({ value, key, at }, index) => ({
    key,
    event: {
      id: ids[index]!,
      run_id: runId,
      timestamp: rfc3339(at),
      event_type: value.type,
      data: value.data,
    },
  }));
}

interface Happening {
  readonly type: EventType;
  readonly data: Readonly<Record<string, Json>>;
}

// Within a millisecond: what ends goes before what that end leads to, and that before what starts. So no reading of
// the events shows more steps at once than the plan allows.
const RANK: Readonly<Record<EventType, number>> = {
  run_created: 0,
  run_started: 1,
  step_timeout: 2,
  step_succeeded: 2,
  step_failed: 2,
  step_retry: 3,
  plan_aborted: 4,
  step_canceled: 5,
  step_skipped: 5,
  lease_wait: 6,
  lease_granted: 6,
  lease_lost: 6,
  tool_wait: 6,
  manual_action: 1,
  run_paused: 1,
  run_resumed: 1,
  budget_warning: 6,
  budget_exceeded: 6,
  step_started: 6,
  run_completed: 7,
  run_canceled: 7,
  run_quarantined: 8,
};

class Drafts {
  readonly #drafts: Draft<Happening>[] = [];
  readonly #record: RunRecord;
  readonly #beside: BesideRecord;
  readonly #stepOf: ReadonlyMap<string, Step>;
  /** Where the last event of each ended step stands: what follows from its end stands behind that. */
  readonly #endOf = new Map<string, number>();
  /** `after` lists that are filled once all ends are known. */
  readonly #later: { readonly after: number[]; readonly ids: readonly string[] }[] = [];
  readonly #starts: number[] = [];
  #aborted: number | null = null;
  #abortedAt = Infinity;
  /** Nothing starts in a run that was aborted: what did start stands before. */
  #beforeAbort: number[] = [];

  constructor(record: RunRecord, beside: BesideRecord) {
    this.#record = record;
    this.#beside = beside;
    this.#stepOf = new Map(record.plan.steps.map((step) => [step.id, step]));
  }

  all(): readonly Draft<Happening>[] {
    const { head, plan } = this.#record;
    const created = this.#add('run_created', head.createdAt, [], '', {
      project_id: plan.project,
      phase_id: plan.phaseId,
      workstream_id: null,
    });
    const start =
      head.startedAt === null ? created : this.#add('run_started', head.startedAt, [created], '', {});
    this.#addAbort(start);
    const first = addLeases(this.#adder, head.leases ?? [], null, [start], this.#abortedAt) ?? start;
    this.#addBudget(start);
    this.#addManual(start);
    this.#addPauses(start);
    this.#record.steps.forEach((record, sequence) => this.#addStep(record, sequence, first));
    this.#beforeAbort.push(...this.#starts);
    for (const { after, ids } of this.#later) {
      after.push(...ids.flatMap((id) => this.#endOf.get(id) ?? []));
    }
    this.#addEnd();
    return this.#drafts;
  }

  readonly #adder: AddEvent = (type, at, after, key, data) => this.#add(type, at, after, key, data);

  #add(
    type: EventType,
    at: number,
    after: readonly number[],
    key: string,
    data: Happening['data'],
    launchedAt = 0,
  ): number {
    this.#drafts.push({
      value: { type, data },
      key: `${type} ${key}`,
      at,
      rank: RANK[type],
      launchedAt,
      after,
    });
    return this.#drafts.length - 1;
  }

  /** Returns a list to stand behind: `first`, and the ends of steps, which may not be known yet. */
  #behind(first: number, steps: readonly string[]): number[] {
    const after = [first];
    if (steps.length > 0) this.#later.push({ after, ids: steps });
    return after;
  }

  #addAbort(start: number): void {
    const { head, steps } = this.#record;
    const by = head.abortedBy;
    if (by === null) return;
    const at = steps.find((step) => step.id === by)?.endedAt ?? head.endedAt ?? head.createdAt;
    const failed = steps.filter((step) => step.id === by || (this.#couldAbort(step) && step.endedAt! <= at));
    this.#abortedAt = at;
    this.#beforeAbort = this.#behind(start, [by]);
    this.#aborted = this.#add('plan_aborted', at, this.#beforeAbort, '', {
      reason: head.message ?? `step "${by}" failed`,
      step_id: by,
      failed_steps: failed.map((step) => step.id),
    });
  }

  #addBudget(start: number): void {
    const { budget } = this.#record.head;
    if (budget === undefined) return;
    const { maxUsd, mode, warnAt, warnedAt, exceededAt } = budget;
    const data = { max_cost_usd: maxUsd, mode };
    if (warnedAt !== null) this.#add('budget_warning', warnedAt, [start], '', { ...data, share: warnAt });
    if (exceededAt !== null) this.#add('budget_exceeded', exceededAt, [start], '', { ...data, share: 1 });
  }

  #addManual(start: number): void {
    for (const { at, step, action, force, reason, actor } of this.#record.head.manual ?? [])
      this.#add('manual_action', at, [start], `${step} ${at}`, {
        step_id: step,
        action,
        force,
        reason,
        actor,
      });
  }

  #addPauses(start: number): void {
    let last = start;
    for (const { at, paused, reason, actor } of this.#record.head.pauses ?? [])
      last = this.#add(paused ? 'run_paused' : 'run_resumed', at, [last], `${at}`, { reason, actor });
  }

  #resetsOf(step: string): readonly number[] {
    const manual = this.#record.head.manual ?? [];
    return manual.flatMap((one) => (one.step === step && one.action === 'reset' ? [one.at] : []));
  }

  #couldAbort(record: StepRecord): boolean {
    const step = this.#stepOf.get(record.id);
    return (
      record.state === 'failed' &&
      !record.tolerated &&
      step?.critical === true &&
      step.onFailure.kind === 'abort'
    );
  }

  #addStep(record: StepRecord, sequence: number, start: number): void {
    const step = this.#stepOf.get(record.id);
    if (step === undefined || record.state === 'pending') return;
    if (this.#beside.only?.has(record.id) === false) return;
    const limit = record.endedAt ?? Infinity;
    let last = start;
    let behind = this.#behind(start, step.dependsOn);
    last = addLeases(this.#adder, record.leases ?? [], record.id, behind, this.#abortedAt) ?? last;
    if (last !== start) behind = [last];
    if (record.toolWait !== undefined) {
      const { tool, why, since, until } = record.toolWait;
      const data = { step_id: record.id, tool, why, until: until === null ? null : rfc3339(until) };
      this.#add('tool_wait', Math.min(since, limit, this.#abortedAt), behind, `${record.id} ${since}`, data);
    }
    const attempts = attemptsSeen(step, record, this.#beside.live?.get(record.id) ?? null);
    const resets = this.#resetsOf(record.id);
    for (const [index, { number, startedAt, ended }] of attempts.entries()) {
      const own = {
        step_id: record.id,
        step_attempt_id: attemptId(this.#record.head.runId, record.id, number),
      };
      const key = `${record.id} ${number}`;
      if (startedAt !== null) {
        // Attempts before a reset by hand are of a launch that the record no longer names.
        const launchedAt = resets.some((at) => startedAt < at) ? 0 : (record.launchedAt ?? 0);
        const at = Math.min(Math.max(startedAt, launchedAt), limit, this.#abortedAt);
        const data = { ...own, sequence, tool_id: toolOf(step), attempt: number };
        last = this.#add('step_started', at, behind, key, data, launchedAt);
        this.#starts.push(last);
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
      this.#endOf.set(record.id, this.#addStepEnd(record, attempts.at(-1)?.ended ?? null, last, behind));
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
      return this.#add('step_succeeded', at, after, key, { ...own, exit_code: end.exitCode });
    if (end.kind === 'canceled') {
      return this.#add('step_canceled', at, this.#afterAbort(record, after), key, {
        ...own,
        ...causeData(record.cause),
      });
    }
    const { failure } = end;
    let behind = after;
    if (failure.reason === 'timed-out') {
      const data = { step_id: record.id, timeout_sec: failure.afterSec, attempt: own.attempt };
      behind = [this.#add('step_timeout', at, after, key, data)];
    }
    const failed = this.#add('step_failed', at, behind, key, {
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
    return this.#add('step_retry', at, [failed], key, {
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
        return this.#add('step_succeeded', at, behind, record.id, {
          ...none,
          exit_code: 0,
          reused_from: record.reusedFrom,
        });
      case 'failed': {
        const failure = record.failure;
        return this.#add('step_failed', at, behind, record.id, {
          ...none,
          exit_code: failure === null ? -1 : failureExitCode(failure),
          reason: failure?.reason ?? null,
          error: failure === null ? 'failed' : failureText(failure),
          will_retry: false,
        });
      }
      case 'skipped': {
        const by = record.cause !== null && 'step' in record.cause ? [record.cause.step] : [];
        const after = this.#behind(behind[0]!, by);
        return this.#add('step_skipped', at, after, record.id, {
          step_id: record.id,
          ...causeData(record.cause),
        });
      }
      case 'canceled':
        return this.#add('step_canceled', at, this.#afterAbort(record, behind), record.id, {
          ...none,
          ...causeData(record.cause),
        });
      default:
        throw new Error(`BUG: step "${record.id}" is ${record.state}, and has an end`);
    }
  }

  #afterAbort(record: StepRecord, after: readonly number[]): readonly number[] {
    return record.cause?.kind === 'aborted' && this.#aborted !== null ? [...after, this.#aborted] : after;
  }

  #addEnd(): void {
    const { head } = this.#record;
    const { quarantine } = this.#beside;
    const everything = [...this.#drafts.keys()];
    if (head.endedAt !== null && head.state === 'canceled') {
      const reason = head.cancel?.reason ?? head.message ?? 'canceled';
      this.#add('run_canceled', head.endedAt, everything, '', { reason, actor: head.cancel?.actor ?? null });
    } else if (head.endedAt !== null) {
      const succeeded = head.state === 'succeeded';
      this.#add('run_completed', head.endedAt, everything, '', {
        status: head.state,
        exit_code: succeeded ? 0 : 1,
      });
    }
    if (quarantine) {
      const { reason, actor } = quarantine;
      this.#add('run_quarantined', quarantine.at, [...this.#drafts.keys()], '', { reason, actor });
    }
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
