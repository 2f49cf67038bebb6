/**
 * The SDK's native core, once for the process.
 */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Tell } from '../os/progress.mjs';

let installed = false;

/** Sends the SDK's warnings where the worker's own lines go, and leaves the process's signals to us. */
export function installRuntime(tell: Tell): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      if (message.startsWith('No workflows registered')) return; // so it is meant for a label's queue and the host's
      const error: unknown = meta?.['error'];
      const cause = error instanceof Error ? `: ${error.message}` : '';
      // A run that fails is a run's business, not the worker's: to be found here, but not as a warning.
      if (message === 'Workflow failed') tell(`run ${String(meta?.['workflowId'])} failed${cause}`);
      else tell(`${level.toLowerCase()}: ${message.trim()}${cause}`);
    }),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
    },
    shutdownSignals: [], // a first signal drains, a second ends: the SDK would only know the first
  });
}
