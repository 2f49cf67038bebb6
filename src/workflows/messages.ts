/**
 * The doors of a leg: its queries, updates and signals. All are installed before the first wait, so that none is lost.
 */
import {
  ApplicationFailure,
  condition,
  setHandler,
  defineQuery,
  defineSignal,
  defineUpdate,
} from '@temporalio/workflow';
import { actByHand, whyNotByHand, type ManualRequest } from '../plan/by-hand.js';
import { whyNotAnswer } from '../plan/approval.js';
import type { PausedBy, RunOrigin } from '../plan/record.js';
import { isStopping, noCounts, type Run } from '../plan/run.js';
import { cancelStep, isRunOver, whyNotCancelStep } from '../plan/schedule.js';
import { stepRecord } from '../plan/view.js';
import {
  ADD_CHUNK_SIGNAL,
  ADD_CHUNK_UPDATE,
  APPROVE_UPDATE,
  BY_HAND_UPDATE,
  CANCEL_SIGNAL,
  CANCEL_STEP_UPDATE,
  CHANGES_QUERY,
  HANDED_ON,
  PAUSE_UPDATE,
  PAUSED_SIGNAL,
  PLAN_QUERY,
  RESUME_UPDATE,
  SETTLED_SIGNAL,
  STOP_STEPS_SIGNAL,
  type ApproveRequest,
  type CancelRequest,
  type CancelStepRequest,
  type Changes,
  type ChunkRequest,
  type PausedRequest,
  type PauseRequest,
  type PlanPage,
  type SettledRequest,
  type StopStepsRequest,
} from './api.js';
import { BREAKER_SIGNAL, type BreakerNews } from './breaker-api.js';
import type { ChunkStore } from './chunks.js';
import { LEASE_SIGNAL, type LeaseNews } from './lease-api.js';
import type { Leg } from './leg.js';

/** Opens every door of a leg. */
export function openDoors(leg: Leg, chunks: ChunkStore, origin: RunOrigin): void {
  setHandler(defineSignal<[unknown]>(CANCEL_SIGNAL), (request) => leg.cancel(cancelRequestOf(request)), {
    description: 'Cancels the run. Argument, may be left out: {"reason": "…", "actor": "…"}',
  });
  setHandler(
    defineQuery<Changes, [number | undefined, number | undefined]>(CHANGES_QUERY),
    (since = 0, limit = 500) => changes(leg, origin, since, limit),
  );
  setHandler(
    defineQuery<PlanPage | null, [number | undefined, number | undefined]>(PLAN_QUERY),
    (from = 0, limit = 500) => planPage(leg.run, from, limit),
  );
  openUpdates(leg);

  const take = (chunk: ChunkRequest): void => {
    chunks.add(chunk);
    leg.wake();
  };
  setHandler(defineUpdate<void, [ChunkRequest]>(ADD_CHUNK_UPDATE), take, {
    validator: (chunk: ChunkRequest) => refuseIf(chunks.refusal(chunk)),
  });
  setHandler(defineSignal<[ChunkRequest]>(ADD_CHUNK_SIGNAL), (chunk) => {
    if (chunks.refusal(chunk) === null) take(chunk);
  });
  setHandler(defineSignal<[SettledRequest]>(SETTLED_SIGNAL), ({ outcomes }) => leg.take(outcomes));
  setHandler(defineSignal<[LeaseNews]>(LEASE_SIGNAL), (news) => leg.told(news));
  setHandler(defineSignal<[PausedRequest]>(PAUSED_SIGNAL), ({ paused, by = null }) => leg.pause(paused, by));
  setHandler(defineSignal<[BreakerNews]>(BREAKER_SIGNAL), (news) => leg.breakers.told(news));
  setHandler(defineSignal<[StopStepsRequest]>(STOP_STEPS_SIGNAL), ({ steps }) => leg.stop(steps));
}

function openUpdates(leg: Leg): void {
  onUpdate<CancelStepRequest>(
    leg,
    CANCEL_STEP_UPDATE,
    (run, { step }) => whyNotCancelStep(run, step),
    (run, { step, reason, actor }) => cancelStep(run, step, reason, actor, Date.now()),
  );
  onUpdate<PauseRequest>(
    leg,
    PAUSE_UPDATE,
    (run) => (run.paused ? 'the run is already paused' : null),
    (_, request) => leg.pause(true, pausedByOf(request)),
  );
  onUpdate<PauseRequest>(
    leg,
    RESUME_UPDATE,
    (run) => (run.paused ? null : 'the run is not paused'),
    (_, request) => leg.pause(false, pausedByOf(request)),
  );
  onUpdate<ManualRequest>(leg, BY_HAND_UPDATE, whyNotByHand, (run, request) =>
    actByHand(run, request, Date.now()),
  );
  onUpdate<ApproveRequest>(
    leg,
    APPROVE_UPDATE,
    (run, request) => whyNotApprove(leg, run, request),
    (_, request) => leg.approvals.answer(request),
  );
}

