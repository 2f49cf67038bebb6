/**
 * How a long-running process of ours is asked to stop: first to finish what it does, then to end it.
 */

/** Asks to finish and end; sent twice it means no more than once, unlike SIGTERM. */
export const DRAIN = 'SIGUSR2';

export interface StopSignals {
  /** Take nothing new, finish what runs. */
  readonly draining: AbortSignal;
  /** End what runs. */
  readonly ending: AbortSignal;
  /** Does what the first signal does. */
  readonly drain: () => void;
}

/**
 * Returns signals that follow those of the process: the first SIGTERM or SIGINT drains, the second ends.
 *
 * From then on none of them ends the process by itself: the caller must.
 */
export function onStopSignals(): StopSignals {
  const draining = new AbortController();
  const ending = new AbortController();
  const drain = (): void => draining.abort();
  const stop = (): void => (draining.signal.aborted ? ending : draining).abort();
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on(DRAIN, drain);
  return { draining: draining.signal, ending: ending.signal, drain };
}
