import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Runtime } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { CommandTask } from '../../src/activities/api.js';
import { bundleProgram, type BundledProgram } from '../support/bundled-program.js';
import { processesWith, sleepers, uniqueSleep, until } from '../support/processes.js';
import type { runOne, Seen } from './probe-workflow.js';
import { shell, taskOf, type Changes } from './steps.js';

let client: Client;
let connection: Connection;
let program: BundledProgram;
let bundle: string;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
  const workflowsPath = fileURLToPath(new URL('probe-workflow.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  program = await bundleProgram(fileURLToPath(new URL('probe-worker.ts', import.meta.url)));
  bundle = join(program.file, '..', 'workflows.js');
  writeFileSync(bundle, code);
});
afterAll(async () => {
  program.remove();
  await connection.close();
});

let folder: string;
let name: string;
let queue: string;
let workers: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-server-'));
  name = uniqueSleep();
  queue = `probe-${name}`;
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) await end(worker, 'SIGKILL');
  await until('nothing runs any more', () => processesWith(name).length === 0);
  rmSync(folder, { recursive: true, maxRetries: 10 });
});

/** Starts a worker; each home stands for a host's. */
function work(home: string): ChildProcess {
  const args = [program.file, inject('temporalAddress'), queue, bundle, join(folder, home)];
  const worker = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  workers.push(worker);
  return worker;
}

async function end(worker: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  worker.kill(signal);
  await once(worker, 'exit');
}

async function start(changes: Changes): Promise<WorkflowHandle<typeof runOne>> {
  const task: CommandTask = taskOf(folder, { runId: `probe-${name.replace('.', '-')}`, ...changes });
  return client.workflow.start<typeof runOne>('runOne', {
    taskQueue: queue,
    workflowId: task.runId,
    args: [task],
  });
}

const attempts = ({ ended }: Seen): unknown[] =>
  (ended?.attempts ?? []).map(({ number, end: how }) => [
    number,
    how.kind === 'failed' ? how.failure.reason : how.kind,
  ]);

test('the attempts of a canceled step reach the workflow with the cancel', async () => {
  work('a');
  const run = await start({ work: shell(`echo begun; sleep ${name}`) });
  await until('it sleeps', () => sleepers(name).length === 1);
  await run.cancel();
  const seen = await run.result();
  expect(seen).toMatchObject({
    kind: 'canceled',
    ended: {
      attempts: [{ number: 1, end: { kind: 'canceled' }, logs: { stdoutBytes: 6 } }],
      attemptsOmitted: 0,
    },
  });
});

test('the workflow learns of every attempt, though each was on another host', async () => {
  const first = work('a');
  const script = `echo "$PLANWRIGHT_ATTEMPT" >> ${folder}/tried; exit $((PLANWRIGHT_ATTEMPT + 10))`;
  const retry = { maxAttempts: 3, initialIntervalSec: 6, backoffCoefficient: 1 }; // time to kill a worker in
  const run = await start({ work: shell(script), retry });
  await untilReported(run, 1);
  await end(first, 'SIGKILL');
  const second = work('b');
  await untilReported(run, 2);
  await end(second, 'SIGKILL');
  work('c');
  const seen = await run.result();
  expect(tried()).toEqual(['1', '2', '3']);
  expect(seen).toMatchObject({ kind: 'failed', type: 'StepFailed', ended: { attemptsOmitted: 0 } });
  expect(attempts(seen)).toEqual([1, 2, 3].map((number) => [number, 'exit-code']));
});

/** Waits until the server knows that so many attempts failed. */
async function untilReported(run: WorkflowHandle, failed: number): Promise<void> {
  for (;;) {
    const [pending] = (await run.describe()).raw.pendingActivities ?? [];
    if ((pending?.attempt ?? 0) > failed) return;
    await sleep(20);
  }
}

const tried = (): string[] => {
  try {
    return readFileSync(join(folder, 'tried'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

test('the last failure arrives with its whole tail', async () => {
  work('a');
  const seen = await (await start({ work: shell('yes 0123456789 | head -n 2000 >&2; exit 9') })).result();
  const failure = seen.ended?.attempts[0]?.end;
  expect(
    failure?.kind === 'failed' && 'tail' in failure.failure && failure.failure.tail.length,
  ).toBeGreaterThan(4_000);
});

describe('a worker killed with a step at work', () => {
  test('costs an idempotent step nothing: another runs it, alone', async () => {
    const first = work('a');
    const script = `echo x >> ${folder}/tried; test $(wc -l < ${folder}/tried) -gt 1 || exec sleep ${name}`;
    const run = await start({ work: shell(script), idempotent: true });
    await until('it sleeps', () => sleepers(name).length === 1);
    await end(first, 'SIGKILL');
    work('a');
    const seen = await run.result();
    expect(attempts(seen)).toEqual([[1, 'succeeded']]);
    expect(tried()).toEqual(['x', 'x']);
  });

  test('costs another step an attempt, and with none left it is not run again', async () => {
    const first = work('a');
    const run = await start({ work: shell(`echo x >> ${folder}/tried; exec sleep ${name}`) });
    await until('it sleeps', () => sleepers(name).length === 1);
    await end(first, 'SIGKILL');
    work('a');
    const seen = await run.result();
    expect(seen).toMatchObject({ kind: 'failed', type: 'StepFailed' });
    expect(attempts(seen)).toEqual([[1, 'worker-lost']]);
    expect(tried()).toEqual(['x']);
  });
});

test('a worker told to stop gives an idempotent step to another, at no cost of an attempt', async () => {
  const first = work('a');
  const script = `echo x >> ${folder}/tried; test $(wc -l < ${folder}/tried) -gt 1 || exec sleep ${name}`;
  const run = await start({ work: shell(script), idempotent: true });
  await until('it sleeps', () => sleepers(name).length === 1);
  await end(first, 'SIGTERM');
  expect(first.exitCode).toBe(0);
  expect(sleepers(name)).toEqual([]);
  work('b');
  expect(attempts(await run.result())).toEqual([[1, 'succeeded']]);
});
