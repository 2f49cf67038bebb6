/**
 * The scheduler: which steps start, what an outcome leads to, when a run is over. It is a pure state machine: time
 * comes in as an argument, nothing is awaited, and the same calls in the same order give the same run.
 */
import { outcomeByHand } from './by-hand.js';
import { askToStop, follow, markTolerated, open, queue, stopAll } from './follow.js';
import type { Json, Plan, Reuse, Step, StepId } from './plan.js';
import type { Cause, RunState } from './record.js';
import type { OutputReference } from './references.js';
import { givePlaces, requeueHeld, wouldOnlyWait } from './places.js';
import {
  emptyRun,
  isSpare,
  isStopping,
  noCounts,
  setState,
  takesSlot,
  type ConditionStep,
  type Judge,
  type Run,
} from './run.js';
import { isOver, type Outcome, type StepState } from './step-state.js';

/** Opens a run: steps without dependencies become ready. `at` is in milliseconds since 1970, as everywhere here. */
export function newRun(plan: Plan, judge: Judge, at: number, reuse: Reuse = {}): Run {
  const run = emptyRun(plan, judge, new Map(), { counts: noCounts(), toleratedFailures: 0, blemish: null });
  const reused = plan.steps.flatMap((step, index) => (Object.hasOwn(reuse, step.id) ? [index] : []));
  for (const index of reused) {
    const from = reuse[run.plan.steps[index]!.id]!;
    setState(run, index, {
      kind: 'succeeded',
      launchedAt: null,
      endedAt: at,
      outcome: { kind: 'succeeded', attempts: [], attemptsOmitted: 0, outputs: from.outputs },
      reusedFrom: from.runId,
    });
  }
  // Those below other steps wait for these: a result counts once all that stands above it has ended.
  for (const index of reused) if (run.waits[index] === 0) follow(run, index, at);
  open(run);
  return run;
}

/**
 * Starts what may start now, in plan order, and returns the indices of those steps. Conditions are asked first, in
 * plan order too: a false one may end the run, so ask `isRunOver` afterwards.
 *
 * @param room - how many more the caller can take
 */
export function takeReady(run: Run, at: number, room: number): number[] {
  const taken: number[] = [];
  if (run.paused) return taken;
  for (let index = run.ready.asking.pop(); index !== undefined; index = run.ready.asking.pop())
    ask(run, index, at);
  const { slotted, free } = run.ready;
  givePlaces(run, at);
  while (taken.length < room) {
    const slotOpen = run.slotsUsed < run.plan.maxConcurrency;
    const index = nextOf(free.peek(), slotOpen ? slotted.peek() : undefined);
    if (index === undefined) break;
    (takesSlot(run.plan.steps[index]!) ? slotted : free).pop();
    if (run.states[index]!.kind !== 'pending') continue; // canceled while it waited for a place
    if (wouldOnlyWait(run, index)) {
      run.ready.held.push(index);
      continue;
    }
    setState(run, index, { kind: 'running', launchedAt: at, stop: null });
    taken.push(index);
  }
  return taken;
}

const nextOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

/** Takes in how a running step ended, and all that follows from it. */
export function settle(run: Run, index: number, outcome: Outcome, at: number): void {
  const state = run.states[index]!;
  if (state.kind !== 'running') {
    throw new Error(`BUG: step "${run.plan.steps[index]!.id}" is ${state.kind}, and an outcome came for it`);
  }
  const verdict = run.verdicts.get(index);
  run.verdicts.delete(index);
  const wasAside = run.aside.has(index);
  setState(run, index, endOf(state, verdict === undefined ? outcome : outcomeByHand(verdict, outcome), at));
  if (wasAside) requeueHeld(run);
  follow(run, index, at);
}

function endOf(from: StepState & { kind: 'running' }, outcome: Outcome, at: number): StepState {
  const { launchedAt } = from;
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'succeeded', launchedAt, endedAt: at, outcome, reusedFrom: null };
    case 'failed':
      return { kind: 'failed', launchedAt, endedAt: at, outcome };
    case 'canceled':
      return { kind: 'canceled', launchedAt, endedAt: at, outcome, cause: from.stop ?? CANCELED_OUTSIDE };
    default:
      throw new Error('BUG: no such outcome');
  }
}

const CANCELED_OUTSIDE: Cause = {
  kind: 'step-canceled',
  reason: 'canceled outside Planwright',
  actor: 'unknown',
};

/** Cancels the run: pending steps end at once, running ones are asked to. A second call changes nothing. */
export function cancelRun(run: Run, reason: string, actor: string, at: number): void {
  if (isStopping(run) || isRunOver(run)) return;
  run.cancel = { reason, actor };
  stopAll(run, at);
}

/** Says why a step cannot be canceled, or null when it can. */
export function whyNotCancelStep(run: Run, id: string): string | null {
  const index = run.edges.indexOf.get(id as StepId);
  if (index === undefined) return whyNotHere(run, id);
  const state = run.states[index]!;
  if (isOver(state)) return `step "${id}" has already ended: ${state.kind}`;
  if (state.kind === 'running' && state.stop !== null) return `step "${id}" is already being canceled`;
  return null;
}

/** A later leg knows the steps that it was given, and of those that ended before only what it may be asked for. */
function whyNotHere(run: Run, id: string): string {
  if (run.before.has(id)) return `step "${id}" has ended`;
  const isFirstLeg = Object.values(run.earlier.counts).every((count) => count === 0);
  return isFirstLeg
    ? `there is no step "${id}" in this run`
    : `no step "${id}" is open in this run: it has ended, or there is none`;
}

