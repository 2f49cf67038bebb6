/**
 * A workflow for tests of the activity alone: runs one command and returns how it ended, as the workflow sees it.
 */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  isCancellation,
  proxyActivities,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities, CommandDone, CommandEnded, CommandTask } from '../../src/activities/api.js';

export interface Seen {
  readonly kind: 'done' | 'failed' | 'canceled' | 'timed-out' | 'other';
  readonly type: string | null;
  readonly ended: CommandEnded | CommandDone | null;
}

const FAST = 16;

function activities(task: CommandTask): Pick<Activities, 'runCommand'> {
  return proxyActivities<Activities>({
    activityId: task.step,
    startToCloseTimeout: '60s',
    heartbeatTimeout: '2s',
    retry: { initialInterval: 1, maximumAttempts: task.retry.maxAttempts + 10 },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
}

export async function runOne(task: CommandTask): Promise<Seen> {
  try {
    const done = await activities(task).runCommand(task);
    return { kind: 'done', type: null, ended: done };
  } catch (error) {
    return seen(error);
  }
}

function seen(error: unknown): Seen {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const details = (failure: ApplicationFailure | CancelledFailure): CommandEnded | null =>
    (failure.details?.[0] as CommandEnded | undefined) ?? null;
  if (isCancellation(error) && cause instanceof CancelledFailure) {
    return { kind: 'canceled', type: null, ended: details(cause) };
  }
  if (cause instanceof ApplicationFailure)
    return { kind: 'failed', type: cause.type ?? null, ended: details(cause) };
  if (cause instanceof TimeoutFailure)
    return { kind: 'timed-out', type: String(cause.timeoutType), ended: null };
  return { kind: 'other', type: String(error), ended: null };
}

/** Runs many, sixteen at a time. */
export async function runMany(task: CommandTask, count: number): Promise<void> {
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const step = `s${next++}` as CommandTask['step'];
      await activities({ ...task, step }).runCommand({ ...task, step });
    }
  };
  await Promise.all(Array.from({ length: FAST }, line));
}
