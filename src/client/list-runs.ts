/**
 * Lists runs: those that Temporal knows, and those that only a record on this machine remembers.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isRunId } from '../home.js';
import { rfc3339 } from '../plan/event.js';
import type { RunHead, RunState } from '../plan/record.js';
import { readQuarantine, readStartNote } from '../record/notes.js';
import { readSummary, UnreadableRecordError } from '../record/run-record.js';
import { SetupError } from '../server/setup-error.js';
import { unusableHome } from '../server/usable-home.js';
import { CHANGES_QUERY, RUN_WORKFLOW, type Changes } from '../workflows/api.js';
import { isNotFound } from './follow.js';
import type { Link } from './link.js';
import { byAge, pickRun } from './run-id.js';
import { progressOf, summaryStatus } from './views.js';

export interface ListFilter {
  readonly project?: string;
  readonly state?: RunState;
  readonly plan?: string;
  /** 100 unless said. */
  readonly limit?: number;
  /** Also runs of sub-plans. */
  readonly all?: boolean;
}

/** One run in a list. What is null could not be found out cheaply. */
export interface ListedRun {
  readonly run_id: string;
  readonly project_id: string | null;
  readonly state: RunState;
  readonly paused: boolean;
  readonly created_at: string;
  readonly ended_at: string | null;
  readonly progress: number | null;
  readonly error_message: string | null;
  readonly metadata: { readonly plan_id: string | null; readonly plan_path: string | null };
}

export interface RunList {
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  /** True when the server was not there: open runs are listed as this machine last knew them. */
  readonly isOffline: boolean;
}

const DEFAULT_LIMIT = 100;
/** Asking an open run how far it is takes a worker's time: so many are asked, the newest. */
const ASKED = 20;
const ASK_MS = 1_500;

export async function listRuns(link: Link, filter: ListFilter = {}): Promise<RunList> {
  const limit = filter.limit ?? DEFAULT_LIMIT;
  const client = await clientOrNone(link);
  const [known, local] = await Promise.all([
    client === null ? [] : listedByServer(client, filter, limit),
    localRuns(link.home, filter.all ?? false),
  ]);
  const byId = new Map(known.map((run) => [run.run_id, run]));
  const ids = [...new Set([...byId.keys(), ...local])].sort(byAge);
  const runs: ListedRun[] = [];
  for (const id of ids) {
    if (runs.length >= limit) break;
    const run = (await fromRecord(link.home, id)) ?? byId.get(id) ?? (await fromStart(link.home, id, client));
    if (run !== null && isWanted(run, filter)) runs.push(run);
  }
  return { runs: client === null ? runs : await withProgress(client, runs), isOffline: client === null };
}

/** Returns the ids of runs that left something on this machine, newest first. */
export async function localRuns(home: string, all = false): Promise<string[]> {
  try {
    const names = await readdir(join(home, 'runs'));
    return names.filter((name) => isRunId(name) && (all || !name.includes('~'))).sort(byAge);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'ENOENT') return []; // but not where the state directory is a file
    throw unusableHome(home, error.message);
  }
}

/**
 * Returns the run that a person means by an id, a part of it, or `last`.
 *
 * @throws PlanwrightError `no-such-run` or `ambiguous-run`
 */
export async function findRun(link: Link, text: string): Promise<string> {
  const local = await localRuns(link.home, text.includes('~'));
  if (local.includes(text)) return text;
  if (text === 'last' ? local.length > 0 : local.some((id) => id.startsWith(text) || id.endsWith(text))) {
    return pickRun(text, local);
  }
  const client = await clientOrNone(link);
  return pickRun(text, client === null || !isPart(text) ? local : await knownToServer(client, text));
}

/** Records answer where no server does; but settings that are broken are not taken for none. */
async function clientOrNone(link: Link): Promise<Client | null> {
  return link.clientIfThere().catch((error: unknown) => {
    if (error instanceof SetupError) throw error;
    return null;
  });
}

// What is put into a query is closed to its own syntax.
const isPart = (text: string): boolean => /^[A-Za-z0-9_.~-]{1,200}$/.test(text);

