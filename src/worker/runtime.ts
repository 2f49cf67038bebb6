/**
 * The SDK's native core, once for the process.
 */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Tell } from '../os/progress.mjs';

/** How often a worker tells the server how it is: twice that without a word is unhealthy. */
export const HEARTBEAT_MS = 5_000;

let installed = false;

/** Sends the SDK's warnings where the worker's own lines go, and leaves the process's signals to us. */
export function installRuntime(tell: Tell): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      // So it is meant: for a label's queue and the host's, and for a worker at rest.
      if (/^No (workflows|activities) registered/.test(message)) return;
      const error: unknown = meta?.['error'];
      const cause = error instanceof Error ? `: ${error.message}` : '';
      // A run that fails is a run's business, not the worker's: to be found here, but not as a warning.
      if (message === 'Workflow failed') tell(`run ${String(meta?.['workflowId'])} failed${cause}`);
      else tell(`${level.toLowerCase()}: ${message.trim()}${cause}`);
    }),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
    },
    workerHeartbeatInterval: HEARTBEAT_MS,
    shutdownSignals: [], // a first signal drains, a second ends: the SDK would only know the first
  });
}
