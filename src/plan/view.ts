/**
 * A run as others see it: the record of each step and the head of the run, made from the state in memory.
 */
import { askedBy, type Asked } from './approval.js';
import type { Attempt, StepFailure } from './attempt.js';
import { spentUsd } from './budget.js';
import { canceledBy } from './cancel-words.js';
import { WHOLE_RUN } from './lease-use.js';
import type { StepId } from './plan.js';
import { quoteAll } from './quote.js';
import type { Cause, RunHead, RunState, StepRecord } from './record.js';
import type { Run } from './run.js';
import { blemishOf, isRunOver, outputRead, verdict } from './schedule.js';
import type { Outcome, StepState } from './step-state.js';

/** Returns one step's record. `childRun` is the workflow id of a sub-plan's run. */
export function stepRecord(run: Run, index: number, childRun: string | null): StepRecord {
  const state = run.states[index]!;
  const outcome = outcomeOf(state);
  const asked = askedNow(run, index);
  const leases = run.leases.get(index);
  const toolWait = run.toolWaits.get(index);
  return {
    id: run.plan.steps[index]!.id,
    state: state.kind,
    launchedAt: 'launchedAt' in state ? state.launchedAt : null,
    endedAt: 'endedAt' in state ? state.endedAt : null,
    attempts: outcome?.attempts ?? [],
    attemptsOmitted: outcome?.attemptsOmitted ?? 0,
    failure: outcome?.kind === 'failed' ? outcome.failure : null,
    tolerated: run.tolerated[index]!,
    cause: causeOf(state),
    outputs: outcome?.outputs ?? {},
    reusedFrom: state.kind === 'succeeded' ? state.reusedFrom : null,
    childRun,
    canceling: state.kind === 'running' && state.stop !== null,
    ...(asked === null ? {} : { asked }),
    ...(leases === undefined ? {} : { leases }),
    ...(toolWait === undefined ? {} : { toolWait }),
  };
}

/** Returns what a step asks a person, or null when it asks nothing or has not been launched. */
export function askedNow(run: Run, index: number): Asked | null {
  const state = run.states[index]!;
  const launchedAt = 'launchedAt' in state ? state.launchedAt : null;
  if (launchedAt === null) return null;
  return askedBy(run.plan.steps[index]!, launchedAt, (reference) => outputRead(run, reference));
}

function outcomeOf(state: StepState): Outcome | null {
  return 'outcome' in state ? state.outcome : null;
}

function causeOf(state: StepState): Cause | null {
  if (state.kind === 'running') return state.stop;
  return 'cause' in state ? state.cause : null;
}

/** What the core does not know of a run: its name and its times. */
export interface RunClock {
  readonly runId: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** Returns the head of a run. A run that is over shows its verdict even before it is closed. */
export function runHead(run: Run, clock: RunClock): RunHead {
  const over = isRunOver(run);
  const state: RunState = over ? verdict(run) : clock.startedAt === null ? 'pending' : 'running';
  const { earlier } = run;
  const leases = run.leases.get(WHOLE_RUN);
  const counts = { ...run.counts };
  for (const kind of Object.keys(counts) as (keyof typeof counts)[]) counts[kind] += earlier.counts[kind];
  return {
    ...clock,
    state,
    paused: run.paused,
    ...(run.pausedBy === null ? {} : { pausedBy: run.pausedBy }),
    ...(run.pauses.length === 0 ? {} : { pauses: run.pauses }),
    abortedBy: run.abortedBy,
    failedStep: failedStep(run, state),
    cancel: run.cancel,
    counts,
    toleratedFailures: earlier.toleratedFailures + run.tolerated.filter(Boolean).length,
    message: over ? endMessage(run, state) : null,
    ...(leases === undefined ? {} : { leases }),
    ...budgetUse(run),
    ...(run.manual.length === 0 ? {} : { manual: run.manual }),
  };
}

function budgetUse({ plan: { budget }, spending }: Run): Pick<RunHead, 'budget'> {
  if (budget === undefined) return {};
  const { warnedAt, exceededAt } = spending;
  return { budget: { ...budget, spentUsd: spentUsd(spending), warnedAt, exceededAt } };
}

function failedStep(run: Run, state: RunState): StepId | null {
  return run.abortedBy ?? (state === 'failed' ? blemishOf(run) : null);
}

function endMessage(run: Run, state: RunState): string | null {
  if (state === 'canceled' && run.cancel !== null) return canceledBy(run.cancel);
  const step = failedStep(run, state);
  if (step === null) return null;
  const index = run.edges.indexOf.get(step);
  const why = `step "${step}" ${index === undefined ? 'failed' : whatBecameOf(run.states[index]!)}`;
  const others = run.plan.steps.filter((other, at) => other.id !== step && failedForGood(run, at));
  const names = others.map((other) => other.id);
  return others.length === 0 ? why : `${why}; also failed: ${quoteAll(names, 'and', 3)}`;
}

const failedForGood = (run: Run, index: number): boolean =>
  run.states[index]!.kind === 'failed' && run.plan.steps[index]!.critical && !run.tolerated[index]!;

function whatBecameOf(state: StepState): string {
  if (state.kind === 'failed') return `failed: ${describeFailure(state.outcome.failure)}`;
  if (state.kind === 'canceled' && state.cause.kind === 'step-canceled') {
    return `was ${canceledBy(state.cause)}`;
  }
  if (state.kind === 'skipped' && state.cause.kind === 'engine') return `was skipped: ${state.cause.message}`;
  return 'was called upon, but its condition is false'; // all that is left: a fallback that did not stand in
}

/** Says in a few words why a step failed, without its output. */
export function describeFailure(failure: StepFailure): string {
  switch (failure.reason) {
    case 'exit-code':
      return `exit code ${failure.exitCode}`;
    case 'signal':
      return `killed by ${failure.signal}${failure.signal === 'SIGKILL' ? ', perhaps out of memory' : ''}`;
    case 'timed-out':
      return `timeout after ${failure.afterSec} s`;
    case 'not-started':
    case 'bad-output':
    case 'worker-lost':
    case 'condition-error':
    case 'rejected':
    case 'sub-plan-failed':
    case 'workstream-failed':
    case 'landing-failed':
    case 'infrastructure':
      return failure.message;
    default:
      return failure satisfies never;
  }
}

/** Returns the exit code of the last attempt; null when a signal ended it or none was started. */
export function lastExitCode(attempts: readonly Attempt[]): number | null {
  const end = attempts.at(-1)?.end;
  if (end?.kind === 'succeeded') return 0;
  return end?.kind === 'failed' && end.failure.reason === 'exit-code' ? end.failure.exitCode : null;
}
