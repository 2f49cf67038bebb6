/**
 * A run in memory: the plan, where each step stands, and the counters that make each decision cheap.
 *
 * Made by `newRun`, changed only by `schedule.ts`, `follow.ts` and `hand-over.ts`, through `setState`. One object that
 * changes rather than a copy for each move: with 10,000 steps, copies would cost the square of them.
 */
import type { Attempt } from './attempt.js';
import type { ManualNote, ManualRequest } from './by-hand.js';
import { NOTHING_SPENT, type Spending } from './budget.js';
import type { LeaseUse } from './lease-use.js';
import type { Json, OnFailure, Plan, Step, StepId } from './plan.js';
import type { Cause, PausedBy, PauseNote, StepKind } from './record.js';
import { IndexQueue } from './index-queue.js';
import type { Aside } from './places.js';
import { assertMove, type StepState } from './step-state.js';
import type { ToolWait } from './tool-wait.js';

/** Answers a condition: `error` when it cannot be answered. Never throws. */
export type Judge = (
  condition: string,
  run: ConditionScope,
) => { kind: 'true' | 'false' } | { kind: 'error'; message: string };

/** What a condition may read. */
export interface ConditionScope {
  readonly vars: Readonly<Record<string, string>>;
  /** Returns null for a step that is not in the plan. */
  readonly step: (id: string) => ConditionStep | null;
}

export interface ConditionStep {
  readonly state: StepKind;
  readonly exitCode: number | null;
  readonly outputs: Readonly<Record<string, Json>>;
}

/** The plan's edges by index into `plan.steps`; -1 means none. */
export interface Edges {
  readonly indexOf: ReadonlyMap<StepId, number>;
  readonly dependencies: readonly (readonly number[])[];
  readonly dependents: readonly (readonly number[])[];
  readonly fallback: readonly number[];
  /** The step that this one is the fallback of. */
  readonly primary: readonly number[];
}

export interface Run {
  readonly plan: Plan;
  readonly edges: Edges;
  readonly judge: Judge;
  /** Steps that ended in an earlier leg of the run, as far as later ones may ask for them. */
  readonly before: ReadonlyMap<string, ConditionStep>;
  readonly states: StepState[];
  /** Failed or canceled, but the run goes on as if it had succeeded. */
  readonly tolerated: boolean[];
  /**
   * How many dependencies of each step are not yet satisfied; a fallback waits for one thing more: the failure. Then
   * `RELEASED`.
   */
  readonly waits: number[];
  /** Waiting for nothing, in plan order: a condition to be asked, then to start with or without a place under `maxConcurrency`. */
  readonly ready: {
    readonly asking: IndexQueue;
    readonly slotted: IndexQueue;
    readonly free: IndexQueue;
    /** They could only wait for a tool that others wait for (`places.ts`). */
    readonly held: number[];
  };
  readonly counts: Record<StepKind, number>;
  /** Running steps that hold a place under `maxConcurrency`. */
  slotsUsed: number;
  /** Running steps that gave theirs to others while they wait for a tool, by index. */
  readonly aside: Map<number, Aside>;
  paused: boolean;
  pausedBy: PausedBy | null;
  pauses: readonly PauseNote[];
  abortedBy: StepId | null;
  cancel: { readonly reason: string; readonly actor: string } | null;
  /** Running steps to be stopped, until the workflow takes them. */
  readonly toStop: number[];
  /** Grows with each change; `changedAt` says at which a step changed last. */
  revision: number;
  readonly changedAt: number[];
  /** Of each step that asked for leases, by index, and of the run as a whole. */
  readonly leases: Map<number, readonly LeaseUse[]>;
  /** Of each step that had to wait for its tool, by index: the last wait. */
  readonly toolWaits: Map<number, ToolWait>;
  spending: Spending;
  /** What people did to its steps, oldest first. */
  manual: readonly ManualNote[];
  /** How a person wants a running step to have ended, by index. */
  readonly verdicts: Map<number, ManualRequest>;
  /** Of steps that were started again by hand: what they had tried before. */
  readonly resets: Map<number, Reset>;
  /** Counts brought over from earlier legs. */
  readonly earlier: Earlier;
}

/** A step that was started again by hand. */
export interface Reset {
  readonly attempts: readonly Attempt[];
  readonly clearRetries: boolean;
}

/** What an earlier leg hands on that is more than the states of its steps. */
export interface Earlier {
  readonly counts: Readonly<Record<StepKind, number>>;
  readonly toleratedFailures: number;
  /** A critical failure that nothing tolerated: the run cannot succeed any more. */
  readonly blemish: StepId | null;
}

export const noCounts = (): Record<StepKind, number> => ({
  pending: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  skipped: 0,
  canceled: 0,
});

/** What a step waits for has come, or can do nothing for it any more. */
export const RELEASED = -1;

/**
 * Approvals wait for a person, and landing that runs beside the work waits for the work: they hold no place under
 * `maxConcurrency`.
 */
export const takesSlot = ({ work }: Step): boolean =>
  work.kind !== 'approval' && !(work.kind === 'landing' && work.begins === 'at-once');

