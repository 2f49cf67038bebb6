/**
 * What follows from the end of a step: those that wait for it are released or skipped, its fallback is called upon or
 * dropped, or the run is aborted.
 */
import type { StepId } from './plan.js';
import { standOf, standOfFailure, type Stand } from './policy.js';
import type { Cause } from './record.js';
import {
  hasFailed,
  isSpare,
  isStopping,
  RELEASED,
  setState,
  stopCause,
  takesSlot,
  touch,
  type Run,
} from './run.js';

/** A step that ended and what that means for those that wait for it; `blame` is the step they are told of. */
interface Ended {
  readonly index: number;
  readonly stand: Stand;
  readonly blame: StepId;
}

/** Follows an ended step to all that its end leads to. A list, not recursion: chains may be thousands long. */
export function follow(run: Run, index: number, at: number): void {
  const ended = [endedOf(run, index)];
  for (let next = 0; next < ended.length; next += 1) {
    const one = ended[next]!;
    if (isStopping(run)) noteStandIn(run, one.index);
    else stepEnded(run, one, at, ended);
  }
}

/** Releases every pending step that waits for nothing. */
export function open(run: Run): void {
  run.waits.forEach((waits, index) => {
    if (waits === 0) release(run, index, []);
  });
}

/** Queues a step that nothing holds back any more. */
export const queue = (run: Run, index: number): void =>
  (takesSlot(run.plan.steps[index]!) ? run.ready.slotted : run.ready.free).push(index);

/** Ends pending steps at once and asks running ones to end. The run must be stopping. */
export function stopAll(run: Run, at: number): void {
  const cause = stopCause(run);
  run.states.forEach((state, index) => {
    if (state.kind === 'pending') {
      setState(run, index, { kind: 'canceled', launchedAt: null, endedAt: at, cause, outcome: null });
    } else if (state.kind === 'running' && state.stop === null) {
      askToStop(run, index, cause);
    }
  });
}

export function askToStop(run: Run, index: number, stop: Cause): void {
  const state = run.states[index]!;
  if (state.kind !== 'running') throw new Error(`BUG: step ${index} is ${state.kind}`);
  setState(run, index, { ...state, stop });
  run.toStop.push(index);
}

/** Notes that the run goes on as if this failed step had succeeded. Nothing for a step that did not fail. */
export function markTolerated(run: Run, index: number): void {
  const { kind } = run.states[index]!;
  if ((kind !== 'failed' && kind !== 'canceled') || run.tolerated[index]) return;
  run.tolerated[index] = true;
  touch(run, index);
}

/**
 * Returns whether a step has ended well enough, but what stands above it has not: canceled while it waited, ended by a
 * person's hand, or given the result of an earlier run. What depends on it waits for the steps above, too.
 */
export function isHeld(run: Run, index: number): boolean {
  const { kind } = run.states[index]!;
  return (
    run.waits[index]! > 0 &&
    (kind === 'canceled' || kind === 'succeeded' || kind === 'failed') &&
    !isSpare(run, index)
  );
}

function endedOf(run: Run, index: number): Ended {
  const step = run.plan.steps[index]!;
  const state = run.states[index]!;
  // A fallback that its own condition holds back does not stand in: that is a failure, and its policy applies.
  const declined = state.kind === 'skipped' && hasFailed(run, index);
  return { index, stand: declined ? standOfFailure(step) : standOf(step, state), blame: step.id };
}

/** Applies what one step's end means: to its fallback, to the steps it stands in for, to those that wait. */
function stepEnded(run: Run, origin: Ended, at: number, ended: Ended[]): void {
  const last = lastWord(run, origin);
  if (last.stand === 'undecided') {
    run.waits[origin.index] = RELEASED;
    return satisfy(run, run.edges.fallback[last.index]!, ended);
  }
  if (last.stand === 'stop') return abort(run, last.blame, at);
  const isSatisfied = last.stand === 'satisfied';
  // What the last fallback came to holds for all that it stands in for.
  const line = lineOf(run, last.index);
  if (isSatisfied) for (const index of line) markTolerated(run, index);
  if (isSatisfied && run.waits[origin.index]! > 0) return; // held: `satisfy` or `block` comes back to it
  run.waits[origin.index] = RELEASED;
  dropFallback(run, last.index, at, ended);
  for (const index of line) {
    for (const dependent of run.edges.dependents[index]!) {
      if (isSatisfied) satisfy(run, dependent, ended);
      else block(run, dependent, last.blame, at, ended);
    }
  }
}

