/**
 * Which workers ask a cluster for tasks.
 */
import type { Connection } from '@temporalio/client';
import { TASK_QUEUE } from '../workflows/api.js';
import type { Target } from './target.js';

/** A worker asks at least once a minute: who has not for longer is gone. */
export const POLLED_WITHIN_MS = 90_000;
const LIMIT_MS = 10_000;
/** `TaskQueueType` of Temporal's API: workflow tasks. */
const WORKFLOW_TASKS = 1;

/** Returns the identities of the workers that asked for workflow tasks lately. */
export async function recentPollers(connection: Connection, namespace: string): Promise<readonly string[]> {
  const { pollers } = await connection.withDeadline(Date.now() + LIMIT_MS, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: TASK_QUEUE },
      taskQueueType: WORKFLOW_TASKS,
    }),
  );
  const recent = pollers.filter(({ lastAccessTime }) => {
    const at = (lastAccessTime?.seconds?.toNumber() ?? 0) * 1000;
    return Date.now() - at < POLLED_WITHIN_MS;
  });
  return [...new Set(recent.map(({ identity }) => identity ?? '?'))];
}

/** Asks a cluster, over a connection made for it, whether any worker serves it. */
export async function isServed({ connectionOptions, namespace }: Target): Promise<boolean> {
  const { Connection } = await import('../sdk/client.js');
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: LIMIT_MS });
  try {
    return (await recentPollers(connection, namespace)).length > 0;
  } finally {
    await connection.close();
  }
}
