/**
 * Program: the background worker, started by its keeper with orders in the environment.
 */
import { onStopSignals } from './os/stop-signals.js';
import { ensureWorker } from './server/background-worker.js';
import { WORKER_ORDERS, type WorkerMessage, type WorkerOrders } from './server/keeper-orders.js';
import { connectTarget, embeddedTarget } from './server/target.js';
import { defaultSlots, runWorker } from './worker.js';

const orders = JSON.parse(process.env[WORKER_ORDERS] ?? '') as WorkerOrders;
delete process.env[WORKER_ORDERS]; // not for the steps

const tell = (line: string): void =>
  console.log(`${new Date().toISOString()} worker ${process.pid}: ${line}`);
const { home } = orders;
const stop = onStopSignals();
const target =
  orders.embedded === null
    ? await connectTarget({ tell })
    : embeddedTarget({ ...orders.embedded, webUi: '' });

// The keeper was killed: without one, the next crash would be the last.
process.on('disconnect', () => {
  if (stop.draining.aborted) return;
  tell('the keeper is gone: starting another');
  ensureWorker({ home, env: process.env, tell }, target).catch((error: unknown) =>
    tell(`no keeper: ${String(error)}`),
  );
});

const say = (message: WorkerMessage): void => void process.send?.(message);
stop.draining.addEventListener('abort', () => say({ kind: 'draining' }));

try {
  const finished = await runWorker({
    home,
    target,
    labels: [],
    slots: defaultSlots(),
    stop,
    tell,
    onPolling: () => say({ kind: 'polling' }),
  });
  process.exit(finished ? 0 : 1);
} catch (error) {
  tell(error instanceof Error ? error.message : String(error));
  process.exit(2);
}
