/**
 * Tells the server, at a fixed rate, that a step is at work, and learns by the answers when it is canceled.
 */
import type { CommandHeartbeat } from './api.js';

/** The server counts a step as lost after 10 s without; a cancel is heard of with the next one. */
const EVERY_MS = 1_000;
/**
 * Not at once: most steps of a plan of small commands have ended by then, and each heartbeat costs the server as much as
 * the step itself.
 */
const FIRST_MS = 200;

export interface Heartbeats {
  /** Sends one now, to be kept by the server over the end of this start. */
  now(): void;
  stop(): void;
}

/** Begins to send heartbeats; `details` is asked each time. */
export function startHeartbeats(
  heartbeat: (details: CommandHeartbeat) => void,
  details: () => CommandHeartbeat,
): Heartbeats {
  const now = (): void => heartbeat(details());
  let every: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    now();
    every = setInterval(now, EVERY_MS);
  }, FIRST_MS);
  return {
    now,
    stop() {
      clearTimeout(first);
      clearInterval(every);
    },
  };
}
