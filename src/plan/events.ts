/**
 * What happened in a run, as a list of events. Derived from the record whenever it is asked for, never stored as a
 * second truth: the same record gives the same events with the same ids.
 */
import { EventDrafts, type Happening } from './event-drafts.js';
import { idsOf, inOrder, type Draft } from './event-order.js';
import { rfc3339, type RunEvent } from './event.js';
import { addLeases } from './lease-events.js';
import type { LiveAttempt } from './live.js';
import type { Step } from './plan.js';
import type { QuarantineNote, RunHead, RunRecord, StepRecord } from './record.js';
import { StepEvents } from './step-events.js';

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
  const placed = inOrder(draftsOf(record, beside));
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

function draftsOf(record: RunRecord, beside: BesideRecord): readonly Draft<Happening>[] {
  const { head, plan } = record;
  const drafts = new EventDrafts();
  const stepOf = new Map(plan.steps.map((step): [string, Step] => [step.id, step]));
  const created = drafts.add('run_created', head.createdAt, [], '', {
    project_id: plan.project,
    phase_id: plan.phaseId,
    workstream_id: null,
  });
  const start =
    head.startedAt === null ? created : drafts.add('run_started', head.startedAt, [created], '', {});
  const abort = addAbort(drafts, record, stepOf, start);
  const abortedAt = abort?.at ?? Infinity;
  const first = addLeases(drafts.add, head.leases ?? [], null, [start], abortedAt) ?? start;
  addBudget(drafts, head, start);
  addManual(drafts, head, start);
  addPauses(drafts, head, start);
  const steps = new StepEvents(drafts, {
    runId: head.runId,
    stepOf,
    stateOf: new Map(record.steps.map(({ id, state }) => [id, state])),
    manual: head.manual ?? [],
    live: beside.live,
    aborted: abort?.place ?? null,
    abortedAt,
  });
  record.steps.forEach((step, sequence) => {
    if (beside.only?.has(step.id) !== false) steps.add(step, sequence, first);
  });
  abort?.after.push(...steps.starts);
  drafts.settle();
  addEnd(drafts, head, beside.quarantine ?? null);
  return drafts.all;
}

interface Abort {
  readonly place: number;
  readonly at: number;
  /** Nothing starts in a run that was aborted: what did start stands before. */
  readonly after: number[];
}

function addAbort(
  drafts: EventDrafts,
  { head, steps }: RunRecord,
  stepOf: ReadonlyMap<string, Step>,
  start: number,
): Abort | null {
  const by = head.abortedBy;
  if (by === null) return null;
  const at = steps.find((step) => step.id === by)?.endedAt ?? head.endedAt ?? head.createdAt;
  const failed = steps.filter(
    (step) => step.id === by || (couldAbort(step, stepOf.get(step.id)) && step.endedAt! <= at),
  );
  const after = drafts.behind(start, [by]);
  const place = drafts.add('plan_aborted', at, after, '', {
    reason: head.message ?? `step "${by}" failed`,
    step_id: by,
    failed_steps: failed.map((step) => step.id),
  });
  return { place, at, after };
}

const couldAbort = (record: StepRecord, step: Step | undefined): boolean =>
  record.state === 'failed' &&
  !record.tolerated &&
  step?.critical === true &&
  step.onFailure.kind === 'abort';

function addBudget(drafts: EventDrafts, { budget }: RunHead, start: number): void {
  if (budget === undefined) return;
  const { maxUsd, mode, warnAt, warnedAt, exceededAt } = budget;
  const data = { max_cost_usd: maxUsd, mode };
  if (warnedAt !== null) drafts.add('budget_warning', warnedAt, [start], '', { ...data, share: warnAt });
  if (exceededAt !== null) drafts.add('budget_exceeded', exceededAt, [start], '', { ...data, share: 1 });
}

function addManual(drafts: EventDrafts, { manual = [] }: RunHead, start: number): void {
  for (const { at, step, action, force, reason, actor } of manual)
    drafts.add('manual_action', at, [start], `${step} ${at}`, {
      step_id: step,
      action,
      force,
      reason,
      actor,
    });
}

function addPauses(drafts: EventDrafts, { pauses = [] }: RunHead, start: number): void {
  let last = start;
  for (const { at, paused, reason, actor } of pauses)
    last = drafts.add(paused ? 'run_paused' : 'run_resumed', at, [last], `${at}`, { reason, actor });
}

function addEnd(drafts: EventDrafts, head: RunHead, quarantine: QuarantineNote | null): void {
  if (head.endedAt !== null && head.state === 'canceled') {
    const reason = head.cancel?.reason ?? head.message ?? 'canceled';
    const data = { reason, actor: head.cancel?.actor ?? null };
    drafts.add('run_canceled', head.endedAt, drafts.places, '', data);
  } else if (head.endedAt !== null) {
    const data = { status: head.state, exit_code: head.state === 'succeeded' ? 0 : 1 };
    drafts.add('run_completed', head.endedAt, drafts.places, '', data);
  }
  if (quarantine !== null) {
    const { reason, actor, at } = quarantine;
    drafts.add('run_quarantined', at, drafts.places, '', { reason, actor });
  }
}
