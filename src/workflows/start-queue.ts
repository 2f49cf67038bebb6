/**
 * Starting the workflow of a queue of jobs from a job.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { JobAsk } from '../job/job-table.js';
import { newQueue } from '../job/queue.js';
import { QUEUE_WORKFLOW, queueWorkflowId, type QueueInput } from './job-api.js';

/** Starts the workflow of a queue; false when it is there already. */
export async function startQueue(queue: string, ask: JobAsk): Promise<boolean> {
  const input: QueueInput = { state: newQueue(queue), ask };
  try {
    const keeper = await startChild(QUEUE_WORKFLOW, {
      workflowId: queueWorkflowId(queue),
      args: [input],
      memo: { places: 0 },
      // It belongs to everybody who asks it, not to the first of them.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `jobs of the queue ${queue}`.slice(0, 200),
    });
    keeper.result().catch(() => undefined);
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