/** Installs an update that a validator checks first. One that comes before the plan does waits for it, and is checked then. */
function onUpdate<Request>(
  leg: Leg,
  name: string,
  refusalOf: (run: Run, request: Request) => string | null,
  act: (run: Run, request: Request) => void,
): void {
  const check = (run: Run, request: Request): void => refuseIf(refusalOf(changeable(leg, run), request));
  const handle = async (request: Request): Promise<void> => {
    if (leg.run === null) {
      await condition(() => leg.run !== null);
      check(leg.run!, request);
    }
    act(leg.run!, request);
    leg.wake();
  };
  setHandler(defineUpdate<void, [Request]>(name), handle, {
    validator: (request: Request) => {
      if (leg.run !== null) check(leg.run, request);
    },
  });
}

function whyNotApprove(leg: Leg, run: Run, request: ApproveRequest): string | null {
  const { step } = request;
  const index = run.edges.indexOf.get(step);
  if (index === undefined) return `there is no step "${step}" waiting in this run`;
  const { work } = run.plan.steps[index]!;
  if (work.kind !== 'approval') return `step "${step}" is not an approval`;
  return leg.approvals.has(step)
    ? whyNotAnswer(step, work, request)
    : `step "${step}" is ${run.states[index]!.kind}: it does not wait for approval now`;
}

/** Returns the run if it can still be changed here. */
function changeable(leg: Leg, run: Run): Run {
  if (leg.isHandedOn) {
    throw ApplicationFailure.create({
      message: 'a later leg of the run has taken over',
      type: HANDED_ON,
      nonRetryable: true,
      details: [leg.next?.id ?? null],
    });
  }
  refuseIf(isRunOver(run) ? 'the run is over' : isStopping(run) ? 'the run is already stopping' : null);
  return run;
}

const refusal = (reason: string): ApplicationFailure => ApplicationFailure.nonRetryable(reason, 'Refused');

function refuseIf(reason: string | null): void {
  if (reason !== null) throw refusal(reason);
}

/** The update may come from Temporal's own tools, without anything. */
function pausedByOf(request: Partial<PauseRequest> | undefined): PausedBy | null {
  const { reason = '', actor } = request ?? {};
  return typeof actor !== 'string' || actor === ''
    ? null
    : { reason: String(reason).slice(0, 500), actor: actor.slice(0, 200) };
}

/** The signal comes from people's hands: anything that is not as expected counts as left out. */
function cancelRequestOf(request: unknown): CancelRequest {
  const { reason, actor } = (typeof request === 'object' && request !== null ? request : {}) as Record<
    string,
    unknown
  >;
  return {
    reason:
      typeof reason === 'string'
        ? reason.slice(0, 500)
        : typeof request === 'string'
          ? request.slice(0, 500)
          : 'canceled by signal',
    actor: typeof actor === 'string' ? actor.slice(0, 200) : 'signal',
  };
}

function changes(leg: Leg, origin: RunOrigin, since: number, limit: number): Changes {
  const { run } = leg;
  if (run === null) {
    const { runId, createdAt } = leg.around;
    const head = {
      runId,
      state: 'pending',
      createdAt,
      startedAt: null,
      endedAt: null,
      paused: false,
    } as const;
    const rest = {
      abortedBy: null,
      failedStep: null,
      cancel: null,
      counts: noCounts(),
      toleratedFailures: 0,
      message: null,
    };
    return { head: { ...head, ...rest }, origin, revision: 0, more: false, steps: [], nextLeg: null };
  }
  const changed = [...run.states.keys()]
    .filter((index) => run.changedAt[index]! > since && !leg.handedOn.has(index))
    .sort((a, b) => run.changedAt[a]! - run.changedAt[b]!);
  const steps = fitting(changed.slice(0, limit), (index) => stepRecord(run, index, leg.childRunOf(index)));
  const more = steps.length < changed.length;
  return {
    head: leg.head(),
    origin,
    revision: more ? run.changedAt[changed[steps.length - 1]!]! : run.revision,
    more,
    steps,
    nextLeg: leg.next?.id ?? null,
  };
}

/** An answer must stay below 2 MiB, whatever the steps printed or are made of. */
const ANSWER_CHARS = 500_000;

/** Returns as many as fit one answer; at least one. */
function fitting<T>(indices: readonly number[], make: (index: number) => T): T[] {
  const made: T[] = [];
  let chars = 0;
  for (const index of indices) {
    const one = make(index);
    chars += JSON.stringify(one).length;
    if (made.length > 0 && chars > ANSWER_CHARS) break;
    made.push(one);
  }
  return made;
}

function planPage(run: Run | null, from: number, limit: number): PlanPage | null {
  if (run === null) return null;
  const { plan } = run;
  const indices = [...plan.steps.keys()].slice(from, from + limit);
  return {
    plan: { ...plan, steps: fitting(indices, (index) => plan.steps[index]!) },
    total: plan.steps.length,
  };
}
