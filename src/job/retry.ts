/**
 * How often a job is tried again, and how long it waits before.
 */
import type { Retry } from '../plan/plan.js';
import type { Job } from './job.js';

export const STRATEGIES = ['immediate', 'linear', 'exponential', 'fibonacci'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface RetryPolicy {
  /** Tries after the first. */
  readonly maxRetries: number;
  readonly strategy: Strategy;
  readonly baseSec: number;
  readonly maxSec: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  maxRetries: 3,
  strategy: 'exponential',
  baseSec: 1,
  maxSec: 300,
};

export const PRESETS = {
  default: DEFAULT_RETRY,
  fast: { maxRetries: 2, strategy: 'linear', baseSec: 0.5, maxSec: 300 },
  slow: { maxRetries: 5, strategy: 'exponential', baseSec: 2, maxSec: 600 },
  none: { maxRetries: 0, strategy: 'immediate', baseSec: 0, maxSec: 0 },
} as const satisfies Readonly<Record<string, RetryPolicy>>;

export type Preset = keyof typeof PRESETS;

/** Whether there is a further try after `retries` of them. */
export const shouldRetry = (policy: RetryPolicy, retries: number): boolean => retries < policy.maxRetries;

/** Returns the policy of a job: what it says itself, else what its queue says. */
export function policyOf(job: Pick<Job, 'retryPolicy' | 'maxRetries'>, queue: RetryPolicy): RetryPolicy {
  if (job.retryPolicy?.kind === 'none') return PRESETS.none;
  return job.maxRetries === null ? queue : { ...queue, maxRetries: job.maxRetries };
}

/** A shell says so of a program that is not there, or that may not be run: the next try would find the same. */
const NEVER_STARTED = [126, 127];

/** Returns the policy as a step of a plan has it. */
export const stepRetry = ({ maxRetries, strategy, baseSec, maxSec }: RetryPolicy): Retry => ({
  maxAttempts: maxRetries + 1,
  initialIntervalSec: strategy === 'immediate' ? 0 : baseSec,
  backoffCoefficient: strategy === 'exponential' ? 2 : 1,
  maxIntervalSec: maxSec,
  nonRetryableExitCodes: NEVER_STARTED,
  ...(strategy === 'linear' || strategy === 'fibonacci' ? { growth: strategy } : {}),
});
