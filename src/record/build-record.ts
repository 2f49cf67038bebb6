/**
 * Builds the record of a run from what Temporal keeps of it.
 */
import type { Client } from '@temporalio/client';
import type { Plan } from '../plan/plan.js';
import type { RunRecord } from '../plan/record.js';
import { askLeg, askRun } from './ask-run.js';
import { closeOff, type Ending } from './close-off.js';
import { keepLandings } from './landings.js';
import { legOf } from './layout.js';
import { mergeRecord, writeLegPart } from './legs.js';
import { writeRecord } from './run-record.js';

/**
 * Returns the record of a run that is over. A terminated run's open steps are recorded as canceled.
 *
 * Needs a worker: closed workflows answer queries by being replayed.
 *
 * @param home - where closed legs may have written their parts, or null
 * @throws Error `BUG:` when the run is still at work
 */
export async function buildRecord(
  client: Client,
  runId: string,
  home: string | null = null,
): Promise<RunRecord> {
  const [told, ending] = await Promise.all([askRun(client, runId, home), endingOf(client, runId)]);
  const record = told ?? (await withoutPlan(client, runId));
  if (ending !== null) return closeOff(record, ending);
  // A workflow that writes its own record is open while it does, but knows how it ends.
  const { state } = record.head;
  if (state === 'pending' || state === 'running')
    throw new Error(`BUG: run "${runId}" is ${state}: its record is not to be built`);
  return record;
}

/** A run whose plan never came whole: its client was killed between two parts of it. */
async function withoutPlan(client: Client, runId: string): Promise<RunRecord> {
  const part = await askLeg(client, runId);
  const plan: Plan = {
    planId: 'unknown',
    version: '',
    description: '',
    project: 'unknown',
    phaseId: 'ORCHESTRATED',
    maxConcurrency: 1,
    env: {},
    variables: {},
    secrets: [],
    steps: [],
  };
  return mergeRecord(plan, [part]);
}

/** Writes the record of a run from what its workflows know; for a further leg its part only. Safe to do twice. */
export async function recordLeg(client: Client, home: string, workflowId: string): Promise<void> {
  const leg = legOf(workflowId);
  if (leg === 0) {
    const record = await buildRecord(client, workflowId, home);
    await keepLandings(client, home, record);
    await writeRecord(home, record);
  } else {
    const part = await askLeg(client, workflowId);
    await writeLegPart(home, part.head.runId, part);
  }
}

/** Returns how a workflow was closed, or null while it is open. */
async function endingOf(client: Client, workflowId: string): Promise<Ending | null> {
  const { status, closeTime, runId } = await client.withDeadline(Date.now() + 10_000, () =>
    client.workflow.getHandle(workflowId).describe(),
  );
  if (status.name === 'RUNNING' || status.name === 'PAUSED') return null;
  const at = closeTime?.getTime() ?? Date.now();
  switch (status.name) {
    case 'TERMINATED': {
      const reason = await terminationReason(client, workflowId, runId);
      return { state: 'canceled', message: reason === null ? 'terminated' : `terminated: ${reason}`, at };
    }
    case 'TIMED_OUT':
      return { state: 'failed', message: 'the workflow ran into its time limit', at };
    case 'CANCELLED':
      return { state: 'canceled', message: 'canceled', at };
    default:
      return { state: 'failed', message: 'the workflow ended without ending its steps', at };
  }
}

/** Returns what was said when a workflow was terminated, or null. It stands in the last event of its history. */
async function terminationReason(client: Client, workflowId: string, runId: string): Promise<string | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  return history?.events?.[0]?.workflowExecutionTerminatedEventAttributes?.reason || null;
}
