/**
 * What the run of a job came to, read from how its workflow ended.
 */
import { ApplicationFailure, ChildWorkflowFailure, isCancellation, rootCause } from '@temporalio/workflow';
import { exitCodeOf } from '../job/exit-code.js';
import type { StepFailure } from '../plan/attempt.js';
import type { StepRecord } from '../plan/record.js';
import { describeFailure } from '../plan/view.js';
import type { RunEnd } from './api.js';

export type RunEnding = {
  readonly exitCode: number | null;
  readonly retries: number;
} & (
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'canceled' }
  | {
      readonly kind: 'failed';
      readonly isTimeout: boolean;
      readonly message: string;
      /** The end of what the tool said, for the one that takes over. */
      readonly lastError: string;
      /** Null when it is not known what the run failed of. */
      readonly failure: StepFailure | null;
    }
);

/** Reads the end of the run of a one-step plan. */
export function runEnding(how: { readonly end: RunEnd } | { readonly error: unknown }): RunEnding {
  if ('end' in how) return { kind: 'succeeded', exitCode: 0, retries: retriesOf(how.end.only ?? null) };
  const { error } = how;
  if (isCancellation(error)) return { kind: 'canceled', exitCode: null, retries: 0 };
  const only = onlyIn(error);
  const failure = only?.failure ?? null;
  const message = failure === null ? (rootCause(error) ?? String(error)) : describeFailure(failure);
  return {
    kind: 'failed',
    exitCode: failure === null ? null : exitCodeOf(failure),
    retries: retriesOf(only),
    isTimeout: failure?.reason === 'timed-out',
    message: message.slice(0, 1000),
    lastError: failure === null ? message.slice(0, 1000) : lastWords(failure),
    failure,
  };
}

function onlyIn(error: unknown): StepRecord | null {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return null;
  return (cause.details?.[1] as StepRecord | null | undefined) ?? null;
}

const retriesOf = (only: StepRecord | null): number =>
  only === null ? 0 : Math.max(0, only.attempts.length + only.attemptsOmitted - 1);

const lastWords = (failure: StepFailure): string => {
  const tail = 'tail' in failure ? failure.tail.trim() : '';
  return tail === '' ? describeFailure(failure) : `${describeFailure(failure)}\n${tail}`;
};
