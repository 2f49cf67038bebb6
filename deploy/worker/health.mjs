// @ts-check
/**
 * The health check of a worker's container: has this very worker asked the server for work lately?
 *
 * A process that lives is not enough: one that has lost its server, or whose loop is stuck, lives too. Exit code 0
 * when it polled its own queue within 90 seconds (a poll waits for up to 60), else 1 with the reason.
 */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { findTarget } from '../../dist/server/target.js';
import { hostQueue } from '../../dist/workflows/api.js';

const RECENT_MS = 90_000;
const ACTIVITY_QUEUE = 2; // `TaskQueueType` of Temporal's API

// deploy/worker/entrypoint.sh left it there.
const host = readFileSync(join(tmpdir(), 'planwright-host'), 'utf8').trim();

const target = await findTarget();
if (target === null) throw new Error('no Temporal server is named: set TEMPORAL_ADDRESS');
const connection = await Connection.connect({ ...target.connectionOptions, connectTimeout: 5_000 });
const { pollers } = await connection.workflowService.describeTaskQueue({
  namespace: target.namespace,
  taskQueue: { name: hostQueue(host) },
  taskQueueType: ACTIVITY_QUEUE,
});
await connection.close();

const ages = pollers.map(({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000);
const youngest = Math.min(...ages);
if (youngest > RECENT_MS) {
  const last = Number.isFinite(youngest) ? `${Math.round(youngest / 1000)} s ago` : 'never';
  console.error(`"${host}" asked ${target.address} for work ${last}`);
  process.exit(1);
}