/** Cancels one step. It counts as the step's failure, so its policy applies. */
export function cancelStep(run: Run, id: StepId, reason: string, actor: string, at: number): void {
  const refused = whyNotCancelStep(run, id);
  if (refused !== null) throw new Error(`BUG: ${refused}`);
  const index = run.edges.indexOf.get(id)!;
  const state = run.states[index]!;
  const cause: Cause = { kind: 'step-canceled', reason, actor };
  if (state.kind === 'running') {
    askToStop(run, index, cause);
  } else {
    setState(run, index, { kind: 'canceled', launchedAt: null, endedAt: at, cause, outcome: null });
    // A fallback that nobody needs so far: should it be needed, it has failed to stand in. Until then all is well.
    if (isSpare(run, index)) markTolerated(run, index);
    else follow(run, index, at);
  }
}

/** Returns the running steps that must be stopped now, each once. */
export const takeStops = (run: Run): number[] =>
  run.toStop.splice(0).filter((index) => run.states[index]!.kind === 'running'); // some may have ended by themselves

export const isRunOver = (run: Run): boolean => run.counts.pending === 0 && run.counts.running === 0;

/**
 * Ends pending steps that nothing can start any more. The rules leave none; should one be left all the same, the
 * run ends as failed and says so, rather than wait for ever.
 *
 * @returns how many there were
 */
export function endStranded(run: Run, at: number): number {
  const { pending, running } = run.counts;
  const { asking, free, slotted } = run.ready;
  const idle = asking.size + free.size + slotted.size === 0 && running === 0 && !run.paused;
  if (pending === 0 || !idle) return 0;
  run.states.forEach((state, index) => {
    if (state.kind !== 'pending') return;
    const cause: Cause = { kind: 'engine', message: 'nothing was left that could start this step' };
    setState(run, index, { kind: 'skipped', endedAt: at, cause });
  });
  return pending;
}

/** Returns how a run that is over ended. */
export function verdict(run: Run): RunState {
  if (run.abortedBy !== null) return 'failed';
  if (run.cancel !== null) return 'canceled';
  return blemishOf(run) === null ? 'succeeded' : 'failed';
}

/** Returns a step (of those asked for) whose failure makes the run a failed one, or null. */
export function blemishOf(run: Run, among: (index: number) => boolean = () => true): StepId | null {
  if (run.earlier.blemish !== null) return run.earlier.blemish;
  const index = run.states.findIndex(
    (state, at) => among(at) && (spoils(run.plan.steps[at]!, state, run.tolerated[at]!) || isStranded(state)),
  );
  return index < 0 ? null : run.plan.steps[index]!.id;
}

const spoils = (step: Step, state: StepState, tolerated: boolean): boolean =>
  (state.kind === 'failed' || state.kind === 'canceled') && step.critical && !tolerated;
const isStranded = (state: StepState): boolean => state.kind === 'skipped' && state.cause.kind === 'engine';

/**
 * Returns the outputs that others read under a step's id: its own, or those of the fallback that stood in for it. Empty
 * when there are none.
 */
export function outputsOf(run: Run, id: string): Readonly<Record<string, Json>> {
  let index = run.edges.indexOf.get(id as StepId);
  if (index === undefined) return run.before.get(id)?.outputs ?? {};
  while (run.states[index]!.kind !== 'succeeded' && run.edges.fallback[index]! >= 0)
    index = run.edges.fallback[index]!;
  const state = run.states[index]!;
  return state.kind === 'succeeded' ? state.outcome.outputs : {};
}

/** Returns the value of one output, or undefined when there is none. */
export function outputRead(run: Run, { step, output }: OutputReference): Json | undefined {
  const outputs = outputsOf(run, step);
  return Object.hasOwn(outputs, output) ? outputs[output] : undefined;
}

/** Returns what a condition may know of a step, or null when the run has no such step. */
export function conditionStep(run: Run, id: string): ConditionStep | null {
  const index = run.edges.indexOf.get(id as StepId);
  if (index === undefined) return run.before.get(id) ?? null;
  const state = run.states[index]!;
  return { state: state.kind, exitCode: exitCodeOf(state), outputs: outputsOf(run, id) };
}

function exitCodeOf(state: StepState): number | null {
  if (state.kind === 'succeeded') return 0;
  if (state.kind !== 'failed' || state.outcome.failure.reason !== 'exit-code') return null;
  return state.outcome.failure.exitCode;
}

/** Asks a step's condition: true queues it, anything else ends it. */
function ask(run: Run, index: number, at: number): void {
  const { condition } = run.plan.steps[index]!;
  if (run.states[index]!.kind !== 'pending' || condition === null) return;
  const answer = run.judge(condition, { vars: run.plan.variables, step: (id) => conditionStep(run, id) });
  switch (answer.kind) {
    case 'true':
      return queue(run, index);
    case 'false':
      setState(run, index, { kind: 'skipped', endedAt: at, cause: { kind: 'condition' } });
      break;
    case 'error': {
      const failure = { reason: 'condition-error', message: answer.message } as const;
      const outcome = { kind: 'failed', failure, attempts: [], attemptsOmitted: 0 } as const;
      setState(run, index, { kind: 'failed', launchedAt: null, endedAt: at, outcome });
    }
  }
  follow(run, index, at);
}
