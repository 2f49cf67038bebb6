/**
 * A worker: runs workflows and steps for a Temporal server until it is told to stop.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { WorkerOrder } from './activities/api.js';
import { openActivities, type WorkerActivities } from './activities/index.js';
import { hostName } from './host.js';
import type { Tell } from './os/progress.mjs';
import type { StopSignals } from './os/stop-signals.js';
import { compiled } from './package.js';
import { recordMissing } from './record/missing.js';
import { SetupError } from './server/setup-error.js';
import type { Target } from './server/target.js';
import { Duty } from './worker/duty.js';
import { watchLag } from './worker/lag.js';
import { reasonOf, refusal } from './worker/refusal.js';
import { installRuntime } from './worker/runtime.js';
import { sdkOptions } from './worker/sdk-options.js';
import { serveShifts } from './worker/shifts.js';

export interface WorkerOptions {
  readonly home: string;
  readonly target: Target;
  /** Steps with `runs_on` one of these come here too. */
  readonly labels: readonly string[];
  /** How many steps of each queue run at once. */
  readonly slots: number;
  readonly stop: StopSignals;
  readonly tell: Tell;
  /** Called each time the worker begins to ask for tasks. */
  readonly onPolling?: () => void;
}

/** More than cores: most steps wait for a disk, a network or another program. */
export const defaultSlots = (): number => Math.max(32, 8 * availableParallelism());

/** Waits between tries to reach the server. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;
/** After the second signal: for killing processes and telling the server so; then the worker leaves all the same. */
const END_LIMIT_MS = 8_000;

/**
 * Runs a worker until it is told to stop, through restarts of the server.
 *
 * @returns true when it finished all it had begun; false when it was made to leave before
 * @throws SetupError when the server refuses this worker for good (unknown namespace, bad credentials), or the build is
 *   not whole
 */
export async function runWorker(options: WorkerOptions): Promise<boolean> {
  const { home, stop, tell } = options;
  const bundle = compiled('workflow-bundle.js');
  if (!existsSync(bundle))
    throw new SetupError(`The workflows are not built: there is no "${bundle}".`, ['npm run build']);
  installRuntime(tell);
  const endLag = watchLag((ms) =>
    tell(`warning: the event loop was blocked for ${ms} ms; heartbeats were late`),
  );
  const duty = new Duty();
  const { draining, ending } = stop;
  const obey = async ({ kind, reason, actor }: WorkerOrder): Promise<boolean> => {
    tell(`told to ${kind} by ${actor}: ${reason}`);
    if (kind !== 'drain') return duty.set(kind === 'pause');
    const changed = !draining.aborted;
    setImmediate(stop.drain); // in a moment: the answer must leave first
    return changed;
  };
  const world = { home, host: hostName(), env: process.env, draining, ending, obey };
  const activities = await openActivities(world, tell);
  try {
    return await Promise.race([untilStopped(options, activities, duty), madeToLeave(stop)]);
  } finally {
    await activities.close();
    endLag();
  }
}

async function untilStopped(options: WorkerOptions, activities: WorkerActivities, duty: Duty): Promise<true> {
  const { stop, target, tell } = options;
  while (!stop.draining.aborted) {
    const connection = await connect(options);
    if (connection === null) break;
    try {
      await serve(options, connection, activities, duty);
    } catch (error) {
      const refused = refusal(error, target);
      if (refused !== null) throw refused;
      tell(`warning: the worker begins anew, because it stopped: ${reasonOf(error)}`);
      await waitUnlessStopped(LONGEST_WAIT_MS, stop.draining);
    } finally {
      await connection.close();
    }
  }
  return true;
}

const connectionTo = ({ connectionOptions, embedded }: Target): Promise<NativeConnection> =>
  NativeConnection.connect({
    ...connectionOptions,
    // On this machine there is no wire to spare: packing and unpacking costs each side more than the copy.
    ...(embedded ? { grpcCompression: { codec: 'none' } } : {}),
  });

/** Tries until the server answers. Returns null when the worker is told to stop meanwhile. */
async function connect({ target, stop, tell }: WorkerOptions): Promise<NativeConnection | null> {
  let told = false;
  for (let waitMs = FIRST_WAIT_MS; !stop.draining.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await connectionTo(target);
    } catch (error) {
      const refused = refusal(error, target);
      if (refused !== null) throw refused;
      if (!told && waitMs >= LONGEST_WAIT_MS) {
        told = true;
        tell(`cannot reach the Temporal server at ${target.address} (${reasonOf(error)}): trying on`);
      }
      await waitUnlessStopped(waitMs, stop.draining);
    }
  }
  return null;
}

/** Serves all queues until the worker is told to stop, or one of them fails. */
async function serve(
  options: WorkerOptions,
  connection: NativeConnection,
  { activities }: WorkerActivities,
  duty: Duty,
): Promise<void> {
  const { target, labels, slots, stop, tell } = options;
  const queues = sdkOptions({ host: hostName(), labels, slots, namespace: target.namespace });
  const { draining } = stop;
  const onPolling = (): void => {
    const names = [...queues.steps, ...queues.own].map(({ taskQueue }) => taskQueue);
    tell(`asks for tasks on ${target.address}: ${names.join(', ')}`);
    options.onPolling?.();
    void makeUpForRecords(options, connection);
  };
  const another = (): Promise<NativeConnection> => connectionTo(target);
  await serveShifts({ connection, connect: another, queues, activities, duty, draining, onPolling });
}

/** Runs that were terminated while nobody looked get their records from the first worker that begins. */
async function makeUpForRecords(
  { home, target, tell }: WorkerOptions,
  connection: NativeConnection,
): Promise<void> {
  try {
    const client = new Client({ connection, namespace: target.namespace });
    const { written, failed } = await recordMissing(client, home);
    if (written.length > 0)
      tell(`wrote the records of ${written.length} runs that had none: ${written.join(', ')}`);
    for (const { runId, why } of failed) tell(`warning: no record of run "${runId}": ${why}`);
  } catch (error) {
    tell(`warning: missing records were not looked for: ${reasonOf(error)}`);
  }
}

async function waitUnlessStopped(ms: number, stopped: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stopped }).catch(() => {});
}

/** Resolves a while after the second signal. */
async function madeToLeave({ ending }: StopSignals): Promise<false> {
  if (!ending.aborted)
    await new Promise((resolve) => ending.addEventListener('abort', resolve, { once: true }));
  await sleep(END_LIMIT_MS, undefined, { ref: false });
  return false;
}
