/**
 * How the world talks to a run: names and shapes of its input, queries, updates and signals. Types and names
 * only, shared by the workflow and the client.
 */
import type { FoundBy } from './attributes.js';
import type { Plan, Priority, Reuse, StepId } from '../plan/plan.js';
import type { PausedBy, RunHead, RunOrigin, StepRecord } from '../plan/record.js';
import type { ConditionStep } from '../plan/run.js';
import type { Outcome } from '../plan/step-state.js';

export const RUN_WORKFLOW = 'runPlan';
/** Workflows and steps without `runs_on`. */
export const TASK_QUEUE = 'planwright';
/** The queue of workers started with `--label`. */
export const queueOf = (label: string | null): string =>
  label === null ? TASK_QUEUE : `${TASK_QUEUE}.${label}`;
/** The queue one host alone serves: its logs and worktrees are there. */
export const hostQueue = (host: string): string => `${TASK_QUEUE}@${host}`;

/** The workflow that reads a log for somebody on another host: `(host, ReadLogTask) => LogPiece`. */
export const READ_LOG_WORKFLOW = 'readHostLog';

/** The workflow that tells one worker something: `(identity, WorkerOrder) => boolean`. */
export const ORDER_WORKFLOW = 'orderWorker';

/** A packed plan is sent in chunks of at most this many bytes: the first in the input, the rest by update. */
export const CHUNK_BYTES = 256 * 1024;

/** The argument of `runPlan`. */
export interface RunInput {
  readonly origin: RunOrigin;
  /** How many chunks the packed plan has; the first is here. */
  readonly chunks: number;
  readonly firstChunk: string;
  /** Step results of an earlier run that are used again. */
  readonly reuse: Reuse;
  readonly priority: Priority;
  /** False on clusters where ours are not registered. */
  readonly searchAttributes: boolean;
  /** Events after which a leg hands on; `LEG_EVENTS` when left out. */
  readonly legEvents?: number;
  /** Leases that runs above hold while this sub-plan's run goes on, with their tokens. */
  readonly inherited?: Readonly<Record<string, number>>;
  /** Steps of which the run above wants to know what they came to. Left out: of none. */
  readonly report?: ReportWanted;
}

/** The steps with these ids, or all that ended. */
export type ReportWanted = 'all' | readonly string[];
/** What steps came to, by id. Outputs are left out where all of them together are too large. */
export type Report = Readonly<Record<string, ConditionStep>>;

/** The server asks for an end at 4,096 events and warns at 10,240; what still runs then must fit as well. */
export const LEG_EVENTS = 4_000;

/** Signal `cancel`: all fields may be missing, so that the plain Temporal CLI and Web UI can send it. */
export const CANCEL_SIGNAL = 'cancel';
export interface CancelRequest {
  readonly reason?: string;
  readonly actor?: string;
}

/** Query `changes(since, limit)`: what changed after revision `since` (0: everything), at most `limit` steps. */
export const CHANGES_QUERY = 'changes';
export interface Changes {
  readonly head: RunHead;
  readonly origin: RunOrigin;
  /** Ask again with this. */
  readonly revision: number;
  /** True when more steps changed than fitted. */
  readonly more: boolean;
  readonly steps: readonly StepRecord[];
  /** The workflow that took over the steps not started here, or null. */
  readonly nextLeg: string | null;
}

/** Query `plan`: the plan itself, by page of steps. `steps` holds at most `limit` from `from` on. */
export const PLAN_QUERY = 'plan';
export interface PlanPage {
  readonly plan: Plan;
  readonly total: number;
}

/** Updates. Each has a validator: a refused one is an answer with a reason and leaves no event. */
export const CANCEL_STEP_UPDATE = 'cancelStep';
export const PAUSE_UPDATE = 'pause';
export const RESUME_UPDATE = 'resume';
export const APPROVE_UPDATE = 'approve';
export const BY_HAND_UPDATE = 'byHand';
export const ADD_CHUNK_UPDATE = 'addChunk';

export interface CancelStepRequest {
  readonly step: StepId;
  readonly reason: string;
  readonly actor: string;
}
export interface PauseRequest {
  readonly reason: string;
  readonly actor: string;
}
export interface ApproveRequest {
  readonly step: StepId;
  readonly approved: boolean;
  /** One of the step's choices, for one that has any. */
  readonly choice?: string | null;
  readonly reason: string;
  readonly actor: string;
}
export interface ChunkRequest {
  readonly index: number;
  readonly text: string;
}

/** The workflow type of a run's further legs, and their ids: `~~` cannot stand in a step's id. */
export const LEG_WORKFLOW = 'continuePlan';
export const legId = (runId: string, leg: number): string => (leg === 0 ? runId : `${runId}~~${leg}`);
/** The workflow id of a sub-plan's run. */
export const subRunId = (runId: string, step: StepId): string => `${runId}~${step}`;
/** The same of one round of a sub-plan that is repeated; rounds count from 1. */
export const roundId = (runId: string, step: StepId, round: number): string =>
  `${subRunId(runId, step)}@${round}`;

/** The argument of `continuePlan`: the text is a `HandOver`, its plan packed. */
export interface LegInput {
  readonly origin: RunOrigin;
  readonly runId: string;
  /** 1 or more: the run's own workflow is leg 0. */
  readonly leg: number;
  readonly chunks: number;
  readonly firstChunk: string;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly priority: Priority;
  readonly legEvents: number;
  /** Left out for a run that has nothing to do with leases. */
  readonly inherited?: Readonly<Record<string, number>>;
  /** The execution of the run's own workflow: leases are held in its name. */
  readonly execution?: string;
  readonly report?: ReportWanted;
  /** Left out for a run that was given no search attributes. */
  readonly foundBy?: FoundBy;
}

/** What a leg returns, and a run that succeeded. A run that failed has the same two as the details of its failure. */
export interface RunEnd {
  readonly head: RunHead;
  /** What became of the one step, of a plan that has only one. */
  readonly only?: StepRecord;
  /** Left out unless it was asked for. */
  readonly report?: Report;
}

/** Signals between legs. Down: chunks of the hand-over, outcomes of steps still running above. Up: steps to be stopped. */
export const ADD_CHUNK_SIGNAL = 'addChunk';
export const SETTLED_SIGNAL = 'settled';
export const STOP_STEPS_SIGNAL = 'stopSteps';

/** From a run to the runs below it: what its update `pause` or `resume` says holds there as well. */
export const PAUSED_SIGNAL = 'paused';
export interface PausedRequest {
  readonly paused: boolean;
  readonly by?: PausedBy | null;
}

export interface SettledRequest {
  readonly outcomes: readonly { readonly step: StepId; readonly outcome: Outcome }[];
}
export interface StopStepsRequest {
  readonly steps: readonly StepId[];
}

/** The type of the failure an update is refused with when a later leg has the steps: ask that one. Details: its workflow id. */
export const HANDED_ON = 'HandedOn';
