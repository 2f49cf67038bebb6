/**
 * deploy/worker/entrypoint.sh with real processes and real locks. The program it starts is one that says what it was
 * given and then waits.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { root } from '../checkout.js';

/** Says where it is; with the argument `leave-child` it starts a process that outlives it. */
const PROGRAM = `
  import { spawn } from 'node:child_process';
  const left = process.argv.includes('leave-child')
    ? spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).pid
    : null;
  process.on('SIGTERM', () => process.exit(7));
  const { PLANWRIGHT_HOME: home, PLANWRIGHT_HOST: host } = process.env;
  console.log(JSON.stringify({ home, host, left, arguments: process.argv.slice(2), pid: process.pid }));
  setInterval(() => {}, 1e6);
`;

interface Worker {
  readonly process: ChildProcessByStdio<null, Readable, null>;
  readonly home: string;
  readonly host: string;
  readonly left: number | null;
  readonly arguments: readonly string[];
  readonly pid: number;
}

let folder: string;
let running: ChildProcessByStdio<null, Readable, null>[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-entrypoint-'));
  running = [];
  mkdirSync(join(folder, 'app/bin'), { recursive: true });
  mkdirSync(join(folder, 'state'));
  cpSync(join(root, 'deploy/worker'), join(folder, 'app/deploy/worker'), { recursive: true });
  writeFileSync(join(folder, 'app/bin/planwright.mjs'), PROGRAM);
});

afterEach(async () => {
  await Promise.all(running.map((process) => kill(process)));
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

async function kill(process: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  process.kill('SIGKILL');
  await once(process, 'exit');
}

/** Starts a container's entry point, and returns what its worker says of itself. */
async function start(...args: readonly string[]): Promise<Worker> {
  const temporary = mkdtempSync(join(folder, 'tmp-')); // each container has one of its own
  const child = spawn('/bin/sh', [join(folder, 'app/deploy/worker/entrypoint.sh'), ...args], {
    env: { PATH: process.env['PATH'], PLANWRIGHT_STATE: join(folder, 'state'), TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { ...(JSON.parse(line) as Omit<Worker, 'process'>), process: child };
}

test('workers that start together each get a place of their own, under one name of the volume', async () => {
  const workers = await Promise.all(Array.from({ length: 8 }, () => start()));
  const places = workers.map(({ home }) => home).sort();
  expect(places).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((place) => join(folder, 'state', `worker-${place}`)));
  expect(new Set(workers.map(({ host }) => host.replace(/-worker-\d$/, ''))).size).toBe(1);
  expect(new Set(workers.map(({ host }) => host)).size).toBe(8);
});

test('the place of a killed worker goes to the next one, with its host name', async () => {
  const [first] = [await start(), await start()];
  await kill(first.process);
  const next = await start();
  expect([next.home, next.host]).toEqual([first.home, first.host]);
  expect(next.pid).not.toBe(first.pid);
});

test('a process that a worker leaves behind does not hold its place', async () => {
  const first = await start('leave-child');
  await kill(first.process);
  try {
    expect((await start()).home).toBe(first.home);
  } finally {
    process.kill(first.left!, 'SIGKILL');
  }
});

test('the worker gets the arguments and the signals: no shell stands between', async () => {
  const { process: child, arguments: given, pid } = await start('--slots', '3 4');
  expect(given).toEqual(['worker', '--slots', '3 4']);
  expect(pid).toBe(child.pid);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([7, null]);
});
