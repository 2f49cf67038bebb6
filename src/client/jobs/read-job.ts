/**
 * Reads one job: what the server says of it, what its workflow answers while it is open, what it returned.
 */
import type { Client } from '@temporalio/client';
import { rankOf, type JobState } from '../../job/job.js';
import { rfc3339 } from '../../plan/event.js';
import { RUN_STATE } from '../../workflows/attributes.js';
import { JOB_QUERY, jobWorkflowId, type JobMemo, type JobView } from '../../workflows/job-api.js';
import { isNotFound } from '../follow.js';
import type { Link } from '../link.js';
import { describeLeg } from '../live-attempts.js';

/** A job, by the names that people know. Times are RFC 3339, null while they have not come. */
export interface JobStatus {
  readonly job_id: string;
  readonly status: JobState;
  readonly priority: string;
  readonly retry_count: number;
  readonly depends_on: readonly string[];
  readonly queued_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  /** -1: its time was up; -2: nothing could be started. */
  readonly exit_code: number | null;
  readonly error: string | null;
  readonly tool: string;
  readonly workstream_id: string;
  readonly queue: string;
  /** The run of it that is newest: `planwright show` and `logs` take it. */
  readonly run_id: string | null;
  readonly escalated_to: string | null;
  /** Each change of state, oldest first. */
  readonly events: readonly {
    readonly at: string;
    readonly state: JobState;
    readonly reason: string | null;
  }[];
}

const ANSWER_MS = 15_000;
/** An answer of its workflow is more than the server's own, and not waited for long. */
const ASK_MS = 3_000;

/** Returns what is known of a job; null for none. */
export async function readJob(link: Link, queue: string, id: string): Promise<JobStatus | null> {
  const client = await link.client();
  const handle = client.workflow.getHandle(jobWorkflowId(queue, id));
  try {
    const described = await client.withDeadline(Date.now() + ANSWER_MS, () => handle.describe());
    const memo = described.memo as unknown as JobMemo;
    const isOpen = described.status.name === 'RUNNING' || described.status.name === 'PAUSED';
    const said = described.searchAttributes[RUN_STATE.name]?.[0] as JobState | undefined;
    const view = isOpen ? await askJob(client, queue, id) : (memo.end ?? (await endOf(handle.result())));
    const state: JobState = view?.state ?? (isOpen ? (said ?? 'queued') : 'cancelled');
    const live = state === 'running' ? await liveOf(client, view?.run ?? memo.run) : null;
    const status = statusOf(queue, id, memo, view, live?.waits === true ? 'retry' : state);
    return {
      ...status,
      retry_count: Math.max(status.retry_count, live?.retries ?? 0),
      ...(view === null && !isOpen
        ? { error: 'it was terminated', completed_at: timeOf(described.closeTime) }
        : {}),
    };
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

function statusOf(
  queue: string,
  id: string,
  memo: JobMemo,
  view: JobView | null,
  state: JobState,
): JobStatus {
  const time = (at: number | null | undefined): string | null =>
    at === null || at === undefined ? null : rfc3339(at);
  return {
    job_id: id,
    status: state,
    priority: memo.priority,
    retry_count: view?.retries ?? 0,
    depends_on: memo.dependsOn,
    queued_at: rfc3339(memo.queuedAt),
    started_at: time(view?.startedAt),
    completed_at: time(view?.endedAt),
    exit_code: view?.exitCode ?? null,
    error: view?.error ?? null,
    tool: memo.tool,
    workstream_id: memo.workstream,
    queue,
    run_id: view?.run ?? memo.run,
    escalated_to: view?.escalatedTo ?? null,
    events: (view?.changes ?? []).map(({ at, ...rest }) => ({ at: rfc3339(at), ...rest })),
  };
}

const timeOf = (date: Date | undefined): string | null =>
  date === undefined ? null : rfc3339(date.getTime());

/** Null when no worker answers: the server's own word is enough then. */
async function askJob(client: Client, queue: string, id: string): Promise<JobView | null> {
  return client
    .withDeadline(Date.now() + ASK_MS, () =>
      client.workflow.getHandle(jobWorkflowId(queue, id)).query<JobView>(JOB_QUERY),
    )
    .catch(() => null);
}

/** Returns what a closed job came to; null for one that was terminated. */
async function endOf(result: Promise<unknown>): Promise<JobView | null> {
  try {
    return (await result) as JobView;
  } catch (error) {
    const cause =
      error instanceof Error
        ? (error.cause as { readonly details?: readonly unknown[] } | undefined)
        : undefined;
    return (cause?.details?.[0] as JobView | undefined) ?? null;
  }
}

/** Returns how the run of a job that is at work goes: whether it waits for its next try, and how many came before. */
export async function liveOf(
  client: Client,
  run: string | null,
): Promise<{ readonly waits: boolean; readonly retries: number } | null> {
  if (run === null) return null;
  const described = await describeLeg(client, run, ASK_MS).catch(() => null);
  const attempt = described?.live.get('job');
  return attempt === undefined
    ? null
    : { waits: attempt.state === 'backing-off', retries: Math.max(0, attempt.number - 1) };
}

/** By priority, then by time, then by name: as they would be started. */
export const inQueueOrder = (
  a: Pick<JobStatus, 'priority' | 'queued_at' | 'job_id'>,
  b: Pick<JobStatus, 'priority' | 'queued_at' | 'job_id'>,
): number =>
  rankOf(a.priority as never) - rankOf(b.priority as never) ||
  (a.queued_at < b.queued_at ? -1 : a.queued_at > b.queued_at ? 1 : a.job_id < b.job_id ? -1 : 1);
