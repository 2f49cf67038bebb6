/**
 * A run as people and programs see it: the answer of the workflow's query, the record in the run directory and the
 * library's `getRun` are all this one shape.
 */
import type { Asked } from './approval.js';
import type { Attempt, StepFailure } from './attempt.js';
import type { ManualNote } from './by-hand.js';
import type { BudgetLimits } from './budget.js';
import type { LeaseUse } from './lease-use.js';
import type { Json, Plan, StepId } from './plan.js';
import type { ToolWait } from './tool-wait.js';

export type RunState = 'pending' | 'running' | 'succeeded' | 'failed' | 'quarantined' | 'canceled';

export type StepKind = 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'canceled';

/** Why a step ended without being run to its end. */
export type Cause =
  | { readonly kind: 'condition' }
  /** A step above it failed, was skipped or canceled. */
  | { readonly kind: 'dependency'; readonly step: StepId }
  /** A fallback that was not needed. */
  | { readonly kind: 'unused-fallback'; readonly step: StepId }
  | { readonly kind: 'aborted'; readonly step: StepId }
  | { readonly kind: 'run-canceled'; readonly reason: string; readonly actor: string }
  | { readonly kind: 'step-canceled'; readonly reason: string; readonly actor: string }
  /** The run was terminated, or the engine found that nothing could start it. */
  | { readonly kind: 'engine'; readonly message: string };

/** One step of a run. Times are milliseconds since 1970; null while they have not come. */
export interface StepRecord {
  readonly id: StepId;
  readonly state: StepKind;
  /** When the engine handed it to the workers. */
  readonly launchedAt: number | null;
  readonly endedAt: number | null;
  /** Ended attempts, oldest first. */
  readonly attempts: readonly Attempt[];
  /** How many attempts are not in `attempts`, because there were too many to carry. */
  readonly attemptsOmitted: number;
  readonly failure: StepFailure | null;
  /** Failed or canceled, but the run goes on as if it had succeeded (`continue`, or a fallback stood in). */
  readonly tolerated: boolean;
  readonly cause: Cause | null;
  /** Of a step that did not succeed: what it left as evidence, which no other step reads. */
  readonly outputs: Readonly<Record<string, Json>>;
  /** The run whose result was used again (`retry`), or null. */
  readonly reusedFrom: string | null;
  /** The workflow id of the sub-plan's run, or null. */
  readonly childRun: string | null;
  /** True between a request to stop and its confirmation. */
  readonly canceling: boolean;
  /** What a person is asked, by an approval that was launched. Left out for all other steps. */
  readonly asked?: Asked;
  /** The leases it asked for, in the order of their names. Left out for a step that asked for none. */
  readonly leases?: readonly LeaseUse[];
  /** Its last wait for a tool that was out of order. Left out for a step that never had to. */
  readonly toolWait?: ToolWait;
}

/** Who paused a run, and why. */
export interface PausedBy {
  readonly reason: string;
  readonly actor: string;
}

/** One pause of a run, or the end of one. Times are milliseconds since 1970. */
export interface PauseNote extends PausedBy {
  readonly paused: boolean;
  readonly at: number;
}

/** The state of a whole run but for its steps. */
export interface RunHead {
  readonly runId: string;
  readonly state: RunState;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly paused: boolean;
  /** Who paused it and why. Left out when it is not paused, or nobody said. */
  readonly pausedBy?: PausedBy;
  /** Its pauses and their ends, oldest first; of very many, the newest. Left out when there was none. */
  readonly pauses?: readonly PauseNote[];
  /** Set once a critical `abort` step has failed: that step. */
  readonly abortedBy: StepId | null;
  /** The step that made the run a failed one, or null. */
  readonly failedStep: StepId | null;
  readonly cancel: { readonly reason: string; readonly actor: string } | null;
  readonly counts: Readonly<Record<StepKind, number>>;
  /** Failures the run went on in spite of. */
  readonly toleratedFailures: number;
  /** One line: why the run ended as it did, or null. */
  readonly message: string | null;
  /** The leases that the run as a whole asked for. Left out when it asked for none. */
  readonly leases?: readonly LeaseUse[];
  /** What people did to its steps, oldest first. Left out when nobody did anything. */
  readonly manual?: readonly ManualNote[];
  /** What its steps have cost, as far as their tools said. Left out for a plan without a budget. */
  readonly budget?: BudgetUse;
}

/** How a run stands with its budget. Times are milliseconds since 1970. */
export interface BudgetUse extends BudgetLimits {
  readonly spentUsd: number;
  readonly warnedAt: number | null;
  readonly exceededAt: number | null;
}

/** What a run was started with. */
export interface RunOrigin {
  /** The plan file, as the person wrote it. */
  readonly planPath: string;
  /** The working root on the host that runs the steps. */
  readonly root: string;
  /** SHA-256 (hex) of the packed plan. */
  readonly planHash: string;
  readonly engineVersion: string;
  /** The run this one retries, or null. */
  readonly retryOf: string | null;
  /** The run this one is a sub-plan of, or null. */
  readonly parentRun: string | null;
  readonly actor: string;
  /** The commit that workstreams start from. Left out where the plan has none. */
  readonly base?: string;
}

/** A complete record: `run.json` in the run directory. */
export interface RunRecord {
  readonly format: 1;
  readonly head: RunHead;
  readonly origin: RunOrigin;
  readonly plan: Plan;
  readonly steps: readonly StepRecord[];
}

/** Says that a run is not to be trusted: kept beside the record of a closed run. Time in milliseconds since 1970. */
export interface QuarantineNote {
  readonly reason: string;
  readonly actor: string;
  readonly at: number;
}
