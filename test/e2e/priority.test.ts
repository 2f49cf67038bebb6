/**
 * Priorities on a worker with fewer places than steps: what waits is taken in their order, whatever came first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureServer } from '../../src/server/embedded.js';
import { root } from '../checkout.js';
import { jsonLines, openShop, shell, type PlanStep, type Shop } from '../cli/a-shop.js';
import { until } from '../support/processes.js';

const SLOTS = 2;
const EACH = 6;

let shop: Shop;
let worker: ChildProcess;
let connection: Connection;
let address: string;

beforeAll(async () => {
  shop = await openShop();
  ({ address } = await ensureServer(shop.home));
  worker = spawn(process.execPath, [join(root, 'test/worker/run-worker.mjs'), shop.home.home, address], {
    env: { ...shop.home.env, SLOTS: String(SLOTS) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: worker.stdout! }).on('line', (line) => lines.push(line));
  await until('the worker asks for tasks', () => lines.includes('polling'));
  connection = await Connection.connect({ address });
});
afterAll(async () => {
  await connection.close();
  if (worker.exitCode === null && worker.signalCode === null) {
    worker.kill('SIGKILL');
    await once(worker, 'exit');
  }
  await shop.close();
});

const runOf = (runId: string): WorkflowHandle => new Client({ connection }).workflow.getHandle(runId);

/**
 * Returns the places of the runs in the order in which their steps were taken, by the server's clock: what the commands
 * themselves write may come late from one that the machine keeps waiting.
 */
async function taken(runIds: readonly string[]): Promise<number[]> {
  const starts: { readonly run: number; readonly at: number }[] = [];
  for (const [run, runId] of runIds.entries()) {
    await runOf(runId).result();
    const { events } = await runOf(runId).fetchHistory();
    const steps = new Set<string>();
    for (const event of events ?? []) {
      if (event.activityTaskScheduledEventAttributes?.activityType?.name === 'runCommand')
        steps.add(String(event.eventId));
      const start = event.activityTaskStartedEventAttributes;
      if (!start || !steps.has(String(start.scheduledEventId))) continue;
      const { seconds, nanos } = event.eventTime!;
      starts.push({ run, at: Number(seconds) * 1000 + (nanos ?? 0) / 1e6 });
    }
  }
  return starts.sort((a, b) => a.at - b.at).map(({ run }) => run);
}

/** Starts a run and returns its id. TEMPORAL_ADDRESS: so that no worker of the state directory is started beside ours. */
async function start(name: string, steps: readonly PlanStep[], ...options: string[]): Promise<string> {
  const plan = shop.plan(name, steps, { globals: { max_concurrency: 16 } });
  const { code, out, err } = await shop.run('start', plan, '--detach', '--json', ...options);
  expect(code, err).toBe(0);
  return String(jsonLines(out)[0]!['run_id']);
}

async function untilPending(runId: string, count: number): Promise<void> {
  const pending = async (): Promise<number> =>
    (await runOf(runId).describe()).raw.pendingActivities?.length ?? 0;
  await expect.poll(pending, { message: `steps of ${runId} that wait or are at work` }).toBe(count);
}

async function untilTaken(runId: string, count: number): Promise<void> {
  const atWork = async (): Promise<number> =>
    (await runOf(runId).describe()).raw.pendingActivities?.filter(({ lastStartedTime }) => lastStartedTime)
      .length ?? 0;
  await expect.poll(atWork, { message: `steps of ${runId} at work` }).toBe(count);
}

test('steps that wait for a place are taken by priority, not in the order in which they came', async () => {
  shop.home.env['TEMPORAL_ADDRESS'] = address;
  const file = join(shop.folder, 'order');
  const writers = (word: string): PlanStep[] =>
    Array.from({ length: EACH }, (_, at) => ({ id: `${word}${at}`, ...shell(`echo ${word} >> "${file}"`) }));
  // All places are taken while the others come, the least urgent first.
  const blocked = await start(
    'block',
    Array.from({ length: SLOTS }, (_, at) => ({ id: `b${at}`, ...shop.held('block') })),
  );
  await untilTaken(blocked, SLOTS);
  const [low, normal, high, critical] = [
    await start('low', writers('low'), '--priority', 'low'),
    await start('normal', writers('normal')),
    await start('high', writers('high'), '--priority', 'high'),
    await start('critical', writers('critical'), '--priority', 'critical'),
  ];
  const runs = [critical, high, normal, low];
  for (const run of runs) await untilPending(run, EACH);
  expect(existsSync(file)).toBe(false);
  shop.release('block');
  const order = await taken(runs);
  expect(order).toHaveLength(4 * EACH);
  // Two places: neighbours may overtake each other by one.
  const wanted = runs.flatMap((_, run) => Array<number>(EACH).fill(run));
  order.forEach((run, at) => {
    const near = wanted.slice(Math.max(0, at - SLOTS), at + SLOTS + 1);
    expect(near, `${order.join(' ')}\nat ${at}`).toContain(run);
  });
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(4 * EACH);
});

test('the next step of a chain does not overtake what waits with a higher priority', async () => {
  const order = join(shop.folder, 'order-of-chain');
  const write = (word: string): object => shell(`echo ${word} >> "${order}"`);
  const chain = await start(
    'low-chain',
    [
      { id: 'l0', ...shop.held('chain') },
      { id: 'l1', ...write('low'), depends_on: ['l0'] },
      { id: 'l2', ...write('low'), depends_on: ['l1'] },
    ],
    ...['--priority', 'low'],
  );
  const blocked = await start('block-again', [{ id: 'b0', ...shop.held('chain') }]);
  for (const run of [chain, blocked]) await untilTaken(run, 1);
  const critical = await start(
    'critical-backlog',
    Array.from({ length: 2 * EACH }, (_, at) => ({ id: `c${at}`, ...write('critical') })),
    ...['--priority', 'critical'],
  );
  await untilPending(critical, 2 * EACH);
  // A worker that has a place free may be handed the next step past the queue: only then, or this would fail.
  shop.release('chain');
  const words = (): string[] => (existsSync(order) ? readFileSync(order, 'utf8').trim().split('\n') : []);
  await until('all have run', () => words().length === 2 * EACH + 2);
  expect(words().slice(0, 2 * EACH - SLOTS), words().join(' ')).not.toContain('low');
});
