/**
 * Time that passes evenly, whatever is done to the clock on the wall.
 */

/** Timers of Node count milliseconds in 31 bits; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls `act` after so many milliseconds, never earlier. Returns what takes that back. */
export function after(ms: number, act: () => void): () => void {
  const due = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    timer = setTimeout(look, Math.min(Math.ceil(due - performance.now()), LONGEST_MS));
  };
  const look = (): void => (performance.now() < due ? arm() : act());
  arm();
  return () => clearTimeout(timer);
}

/** Returns a clock for one attempt: its start on the wall, and ends that are never before it. */
export function attemptClock(): { readonly startedAt: number; readonly now: () => number } {
  const startedAt = Date.now();
  const begin = performance.now();
  return { startedAt, now: () => startedAt + Math.round(performance.now() - begin) };
}
