/**
 * The background worker of this machine: there when it is needed, of this build, for this server.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock, withLockIfRoom } from '../os/lock.mjs';
import { openLog } from '../os/log-file.js';
import { DRAIN } from '../os/stop-signals.js';
import { identityOf, signalTo, type ProcessIdentity } from '../os/process-identity.mjs';
import { buildId, compiled } from '../package.js';
import type { World } from './embedded.js';
import { withoutTemporal } from './environment.js';
import type { KeeperOrders } from './keeper-orders.js';
import { workerLock, workerLog, workerRecordFile } from './paths.js';
import { isServed } from './pollers.js';
import type { Target } from './target.js';
import { SetupError } from './setup-error.js';
import {
  clusterOf,
  isAlive,
  readWorkerRecord,
  sameTarget,
  workerTargetOf,
  writeWorkerRecord,
  type WorkerRecord,
} from './worker-record.js';

/** Loading the SDK takes about a second; on a machine that does much else, ten. */
const POLLING_LIMIT_MS = 30_000;
/** A worker that ended so often since its start will not be there in a moment. */
const FAILING = 3;
const LOOK_MS = 25;

export type WorkerPresence =
  /** This state directory's own, and whether it asks for tasks already. */
  | {
      readonly kind: 'ours';
      readonly record: WorkerRecord;
      readonly started: boolean;
      readonly polling: boolean;
    }
  /** Somebody else's, on a cluster elsewhere. */
  | { readonly kind: 'elsewhere' };

export interface EnsureWorkerOptions {
  /** Asks a cluster elsewhere whether anybody's worker serves it, over a connection that is there already. */
  readonly polled?: () => Promise<boolean>;
}

/**
 * Makes sure that a worker serves the target, and waits until it asks for tasks, though not for long.
 *
 * One of another build or for another address is replaced: it finishes its steps while the new one takes the rest.
 *
 * @throws SetupError when it cannot be started
 */
export async function ensureWorker(
  world: World,
  target: Target,
  { polled = () => isServed(target) }: EnsureWorkerOptions = {},
): Promise<WorkerPresence> {
  const { home } = world;
  const cluster = clusterOf(target);
  const present = readWorkerRecord(home, cluster);
  if (present !== null && isFit(home, present, target)) return untilPolling(world, cluster, false);
  const mine =
    present !== null && [present.keeper, present.worker].some((process) => isAlive(home, cluster, process));
  if (!target.embedded && !mine && (await polled())) return { kind: 'elsewhere' };
  const started = await withLock(workerLock(home, cluster), 'start the background worker', () => {
    const record = readWorkerRecord(home, cluster);
    if (record !== null && isFit(home, record, target)) return false; // somebody else did, while we waited
    startKeeper(world, target, record);
    return true;
  });
  return untilPolling(world, cluster, started);
}

const isFit = (home: string, record: WorkerRecord, target: Target): boolean =>
  isAlive(home, clusterOf(target), record.keeper) &&
  !record.draining &&
  record.build === buildId() &&
  sameTarget(record.target, workerTargetOf(target));

async function untilPolling(
  { home, tell }: World,
  cluster: string | null,
  started: boolean,
): Promise<WorkerPresence> {
  const limit = performance.now() + POLLING_LIMIT_MS;
  for (;;) {
    const record = readWorkerRecord(home, cluster);
    if (record === null)
      throw new SetupError('The background worker was stopped while it started.', ['start again']);
    if (record.polling) return { kind: 'ours', record, started, polling: true };
    const failing = started && record.restarts >= FAILING;
    if (failing || performance.now() > limit) {
      const how = failing ? `ends again and again (${record.lastEnd})` : 'does not ask for tasks yet';
      tell(`the background worker ${how}: its log is ${workerLog(home, cluster)}`);
      return { kind: 'ours', record, started, polling: false };
    }
    await sleep(LOOK_MS);
  }
}

