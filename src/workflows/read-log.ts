/**
 * Asks the host that has a log for a part of it. A workflow of its own, because a closed run executes nothing more.
 */
import { proxyActivities } from '@temporalio/workflow';
import type { HostActivities, LogPiece, ReadLogTask } from '../activities/api.js';
import { hostQueue } from './api.js';

/** A reader waits for it: a host that does not answer by now is taken to be away. */
const WAIT_FOR_HOST = '10 s';
const READ_LIMIT = '10 s';

export async function readHostLog(host: string, task: ReadLogTask): Promise<LogPiece> {
  const { readLog } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(host),
    summary: `${task.path} on ${host}`,
    scheduleToStartTimeout: WAIT_FOR_HOST,
    startToCloseTimeout: READ_LIMIT,
    retry: { maximumAttempts: 2 },
    // Somebody sits before the screen; steps are on other queues.
    priority: { priorityKey: 1 },
  });
  return readLog(task);
}
