/**
 * Keeps one background worker alive, and the embedded server it works for.
 *
 * It holds no connection and loads no SDK, so that hardly anything can end it but a signal. When it is killed all the
 * same, the worker goes on and sees to another (`worker-main.ts`).
 */
import { fork } from 'node:child_process';
import { existsSync, utimesSync } from 'node:fs';
import { withLock } from '../os/lock.mjs';
import { identityOf, lifeOf, ownIdentity, signalTo, type ProcessIdentity } from '../os/process-identity.mjs';
import { DRAIN, type StopSignals } from '../os/stop-signals.js';
import { buildId, compiled } from '../package.js';
import { ensureServer } from './embedded.js';
import { WORKER_ORDERS, type KeeperOrders, type WorkerMessage, type WorkerOrders } from './keeper-orders.js';
import { workerLock, workerRecordFile } from './paths.js';
import { readServerRecord } from './server-record.js';
import { KEEPER_BEAT_MS, readWorkerRecord, writeWorkerRecord, type WorkerRecord } from './worker-record.js';

const LOOK_MS = 250;
/** Waits before the next start: the first is at once; a worker that cannot live is not started in a tight loop. */
const WAITS_MS = [0, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000] as const;
/** A worker that lived so long was not broken: the waits begin anew. */
const SOUND_MS = 30_000;
/** A worker told to end at once has so long before it is killed. */
const END_LIMIT_MS = 10_000;

export class Keeper {
  readonly #orders: KeeperOrders;
  readonly #stop: StopSignals;
  readonly #me = ownIdentity();
  /** The embedded server, as far as it is known here; null for a cluster elsewhere. */
  #server: { address: string; namespace: string; process: ProcessIdentity | null } | null;
  #startingServer = false;
  #worker: ProcessIdentity | null;
  /** True: it was started by an earlier keeper, so that its end must be looked for. */
  #isAdopted: boolean;
  /** Workers that were told to stop, by somebody else, and finish their steps beside the new one. */
  #leaving: readonly ProcessIdentity[] = [];
  #workerSince = performance.now();
  #nextStartAt = 0;
  #startsInARow = 0;
  #restarts = 0;
  #toldToDrain = false;
  #endingSince: number | null = null;
  /** Changes of the record, one after the other. */
  #updates = Promise.resolve();

  constructor(orders: KeeperOrders, stop: StopSignals) {
    this.#orders = orders;
    this.#stop = stop;
    this.#worker = orders.adopt;
    this.#isAdopted = orders.adopt !== null;
    this.#server =
      orders.cluster === null
        ? { address: orders.address, namespace: orders.namespace, process: null }
        : null;
  }

