/**
 * Steps that run on another host: their output is there, and is read from here.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureServer } from '../../src/server/embedded.js';
import { root } from '../checkout.js';
import { until } from '../support/processes.js';
import { openShop, type Shop } from './a-shop.js';

let shop: Shop;
let otherHome: string;
let otherWorker: ChildProcess;

beforeAll(async () => {
  shop = await openShop();
  otherHome = mkdtempSync(join(tmpdir(), 'planwright-other-host-'));
  const { address } = await ensureServer(shop.home);
  otherWorker = spawn(
    process.execPath,
    [join(root, 'test/worker/run-worker.mjs'), otherHome, address, 'far'],
    {
      env: { ...shop.home.env, PLANWRIGHT_HOME: otherHome, PLANWRIGHT_HOST: 'far-host' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines: string[] = [];
  createInterface({ input: otherWorker.stdout! }).on('line', (line) => lines.push(line));
  await until('the other host asks for tasks', () => lines.includes('polling'));
});
afterAll(async () => {
  if (otherWorker.exitCode === null && otherWorker.signalCode === null) {
    otherWorker.kill('SIGKILL');
    await once(otherWorker, 'exit');
  }
  await shop.close();
  rmSync(otherHome, { recursive: true, force: true, maxRetries: 10 });
});

const far = { runs_on: 'far' };
const shell = (script: string): object => ({ command: 'sh', args: ['-c', script] });

test('a log is read from the host that has it, whatever its size', async () => {
  const plan = shop.plan('far', [
    { id: 'words', ...far, ...shell('printf "\\377 here I am\\n"; echo complaint >&2') },
    { id: 'large', ...far, ...shell('seq 300000') },
  ]);
  expect(await shop.run('start', plan)).toMatchObject({ code: 0 });
  const said = await shop.run('logs', 'last', 'words');
  expect(said.err).toBe('');
  expect(said.out).toContain(' here I am');
  expect(said.out).toContain('complaint');
  const numbers = Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join('');
  const large = await shop.run('logs', 'last', 'large', '--stdout', '--raw');
  expect(large.out === numbers).toBe(true);
  const [first] = JSON.parse((await shop.run('logs', 'last', 'words', '--json')).out) as object[];
  expect(first).toMatchObject({ step: 'words', host: 'far-host', stream: 'stdout' });
});

test('a step at work on another host is followed, through its attempts, and said once', async () => {
  const tries = join(shop.folder, 'tries');
  const script = `echo x >> ${tries}; n=$(wc -l < ${tries}); echo "try $n"; until [ -e ${tries}.$n ]; do sleep 0.05; done; echo "end of $n"; [ $n = 2 ]`;
  const plan = shop.plan('far-follow', [
    { id: 'long', ...far, ...shell(script), retries: 1, retry_delay_sec: 1 },
  ]);
  const running = shop.begin(['start', plan]);
  await running.said('long  started');
  const following = shop.begin(['logs', 'last', 'long', '-f']);
  await following.said('try 1');
  writeFileSync(`${tries}.1`, '');
  await following.said('try 2');
  writeFileSync(`${tries}.2`, '');
  expect(await running.done).toMatchObject({ code: 0 });
  const { code, out } = await following.done;
  expect([code, out]).toEqual([0, 'try 1\nend of 1\ntry 2\nend of 2\n']);
});

test('a host that is gone is named', async () => {
  otherWorker.kill('SIGKILL');
  await once(otherWorker, 'exit');
  const answer = await shop.run('logs', 'last', 'long');
  expect(answer.code).not.toBe(0);
  expect(answer.err).toContain('is on host "far-host": no worker of that host answers');
  expect(answer.err).toContain('planwright worker');
});
