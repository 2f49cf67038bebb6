/**
 * Looks what became of jobs that others wait for.
 */
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type Client } from '@temporalio/client';
import { CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { FINAL_STATES } from '../../job/job.js';
import type { Found } from '../../job/queue.js';
import { RUN_STATE } from '../../workflows/attributes.js';
import { jobWorkflowId, type FindJobsTask, type JobEnd } from '../../workflows/job-api.js';

/** Returns each job by its id: how it ended, `open`, or null for one that the server does not know. May run twice: it only reads. */
export async function findJobs({ queue, ids }: FindJobsTask): Promise<Readonly<Record<string, Found>>> {
  const { client } = Context.current();
  const found = await Promise.all(
    ids.map(async (id) => [id, await findJob(client, jobWorkflowId(queue, id))] as const),
  );
  return Object.fromEntries(found);
}

async function findJob(client: Client, workflowId: string): Promise<Found> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const { status, searchAttributes } = await handle.describe();
    const said: unknown = searchAttributes[RUN_STATE.name]?.[0];
    const isOpen = status.name === 'RUNNING' || status.name === 'PAUSED';
    // Between a job's last word to its queue and its end lies a moment, in which it is open and has ended.
    if (isOpen && !FINAL_STATES.some((state) => state === said)) return { state: 'open' };
    return await handle.result().then(
      (end) => endingOf(end as JobEnd),
      (error: unknown) => ({ state: isFailure(error) ? 'failed' : 'cancelled' }),
    );
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return null;
    throw error;
  }
}

const endingOf = ({ state, escalatedTo }: JobEnd): Found =>
  state === 'escalated' && escalatedTo !== null
    ? { state: 'escalated', to: escalatedTo }
    : { state: 'completed' };

/** Cancelled and terminated jobs did not fail: somebody ended them. */
function isFailure(error: unknown): boolean {
  if (!(error instanceof WorkflowFailedError)) throw error;
  return !(error.cause instanceof CancelledFailure || error.cause instanceof TerminatedFailure);
}
