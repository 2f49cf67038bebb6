/**
 * Watches how long the event loop keeps others waiting.
 */

const EVERY_MS = 500;
/** Heartbeats go out each second: a loop that is late by more can make the server think that the worker is dead. */
const TOO_LATE_MS = 1_000;

/** Calls `onLag` with each delay of more than a second. Returns what ends the watch. */
export function watchLag(onLag: (ms: number) => void): () => void {
  let expected = performance.now() + EVERY_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - expected > TOO_LATE_MS) onLag(Math.round(now - expected));
    expected = now + EVERY_MS;
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
