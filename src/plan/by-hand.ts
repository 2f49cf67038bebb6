/**
 * What a person may do to a workstream's step by hand: say how it ended, start it again, let it go on without what it waits
 * for. Each is checked, and noted with who did it and why.
 */
import { askToStop, follow, queue } from './follow.js';
import type { Step, StepId } from './plan.js';
import { isStopping, RELEASED, reopenState, setState, type Run } from './run.js';
import { isOver, type Outcome } from './step-state.js';

export type ManualAction = 'complete' | 'fail' | 'reset' | 'unblock';

export interface ManualRequest {
  readonly step: StepId;
  readonly action: ManualAction;
  /** Also where the step has ended already, and would otherwise stay as it is. */
  readonly force: boolean;
  /** Of `reset`: it has all its retries again. */
  readonly clearRetries: boolean;
  readonly reason: string;
  readonly actor: string;
}

/** One thing that was done. Times are milliseconds since 1970. */
export interface ManualNote extends Omit<ManualRequest, 'step'> {
  readonly step: string;
  readonly at: number;
}

/** Says why something may not be done, or null when it may. */
export function whyNotByHand(run: Run, { step: id, action, force, reason }: ManualRequest): string | null {
  const index = run.edges.indexOf.get(id);
  if (index === undefined)
    return run.before.has(id) || Object.values(run.earlier.counts).some((count) => count > 0)
      ? `step "${id}" is not open in this part of the run: when it is over, "retry" runs what did not succeed`
      : `there is no step "${id}" in this run`;
  const step = run.plan.steps[index]!;
  if (step.work.kind !== 'workstream' || step.onFailure.kind !== 'continue')
    return `step "${id}" is no workstream of a set: only those can be moved by hand`;
  if (reason.trim() === '') return `a workstream is moved by hand only with a reason`;
  if (isStopping(run)) return 'the run is already stopping';
  const state = run.states[index]!;
  const isStopped = state.kind === 'running' && state.stop !== null;
  if (isStopped) return `step "${id}" is already being stopped`;
  const illegal = illegalMove(action, state.kind, id);
  if (illegal === null) return isOver(state) ? whyNotReopen(run, index) : null;
  if (!force || !isOver(state) || action === 'unblock') return illegal;
  return whyNotReopen(run, index);
}

/** The moves that need no force. */
function illegalMove(action: ManualAction, from: string, id: string): string | null {
  switch (action) {
    case 'complete':
    case 'fail':
      return from === 'pending' || from === 'running'
        ? null
        : `step "${id}" has ended already: ${from}; --force says otherwise all the same`;
    case 'reset':
      if (from === 'failed' || from === 'canceled') return null;
      if (from === 'pending') return `step "${id}" has not started: there is nothing to reset`;
      if (from === 'running') return `step "${id}" is running: fail or cancel it first`;
      return `step "${id}" is ${from}: only what failed is reset; --force starts it again all the same`;
    case 'unblock':
      return from === 'skipped' ? null : `step "${id}" is ${from}: only what is blocked is unblocked`;
  }
}

/** A step that has ended can be opened again as long as nobody has gone on from its end. */
function whyNotReopen(run: Run, first: number): string | null {
  const { steps } = run.plan;
  if (steps.some(({ work }) => work.kind === 'landing' && work.begins === 'at-once'))
    return `landing runs beside the work and was told of its end: ${LATER}`;
  const { id: of } = steps[first]!;
  if (run.waits[first] !== RELEASED) return `what step "${of}" waits for has not ended yet`;
  for (const index of skippedBelow(run, first)) {
    if (steps[index]!.work.kind !== 'workstream')
      return `step "${steps[index]!.id}" was skipped because of it, and is no workstream: ${LATER}`;
    for (const dependent of run.edges.dependents[index]!) {
      const { id, work } = steps[dependent]!;
      const { kind } = run.states[dependent]!;
      const isAhead = kind === 'skipped' || (kind === 'pending' && run.waits[dependent] !== RELEASED);
      if (isAhead) continue;
      if (work.kind === 'landing') return `landing has begun without it: ${LATER}`;
      const startsFromIt = needs(steps[dependent]!, of) || run.states[index]!.kind === 'succeeded';
      if (startsFromIt) return `step "${id}" has gone on from its end already`;
    }
  }
  return null;
}

