/**
 * Watches over a running command: ends it at its limit, or when somebody asks for that.
 */
import type { Ending, ProcessTree } from '../tools/process/index.js';
import { after } from './clock.js';

/** Why a command was ended before it ended by itself. */
export type Stop =
  | 'deadline'
  /** The run or the step is canceled. */
  | 'canceled'
  /** Nobody waits for this start any more: the run is closed, or another start has taken its place. */
  | 'forsaken'
  /** The activity was paused or reset by hand. */
  | 'interrupted'
  /** The worker drains, and another may run the step instead. */
  | 'draining'
  /** The worker ends now. */
  | 'ending';

/** What can end a command. */
export interface Watch {
  readonly timeoutMs: number;
  /** Between TERM and KILL. */
  readonly graceMs: number;
  /** Temporal's; its reason's message says why. */
  readonly cancellation: AbortSignal;
  /** Null where a drain must not end the command. */
  readonly draining: AbortSignal | null;
  /** How long a draining worker lets the command go on. */
  readonly drainMs: number;
  readonly ending: AbortSignal;
}

/** What ends a command at once: there is no time, or nobody who would profit. */
const AT_ONCE: ReadonlySet<Stop> = new Set(['forsaken', 'ending']);

/** Waits for the end of a command and of all it started, and brings it about when it must. */
export async function supervise(
  tree: ProcessTree,
  watch: Watch,
): Promise<{ readonly ending: Ending; readonly stop: Stop | null }> {
  let stop: Stop | null = null;
  let exited = false;
  const undo: (() => void)[] = [];
  const halt = (why: Stop): void => {
    if (exited) return;
    if (stop === null) {
      stop = why;
      if (!AT_ONCE.has(why)) {
        tree.signal('SIGTERM');
        undo.push(after(watch.graceMs, () => tree.kill()));
      }
    }
    if (AT_ONCE.has(why)) tree.kill();
  };
  const on = (signal: AbortSignal, act: () => void): void => {
    if (signal.aborted) return act();
    signal.addEventListener('abort', act, { once: true });
    undo.push(() => signal.removeEventListener('abort', act));
  };
  // Not in the timer itself: the news of an end in time may wait behind a loop that was late.
  undo.push(after(watch.timeoutMs, () => setImmediate(() => halt('deadline'))));
  on(watch.cancellation, () => halt(stopOf(watch.cancellation)));
  on(watch.ending, () => halt('ending'));
  if (watch.draining !== null)
    on(watch.draining, () => undo.push(after(watch.drainMs, () => halt('draining'))));
  try {
    await tree.exited;
    exited = true;
    return { ending: await tree.ended, stop };
  } finally {
    for (const step of undo) step();
  }
}

/** Reads why Temporal cancels an activity: the reason's message is a word of the SDK. */
export function stopOf({ reason }: AbortSignal): Stop {
  switch (reason instanceof Error ? reason.message : '') {
    case 'CANCELLED':
      return 'canceled';
    case 'NOT_FOUND':
    case 'TIMED_OUT':
      return 'forsaken';
    case 'WORKER_SHUTDOWN':
      return 'ending';
    default:
      return 'interrupted'; // PAUSED, RESET
  }
}
