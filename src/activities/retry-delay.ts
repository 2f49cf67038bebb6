/**
 * How long the server waits before it starts a failed step again.
 */
import type { Retry } from '../plan/plan.js';

/** A delay of 0 is taken for "not set", and the policy's own interval would count. */
const SHORTEST_MS = 1;

/**
 * Returns the wait after a failed attempt, in milliseconds.
 *
 * It counts attempts of the command, where Temporal's own would also count starts that were lost.
 *
 * @param endings - how many attempts have failed: 1 or more
 */
export function retryDelayMs(retry: Retry, endings: number): number {
  const { initialIntervalSec, backoffCoefficient, maxIntervalSec } = retry;
  if (initialIntervalSec === 0) return SHORTEST_MS; // 0 × ∞ is no number
  const sec = Math.min(initialIntervalSec * backoffCoefficient ** (endings - 1), maxIntervalSec);
  return Math.max(Math.round(sec * 1000), SHORTEST_MS);
}
