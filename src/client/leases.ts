/**
 * Leases as people see them: who has them, who waits, and how they are taken away.
 */
import type { Client } from '@temporalio/client';
import { rfc3339 } from '../plan/event.js';
import { leaseId } from '../plan/lease-names.js';
import {
  LEASE_QUERY,
  LEASE_WORKFLOW,
  RELEASE_UPDATE,
  type LeaseView,
  type ReleaseRequest,
} from '../workflows/lease-api.js';
import type { Because } from './control.js';
import { PlanwrightError } from './errors.js';
import { isNotFound } from './follow.js';
import type { Link } from './link.js';
import { answered } from './read-run.js';

/** Somebody who has a lease, or waits for it. */
export interface LeaseUser {
  readonly run_id: string;
  /** Null: the run as a whole. */
  readonly step_id: string | null;
  readonly asked_at: string;
  readonly granted_at: string | null;
  readonly token: number | null;
}

export interface LeaseReport {
  readonly name: string;
  /** One, or several inside each other: a run, a step of it, the sub-plan of that step. */
  readonly holders: readonly LeaseUser[];
  /** Longest waiting first. */
  readonly waiting: readonly LeaseUser[];
  /** Who took it from whom, and why; of the time since it was free last. */
  readonly taken: readonly {
    readonly at: string;
    readonly run_id: string;
    readonly step_id: string | null;
    readonly reason: string;
    readonly actor: string;
  }[];
}

const ANSWER_MS = 10_000;
/** A list is for the eye. */
const MOST = 200;

/** Returns the leases that somebody has now, by name. */
export async function listLeases(link: Link): Promise<LeaseReport[]> {
  const client = await link.client();
  await link.ensureWorker();
  const ids: string[] = [];
  const query = `WorkflowType = "${LEASE_WORKFLOW}" AND ExecutionStatus = "Running"`;
  for await (const { workflowId } of client.workflow.list({ query, pageSize: MOST })) {
    ids.push(workflowId);
    if (ids.length >= MOST) break;
  }
  const reports = await Promise.all(ids.map((id) => reportOf(client, id)));
  return reports
    .flatMap((report) =>
      report === null || report.holders.length + report.waiting.length === 0 ? [] : [report],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Returns one lease; one that nobody has or wants is free, whether there ever was one of the name. */
export async function readLease(link: Link, name: string): Promise<LeaseReport> {
  const client = await link.client();
  await link.ensureWorker();
  return (await reportOf(client, leaseId(name))) ?? { name, holders: [], waiting: [], taken: [] };
}

/**
 * Takes a lease away from whoever has it; who waits longest is next.
 *
 * @throws PlanwrightError `refused` when nobody has it
 */
export async function releaseLease(link: Link, name: string, because: Because): Promise<LeaseReport> {
  const before = await readLease(link, name);
  if (before.holders.length === 0)
    throw new PlanwrightError('refused', `nobody holds the lease "${name}"`, [
      'planwright lease list    shows those that are held',
    ]);
  const client = await link.client();
  await answered(name, () =>
    client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow
        .getHandle(leaseId(name))
        .executeUpdate<number, [ReleaseRequest]>(RELEASE_UPDATE, { args: [because] }),
    ),
  );
  return before;
}

/** Returns what a lease's workflow says; null when there is none that is open. */
async function reportOf(client: Client, id: string): Promise<LeaseReport | null> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, async () => {
      const handle = client.workflow.getHandle(id);
      const { status } = await handle.describe();
      if (status.name !== 'RUNNING') return null;
      return reportFrom(await handle.query<LeaseView>(LEASE_QUERY));
    });
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

const reportFrom = ({ lease, forced }: LeaseView): LeaseReport => ({
  name: lease.name,
  holders: lease.holders.map(({ run, step, askedAt, grantedAt, token }) => ({
    ...{ run_id: run, step_id: step, token },
    ...{ asked_at: rfc3339(askedAt), granted_at: rfc3339(grantedAt) },
  })),
  waiting: lease.waiting.map(({ run, step, askedAt }) => ({
    ...{ run_id: run, step_id: step, token: null },
    ...{ asked_at: rfc3339(askedAt), granted_at: null },
  })),
  taken: forced.map(({ at, run, step, reason, actor }) => ({
    ...{ at: rfc3339(at), run_id: run, step_id: step, reason, actor },
  })),
});
