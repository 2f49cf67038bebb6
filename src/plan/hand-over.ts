/**
 * Handing a run on from one leg to the next, so that no workflow's history grows without bound.
 *
 * A leg that nears its budget gives everything not ended to a successor: steps not started, and steps still running
 * with it, whose outcomes it passes on when they come. Nothing waits for a running step.
 */
import { NOTHING_SPENT, type Spending } from './budget.js';
import type { ManualRequest } from './by-hand.js';
import { isHeld, open } from './follow.js';
import { WHOLE_RUN, type LeaseUse } from './lease-use.js';
import { stepAside, type GoesOnFrom } from './places.js';
import type { Plan } from './plan.js';
import { mayBeReadBy } from './reads.js';
import type { PausedBy, PauseNote, StepKind } from './record.js';
import {
  emptyRun,
  isStopping,
  RELEASED,
  setState,
  type ConditionStep,
  type Earlier,
  type Judge,
  type Reset,
  type Run,
} from './run.js';
import { blemishOf, conditionStep, takeStops } from './schedule.js';
import { isOver, type StepState } from './step-state.js';
import type { ToolWait } from './tool-wait.js';

/** All that the next leg must know. Plain JSON. */
export interface HandOver {
  /** The plan with the steps that go on; all else as it was. */
  readonly plan: Plan;
  /** States of the steps in `plan` that are not pending, by index: running, or ended but not yet followed to the end. */
  readonly states: readonly (readonly [number, StepState])[];
  /** `Run.waits` of each step; 0 for one that is queued already. */
  readonly waits: readonly number[];
  /** Indices of those whose failure is tolerated. */
  readonly tolerated: readonly number[];
  /** Indices of those asked to stop, when nobody has been told yet. */
  readonly toStop: readonly number[];
  /** Ended steps that those in `plan` may ask for. */
  readonly before: Readonly<Record<string, ConditionStep>>;
  readonly earlier: Earlier;
  readonly paused: boolean;
  /** Left out when it is not paused, or nobody said why. */
  readonly pausedBy?: PausedBy;
  /** Left out when it never was paused. */
  readonly pauses?: readonly PauseNote[];
  /** Left out when nothing of it has to do with leases. */
  readonly leases?: LeasesHandedOver;
  /** Left out when nothing was spent. */
  readonly spending?: Spending;
  /** Left out when nobody did anything by hand. */
  readonly byHand?: ByHandHandedOver;
  /** Left out when no step waits for its tool: the next leg asks for it again, and goes on with the step. */
  readonly aside?: readonly AsideHandedOver[];
}

export interface AsideHandedOver {
  /** As the step stands in `plan`. */
  readonly index: number;
  readonly from: GoesOnFrom;
  readonly wait: ToolWait | null;
}

/** By index, as the steps stand in `plan`. */
export interface ByHandHandedOver {
  readonly notes: Run['manual'];
  readonly verdicts: readonly (readonly [number, ManualRequest])[];
  readonly resets: readonly (readonly [number, Reset])[];
}

export interface LeasesHandedOver {
  /** Those of the run as a whole: it holds them until it ends. */
  readonly run: readonly LeaseUse[];
  /** Those of steps, by index. */
  readonly steps: readonly (readonly [number, readonly LeaseUse[]])[];
  /** Indices of the running steps that still wait for theirs: the next leg waits, and runs them. */
  readonly waiting: readonly number[];
}

/**
 * Returns what goes on, with the indices of those steps in this leg: it answers for them no more.
 *
 * @param waiting - indices of running steps that wait for a lease, and have not been launched
 * @param aside - indices of running steps that wait for their tool, and are started again there
 * @throws Error `BUG:` when the run is stopping: then nothing is left to hand on
 */
export function handOver(
  run: Run,
  waiting: ReadonlySet<number> = new Set(),
  aside: ReadonlySet<number> = new Set(),
): { readonly handOver: HandOver; readonly goesOn: readonly number[] } {
  if (isStopping(run)) throw new Error('BUG: a run that is stopping is not handed over');
  const goesOn = openSteps(run);
  const stays = new Set(run.states.keys());
  for (const index of goesOn) stays.delete(index);
  const steps = goesOn.map((index) => run.plan.steps[index]!);
  const states = goesOn.flatMap((index, at): [number, StepState][] => {
    const state = run.states[index]!;
    return state.kind === 'pending' ? [] : [[at, state]];
  });
  const place = new Map(goesOn.map((index, at) => [index, at]));
  const counts: Record<StepKind, number> = { ...run.earlier.counts };
  let toleratedFailures = run.earlier.toleratedFailures;
  for (const index of stays) {
    counts[run.states[index]!.kind] += 1;
    if (run.tolerated[index]) toleratedFailures += 1;
  }
  const isRead = mayBeReadBy(steps, run.plan);
  const ended = [...stays].map((index): string => run.plan.steps[index]!.id);
  const known = [...run.before.keys(), ...ended].filter(isRead);
  const before = Object.fromEntries(known.map((id) => [id, conditionStep(run, id)!]));
  return {
    goesOn,
    handOver: {
      plan: { ...run.plan, steps },
      states,
      waits: goesOn.map((index) => waitsOf(run, index)),
      tolerated: goesOn.flatMap((index, at) => (run.tolerated[index] ? [at] : [])),
      toStop: takeStops(run).map((index) => place.get(index)!),
      before,
      earlier: { counts, toleratedFailures, blemish: blemishOf(run, (index) => stays.has(index)) },
      paused: run.paused,
      ...(run.pausedBy === null ? {} : { pausedBy: run.pausedBy }),
      ...(run.pauses.length === 0 ? {} : { pauses: run.pauses }),
      ...leasesOf(run, place, waiting),
      ...byHandOf(run, place),
      ...asideOf(run, place, aside),
      ...(run.spending === NOTHING_SPENT ? {} : { spending: run.spending }),
    },
  };
}

