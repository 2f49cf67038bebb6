/**
 * What the server knows of jobs by their ids, before they are submitted.
 */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { JOB_WORKFLOW, jobPrefix, jobWorkflowId, type JobMemo } from '../../workflows/job-api.js';
import { isNotFound } from '../follow.js';
import type { PreparedJob } from './prepare-jobs.js';

export interface KnownJob {
  readonly memo: JobMemo;
  readonly isOpen: boolean;
  /** How often it has been run. */
  readonly runs: number;
  /** Of its newest workflow. */
  readonly execution: string;
}

/** So many ids are asked for one by one; for more, a list of all jobs takes less time. */
const ONE_BY_ONE = 50;

/** Returns those of some jobs that are there already, by id. */
export async function known(
  client: Client,
  queue: string,
  jobs: readonly PreparedJob[],
): Promise<Map<string, KnownJob>> {
  const ids = jobs.map(({ input }) => input.job.id);
  if (ids.length > ONE_BY_ONE) return listed(client, queue, new Set(ids));
  const found = await Promise.all(ids.map(async (id) => [id, await knownJob(client, queue, id)] as const));
  return new Map(found.flatMap(([id, job]) => (job === null ? [] : [[id, job]])));
}

/** Returns what is known of one job; null for none. */
export async function knownJob(client: Client, queue: string, id: string): Promise<KnownJob | null> {
  try {
    return knownBy(await client.workflow.getHandle(jobWorkflowId(queue, id)).describe());
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

async function listed(
  client: Client,
  queue: string,
  ids: ReadonlySet<string>,
): Promise<Map<string, KnownJob>> {
  const jobs = new Map<string, KnownJob>();
  const prefix = jobPrefix(queue);
  const query = `WorkflowType = "${JOB_WORKFLOW}" AND WorkflowId STARTS_WITH "${prefix}"`;
  for await (const info of client.workflow.list({ query, pageSize: 1_000 })) {
    const id = info.workflowId.slice(prefix.length);
    // Newest first: of an id that was run several times the last one counts.
    if (ids.has(id) && !jobs.has(id)) jobs.set(id, knownBy(info));
  }
  return jobs;
}

function knownBy({
  runId,
  memo: rawMemo,
  status: { name: status },
}: Pick<WorkflowExecutionInfo, 'runId' | 'memo' | 'status'>): KnownJob {
  const memo = rawMemo as unknown as JobMemo;
  return {
    memo,
    isOpen: status === 'RUNNING' || status === 'PAUSED',
    runs: Number(/~(\d+)\.[^~]*$/.exec(memo.run ?? '')?.[1] ?? memo.runsBefore),
    execution: runId,
  };
}
