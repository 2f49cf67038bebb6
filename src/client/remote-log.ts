/**
 * The output of steps that ran on another host: asked for piece by piece, through the server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import type { Client } from '@temporalio/client';
import { ulid } from 'ulid';
import type { LogPiece, ReadLogTask } from '../activities/api.js';
import { READ_LOG_WORKFLOW, TASK_QUEUE } from '../workflows/api.js';
import { PlanwrightError } from './errors.js';
import type { ReadLogOptions } from './logs.js';

const gunzip = promisify(gunzipCallback);

const PIECE_BYTES = 512 * 1024;
/** Each look is a small workflow. */
const LOOK_MS = 2_000;
/** The workflow bounds its own waiting; this is for a cluster where nobody takes it up. */
const ANSWER_LIMIT = '30 s';

export interface RemoteLog {
  readonly host: string;
  readonly runId: string;
  readonly path: string;
}

/**
 * Yields the bytes of a log on another host, as they are.
 *
 * @throws PlanwrightError `no-such-log` when that host has none or does not answer
 */
export async function* readRemoteLog(
  client: Client,
  log: RemoteLog,
  { from = 0, goesOn, signal, onFound }: ReadLogOptions = {},
): AsyncGenerator<Buffer> {
  let { path } = log;
  for (let at = from; !signal?.aborted;) {
    const more = goesOn?.() ?? false; // asked before the look: what was written until the end is read after it
    const piece = await pieceOf(client, { ...log, path }, at);
    if (piece.path !== path) onFound?.((path = piece.path));
    at = piece.from + piece.length;
    if (piece.length > 0) yield await gunzip(Buffer.from(piece.gzip, 'base64'));
    if (at < piece.size) continue;
    if (!more) return;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function pieceOf(client: Client, { host, runId, path }: RemoteLog, from: number): Promise<LogPiece> {
  const task: ReadLogTask = { runId, path, from, maxBytes: PIECE_BYTES };
  const workflowId = `log~${runId}~${ulid().toLowerCase()}`;
  try {
    return (await client.workflow.execute(READ_LOG_WORKFLOW, {
      workflowId,
      taskQueue: TASK_QUEUE,
      args: [host, task],
      workflowExecutionTimeout: ANSWER_LIMIT,
      staticSummary: `reads ${path} of ${runId} on ${host}`,
    })) as LogPiece;
  } catch (error) {
    throw notRead(error, { host, runId, path });
  } finally {
    forget(client, workflowId);
  }
}

/** What was read is in the history of that workflow: it need not stay with the server. */
function forget(client: Client, workflowId: string): void {
  client.workflowService
    .deleteWorkflowExecution({ namespace: client.options.namespace, workflowExecution: { workflowId } })
    .catch(() => undefined); // not every cluster lets us: then its retention ends it
}

function notRead(error: unknown, { host, runId, path }: RemoteLog): PlanwrightError {
  const reasons = chain(error).map(({ message }) => message);
  const why =
    reasons.find((text) => text.startsWith('there is no log')) ??
    (reasons.some((text) => /ScheduleToStart|timed? ?out/i.test(text))
      ? 'no worker of that host answers'
      : (reasons.at(-1) ?? 'it cannot be asked for'));
  return new PlanwrightError(
    'no-such-log',
    `the log "${path}" of run "${runId}" is on host "${host}": ${why}`,
    [`start a worker there: planwright worker`],
    { cause: error },
  );
}

function chain(error: unknown): Error[] {
  return error instanceof Error ? [error, ...chain(error.cause)] : [];
}
