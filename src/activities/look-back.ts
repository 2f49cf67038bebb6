/**
 * What this host remembers of a step, when it is started again.
 */
import type { Attempt } from '../plan/attempt.js';
import type { CommandTask } from './api.js';
import {
  attemptFiles,
  logRef,
  openStep,
  readClosing,
  startsOf,
  type Closing,
  type StepFiles,
} from './attempt-files.js';
import { endLeftover } from './leftovers.js';
import { onMachine } from './machine-trouble.js';
import type { Trace } from './tally.js';
import type { Outputs } from './try-command.js';

export interface Past {
  readonly step: StepFiles;
  /** The number of the last start on this host; 0 when there was none. */
  readonly lastStart: number;
  /** The attempt that succeeded: its answer was lost on the way to the server. */
  readonly success: { readonly attempt: Attempt; readonly outputs: Outputs } | null;
  /** Ended attempts of the same schedule. */
  readonly ended: readonly Attempt[];
  /** Starts of the same schedule that did not end. */
  readonly lost: readonly Trace[];
}

export interface PastOf {
  readonly home: string;
  readonly host: string;
  readonly task: CommandTask;
  /** A step that is scheduled anew (a workflow reset) has its attempts again; only a success is kept. */
  readonly schedule: string;
}

/**
 * Ends what earlier starts left running, then reads how they ended.
 *
 * @throws MachineTrouble when a process survives, or the state directory cannot be used
 */
export async function lookBack({ home, host, task, schedule }: PastOf): Promise<Past> {
  const { isNew, ...step } = onMachine(() => openStep(home, host, task.runId, task.step));
  const starts = isNew ? [] : onMachine(() => startsOf(step));
  const closings: (Closing & { readonly n: number })[] = [];
  for (const files of starts) {
    if (readClosing(files) === null) await endLeftover(files);
    const closing = readClosing(files);
    if (closing !== null) closings.push({ ...closing, n: files.n });
  }
  const same = closings.filter((closing) => closing.schedule === schedule);
  return {
    step,
    lastStart: starts.at(-1)?.n ?? 0,
    success: closings.flatMap(({ end }) => succeeded(end) ?? []).at(-1) ?? null,
    ended: same.flatMap(({ end }) => (end.kind === 'ended' ? end.attempt : [])),
    lost: same.flatMap(({ n, end, startedAt }) =>
      end.kind === 'lost' ? { startedAt, logs: logRef(step, attemptFiles(step, n)) } : [],
    ),
  };
}

const succeeded = (end: Closing['end']): Past['success'] =>
  end.kind === 'ended' && end.attempt.end.kind === 'succeeded' ? end : null;