export function edgesOf(steps: readonly Step[]): Edges {
  const indexOf = new Map(steps.map((step, index) => [step.id, index]));
  const fallback = steps.map((step) => indexOf.get(fallbackOf(step.onFailure) ?? ('' as StepId)) ?? -1);
  const primary = steps.map(() => -1);
  fallback.forEach((step, index) => {
    if (step >= 0) primary[step] = index;
  });
  const dependencies = steps.map((step, index) => {
    // A fallback has the dependencies of the step it stands in for.
    let source = index;
    while (primary[source]! >= 0) source = primary[source]!;
    // A dependency that is not here ended in an earlier leg and was satisfied: nothing to wait for.
    const own = source === index ? step.dependsOn : steps[source]!.dependsOn;
    return own.flatMap((id) => indexOf.get(id) ?? []);
  });
  const dependents: number[][] = steps.map(() => []);
  dependencies.forEach((list, index) => list.forEach((dependency) => dependents[dependency]!.push(index)));
  return { indexOf, dependencies, dependents, fallback, primary };
}

const fallbackOf = (policy: OnFailure): StepId | null => (policy.kind === 'fallback' ? policy.step : null);

/** Makes a run with every step pending and nothing ready: `open` in `schedule.ts` starts it. */
export function emptyRun(
  plan: Plan,
  judge: Judge,
  before: ReadonlyMap<string, ConditionStep>,
  earlier: Earlier,
): Run {
  const edges = edgesOf(plan.steps);
  const counts = noCounts();
  counts.pending = plan.steps.length;
  return {
    plan,
    edges,
    judge,
    before,
    states: plan.steps.map((): StepState => ({ kind: 'pending' })),
    tolerated: plan.steps.map(() => false),
    waits: edges.dependencies.map((list, index) => list.length + (edges.primary[index]! >= 0 ? 1 : 0)),
    ready: { asking: new IndexQueue(), slotted: new IndexQueue(), free: new IndexQueue(), held: [] },
    counts,
    slotsUsed: 0,
    aside: new Map(),
    paused: false,
    pausedBy: null,
    pauses: [],
    abortedBy: null,
    cancel: null,
    toStop: [],
    // Each step has a revision of its own from the start, so that a page of changes can end anywhere.
    revision: plan.steps.length,
    changedAt: plan.steps.map((_, index) => index + 1),
    leases: new Map(),
    toolWaits: new Map(),
    spending: NOTHING_SPENT,
    manual: [],
    verdicts: new Map(),
    resets: new Map(),
    earlier,
  };
}

/** Moves one step. Every change of state in a run passes through here. */
export function setState(run: Run, index: number, to: StepState): void {
  const from = run.states[index]!;
  const step = run.plan.steps[index]!;
  assertMove(step.id, from.kind, to.kind);
  run.states[index] = to;
  run.counts[from.kind] -= 1;
  run.counts[to.kind] += 1;
  if (takesSlot(step)) run.slotsUsed += Number(to.kind === 'running') - Number(from.kind === 'running');
  if (to.kind !== 'running' && run.aside.delete(index)) run.slotsUsed += 1; // it had none to give back
  touch(run, index);
}

/** Makes a step that has ended pending again: only by a person's hand (`by-hand.ts`). */
export function reopenState(run: Run, index: number): void {
  const from = run.states[index]!.kind;
  if (from === 'pending' || from === 'running') throw new Error(`BUG: step ${index} is ${from}`);
  run.states[index] = { kind: 'pending' };
  run.counts[from] -= 1;
  run.counts.pending += 1;
  touch(run, index);
}

/** Notes that something of a step changed, for those who follow the run. */
export function touch(run: Run, index: number): void {
  run.revision += 1;
  run.changedAt[index] = run.revision;
}

/** True once no further step may start: the run was aborted or canceled. */
export const isStopping = (run: Run): boolean => run.abortedBy !== null || run.cancel !== null;

/** Why running and pending steps end when the run is stopping. */
export function stopCause(run: Run): Cause {
  if (run.abortedBy !== null) return { kind: 'aborted', step: run.abortedBy };
  if (run.cancel !== null) return { kind: 'run-canceled', ...run.cancel };
  throw new Error('BUG: the run is not stopping');
}

/**
 * Returns whether a step came to nothing, so that its fallback is called upon: it failed, was canceled, or is itself a
 * fallback that its own condition held back. False for an index of -1.
 */
export function hasFailed(run: Run, index: number): boolean {
  const state = run.states[index];
  if (state?.kind === 'skipped') return state.cause.kind === 'condition' && run.edges.primary[index]! >= 0;
  return state?.kind === 'failed' || state?.kind === 'canceled';
}

/** Returns whether a step is a fallback that was not called upon: some step before it in its line came to something. */
export function isSpare(run: Run, index: number): boolean {
  for (let primary = run.edges.primary[index]!; primary >= 0; primary = run.edges.primary[primary]!)
    if (!hasFailed(run, primary)) return true;
  return false;
}
