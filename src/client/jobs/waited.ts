/**
 * Until when somebody has waited for a whole queue: the bad ends before that have been told of. It stands in the memo of
 * the queue's workflow, whose executions the server keeps as long as those of its jobs.
 */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import {
  JOB_WORKFLOW,
  jobPrefix,
  QUEUE_WORKFLOW,
  queueWorkflowId,
  WAITED_UPDATE,
  type QueueMemo,
} from '../../workflows/job-api.js';
import type { Link } from '../link.js';
import { knownJob } from './known-jobs.js';
import { listed, type ListedJob } from './list-jobs.js';
import { toldQueue } from './workers.js';

/** Returns until when was waited for the whole queue, in milliseconds since 1970; 0 when nobody did. */
export async function waitedUntil(client: Client, queue: string): Promise<number> {
  const query = `WorkflowType = "${QUEUE_WORKFLOW}" AND WorkflowId = "${queueWorkflowId(queue)}"`;
  let until = 0;
  for await (const { memo } of client.workflow.list({ query, pageSize: 1_000 }))
    until = Math.max(until, (memo as unknown as QueueMemo | undefined)?.waitedUntil ?? 0);
  return until;
}

/** Notes that somebody has waited for the whole queue and was told of all that ended until then. */
export async function noteWaited(link: Link, queue: string, until: number): Promise<void> {
  await toldQueue(link, queue, WAITED_UPDATE, [until], 0);
}

/** Bad ends that are told of by name. */
const MOST = 1_000;

/** Returns the jobs that ended badly since a time, oldest first. One that was run again counts by how it ended then. */
export async function endedBadly(client: Client, queue: string, since: number): Promise<ListedJob[]> {
  const query =
    `WorkflowType = "${JOB_WORKFLOW}" AND WorkflowId STARTS_WITH "${jobPrefix(queue)}" AND CloseTime > "${new Date(since).toISOString()}"` +
    ' AND ExecutionStatus IN ("Failed", "TimedOut", "Canceled", "Terminated")';
  const latest = new Map<string, WorkflowExecutionInfo>();
  for await (const end of client.workflow.list({ query, pageSize: 1_000 })) {
    if (!latest.has(end.workflowId)) latest.set(end.workflowId, end);
    if (latest.size >= MOST) break;
  }
  const bad = await Promise.all(
    [...latest.values()].map(async (end) => {
      const job = listed(queue, end);
      const now = await knownJob(client, queue, job.job_id);
      return now === null || now.execution === end.runId ? job : null;
    }),
  );
  return bad.filter((end) => end !== null).reverse();
}