/** Returns the end that decides: the step's own, or that of its last fallback that has ended already. */
function lastWord(run: Run, origin: Ended): Ended {
  let last = origin;
  while (last.stand === 'undecided') {
    const substitute = run.edges.fallback[last.index]!;
    if (run.states[substitute]!.kind === 'pending') break;
    // An earlier run's result stands in. One that was canceled before it was needed does not, and that matters now.
    if (run.tolerated[substitute]) {
      run.tolerated[substitute] = false;
      touch(run, substitute);
    }
    last = endedOf(run, substitute);
  }
  return last;
}

/** Returns a step and those that it stands in for: the failed ones before it in its line of fallbacks. */
function lineOf(run: Run, first: number): number[] {
  const line: number[] = [];
  for (let index = first; index >= 0; index = primaryThatFailed(run, index)) line.push(index);
  return line;
}

/** Returns the failed step that this one was called upon to stand in for, or -1. */
function primaryThatFailed(run: Run, index: number): number {
  const primary = run.edges.primary[index]!;
  return hasFailed(run, primary) ? primary : -1;
}

/** Ends the next fallback of a step that needs none: its own end drops the one after it. */
function dropFallback(run: Run, primary: number, at: number, ended: Ended[]): void {
  let substitute = run.edges.fallback[primary]!;
  const isGone = (index: number): boolean => index >= 0 && run.states[index]!.kind !== 'pending';
  while (isGone(substitute)) substitute = run.edges.fallback[substitute]!; // canceled or reused before it was needed
  const step = run.plan.steps[primary]!.id;
  if (substitute >= 0) skip(run, substitute, { kind: 'unused-fallback', step }, step, at, ended);
}

/** One thing less to wait for. */
function satisfy(run: Run, index: number, ended: Ended[]): void {
  if (run.waits[index] === RELEASED) return;
  run.waits[index]! -= 1;
  if (run.waits[index] === 0) release(run, index, ended);
}

/** A step waits for nothing any more: it may start, or what held back the good end that it had is gone. */
function release(run: Run, index: number, ended: Ended[]): void {
  run.waits[index] = RELEASED;
  if (run.states[index]!.kind !== 'pending') ended.push(endedOf(run, index));
  else if (run.plan.steps[index]!.condition !== null) run.ready.asking.push(index);
  else queue(run, index);
}

/** What a step waits for cannot come. */
function block(run: Run, index: number, blame: StepId, at: number, ended: Ended[]): void {
  if (run.states[index]!.kind === 'pending') {
    skip(run, index, { kind: 'dependency', step: blame }, blame, at, ended);
  } else if (isHeld(run, index)) {
    ended.push({ index, stand: 'blocked', blame });
  }
}

function skip(run: Run, index: number, cause: Cause, blame: StepId, at: number, ended: Ended[]): void {
  setState(run, index, { kind: 'skipped', endedAt: at, cause });
  ended.push({ index, stand: 'blocked', blame });
}

function abort(run: Run, by: StepId, at: number): void {
  run.abortedBy = by;
  stopAll(run, at);
}

/** While the run is stopping nothing follows from an end, but for what it says of the failures it makes good. */
function noteStandIn(run: Run, first: number): void {
  const state = run.states[first]!;
  const goesOn = run.plan.steps[first]!.onFailure.kind === 'continue';
  const failedItself =
    state.kind === 'failed' || (state.kind === 'canceled' && state.cause.kind === 'step-canceled');
  if (state.kind === 'succeeded' || (failedItself && goesOn))
    for (const index of lineOf(run, first)) markTolerated(run, index);
}
