import { expect, test } from 'vitest';
import {
  DEFAULT_RETRY,
  policyOf,
  PRESETS,
  shouldRetry,
  stepRetry,
  type RetryPolicy,
} from '../../src/job/retry.js';
import { retryDelayMs } from '../../src/plan/retry-delay.js';

/** Seconds before each of the first retries. */
const delays = (policy: RetryPolicy, count: number): number[] =>
  Array.from({ length: count }, (_, n) => retryDelayMs(stepRetry(policy), n + 1) / 1000);
const policy = (over: Partial<RetryPolicy>): RetryPolicy => ({ ...DEFAULT_RETRY, ...over });

test.each([
  ['linear', [2, 4, 6, 8, 10, 12]],
  ['exponential', [2, 4, 8, 16, 32, 64]],
  ['fibonacci', [2, 2, 4, 6, 10, 16]],
] as const)('%s delays grow so', (strategy, expected) => {
  expect(delays(policy({ strategy, baseSec: 2 }), 6)).toEqual(expected);
});

test('an immediate retry does not wait', () => {
  expect(delays(policy({ strategy: 'immediate', baseSec: 5 }), 3)).toEqual([0.001, 0.001, 0.001]);
});

test.each(['linear', 'exponential', 'fibonacci'] as const)('no %s delay is above the cap', (strategy) => {
  expect(Math.max(...delays(policy({ strategy, maxSec: 7 }), 40))).toBe(7);
});

test('the default is 3 retries, exponential, from 1 s, at most 300 s', () => {
  expect(DEFAULT_RETRY).toEqual({ maxRetries: 3, strategy: 'exponential', baseSec: 1, maxSec: 300 });
  expect(delays(DEFAULT_RETRY, 3)).toEqual([1, 2, 4]);
});

test('the presets are those that people know', () => {
  expect(PRESETS.fast).toMatchObject({ maxRetries: 2, strategy: 'linear', baseSec: 0.5 });
  expect(PRESETS.slow).toMatchObject({ maxRetries: 5, strategy: 'exponential', baseSec: 2, maxSec: 600 });
  expect(PRESETS.none).toMatchObject({ maxRetries: 0, strategy: 'immediate' });
});

test('there is a retry as long as fewer than the most were made', () => {
  expect([0, 1, 2, 3].map((n) => shouldRetry(policy({ maxRetries: 2 }), n))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('what a job says of its retries goes before what its queue says', () => {
  const queue = PRESETS.slow;
  expect(policyOf({ retryPolicy: null, maxRetries: null }, queue)).toEqual(queue);
  expect(policyOf({ retryPolicy: { kind: 'retry-same' }, maxRetries: 1 }, queue).maxRetries).toBe(1);
  expect(policyOf({ retryPolicy: { kind: 'none' }, maxRetries: 9 }, queue)).toEqual(PRESETS.none);
});
