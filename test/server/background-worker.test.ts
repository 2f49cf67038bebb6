import { Connection } from '@temporalio/client';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, inject, onTestFinished, test } from 'vitest';
import { identityOf, lifeOf, type ProcessIdentity } from '../../src/os/process-identity.mjs';
import { ensureWorker, stopWorker, type WorkerPresence } from '../../src/server/background-worker.js';
import { ensureServer } from '../../src/server/embedded.js';
import { workerRecordFile } from '../../src/server/paths.js';
import { recentPollers } from '../../src/server/pollers.js';
import { connectTarget, type Target } from '../../src/server/target.js';
import {
  clusterOf,
  readWorkerRecord,
  writeWorkerRecord,
  type WorkerRecord,
} from '../../src/server/worker-record.js';
import { processesWith, until } from '../support/processes.js';
import { aHome, type Home } from './a-home.js';

// The processes are the built ones of `dist/`, as everywhere.

interface Served extends Home {
  readonly target: Target;
  readonly record: () => WorkerRecord;
  readonly worker: () => ProcessIdentity;
}

async function aWorker(env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const home = await aHome(env);
  const target = await connectTarget(home);
  polling(await ensureWorker(home, target));
  const record = (): WorkerRecord => {
    const found = readWorkerRecord(home.home, clusterOf(target));
    if (found === null) throw new Error('no worker is recorded');
    return found;
  };
  const worker = (): ProcessIdentity => {
    const { worker: found } = record();
    if (found === null) throw new Error('no worker runs');
    return found;
  };
  return { ...home, target, record, worker };
}

function polling(presence: WorkerPresence): void {
  expect(presence).toMatchObject({ kind: 'ours', polling: true });
}

/** Resolves once a worker other than this one asks for tasks. */
const anotherThan = (served: Served, before: ProcessIdentity): Promise<void> =>
  until('another worker asks for tasks', () => {
    const { polling, worker } = served.record(); // read once: it may change between two looks
    return polling && worker !== null && worker.pid !== before.pid;
  });

const keepersOf = ({ home }: Home): number[] => processesWith(`"home":"${home}"`);

test('a worker is started once, and the server sees it', async () => {
  const served = await aWorker();
  const { keeper } = served.record();
  const connection = await Connection.connect({ address: served.target.address });
  onTestFinished(() => connection.close());
  // It says that it asks when it begins to; the server knows a moment later.
  await expect
    .poll(() => recentPollers(connection, 'default'))
    .toEqual([expect.stringContaining(`:${served.worker().pid}`)]);
  expect(await ensureWorker(served, served.target)).toMatchObject({ started: false, polling: true });
  expect(served.record().keeper).toEqual(keeper);
});

test('several who need one at once start one', async () => {
  const home = await aHome();
  const target = await connectTarget(home);
  const all = await Promise.all(Array.from({ length: 4 }, () => ensureWorker(home, target)));
  expect(all.filter((presence) => presence.kind === 'ours' && presence.started)).toHaveLength(1);
  expect(keepersOf(home)).toHaveLength(1);
});

test('a killed worker is replaced at once', async () => {
  const served = await aWorker();
  const before = served.worker();
  process.kill(before.pid, 'SIGKILL');
  await anotherThan(served, before);
  expect(served.record()).toMatchObject({ restarts: 1, lastEnd: 'SIGKILL' });
});

test('a killed keeper is replaced by the worker, which goes on; and a kill of that one is noticed too', async () => {
  const served = await aWorker();
  const [worker, { keeper }] = [served.worker(), served.record()];
  process.kill(keeper.pid, 'SIGKILL');
  await until(
    'another keeper is there',
    () => lifeOf(keeper) === 'dead' && lifeOf(served.record().keeper) === 'alive',
  );
  expect(served.worker()).toEqual(worker);
  expect(lifeOf(worker)).toBe('alive');
  process.kill(worker.pid, 'SIGKILL');
  await anotherThan(served, worker);
});

test('with worker and keeper killed, the next who needs one starts both', async () => {
  const served = await aWorker();
  const [worker, { keeper }] = [served.worker(), served.record()];
  process.kill(keeper.pid, 'SIGKILL'); // first: it would start another worker
  process.kill(worker.pid, 'SIGKILL');
  await until('both are dead', () => lifeOf(worker) === 'dead' && lifeOf(keeper) === 'dead');
  polling(await ensureWorker(served, served.target));
  expect(served.worker().pid).not.toBe(worker.pid);
});

test('a killed server is started again where it was, and the same worker goes on', async () => {
  const served = await aWorker();
  const [before, worker] = [served.server(), served.worker()];
  process.kill(before.process.pid, 'SIGKILL');
  await until('a server is there again', () => served.server().process.pid !== before.process.pid);
  expect(served.server()).toMatchObject({ address: before.address, namespaceId: before.namespaceId });
  expect(lifeOf(worker)).toBe('alive');
  // Its server is another process: who is seen by it has asked it since.
  const connection = await Connection.connect({ address: before.address });
  onTestFinished(() => connection.close());
  await expect.poll(() => recentPollers(connection, 'default')).toHaveLength(1);
  expect(served.worker()).toEqual(worker);
});

test('a worker of another build is replaced, and ends', async () => {
  const served = await aWorker();
  const before = { ...served.record(), build: '0.0.0+another' };
  writeWorkerRecord(served.home, null, before);
  polling(await ensureWorker(served, served.target));
  expect(served.record().build).not.toBe(before.build);
  expect(served.told.join('\n')).toContain('of another build');
  await until(
    'the old ones have ended',
    () => lifeOf(before.keeper) === 'dead' && lifeOf(before.worker as ProcessIdentity) === 'dead',
  );
  expect(keepersOf(served)).toEqual([served.record().keeper.pid]);
});

