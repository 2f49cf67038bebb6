/**
 * Tells one worker something. A workflow of its own, so that it reaches workers on other machines through the server.
 */
import { proxyActivities } from '@temporalio/workflow';
import type { HostActivities, WorkerOrder } from '../activities/api.js';

/** Somebody waits for it: a worker that does not answer by now is taken to be away. */
const WAIT_FOR_WORKER = '10 s';

export async function orderWorker(identity: string, order: WorkerOrder): Promise<boolean> {
  const { obeyOrder } = proxyActivities<HostActivities>({
    taskQueue: identity, // every worker serves a queue of its own name
    summary: `${order.kind} ${identity}`,
    scheduleToStartTimeout: WAIT_FOR_WORKER,
    startToCloseTimeout: WAIT_FOR_WORKER,
    retry: { maximumAttempts: 2 },
    priority: { priorityKey: 1 },
  });
  return obeyOrder(order);
}
