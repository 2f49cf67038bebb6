/**
 * How long the engine waits before it starts a failed step again.
 */
import type { Retry } from './plan.js';

/** A delay of 0 is taken for "not set", and the policy's own interval would count. */
const SHORTEST_MS = 1;

/**
 * Returns the wait after a failed attempt, in milliseconds.
 *
 * It counts attempts of the command, where Temporal's own would also count starts that were lost; and Temporal's can only
 * multiply.
 *
 * @param endings - how many attempts have failed: 1 or more
 */
export function retryDelayMs(retry: Retry, endings: number): number {
  const { initialIntervalSec, maxIntervalSec } = retry;
  if (initialIntervalSec === 0) return SHORTEST_MS; // 0 × ∞ is no number
  const sec = Math.min(initialIntervalSec * factor(retry, endings), maxIntervalSec);
  return Math.max(Math.round(sec * 1000), SHORTEST_MS);
}

/** The same for who waits itself: no wait at all where the first is none. */
export const waitBefore = (retry: Retry, endings: number): number =>
  retry.initialIntervalSec === 0 ? 0 : retryDelayMs(retry, endings);

function factor({ growth, backoffCoefficient }: Retry, endings: number): number {
  switch (growth) {
    case undefined:
      return backoffCoefficient ** (endings - 1);
    case 'linear':
      return endings;
    case 'fibonacci':
      return fibonacci(endings);
    default:
      return growth satisfies never;
  }
}

/** 1, 1, 2, 3, 5, 8 … */
function fibonacci(n: number): number {
  let [now, next] = [1, 1];
  for (let at = 1; at < n; at += 1) [now, next] = [next, now + next];
  return now;
}
