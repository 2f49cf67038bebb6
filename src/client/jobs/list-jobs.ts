/**
 * Lists and counts jobs, by what the server knows of them: no worker is asked.
 */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isFinal, type JobState } from '../../job/job.js';
import { rfc3339 } from '../../plan/event.js';
import { RUN_STATE } from '../../workflows/attributes.js';
import {
  FIRST_QUERY,
  JOB_WORKFLOW,
  jobPrefix,
  jobWorkflowId,
  queueWorkflowId,
  type JobMemo,
  type QueueFirst,
  type QueueMemo,
} from '../../workflows/job-api.js';
import { isNotFound } from '../follow.js';
import type { Link } from '../link.js';
import { inQueueOrder, liveOf } from './read-job.js';

export interface JobFilter {
  readonly status?: JobState;
  /** 100 unless said. */
  readonly limit?: number;
}

/** A job in a list. */
export interface ListedJob {
  readonly job_id: string;
  readonly status: JobState;
  readonly priority: string;
  readonly queued_at: string;
  readonly ended_at: string | null;
  readonly tool: string;
  readonly workstream_id: string;
  readonly depends_on: readonly string[];
  readonly run_id: string | null;
}

export interface JobList {
  /** By priority, then by the time of submission; those that have not ended come first. */
  readonly jobs: readonly ListedJob[];
  /** How many there are, listed or not. */
  readonly total: number;
  /** False: there are many, and their queue did not say in time which come first; these are some of them. */
  readonly in_order: boolean;
}

const DEFAULT_LIMIT = 100;
const PAGE = 1_000;
/** So many are read whole and sorted here; of more, the queue is asked which come first. */
const FEW = 200;
const ASK_MS = 10_000;

export async function listJobs(link: Link, queue: string, filter: JobFilter = {}): Promise<JobList> {
  const client = await link.client();
  const { status, limit = DEFAULT_LIMIT } = filter;
  const {
    jobs: openFirst,
    total: openTotal,
    in_order: inOrder,
  } = status === undefined || !isFinal(status)
    ? await firstOpen(client, queue, status, limit)
    : { jobs: [], total: 0, in_order: true };
  const left = limit - openFirst.length;
  const ended = status === undefined || isFinal(status) ? endedQuery(queue, status) : null;
  const [closed, closedTotal] =
    ended === null
      ? [[], 0]
      : await Promise.all([left > 0 ? newest(client, queue, ended, left) : [], counted(client, ended)]);
  return {
    jobs: [...openFirst, ...closed.sort(inQueueOrder)],
    total: openTotal + closedTotal,
    in_order: inOrder,
  };
}

/** Returns the open jobs that come first, with how many there are. */
async function firstOpen(
  client: Client,
  queue: string,
  status: JobState | undefined,
  limit: number,
): Promise<JobList> {
  const isOfRuns = status === 'running' || status === 'retry'; // of these there are as many as workers
  const total = isOfRuns ? 0 : await counted(client, openQuery(queue, status));
  if (total > FEW && limit <= FEW) {
    const first = await firstByQueue(client, queue, status, limit);
    const named = first === null ? [] : await namedJobs(client, queue, first.ids);
    // The queue has forgotten those that it told off, and they end soon; of one that is silent a page is read. Never all.
    const some = named.length >= limit ? [] : await newest(client, queue, openQuery(queue, status), PAGE);
    const others = some.filter((one) => !named.some((job) => job.job_id === one.job_id));
    const listed = [...named, ...others.sort(inQueueOrder)].slice(0, limit);
    const jobs = await withRetries(client, listed);
    const fitting = jobs.filter((job) => status === undefined || job.status === status);
    return { jobs: fitting.sort(inQueueOrder), total, in_order: first !== null };
  }
  const open = (await openJobs(client, queue, status)).sort(inQueueOrder);
  return { jobs: open.slice(0, limit), total: open.length, in_order: true };
}

/** Returns the names of those that come first: the server cannot sort, the queue can. Null when it does not answer. */
async function firstByQueue(
  client: Client,
  queue: string,
  status: JobState | undefined,
  limit: number,
): Promise<QueueFirst | null> {
  return client
    .withDeadline(Date.now() + ASK_MS, () =>
      client.workflow
        .getHandle(queueWorkflowId(queue))
        .query<QueueFirst, [number, readonly string[]]>(
          FIRST_QUERY,
          limit,
          status === undefined ? [] : [status],
        ),
    )
    .catch(() => null);
}

/** Reads open jobs by their names. */
async function namedJobs(client: Client, queue: string, ids: readonly string[]): Promise<ListedJob[]> {
  if (ids.length === 0) return [];
  const names = ids.map((id) => `"${jobWorkflowId(queue, id)}"`).join(', ');
  const query = `WorkflowId IN (${names}) AND ExecutionStatus = "Running"`;
  return newest(client, queue, query, ids.length);
}

export interface QueueStats {
  readonly queue: Readonly<Record<JobState | 'total', number>>;
  readonly workers: {
    readonly running: boolean;
    readonly worker_count: number;
    readonly active_workers: number;
    /** Who is at work, in the order of their priority and submission. */
    readonly active_jobs: readonly string[];
  };
}