/** @param place - where each step that goes on stands in the next leg */
function leasesOf(
  run: Run,
  place: ReadonlyMap<number, number>,
  waiting: ReadonlySet<number>,
): Pick<HandOver, 'leases'> {
  if (run.leases.size === 0) return {};
  const steps = [...run.leases].flatMap(([index, uses]): [number, readonly LeaseUse[]][] => {
    const at = place.get(index);
    return at === undefined ? [] : [[at, uses]];
  });
  return {
    leases: {
      run: run.leases.get(WHOLE_RUN) ?? [],
      steps,
      waiting: [...waiting].map((index) => place.get(index)!),
    },
  };
}

function byHandOf(run: Run, place: ReadonlyMap<number, number>): Pick<HandOver, 'byHand'> {
  if (run.manual.length === 0) return {};
  const placed = <T>(all: ReadonlyMap<number, T>): [number, T][] =>
    [...all].flatMap(([index, one]): [number, T][] => {
      const at = place.get(index);
      return at === undefined ? [] : [[at, one]];
    });
  return { byHand: { notes: run.manual, verdicts: placed(run.verdicts), resets: placed(run.resets) } };
}

function asideOf(
  run: Run,
  place: ReadonlyMap<number, number>,
  aside: ReadonlySet<number>,
): Pick<HandOver, 'aside'> {
  if (aside.size === 0) return {};
  return {
    aside: [...aside].map((index) => ({
      index: place.get(index)!,
      from: run.aside.get(index)!.from,
      wait: run.toolWaits.get(index) ?? null,
    })),
  };
}

/** Opens the next leg where the one before left off. */
export function takeOver(from: HandOver, judge: Judge): Run {
  const run = emptyRun(from.plan, judge, new Map(Object.entries(from.before)), from.earlier);
  run.paused = from.paused;
  run.pausedBy = from.pausedBy ?? null;
  run.pauses = from.pauses ?? [];
  for (const [index, state] of from.states) setState(run, index, state);
  for (const index of from.tolerated) run.tolerated[index] = true;
  from.waits.forEach((waits, index) => (run.waits[index] = waits));
  run.toStop.push(...from.toStop);
  run.spending = from.spending ?? NOTHING_SPENT;
  if (from.byHand !== undefined) {
    run.manual = from.byHand.notes;
    for (const [index, verdict] of from.byHand.verdicts) run.verdicts.set(index, verdict);
    for (const [index, reset] of from.byHand.resets) run.resets.set(index, reset);
  }
  for (const { index, from: at, wait } of from.aside ?? []) {
    stepAside(run, index, at);
    if (wait !== null) run.toolWaits.set(index, wait);
  }
  if (from.leases !== undefined) {
    if (from.leases.run.length > 0) run.leases.set(WHOLE_RUN, from.leases.run);
    for (const [index, uses] of from.leases.steps) run.leases.set(index, uses);
  }
  open(run);
  return run;
}

/** Returns what a step waits for as the next leg counts it: one that stands in a queue here is to be queued there. */
function waitsOf(run: Run, index: number): number {
  const waits = run.waits[index]!;
  return waits === RELEASED && run.states[index]!.kind === 'pending' ? 0 : waits;
}

/** Returns the steps that go on, in plan order: a step and its fallbacks all go on until the last of them is done. */
function openSteps(run: Run): number[] {
  const { primary, fallback } = run.edges;
  const isOpen = (index: number): boolean => !isOver(run.states[index]!) || isHeld(run, index);
  const lines = [...run.states.keys()].map((index) => {
    const line: number[] = [];
    if (primary[index]! < 0) for (let at = index; at >= 0; at = fallback[at]!) line.push(at);
    return line;
  });
  return lines.flatMap((line) => (line.some(isOpen) ? line : [])).sort((a, b) => a - b);
}
