/**
 * Time that passes evenly, whatever is done to the clock on the wall.
 */

/** Timers of Node count milliseconds in 31 bits; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls `act` after so many milliseconds, never earlier. Returns what takes that back. */
export function after(ms: number, act: () => void): () => void {
  const due = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const left = due - performance.now();
    if (left <= 0) act();
    else timer = setTimeout(wait, Math.min(Math.ceil(left), LONGEST_MS));
  };
  timer = setTimeout(wait, Math.min(ms, LONGEST_MS));
  return () => clearTimeout(timer);
}

/** Returns a clock for one attempt: its start on the wall, and ends that are never before it. */
export function attemptClock(): { readonly startedAt: number; readonly now: () => number } {
  const startedAt = Date.now();
  const begin = performance.now();
  return { startedAt, now: () => startedAt + Math.round(performance.now() - begin) };
}
