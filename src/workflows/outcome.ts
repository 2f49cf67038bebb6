/**
 * What became of a step, read from how its activity or child workflow ended. A failure is a value here, never a
 * rejected promise: one that nobody awaits yet would block the workflow for ever.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import type { CommandDone, CommandEnded, CommandHeartbeat } from '../activities/api.js';
import type { StepFailure } from '../plan/attempt.js';
import type { Outcome } from '../plan/step-state.js';

import type { Report } from './api.js';

/** The type of the `ApplicationFailure` that `runCommand` throws when the command failed for good. */
export const STEP_FAILED = 'StepFailed';

export const succeededBy = (done: CommandDone): Outcome => ({ kind: 'succeeded', ...done });

/** Reads how a command ended from what its activity threw. */
export function commandOutcome(error: unknown): Outcome {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (isCancellation(error)) {
    return { kind: 'canceled', ...endedOf(cause instanceof CancelledFailure ? cause.details?.[0] : null) };
  }
  if (cause instanceof ApplicationFailure && cause.type === STEP_FAILED) {
    const ended = endedOf(cause.details?.[0]);
    const last = ended.attempts.at(-1)?.end;
    return {
      kind: 'failed',
      failure: last?.kind === 'failed' ? last.failure : machinery(cause.message),
      ...ended,
    };
  }
  if (cause instanceof TimeoutFailure) {
    const beat = cause.lastHeartbeatDetails as CommandHeartbeat | null | undefined;
    const attempts = beat?.attempts ?? [];
    const failure: StepFailure = {
      reason: 'worker-lost',
      message: `worker lost: it was not heard of in time (${cause.timeoutType}), and no attempt is left`,
    };
    return { kind: 'failed', failure, attempts, attemptsOmitted: (beat?.endings ?? 0) - attempts.length };
  }
  return { kind: 'failed', failure: machinery(messageOf(error)), ...endedOf(null) };
}

const machinery = (message: string): StepFailure => ({ reason: 'infrastructure', message });

function endedOf(details: unknown): CommandEnded {
  const ended = details as Partial<CommandEnded> | null | undefined;
  return { attempts: ended?.attempts ?? [], attemptsOmitted: ended?.attemptsOmitted ?? 0 };
}

/** Returns what a sub-plan's run that failed reports of its steps, as far as it was asked to. */
export function failedReport(error: unknown): Report {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : null;
  const details = cause instanceof ApplicationFailure ? cause.details : null;
  return (details?.[2] as Report | null | undefined) ?? {};
}

/** Reads how a sub-plan's run ended from what its workflow threw. */
export function subPlanOutcome(error: unknown): Outcome {
  if (isCancellation(error)) return { kind: 'canceled', ...endedOf(null) };
  const what = error instanceof ChildWorkflowFailure ? messageOf(error) : String(error);
  return {
    kind: 'failed',
    failure: { reason: 'sub-plan-failed', message: what.slice(0, 1000) },
    ...endedOf(null),
  };
}

/** Returns an outcome without attempts: nothing was run, or what ran is not a command. */
export const failedBy = (failure: StepFailure): Outcome => ({ kind: 'failed', failure, ...endedOf(null) });
export const CANCELED: Outcome = { kind: 'canceled', attempts: [], attemptsOmitted: 0 };
export const SUCCEEDED: Outcome = { kind: 'succeeded', outputs: {}, attempts: [], attemptsOmitted: 0 };

const messageOf = (error: unknown): string => (rootCause(error) ?? String(error)).slice(0, 1000);
