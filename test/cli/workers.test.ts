/**
 * The pool of workers: two hosts on one server, seen and steered; and one that is lost in the middle of a workstream.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PooledWorker } from '../../src/client/worker-pool.js';
import { ensureServer } from '../../src/server/embedded.js';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import { root } from '../checkout.js';
import { until } from '../support/processes.js';
import { at, aPlace } from './a-place.js';
import { openShop, type Shop } from './a-shop.js';

let shop: Shop;
let farHome: string;
let far: ChildProcess;

beforeAll(async () => {
  shop = await openShop();
  farHome = mkdtempSync(join(tmpdir(), 'planwright-far-'));
  const { address } = await ensureServer(shop.home);
  far = spawn(process.execPath, [join(root, 'test/worker/run-worker.mjs'), farHome, address, 'far'], {
    env: { ...shop.home.env, PLANWRIGHT_HOME: farHome, PLANWRIGHT_HOST: 'far-host' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: far.stdout! }).on('line', (line) => lines.push(line));
  await until('the other host asks for tasks', () => lines.includes('polling'));
});
afterAll(async () => {
  if (far.exitCode === null && far.signalCode === null) {
    far.kill('SIGKILL');
    await once(far, 'exit');
  }
  await shop.close();
  rmSync(farHome, { recursive: true, force: true, maxRetries: 10 });
});

async function pool(): Promise<readonly PooledWorker[]> {
  const { out, err, code } = await shop.run('worker', 'list', '--all', '--json');
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { workers: PooledWorker[] }).workers;
}
const farOf = (workers: readonly PooledWorker[]): PooledWorker | undefined =>
  workers.find(({ id }) => id === `far-host:${far.pid}`);

/** The server hears of workers every few seconds. */
async function untilPool(what: string, is: (workers: readonly PooledWorker[]) => boolean): Promise<void> {
  await expect.poll(pool, { interval: 200, message: what }).toSatisfy(is);
}

test('a worker is idle, busy with a step of a run, and idle again; the table says so', async () => {
  await expect
    .poll(async () => farOf(await pool()), { interval: 200 })
    .toMatchObject({
      ...{ host: 'far-host', pid: far.pid, labels: ['far'], paused: false, healthy: true, works_on: [] },
      state: 'IDLE',
    });
  const running = shop.begin([
    'start',
    shop.plan('busy', [{ id: 'long', runs_on: 'far', ...shop.held('long') }]),
  ]);
  await running.said('long  started');
  await expect
    .poll(async () => farOf(await pool()), { interval: 200 })
    .toMatchObject({ state: 'BUSY', works_on: [{ step_id: 'long', attempt: 1 }] });
  const table = async (): Promise<string> => (await shop.run('worker', 'list')).out;
  await expect.poll(table).toMatch(/BUSY +far-host:\d+ +far +\d+ s +\d+\/\d+ +long of busy-/);
  shop.release('long');
  expect((await running.done).code).toBe(0);
  await untilPool('it is idle again', (workers) => farOf(workers)?.state === 'IDLE');
});

test('a paused worker takes no step until it resumes, and finishes what it had', async () => {
  const before = shop.begin([
    'start',
    shop.plan('before', [{ id: 'had', runs_on: 'far', ...shop.held('had') }]),
  ]);
  await before.said('had  started');
  const paused = await shop.run('worker', 'pause', 'far-host', '--reason', 'needed');
  expect([paused.code, paused.err]).toEqual([0, '']);
  expect(paused.out).toContain('takes no more steps');
  expect((await shop.run('worker', 'pause', 'far-host')).out).toContain('was told so before');
  await untilPool('it is paused', (workers) => farOf(workers)?.paused === true);
  shop.release('had');
  expect((await before.done).code).toBe(0);
  const waiting = shop.begin(['start', shop.plan('waiting', [{ id: 'late', runs_on: 'far' }])]);
  await waiting.said('run started');
  await untilPool('nobody works', (workers) => workers.every(({ works_on: work }) => work.length === 0));
  expect((await shop.run('worker', 'resume', 'far-host')).code).toBe(0);
  expect((await waiting.done).code).toBe(0);
  await untilPool('it takes steps', (workers) => farOf(workers)?.paused === false);
});

test('a host lost in the middle of a workstream costs nothing but time: another host begins it again', async () => {
  const gate = join(shop.folder, 'gates', 'tool');
  const place = aPlace(shop, 'lost', [
    { id: 'ws-a', task: `write:ws-a.txt=half wait:${gate} write:ws-a.txt=whole` },
  ]);
  // Only the other host takes it: the one here rests.
  const here = `${(await pool()).find(({ host }) => host !== 'far-host')!.id}`;
  expect((await shop.run('worker', 'pause', here)).code).toBe(0);
  const running = shop.begin(['workstream', 'run', ...at(place)]);
  await untilPool('the other host is at it', (workers) => farOf(workers)?.works_on[0]?.step_id === 'ws-a');
  const gone = `far-host:${far.pid}`;
  far.kill('SIGKILL');
  await once(far, 'exit');
  expect((await shop.run('worker', 'resume', here)).code).toBe(0);
  shop.release('tool');
  const { code, out, err } = await running.done;
  expect(code, `${out}\n${err}`).toBe(0);
  expect(readFileSync(join(place.repository, 'ws-a.txt'), 'utf8')).toBe('half\nwhole\n');
  await untilPool('it is gone', (workers) => workers.find(({ id }) => id === gone)?.state === 'TERMINATED');
});

test('a drained worker finishes its step and ends; its keeper starts another', async () => {
  const record = readWorkerRecord(shop.home.home, null)!;
  const id = (await pool()).find(({ pid }) => pid === record.worker!.pid)!.id;
  const running = shop.begin(['start', shop.plan('drained', [{ id: 'last', ...shop.held('last') }])]);
  await running.said('last  started');
  await untilPool('it is busy', (workers) => workers.some((one) => one.id === id && one.state === 'BUSY'));
  const drained = await shop.run('worker', 'drain', id, '--json');
  expect(JSON.parse(drained.out)).toEqual({ worker: id, order: 'drain', changed: true, other_workers: 0 });
  await untilPool('it drains beside another', (workers) => {
    const old = workers.find((one) => one.id === id);
    return old?.state === 'DRAINING' && workers.some((one) => one.id !== id && one.state === 'IDLE');
  });
  shop.release('last');
  expect((await running.done).code).toBe(0);
  await untilPool('it has ended', (workers) => workers.find((one) => one.id === id)?.state === 'TERMINATED');
});

test('a worker that is not there is named, with those that are', async () => {
  const { code, err } = await shop.run('worker', 'drain', 'nowhere:1');
  expect([code, err]).toEqual([2, expect.stringMatching(/no worker "nowhere:1"[\s\S]*there are: /)]);
  const empty = await shop.run('worker', 'pause', '');
  expect([empty.code, empty.err]).toEqual([2, expect.stringMatching(/its name is empty[\s\S]*there are: /)]);
});