  keep(): void {
    this.#tell(`keeping a worker for ${this.#orders.address}`);
    for (const retired of this.#orders.retire) signalTo(retired, DRAIN);
    this.#stop.draining.addEventListener('abort', () => this.#look());
    this.#stop.ending.addEventListener('abort', () => this.#look());
    setInterval(() => this.#look(), LOOK_MS);
    setInterval(() => this.#beat(), KEEPER_BEAT_MS);
    this.#look();
  }

  #look(): void {
    void this.#lookAfterServer();
    if (this.#isAdopted && this.#worker !== null && lifeOf(this.#worker) === 'dead') {
      return this.#workerEnded('unseen, after its first keeper');
    }
    if (this.#stop.draining.aborted) return this.#windDown();
    if (this.#worker === null && performance.now() >= this.#nextStartAt) this.#startWorker();
  }

  #startWorker(): void {
    this.#startsInARow += 1;
    this.#workerSince = performance.now();
    const { home } = this.#orders;
    const orders: WorkerOrders = {
      home,
      embedded:
        this.#server === null ? null : { address: this.#server.address, namespace: this.#server.namespace },
    };
    const child = fork(compiled('worker-main.js'), [], {
      env: { ...process.env, [WORKER_ORDERS]: JSON.stringify(orders) },
      execArgv: [], // ours make for a tiny heap
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const started = child.pid === undefined ? null : identityOf(child.pid);
    this.#worker = started;
    this.#isAdopted = false;
    child.on('error', (error) => this.#tell(`the worker cannot be reached: ${error.message}`));
    child.on('exit', (code, signal) => {
      if (this.#worker === started) this.#workerEnded(signal ?? `exit code ${code}`);
    });
    child.on('message', (message: WorkerMessage) => {
      if (this.#worker !== started || started === null) return;
      if (message.kind === 'polling') this.#update({ polling: true });
      else if (!this.#toldToDrain) this.#replace(started);
    });
    this.#update({ worker: started, polling: false, build: buildId(), restarts: this.#restarts });
  }

  /** A worker told to stop may need hours to finish its steps: others must not wait for that. */
  #replace(leaving: ProcessIdentity): void {
    this.#tell(`the worker (process ${leaving.pid}) was told to stop: starting another beside it`);
    this.#leaving = [...this.#leaving, leaving].filter((process) => lifeOf(process) === 'alive');
    this.#restarts += 1;
    this.#startWorker();
  }

  #workerEnded(how: string): void {
    this.#tell(`the worker (process ${this.#worker?.pid}) ended: ${how}`);
    this.#worker = null;
    if (performance.now() - this.#workerSince > SOUND_MS) this.#startsInARow = 0;
    this.#nextStartAt =
      performance.now() + (WAITS_MS[Math.max(0, Math.min(this.#startsInARow, WAITS_MS.length) - 1)] ?? 0);
    this.#restarts += 1;
    this.#update({ worker: null, polling: false, lastEnd: how });
    this.#look();
  }

  #windDown(): void {
    const workers = [this.#worker, ...this.#leaving].filter(
      (process) => process !== null && lifeOf(process) === 'alive',
    );
    if (workers.length === 0) {
      this.#tell('stopped');
      void this.#updates.then(() => process.exit(0));
      return;
    }
    if (!this.#toldToDrain) {
      this.#toldToDrain = true;
      this.#tell('stopping: the worker finishes its steps');
      this.#update({ draining: true, polling: false });
      if (this.#worker !== null) signalTo(this.#worker, DRAIN);
    }
    if (this.#stop.ending.aborted) {
      this.#endingSince ??= performance.now();
      const late = performance.now() - this.#endingSince > END_LIMIT_MS;
      for (const worker of workers) if (worker !== null) signalTo(worker, late ? 'SIGKILL' : 'SIGTERM');
    }
  }

  /** Starts the embedded server again when it is gone: on the same port, if that is still free. */
  async #lookAfterServer(): Promise<void> {
    const { home } = this.#orders;
    if (this.#server === null || this.#startingServer) return;
    this.#server.process = readServerRecord(home)?.process ?? this.#server.process;
    if (this.#server.process === null || lifeOf(this.#server.process) !== 'dead') return;
    this.#startingServer = true;
    try {
      this.#tell('the Temporal server is gone: starting it again');
      const { address, namespace, process } = await ensureServer({
        home,
        env: globalThis.process.env,
        tell: this.#tell,
      });
      const moved = address !== this.#server.address;
      this.#server = { address, namespace, process };
      this.#tell(`the Temporal server answers on ${address}`);
      if (moved && this.#worker !== null) signalTo(this.#worker, 'SIGKILL'); // it knows the old address only
    } catch (error) {
      this.#tell(
        `the Temporal server could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      this.#startingServer = false;
    }
  }

  /** Shows that the keeper lives, and sees whether it still has a place. */
  #beat(): void {
    const { home, cluster } = this.#orders;
    if (!existsSync(home)) return this.#endWithHome();
    const record = readWorkerRecord(home, cluster);
    if (record === null || !this.#isMe(record)) return this.#stop.drain(); // another keeps a worker now
    utimesSync(workerRecordFile(home, cluster), new Date(), new Date());
  }

  /** Somebody removed the whole state directory: nothing of it may go on for ever. */
  #endWithHome(): void {
    for (const process of [this.#worker, this.#server?.process]) if (process) signalTo(process, 'SIGKILL');
    process.exit(0);
  }

  /** Changes the record, as long as it is ours. */
  #update(change: Partial<WorkerRecord>): void {
    const { home, cluster } = this.#orders;
    const leaving = this.#leaving;
    const write = (): void => {
      const record = readWorkerRecord(home, cluster);
      if (record === null || !this.#isMe(record)) return;
      const retired = [
        ...record.retired,
        ...leaving.filter(({ pid }) => !record.retired.some((known) => known.pid === pid)),
      ];
      writeWorkerRecord(home, cluster, { ...record, ...change, retired });
    };
    this.#updates = this.#updates
      .then(() => withLock(workerLock(home, cluster), 'write down the state of the background worker', write))
      .catch((error: unknown) => this.#tell(`the record was not written: ${String(error)}`));
  }

  #isMe({ keeper }: WorkerRecord): boolean {
    return keeper.pid === this.#me.pid && keeper.startedAt === this.#me.startedAt;
  }

  readonly #tell = (line: string): void =>
    console.log(`${new Date().toISOString()} keeper ${this.#me.pid}: ${line}`);
}
