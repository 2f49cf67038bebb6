/**
 * Waiting until no job of a queue is at work: what a stop waits for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { QUEUE_QUERY, queueWorkflowId, type QueueView } from '../../workflows/job-api.js';
import { isNotFound, isSilence } from '../follow.js';

const LOOK_MS = 250;
const ASK_MS = 10_000;

/** Waits until the queue has nobody at work. False when it was left before. */
export async function idle(client: Client, queue: string, signal?: AbortSignal): Promise<boolean> {
  for (;;) {
    if (signal?.aborted === true) return false;
    if ((await atWork(client, queue)) === 0) return true;
    await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

async function atWork(client: Client, queue: string): Promise<number> {
  try {
    const handle = client.workflow.getHandle(queueWorkflowId(queue));
    const view = await client.withDeadline(Date.now() + ASK_MS, () => handle.query<QueueView>(QUEUE_QUERY));
    return view.running.length;
  } catch (error) {
    if (isNotFound(error)) return 0;
    if (isSilence(error)) return 1; // its worker will answer again
    throw error;
  }
}