async function knownToServer(client: Client, text: string): Promise<string[]> {
  const which = text === 'last' ? '' : ` AND WorkflowId STARTS_WITH "${text}"`;
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({
    query: `WorkflowType = "${RUN_WORKFLOW}"${which}`,
    pageSize: 100,
  })) {
    if (text.includes('~') || !workflowId.includes('~')) ids.push(workflowId);
    if (ids.length >= 100) break;
  }
  // A server's list lags behind what it knows.
  return ids.length === 0 && text !== 'last' && (await isRun(client, text)) ? [text] : ids;
}

async function isRun(client: Client, id: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(id).describe()).type === RUN_WORKFLOW;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function listedByServer(client: Client, filter: ListFilter, limit: number): Promise<ListedRun[]> {
  const runs: ListedRun[] = [];
  const query = `WorkflowType = "${RUN_WORKFLOW}"`;
  for await (const info of client.workflow.list({ query, pageSize: Math.min(limit, 1_000) })) {
    const run = fromInfo(info);
    if ((filter.all || !run.run_id.includes('~')) && isWanted(run, filter)) runs.push(run);
    if (runs.length >= limit) break;
  }
  return runs;
}

const CLOSED: Readonly<Record<string, RunState>> = {
  COMPLETED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  CANCELLED: 'canceled',
  TERMINATED: 'canceled',
};

function fromInfo(info: WorkflowExecutionInfo): ListedRun {
  const memo = info.memo ?? {};
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const planIds: unknown = info.searchAttributes['PlanId'];
  return {
    run_id: info.workflowId,
    project_id: text(memo['project']),
    state: CLOSED[info.status.name] ?? 'running',
    paused: false,
    created_at: rfc3339(info.startTime.getTime()),
    ended_at: info.closeTime === undefined ? null : rfc3339(info.closeTime.getTime()),
    progress: null,
    error_message: null,
    metadata: {
      plan_id: Array.isArray(planIds) ? text(planIds[0]) : null,
      plan_path: text(memo['planPath']),
    },
  };
}

async function fromRecord(home: string, runId: string): Promise<ListedRun | null> {
  try {
    const summary = await readSummary(home, runId);
    return summary === null ? null : summaryStatus(summary, readQuarantine(home, runId));
  } catch (error) {
    if (error instanceof UnreadableRecordError) return null; // `show` says what is wrong with it; a list goes on
    throw error;
  }
}

/** A run that was started here and has no record: it is open, or its server has forgotten it. */
async function fromStart(home: string, runId: string, client: Client | null): Promise<ListedRun | null> {
  const note = readStartNote(home, runId);
  if (note === null) return null;
  // Lists of the server are a moment behind: one that was started just now is asked for by name.
  const info = await client?.workflow
    .getHandle(runId)
    .describe()
    .catch(() => null);
  if (client !== null && !info) return null;
  return {
    run_id: runId,
    project_id: note.project,
    state: CLOSED[info?.status.name ?? ''] ?? 'running',
    paused: false,
    created_at: rfc3339(note.createdAt),
    ended_at: info?.closeTime === undefined ? null : rfc3339(info.closeTime.getTime()),
    progress: null,
    error_message: null,
    metadata: { plan_id: note.planId, plan_path: note.planFile },
  };
}

const isWanted = (run: ListedRun, { project, state, plan }: ListFilter): boolean =>
  (project === undefined || run.project_id === project) &&
  (state === undefined || run.state === state) &&
  (plan === undefined || run.metadata.plan_id === plan);

async function withProgress(client: Client, runs: readonly ListedRun[]): Promise<ListedRun[]> {
  const asked = new Set(runs.filter((run) => run.state === 'running').slice(0, ASKED));
  return Promise.all(
    runs.map(async (run) => {
      if (!asked.has(run)) return run;
      const head = await headOf(client, run.run_id).catch(() => null);
      return head === null ? run : { ...run, progress: progressOf(head), paused: head.paused };
    }),
  );
}

/** Asks for no steps, only for the head: of the leg that carries the run now. */
async function headOf(client: Client, workflowId: string): Promise<RunHead> {
  for (let leg = workflowId; ;) {
    const { head, nextLeg } = await client.withDeadline(Date.now() + ASK_MS, () =>
      client.workflow
        .getHandle(leg)
        .query<Changes, [number, number]>(CHANGES_QUERY, Number.MAX_SAFE_INTEGER, 0),
    );
    if (nextLeg === null) return head;
    leg = nextLeg;
  }
}
