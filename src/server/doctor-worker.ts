/**
 * The workers that serve the target, as `doctor` sees them.
 */
import type { Connection } from '@temporalio/client';
import { buildId } from '../package.js';
import { TASK_QUEUE } from '../workflows/api.js';
import { ok, warning, type Finding } from './finding.js';
import { workerLog } from './paths.js';
import { POLLED_WITHIN_MS, recentPollers } from './pollers.js';
import type { Target } from './target.js';
import { clusterOf, isAlive, readWorkerRecord } from './worker-record.js';

export async function examineWorkers(
  home: string,
  target: Target | null,
  connection: Connection | null,
): Promise<readonly Finding[]> {
  const cluster = target === null ? null : clusterOf(target);
  return [
    background(home, cluster),
    ...(target === null || connection === null ? [] : [await polling(connection, target)]),
  ];
}

function background(home: string, cluster: string | null): Finding {
  const what = 'background worker';
  const log = workerLog(home, cluster);
  const record = readWorkerRecord(home, cluster);
  if (record === null) return ok('worker', what, 'none: it is started when it is needed');
  const keeper = isAlive(home, cluster, record.keeper);
  const worker = isAlive(home, cluster, record.worker);
  const restarts =
    record.restarts === 0 ? '' : `, restarted ${record.restarts} times, last because of: ${record.lastEnd}`;
  const about = `process ${record.worker?.pid ?? 'none'}, keeper ${record.keeper.pid}, build ${record.build}${restarts}; log ${log}`;
  if (!keeper && !worker) return ok('worker', what, `stopped: it is started when it is needed; log ${log}`);
  if (!keeper) return warning('worker', what, `its keeper is gone: ${about}`, 'planwright up');
  if (!worker || !record.polling)
    return warning('worker', what, `not asking for tasks: ${about}`, `see ${log}`);
  if (record.build !== buildId())
    return warning('worker', what, `of another build than this (${buildId()}): ${about}`, 'planwright up');
  return ok('worker', what, about);
}

async function polling(connection: Connection, { namespace }: Target): Promise<Finding> {
  const what = 'workers asking for tasks';
  try {
    const names = await recentPollers(connection, namespace);
    return names.length > 0
      ? ok('worker', what, names.join(', '))
      : warning(
          'worker',
          what,
          `none on queue "${TASK_QUEUE}" in the last ${POLLED_WITHIN_MS / 1000} s`,
          'planwright up, or planwright worker',
        );
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return warning('worker', what, `the server does not say: ${found}`, 'see to the credentials');
  }
}