/** Starts the keeper, which starts the worker, and writes both down. Only under the lock. */
function startKeeper({ home, env, tell }: World, target: Target, before: WorkerRecord | null): void {
  const cluster = clusterOf(target);
  const build = buildId();
  const alive = (process: ProcessIdentity | null): process is ProcessIdentity =>
    isAlive(home, cluster, process);
  const wanted = workerTargetOf(target);
  // Only the keeper was lost: the worker goes on, under a new one.
  const adopted =
    before !== null &&
    before.build === build &&
    sameTarget(before.target, wanted) &&
    alive(before.worker) &&
    !alive(before.keeper)
      ? before.worker
      : null;
  const retire =
    before === null || adopted !== null
      ? []
      : [alive(before.keeper) ? before.keeper : before.worker].filter(alive);
  if (retire.length > 0)
    tell(
      'replacing the background worker: it is of another build or for another server; it finishes its steps first',
    );
  const orders: KeeperOrders = {
    home,
    cluster,
    address: target.address,
    namespace: target.namespace,
    adopt: adopted,
    retire,
  };
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const log = openLog(workerLog(home, cluster));
  const child = spawn(
    process.execPath,
    // It only waits: a few megabytes of heap do.
    [
      '--max-old-space-size=64',
      '--max-semi-space-size=1',
      compiled('server/keeper-main.js'),
      JSON.stringify(orders),
    ],
    {
      cwd: home, // not where the person stands: that folder may go away
      env: target.embedded ? withoutTemporal(env) : env,
      detached: true, // its own session: a Ctrl-C or a closed terminal is not for it
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  child.on('error', () => {}); // told below
  child.unref();
  const keeper = child.pid === undefined ? null : identityOf(child.pid);
  if (keeper === null) {
    throw new SetupError(`The background worker could not be started: "${process.execPath}" did not run.`, [
      `its log: ${workerLog(home, cluster)}`,
      'what is in force: planwright doctor',
    ]);
  }
  writeWorkerRecord(home, cluster, {
    format: 1,
    cluster,
    keeper,
    worker: adopted,
    polling: adopted !== null && before?.polling === true,
    draining: false,
    build,
    target: wanted,
    startedAt: new Date().toISOString(),
    restarts: 0,
    lastEnd: before?.lastEnd ?? null,
    retired: [...(before?.retired.filter(alive) ?? []), ...retire],
  });
}

export interface StopOptions {
  /** Ends running steps at once, instead of letting them finish. */
  readonly force: boolean;
}

/**
 * Stops the background worker of a cluster (null: of the embedded server), and those it replaced; waits until they
 * have ended. Returns how many processes were asked to.
 */
export async function stopWorker(
  { home, tell }: Omit<World, 'env'>,
  cluster: string | null,
  { force }: StopOptions,
): Promise<number> {
  const alive = (process: ProcessIdentity | null): process is ProcessIdentity =>
    isAlive(home, cluster, process);
  let stopped = 0;
  for (;;) {
    const record = readWorkerRecord(home, cluster);
    if (record === null) return stopped;
    const stopping = [record.keeper, record.worker, ...record.retired].filter(alive);
    // A keeper sees to its worker; one without a keeper is told itself.
    const told = stopping.filter((process) => process !== record.worker || !alive(record.keeper));
    for (const process of told) {
      signalTo(process, DRAIN);
      if (force) signalTo(process, 'SIGTERM'); // after DRAIN: end at once
    }
    await untilEnded(stopping, alive, force, tell);
    stopped += stopping.length;
    await withLockIfRoom(workerLock(home, cluster), 'stop the background worker', () => {
      // A worker that had lost its keeper may have started another just before it was told: then once more.
      if (!alive(readWorkerRecord(home, cluster)?.keeper ?? null))
        rmSync(workerRecordFile(home, cluster), { force: true });
    });
  }
}

/** Told to end at once, what still lives after so long is killed. */
const FORCE_LIMIT_MS = 15_000;
const TELL_EVERY_MS = 10_000;

async function untilEnded(
  processes: readonly ProcessIdentity[],
  alive: (process: ProcessIdentity) => boolean,
  force: boolean,
  tell: World['tell'],
): Promise<void> {
  const start = performance.now();
  let told = 0;
  for (let left = processes.filter(alive); left.length > 0; left = left.filter(alive)) {
    const waited = performance.now() - start;
    if (force && waited > FORCE_LIMIT_MS) for (const process of left) signalTo(process, 'SIGKILL');
    if (!force && Math.floor(waited / TELL_EVERY_MS) > told) {
      told = Math.floor(waited / TELL_EVERY_MS);
      tell(`the worker is finishing its steps … ${told * 10} s ("planwright down --force" ends them)`);
    }
    await sleep(LOOK_MS);
  }
}
