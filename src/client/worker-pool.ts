/**
 * The pool of workers as people know it: read from the server, which hears of every worker some times a minute.
 */
import type { Client, Connection } from '@temporalio/client';
import { ulid } from 'ulid';
import type { WorkerOrder } from '../activities/api.js';
import { hostName } from '../host.js';
import { rfc3339 } from '../plan/event.js';
import { runOf } from '../record/layout.js';
import { isAlive, workerRecords } from '../server/worker-record.js';
import { ORDER_WORKFLOW, TASK_QUEUE } from '../workflows/api.js';
import { PlanwrightError } from './errors.js';
import type { Link } from './link.js';
import { describeLeg } from './live-attempts.js';

export type WorkerState = 'SPAWNING' | 'IDLE' | 'BUSY' | 'DRAINING' | 'TERMINATED';

export interface PooledWorker {
  /** `<host>:<process>`. */
  readonly id: string;
  readonly host: string;
  readonly pid: number | null;
  readonly state: WorkerState;
  /** It takes no steps until it is told to resume. */
  readonly paused: boolean;
  /** Labels of the steps it takes beside those without any (`runs_on`). */
  readonly labels: readonly string[];
  readonly started_at: string | null;
  readonly heartbeat_at: string | null;
  readonly heartbeat_age_sec: number | null;
  /** False: it was not heard of for twice as long as it should be. */
  readonly healthy: boolean;
  readonly slots: { readonly used: number; readonly free: number } | null;
  readonly works_on: readonly WorkItem[];
}

export interface WorkItem {
  readonly run_id: string;
  readonly step_id: string;
  readonly attempt: number;
  readonly since: string | null;
}

export interface WorkerPool {
  readonly workers: readonly PooledWorker[];
  readonly counts: Readonly<Record<WorkerState, number>>;
  /** False: the cluster does not list workers; only those that asked for tasks lately are known. */
  readonly complete: boolean;
}

const LIMIT_MS = 10_000;
/** Workers of ours are heard of every 5 s, others of the SDK every minute. */
const UNHEALTHY_MS = 15_000;
/** Not heard of for so long, it is gone: its steps have been given to others. */
const GONE_MS = 30_000;
/** So many open workflows are asked what they work at. */
const MOST_DESCRIBED = 300;
const UNIMPLEMENTED = 12;
const PREFIX = `${TASK_QUEUE}@`;

/** What the server says of one queue of a worker; the numbers are of Temporal's API (`WorkerStatus`). */
interface Beat {
  readonly identity: string;
  readonly pid: number | null;
  readonly queue: string;
  readonly status: number;
  readonly startedAt: number | null;
  readonly heardAt: number | null;
  readonly takesSteps: boolean;
  readonly used: number;
  readonly free: number;
}
const RUNNING = 1;
const SHUTTING_DOWN = 2;
const SHUT_DOWN = 3;

/** Returns the pool. Starts no server and no worker: without a server there is none. */
export async function readWorkerPool(link: Link): Promise<WorkerPool> {
  const client = await link.clientIfThere();
  if (client === null) return poolOf([], true);
  const now = Date.now();
  const [beats, work] = await Promise.all([beatsOf(client), workOf(client)]);
  const complete = beats !== null;
  const known = beats ?? (await pollersOf(client));
  const byIdentity = new Map<string, Beat[]>();
  for (const beat of known) byIdentity.set(beat.identity, [...(byIdentity.get(beat.identity) ?? []), beat]);
  const workers = [...byIdentity].map(([identity, own]) =>
    workerOf(identity, own, work.get(identity) ?? [], now),
  );
  // At work by what runs know, and not heard of: lost, until the server gives its steps to others.
  for (const [identity, items] of work)
    if (!byIdentity.has(identity) && identity.startsWith(PREFIX)) workers.push(lostWorker(identity, items));
  workers.push(...unheard(link, workers));
  return poolOf(
    workers.sort((a, b) => (a.id < b.id ? -1 : 1)),
    complete,
  );
}

function poolOf(workers: readonly PooledWorker[], complete: boolean): WorkerPool {
  const counts = { SPAWNING: 0, IDLE: 0, BUSY: 0, DRAINING: 0, TERMINATED: 0 };
  for (const { state } of workers) counts[state] += 1;
  return { workers, counts, complete };
}

const idOf = (identity: string): string => identity.slice(PREFIX.length);
const hostOf = (identity: string): string => idOf(identity).replace(/:\d+$/, '');
const pidOf = (identity: string): number | null => Number(/:(\d+)$/.exec(identity)?.[1] ?? NaN) || null;

