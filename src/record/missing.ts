/**
 * Makes up for records that nobody wrote: a terminated run executes nothing at its end, and a disk may have been full.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { isRunId } from '../home.js';
import { isMissing } from '../os/json-file.js';
import { RUN_WORKFLOW } from '../workflows/api.js';
import { buildRecord } from './build-record.js';
import { runFiles } from './layout.js';
import { writeRecord } from './run-record.js';

/** What is older than the newest so many was looked at by an earlier start. */
const MOST = 100;

export interface Recorded {
  readonly written: readonly string[];
  /** Runs whose record could not be built, and why. */
  readonly failed: readonly { readonly runId: string; readonly why: string }[];
}

/**
 * Writes the records of closed runs that have none: those of this state directory, and those that were terminated.
 *
 * Needs a worker that answers queries: a worker that has just begun may call it for itself.
 */
export async function recordMissing(client: Client, home: string): Promise<Recorded> {
  const written: string[] = [];
  const failed: { runId: string; why: string }[] = [];
  for (const runId of await withoutRecord(client, home)) {
    try {
      await writeRecord(home, await buildRecord(client, runId, home));
      written.push(runId);
    } catch (error) {
      failed.push({ runId, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return { written, failed };
}

async function withoutRecord(client: Client, home: string): Promise<readonly string[]> {
  const ids = new Set<string>();
  const query = `WorkflowType = "${RUN_WORKFLOW}" AND (ExecutionStatus = "Terminated" OR ExecutionStatus = "TimedOut")`;
  for await (const { workflowId } of client.workflow.list({ query, pageSize: MOST })) {
    ids.add(workflowId);
    if (ids.size >= MOST) break;
  }
  for (const runId of await known(home)) if (await isClosed(client, runId)) ids.add(runId);
  return [...ids].filter((runId) => isRunId(runId) && !existsSync(runFiles(home, runId).record));
}

/** Returns runs that left something here, but no record, newest first. */
async function known(home: string): Promise<string[]> {
  try {
    const names = (await readdir(join(home, 'runs'))).filter(isRunId);
    return names.filter((runId) => !existsSync(runFiles(home, runId).record)).slice(-MOST);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function isClosed(client: Client, runId: string): Promise<boolean> {
  try {
    const { status, type } = await client.workflow.getHandle(runId).describe();
    return type === RUN_WORKFLOW && status.name !== 'RUNNING' && status.name !== 'PAUSED';
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return false; // forgotten: nothing is left to read
    throw error;
  }
}
