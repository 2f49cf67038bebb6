/**
 * Handing a run on from one leg to the next, so that no workflow's history grows without bound.
 *
 * A leg that nears its budget gives everything not ended to a successor: steps not started, and steps still running
 * with it, whose outcomes it passes on when they come. Nothing waits for a running step.
 */
import { isHeld, open } from './follow.js';
import type { Plan } from './plan.js';
import { mayBeReadBy } from './reads.js';
import type { StepKind } from './record.js';
import {
  emptyRun,
  isStopping,
  RELEASED,
  setState,
  type ConditionStep,
  type Earlier,
  type Judge,
  type Run,
} from './run.js';
import { blemishOf, conditionStep, takeStops } from './schedule.js';
import { isOver, type StepState } from './step-state.js';

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
}

/**
 * Returns what goes on, with the indices of those steps in this leg: it answers for them no more.
 *
 * @throws Error `BUG:` when the run is stopping: then nothing is left to hand on
 */
export function handOver(run: Run): { readonly handOver: HandOver; readonly goesOn: readonly number[] } {
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
    },
  };
}

/** Opens the next leg where the one before left off. */
export function takeOver(from: HandOver, judge: Judge): Run {
  const run = emptyRun(from.plan, judge, new Map(Object.entries(from.before)), from.earlier);
  run.paused = from.paused;
  for (const [index, state] of from.states) setState(run, index, state);
  for (const index of from.tolerated) run.tolerated[index] = true;
  from.waits.forEach((waits, index) => (run.waits[index] = waits));
  run.toStop.push(...from.toStop);
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