function workerOf(
  identity: string,
  beats: readonly Beat[],
  items: readonly WorkItem[],
  now: number,
): PooledWorker {
  const own = (queue: string): boolean => queue.startsWith(PREFIX);
  const heardAt = latest(beats.map((beat) => beat.heardAt));
  const age = heardAt === null ? null : Math.max(0, now - heardAt);
  const isGone = age === null || age > GONE_MS || beats.every(({ status }) => status === SHUT_DOWN);
  const running = beats.filter(({ status }) => status === RUNNING);
  const steps = running.filter(({ queue, takesSteps }) => !own(queue) && takesSteps);
  const isDraining = running.length === 0 && beats.some(({ status }) => status === SHUTTING_DOWN);
  const paused = !isGone && !isDraining && running.some(({ queue }) => own(queue)) && steps.length === 0;
  const inUse = beats.filter(({ queue, status }) => !own(queue) && status !== SHUT_DOWN);
  const used = inUse.reduce((sum, beat) => sum + beat.used, 0);
  const state = isGone
    ? 'TERMINATED'
    : isDraining
      ? 'DRAINING'
      : items.length > 0 || used > 0
        ? 'BUSY'
        : 'IDLE';
  const labels = [...new Set(beats.map(({ queue }) => queue))].flatMap((queue) =>
    queue.startsWith(`${TASK_QUEUE}.`) ? [queue.slice(TASK_QUEUE.length + 1)] : [],
  );
  const startedAt = Math.min(...beats.map((beat) => beat.startedAt ?? Infinity));
  return {
    ...{
      id: idOf(identity),
      host: hostOf(identity),
      pid: pidOf(identity),
      state,
      paused,
      labels: labels.sort(),
    },
    started_at: Number.isFinite(startedAt) ? rfc3339(startedAt) : null,
    heartbeat_at: heardAt === null ? null : rfc3339(heardAt),
    heartbeat_age_sec: age === null ? null : Math.round(age / 1000),
    healthy: !isGone && age !== null && age <= UNHEALTHY_MS,
    slots: steps.length === 0 ? null : slotsOf(used, Math.max(0, ...steps.map(({ free }) => free)), items),
    works_on: items,
  };
}

/** What it works at is known at once; that a slot is in use it tells with its next heartbeat. */
function slotsOf(told: number, free: number, items: readonly WorkItem[]): PooledWorker['slots'] {
  const used = Math.max(told, items.length);
  return { used, free: Math.max(0, told + free - used) };
}

const lostWorker = (identity: string, items: readonly WorkItem[]): PooledWorker => ({
  ...{ id: idOf(identity), host: hostOf(identity), pid: pidOf(identity), state: 'TERMINATED', paused: false },
  ...{
    labels: [],
    started_at: null,
    heartbeat_at: null,
    heartbeat_age_sec: null,
    healthy: false,
    slots: null,
  },
  works_on: items,
});

/** Background workers of this machine that live and have not been heard of yet. */
function unheard({ home, env }: Link, known: readonly PooledWorker[]): PooledWorker[] {
  const host = hostName(env);
  return workerRecords(home).flatMap((record) => {
    const { worker, cluster, startedAt, polling } = record;
    if (worker === null || !isAlive(home, cluster, worker)) return [];
    const id = `${host}:${worker.pid}`;
    if (known.some((one) => one.id === id && one.state !== 'TERMINATED')) return [];
    return [
      {
        ...{
          id,
          host,
          pid: worker.pid,
          state: polling ? ('IDLE' as const) : ('SPAWNING' as const),
          paused: false,
          labels: [],
        },
        ...{ started_at: startedAt, heartbeat_at: null, heartbeat_age_sec: null, healthy: true, slots: null },
        works_on: [],
      },
    ];
  });
}

const latest = (times: readonly (number | null)[]): number | null => {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
};

interface Stamp {
  readonly seconds?: { toNumber(): number } | null;
  readonly nanos?: number | null;
}
const timeOf = (stamp: Stamp | null | undefined): number | null =>
  stamp?.seconds ? stamp.seconds.toNumber() * 1000 + Math.floor((stamp.nanos ?? 0) / 1e6) : null;

/** Null when the cluster does not list workers. */
async function beatsOf(client: Client): Promise<Beat[] | null> {
  const beats: Beat[] = [];
  let nextPageToken: Uint8Array | undefined;
  try {
    do {
      const page = await client.withDeadline(Date.now() + LIMIT_MS, () =>
        client.workflowService.listWorkers({
          namespace: client.options.namespace,
          pageSize: 500,
          ...(nextPageToken === undefined ? {} : { nextPageToken }),
        }),
      );
      for (const { workerHeartbeat: beat } of page.workersInfo) {
        const identity = beat?.workerIdentity ?? '';
        if (!beat || !identity.startsWith(PREFIX)) continue;
        const slots = beat.activityTaskSlotsInfo;
        const [used, free] = [slots?.currentUsedSlots ?? 0, slots?.currentAvailableSlots ?? 0];
        beats.push({
          identity,
          pid: pidOf(identity),
          queue: beat.taskQueue ?? '',
          status: Number(beat.status ?? 0),
          startedAt: timeOf(beat.startTime),
          heardAt: timeOf(beat.heartbeatTime),
          // One that is full asks for none until it has room again, but it does not rest.
          takesSteps: (beat.activityPollerInfo?.currentPollers ?? 0) > 0 || (used > 0 && free === 0),
          ...{ used, free },
        });
      }
      nextPageToken = page.nextPageToken.length > 0 ? page.nextPageToken : undefined;
    } while (nextPageToken !== undefined);
  } catch (error) {
    if ((error as { readonly code?: number }).code === UNIMPLEMENTED) return null;
    throw error;
  }
  return beats;
}

