/**
 * How often a step is tried: the two old fields, or `retry`.
 */
import type { Retry } from '../../plan.js';
import { quote } from '../../quote.js';
import type { PlanPath } from '../places.js';
import type { AttemptsDocument, StepDocument } from '../schema.js';
import type { StepContext } from './step-type.js';

/**
 * Returns the attempts of a step, and reports fields that contradict each other.
 *
 * @param defaultRetries - for a step that says nothing
 * @param at - where it stands
 */
export function attemptsOf(
  document: AttemptsDocument & Pick<StepDocument, 'id'>,
  defaultRetries: number,
  { index, findings }: Pick<StepContext, 'index' | 'findings'>,
  at: PlanPath = ['steps', index],
): Retry {
  const { retry, retries, retry_delay_sec: delaySec = 0 } = document;
  if (retry === undefined) {
    return {
      maxAttempts: (retries ?? defaultRetries) + 1,
      initialIntervalSec: delaySec,
      backoffCoefficient: 1,
      maxIntervalSec: delaySec,
      nonRetryableExitCodes: [],
    };
  }
  for (const old of ['retries', 'retry_delay_sec'] as const) {
    if (document[old] === undefined) continue;
    findings.add({
      code: 'conflict',
      path: [...at, old],
      at: 'key',
      message: `step ${quote(document.id)}: "${old}" and "retry" both say how often it is tried`,
      hint: 'keep one of them',
    });
  }
  const { growth, backoff_coefficient: coefficient } = retry;
  if (growth !== undefined && coefficient !== undefined) {
    findings.add({
      code: 'conflict',
      path: [...at, 'retry', 'growth'],
      at: 'key',
      message: `step ${quote(document.id)}: "growth" and "backoff_coefficient" both say how the waits grow`,
      hint: 'keep one of them',
    });
  }
  return {
    maxAttempts: retry.max_attempts ?? defaultRetries + 1,
    initialIntervalSec: retry.initial_interval_sec,
    backoffCoefficient: coefficient ?? (growth === undefined ? 2 : 1),
    maxIntervalSec: Math.max(retry.max_interval_sec ?? 300, retry.initial_interval_sec),
    nonRetryableExitCodes: retry.non_retryable_exit_codes,
    ...(growth === undefined ? {} : { growth }),
  };
}