const LATER = 'when the run is over, "retry" runs it again';

/** Returns a step and all that were skipped below it. */
function skippedBelow(run: Run, first: number): number[] {
  const found = [first];
  for (let next = 0; next < found.length; next += 1) {
    for (const dependent of run.edges.dependents[found[next]!]!)
      if (run.states[dependent]!.kind === 'skipped' && !found.includes(dependent)) found.push(dependent);
  }
  return found;
}

const needs = ({ work }: Step, id: StepId): boolean =>
  work.kind === 'workstream' && work.startsWith.some((one) => (one as string) === id);

/** Does it. Whatever was said against it must have been asked for before. */
export function actByHand(run: Run, request: ManualRequest, at: number): void {
  const refused = whyNotByHand(run, request);
  if (refused !== null) throw new Error(`BUG: ${refused}`);
  const { action } = request;
  const index = run.edges.indexOf.get(request.step)!;
  run.manual = [...run.manual, { ...request, at }];
  run.revision += 1;
  if (action === 'unblock') return reopen(run, index);
  if (action === 'reset') {
    const state = run.states[index]!;
    const before = 'outcome' in state ? (state.outcome?.attempts ?? []) : [];
    run.resets.set(index, { attempts: before, clearRetries: request.clearRetries });
    return reopen(run, index);
  }
  const state = run.states[index]!;
  if (state.kind === 'running') {
    // Its end is taken for what the person said of it.
    run.verdicts.set(index, request);
    askToStop(run, index, { kind: 'step-canceled', reason: request.reason, actor: request.actor });
    return;
  }
  if (isOver(state)) reopen(run, index);
  const outcome = outcomeByHand(request, { attempts: [], attemptsOmitted: 0 });
  setState(
    run,
    index,
    outcome.kind === 'succeeded'
      ? { kind: 'succeeded', launchedAt: null, endedAt: at, outcome, reusedFrom: null }
      : { kind: 'failed', launchedAt: null, endedAt: at, outcome },
  );
  follow(run, index, at);
}

/** Returns how a step ended, in the words of the person who ended it; what it had written by then stays as evidence. */
export function outcomeByHand(
  { action, reason, actor }: Pick<ManualRequest, 'action' | 'reason' | 'actor'>,
  { attempts, attemptsOmitted, outputs = {} }: Pick<Outcome, 'attempts' | 'attemptsOmitted' | 'outputs'>,
): Exclude<Outcome, { kind: 'canceled' }> {
  const words = `${action === 'fail' ? 'failed' : 'completed'} by ${actor}: ${reason}`;
  const rest = { attempts, attemptsOmitted };
  // A patch of work that was cut off is not to land.
  const kept = { ...outputs, patch: null, byHand: words };
  return action === 'fail'
    ? { kind: 'failed', failure: { reason: 'workstream-failed', message: words }, ...rest, outputs: kept }
    : { kind: 'succeeded', ...rest, outputs: kept };
}

/** Opens a step again, and those that were skipped because of how it ended. */
function reopen(run: Run, first: number): void {
  const opened = skippedBelow(run, first);
  for (const index of opened) {
    reopenState(run, index);
    run.tolerated[index] = false;
  }
  const isOpened = new Set(opened);
  run.edges.dependencies.forEach((dependencies, index) => {
    if (run.states[index]!.kind !== 'pending') return;
    if (isOpened.has(index)) {
      run.waits[index] = dependencies.filter((one) => !isOver(run.states[one]!)).length;
    } else if (run.waits[index] !== RELEASED) {
      run.waits[index]! += dependencies.filter((one) => isOpened.has(one)).length;
    }
  });
  run.waits[first] = RELEASED;
  queue(run, first); // its own condition is not asked: a person has answered it
}