/** What a cluster knows that does not list workers: who asked it for steps lately. */
async function pollersOf(client: Client): Promise<Beat[]> {
  const { pollers } = await client.withDeadline(Date.now() + LIMIT_MS, () =>
    (client.connection as Connection).workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: TASK_QUEUE },
      taskQueueType: 2, // activities
    }),
  );
  return pollers.flatMap(({ identity, lastAccessTime }): Beat[] => {
    if (!identity?.startsWith(PREFIX)) return [];
    const asked = timeOf(lastAccessTime);
    // One that asks waits for a minute with its question: until then it is there.
    const heardAt = asked !== null && Date.now() - asked < 90_000 ? Date.now() : asked;
    return [
      {
        ...{ identity, pid: pidOf(identity), queue: TASK_QUEUE, status: RUNNING, startedAt: null, heardAt },
        ...{ takesSteps: true, used: 0, free: 0 },
      },
    ];
  });
}

/** Returns what open runs have at work, by the worker's identity. */
async function workOf(client: Client): Promise<ReadonlyMap<string, readonly WorkItem[]>> {
  const open: string[] = [];
  const query = 'ExecutionStatus = "Running"';
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 200 })) {
    open.push(workflowId);
    if (open.length >= MOST_DESCRIBED) break;
  }
  const work = new Map<string, WorkItem[]>();
  await Promise.all(
    open.map(async (workflowId) => {
      const described = await describeLeg(client, workflowId, LIMIT_MS).catch(() => null); // it may end meanwhile
      for (const [step, { worker, state, startedAt, number }] of described?.live ?? []) {
        if (worker === null || state !== 'running') continue;
        const since = startedAt === null ? null : rfc3339(startedAt);
        const item = { run_id: runOf(workflowId), step_id: step, attempt: number, since };
        work.set(worker, [...(work.get(worker) ?? []), item]);
      }
    }),
  );
  return work;
}

/**
 * Tells a worker to drain, pause or resume, wherever it is.
 *
 * @param text - its id, or a beginning or ending that only one has
 * @returns the worker as it was before, and whether anything changed
 * @throws PlanwrightError `bad-request` when there is no such worker; `refused` when it does not answer
 */
export async function tellWorker(
  link: Link,
  text: string,
  order: WorkerOrder,
): Promise<{ readonly worker: PooledWorker; readonly changed: boolean; readonly others: number }> {
  const { workers } = await readWorkerPool(link);
  const there = workers.filter(({ state }) => state !== 'TERMINATED');
  const fits = there.filter(({ id }) => id.startsWith(text) || id.endsWith(text));
  const worker = there.find(({ id }) => id === text) ?? (fits.length === 1 ? fits[0]! : null);
  if (worker === null || text === '') {
    const isNone = fits.length === 0 || text === ''; // everything begins with nothing
    const names = (isNone ? there : fits).map(({ id }) => id).join(', ');
    throw new PlanwrightError(
      'bad-request',
      text === ''
        ? 'which worker? its name is empty'
        : isNone
          ? `there is no worker "${text}"`
          : `several workers are named like "${text}"`,
      [names === '' ? 'planwright up    starts one' : `there are: ${names}`],
    );
  }
  const client = await link.client();
  try {
    const changed = (await client.workflow.execute(ORDER_WORKFLOW, {
      workflowId: `order~${worker.host}~${ulid().toLowerCase()}`,
      taskQueue: TASK_QUEUE,
      args: [`${PREFIX}${worker.id}`, order],
      workflowExecutionTimeout: '40 s',
      staticSummary: `${order.kind} ${worker.id}: ${order.reason}`,
    })) as boolean;
    const others = there.filter(
      ({ id, paused, state }) => id !== worker.id && !paused && state !== 'DRAINING',
    );
    return { worker, changed, others: others.length };
  } catch (error) {
    throw new PlanwrightError(
      'refused',
      `worker "${worker.id}" does not answer`,
      ['planwright worker list    shows when it was heard of last'],
      { cause: error },
    );
  }
}