test('a worker for another address is replaced', async () => {
  const served = await aWorker();
  const before = served.record();
  writeWorkerRecord(served.home, null, { ...before, target: { ...before.target, address: '127.0.0.1:1' } });
  polling(await ensureWorker(served, served.target));
  expect(served.record().target.address).toBe(served.target.address);
  await until('the old keeper has ended', () => lifeOf(before.keeper) === 'dead');
});

test('a worker that somebody tells to stop gets a successor at once, and the record counts it', async () => {
  const served = await aWorker();
  const before = served.worker();
  process.kill(before.pid, 'SIGTERM');
  await anotherThan(served, before);
  await until('the old one has ended', () => lifeOf(before) === 'dead');
});

test('a worker being stopped is not taken for one that serves', async () => {
  const served = await aWorker();
  const before = served.record();
  writeWorkerRecord(served.home, null, { ...before, draining: true, polling: false });
  polling(await ensureWorker(served, served.target));
  expect(served.record().keeper.pid).not.toBe(before.keeper.pid);
});

test.each([[false], [true]])('stopped (force: %s), nothing of it is left', async (force) => {
  const served = await aWorker();
  const { keeper } = served.record();
  const worker = served.worker();
  expect(await stopWorker(served, null, { force })).toBe(2);
  expect(lifeOf(keeper)).toBe('dead');
  expect(lifeOf(worker)).toBe('dead');
  expect(existsSync(workerRecordFile(served.home, null))).toBe(false);
  expect(await stopWorker(served, null, { force })).toBe(0);
});

test('a recorded number that now belongs to somebody else gets no signal', async () => {
  const served = await aWorker();
  const record = served.record();
  await stopWorker(served, null, { force: false });
  const bystander = identityOf(process.pid);
  if (bystander === null) throw new Error('no identity');
  const forged = { ...bystander, startedAt: '1' };
  writeWorkerRecord(served.home, null, { ...record, keeper: forged, worker: forged });
  expect(await stopWorker(served, null, { force: true })).toBe(0); // had it been signalled, this test would have ended
});

test('removed with its state directory, nothing goes on', async () => {
  const served = await aWorker();
  const processes = [served.record().keeper, served.worker(), served.server().process];
  rmSync(served.home, { recursive: true, force: true, maxRetries: 10 }); // they still write into it
  await until('all have ended', () => processes.every((process) => lifeOf(process) === 'dead'));
});

test('the embedded server’s worker knows nothing of a cluster that the person’s settings name', async () => {
  const served = await aWorker({ TEMPORAL_API_KEY: 'secret-key', TEMPORAL_NAMESPACE: 'elsewhere' });
  const environment = readFileSync(`/proc/${served.worker().pid}/environ`, 'latin1');
  expect(environment).not.toContain('secret-key');
  expect(environment).not.toContain('TEMPORAL_NAMESPACE');
});

test('arguments of the keeper, which all can see, hold no secret', async () => {
  const home = await aHome({
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_GRPC_META_X_KEY: 'secret-header',
  });
  const target = await connectTarget(home);
  polling(await ensureWorker(home, target, { polled: () => Promise.resolve(false) }));
  const [keeper] = keepersOf(home);
  expect(readFileSync(`/proc/${keeper}/cmdline`, 'latin1')).not.toContain('secret');
});

// ---- A cluster elsewhere

test('a cluster elsewhere that somebody’s worker serves needs none of ours', async () => {
  const served = await aWorker();
  const home = await aHome({ TEMPORAL_ADDRESS: served.target.address });
  const target = await connectTarget(home);
  expect(await ensureWorker(home, target)).toEqual({ kind: 'elsewhere' });
  expect(keepersOf(home)).toEqual([]);
});

test('one that nobody serves gets a worker, beside that of the embedded server', async () => {
  const served = await aWorker();
  const embedded = served.record();
  const server = await ensureServer(await aHome());
  const env = { ...served.env, TEMPORAL_ADDRESS: server.address };
  const target = await connectTarget({ env });
  const presence = await ensureWorker({ ...served, env }, target);
  polling(presence);
  expect(served.record()).toEqual(embedded);
  expect(lifeOf(embedded.keeper)).toBe('alive');
  const other = readWorkerRecord(served.home, clusterOf(target));
  expect(other).toMatchObject({ cluster: `${server.address}/default`, polling: true });
  // New credentials: the worker with the old ones is replaced, though it still polls.
  const renewed = await connectTarget({ env: { ...env, TEMPORAL_GRPC_META_X_TEST: 'new' } });
  polling(await ensureWorker({ ...served, env }, renewed));
  expect(readWorkerRecord(served.home, clusterOf(target))?.keeper.pid).not.toBe(other?.keeper.pid);
});

test('a worker that cannot live is tried again and again, and the person is told where its log is', async () => {
  const home = await aHome({
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: 'no-such-namespace',
  });
  const target = await connectTarget(home);
  const presence = await ensureWorker(home, target, { polled: () => Promise.resolve(false) });
  expect(presence).toMatchObject({ kind: 'ours', polling: false });
  const log = home.told.join('\n').match(/its log is (\S+)/)?.[1] ?? '';
  expect(readFileSync(log, 'utf8')).toContain('does not serve namespace "no-such-namespace"');
  const record = readWorkerRecord(home.home, clusterOf(target));
  expect(record).toMatchObject({ lastEnd: 'exit code 2' });
  expect(record?.restarts).toBeGreaterThan(1);
});

test('a record that is not whole counts as none', async () => {
  const home = await aHome();
  writeFileSync(workerRecordFile(home.home, null), '{"format":1,');
  polling(await ensureWorker(home, await connectTarget(home)));
});