/** Counts the jobs of a queue by state. */
export async function queueStats(link: Link, queue: string): Promise<QueueStats> {
  const client = await link.client();
  const [running, waiting, escalated, byStatus, places] = await Promise.all([
    openJobs(client, queue, 'running', 'retry'),
    counted(client, openQuery(queue, 'waiting')),
    counted(client, endedQuery(queue, 'escalated')),
    countedByStatus(client, inQueue(queue)),
    workersOf(client, queue),
  ]);
  const of = (...statuses: readonly string[]): number =>
    statuses.reduce((sum, status) => sum + (byStatus.get(status) ?? 0), 0);
  const retry = running.filter(({ status }) => status === 'retry').length;
  const counts = {
    waiting,
    queued: Math.max(0, of('Running') - waiting - running.length),
    running: running.length - retry,
    retry,
    completed: Math.max(0, of('Completed') - escalated),
    failed: of('Failed', 'TimedOut'),
    escalated,
    cancelled: of('Canceled', 'Terminated'),
  };
  return {
    queue: { ...counts, total: Object.values(counts).reduce((sum, count) => sum + count, 0) },
    workers: {
      running: places > 0,
      worker_count: places,
      active_workers: running.length,
      active_jobs: running.sort(inQueueOrder).map(({ job_id: id }) => id),
    },
  };
}

/** Returns how many jobs a queue may run at once; 0: its workers are stopped. */
export async function workersOf(client: Client, queue: string): Promise<number> {
  try {
    const { memo, status } = await client.workflow.getHandle(queueWorkflowId(queue)).describe();
    return status.name === 'RUNNING' ? ((memo as unknown as QueueMemo | undefined)?.places ?? 0) : 0;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

/** Returns how many jobs of a queue have not ended. */
export const countOpen = (client: Client, queue: string): Promise<number> =>
  counted(client, `${inQueue(queue)} AND ExecutionStatus = "Running"`);

const inQueue = (queue: string): string =>
  `WorkflowType = "${JOB_WORKFLOW}" AND WorkflowId STARTS_WITH "${jobPrefix(queue)}"`;

const openQuery = (queue: string, state?: JobState): string =>
  `${inQueue(queue)} AND ExecutionStatus = "Running"${state === undefined ? '' : ` AND ${RUN_STATE.name} = "${state}"`}`;

/** How a workflow ended says more than what it last said of itself: one that was terminated said nothing. */
function endedQuery(queue: string, state?: JobState): string {
  const status =
    state === undefined
      ? 'ExecutionStatus != "Running"'
      : state === 'completed' || state === 'escalated'
        ? `ExecutionStatus = "Completed" AND ${RUN_STATE.name} = "${state}"`
        : state === 'failed'
          ? '(ExecutionStatus = "Failed" OR ExecutionStatus = "TimedOut")'
          : '(ExecutionStatus = "Canceled" OR ExecutionStatus = "Terminated")';
  return `${inQueue(queue)} AND ${status}`;
}

const counted = async (client: Client, query: string): Promise<number> =>
  (await client.workflow.count(query)).count;

/** Counts by the status of the workflow, all with one question: the server can group by that, and by nothing of ours. */
async function countedByStatus(client: Client, query: string): Promise<ReadonlyMap<string, number>> {
  const { groups } = await client.workflow.count(`${query} GROUP BY ExecutionStatus`);
  return new Map(groups.map(({ groupValues: [status], count }) => [String(status), count]));
}

/** Returns jobs that have not ended, in no order. Whether one at work waits for its next try, its run says. */
async function openJobs(
  client: Client,
  queue: string,
  ...states: (JobState | undefined)[]
): Promise<ListedJob[]> {
  const wanted = states.filter((state) => state !== undefined);
  const bySelf = new Set(wanted.map((state) => (state === 'retry' ? 'running' : state)));
  const only = bySelf.size === 1 ? [...bySelf][0] : undefined;
  const jobs: ListedJob[] = [];
  for await (const info of client.workflow.list({ query: openQuery(queue, only), pageSize: PAGE }))
    jobs.push(listed(queue, info));
  const seen = await withRetries(client, jobs);
  return wanted.length === 0 ? seen : seen.filter(({ status }) => wanted.includes(status));
}

/** Says of jobs at work whether they wait for their next try: one question for each of them. */
function withRetries(client: Client, jobs: readonly ListedJob[]): Promise<ListedJob[]> {
  return Promise.all(
    jobs.map(async (job): Promise<ListedJob> => {
      if (job.status !== 'running') return job;
      const live = await liveOf(client, job.run_id);
      return live?.waits === true ? { ...job, status: 'retry' } : job;
    }),
  );
}

async function newest(client: Client, queue: string, query: string, limit: number): Promise<ListedJob[]> {
  const jobs: ListedJob[] = [];
  for await (const info of client.workflow.list({ query, pageSize: Math.min(limit, PAGE) })) {
    jobs.push(listed(queue, info));
    if (jobs.length >= limit) break;
  }
  return jobs;
}

export function listed(queue: string, info: WorkflowExecutionInfo): ListedJob {
  const memo = info.memo as unknown as JobMemo;
  const said = info.searchAttributes[RUN_STATE.name]?.[0] as JobState | undefined;
  return {
    job_id: info.workflowId.slice(jobPrefix(queue).length),
    status: stateOf(info.status.name, said),
    priority: memo.priority,
    queued_at: rfc3339(memo.queuedAt),
    ended_at: info.closeTime === undefined ? null : rfc3339(info.closeTime.getTime()),
    tool: memo.tool,
    workstream_id: memo.workstream,
    depends_on: memo.dependsOn,
    run_id: memo.run,
  };
}

function stateOf(status: string, said: JobState | undefined): JobState {
  switch (status) {
    case 'COMPLETED':
      return said === 'escalated' ? 'escalated' : 'completed';
    case 'FAILED':
    case 'TIMED_OUT':
      return 'failed';
    case 'CANCELLED':
    case 'TERMINATED':
      return 'cancelled';
    default:
      return said ?? 'queued';
  }
}
