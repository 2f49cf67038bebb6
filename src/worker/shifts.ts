/**
 * The SDK's workers of one process: those of its own queues always, and those of the queues of steps while it is on duty.
 */
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { WorkerActivities } from '../activities/index.js';
import type { Duty } from './duty.js';
import type { QueueSettings, WorkerQueues } from './sdk-options.js';
import { SdkWorker } from './sdk-worker.js';

export interface ShiftOptions {
  readonly connection: NativeConnection;
  /** Opens another one. */
  readonly connect: () => Promise<NativeConnection>;
  readonly queues: WorkerQueues;
  readonly activities: WorkerActivities['activities'];
  readonly duty: Duty;
  readonly draining: AbortSignal;
  readonly onPolling: () => void;
}

/**
 * Serves until the worker is told to stop, or one of the queues fails: a worker that serves some of its queues only would look
 * healthy, so then all stop.
 *
 * At rest it takes no steps but carries on workflows, so that runs can be watched, canceled and told to resume; steps that
 * run go on to their end.
 *
 * @throws what made a queue fail
 */
export async function serveShifts(options: ShiftOptions): Promise<void> {
  const { connection, connect, queues, activities, duty, draining, onPolling } = options;
  const all = new Map<Worker, Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  const shutDown = (workers: Iterable<Worker>): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const begin = async (
    over: NativeConnection,
    shift: readonly QueueSettings[],
    acts: boolean,
  ): Promise<Worker[]> => {
    const workers = await Promise.all(
      shift.map((queue) => SdkWorker.create({ ...queue, connection: over, ...(acts ? { activities } : {}) })),
    );
    for (const worker of workers) {
      const ended = worker.run().then(
        () => void all.delete(worker),
        (error: unknown) => {
          all.delete(worker);
          failure ??= { error };
          shutDown(all.keys());
        },
      );
      all.set(worker, ended);
    }
    return workers;
  };
  const isOver = (): boolean => draining.aborted || failure !== null;
  const wanted = (over: NativeConnection): Promise<Worker[]> =>
    duty.paused ? begin(over, [queues.workflows], false) : begin(over, queues.steps, true);
  await begin(connection, queues.own, true);
  let shift = await wanted(connection);
  const more: NativeConnection[] = [];
  // One change after the other: the next begins before the last one's steps have ended.
  let changes = Promise.resolve();
  const change = (): Promise<void> => {
    changes = changes.then(async () => {
      if (isOver()) return;
      const before = shift;
      // Over one connection the SDK allows one worker for each queue, also while another one ends.
      const over = await connect();
      more.push(over);
      shift = await wanted(over);
      shutDown(before);
      if (isOver()) shutDown(shift);
    });
    return changes.catch((error: unknown) => {
      failure ??= { error };
      shutDown(all.keys());
    });
  };
  const forget = duty.onChange(change);
  const stop = (): void => shutDown(all.keys());
  draining.addEventListener('abort', stop);
  if (draining.aborted) stop();
  onPolling();
  while (all.size > 0) await Promise.all(all.values());
  forget();
  await Promise.all(more.map((over) => over.close()));
  draining.removeEventListener('abort', stop);
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}
