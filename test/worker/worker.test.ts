import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import type { CommandWork } from '../../src/plan/plan.js';
import { packPlan } from '../../src/plan/wire.js';
import { lifeOf } from '../../src/os/process-identity.mjs';
import { ensureServer } from '../../src/server/embedded.js';
import {
  CHANGES_QUERY,
  RUN_WORKFLOW,
  TASK_QUEUE,
  type Changes,
  type RunInput,
} from '../../src/workflows/api.js';
import { planOf, type StepSketch } from '../plan/builder.js';
import { aHome, type Home } from '../server/a-home.js';
import { processesWith, until } from '../support/processes.js';

// A worker of the built code, as its own process; real steps; a server that the test may kill.

interface Stage extends Home {
  readonly address: string;
  readonly start: (runId: string, steps: Record<string, StepSketch>) => Promise<WorkflowHandle>;
  readonly worker: (
    ...labels: readonly string[]
  ) => Promise<ChildProcess & { readonly lines: readonly string[] }>;
}

async function aStage(): Promise<Stage> {
  const home = await aHome();
  const { address } = await ensureServer(home);
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  const client = new Client({ connection });
  return {
    ...home,
    address,
    start: (workflowId, steps) => {
      const input: RunInput = {
        origin: {
          planPath: 'test',
          root: home.home,
          planHash: '',
          engineVersion: '0',
          retryOf: null,
          parentRun: null,
          actor: 'test',
        },
        chunks: 1,
        firstChunk: packPlan(planOf(steps)),
        reuse: {},
        priority: 'normal',
        searchAttributes: true,
      };
      return client.workflow.start(RUN_WORKFLOW, { workflowId, taskQueue: TASK_QUEUE, args: [input] });
    },
    worker: async (...labels) => {
      const program = join(import.meta.dirname, 'run-worker.mjs');
      const child = spawn(process.execPath, [program, home.home, address, ...labels], {
        env: home.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      });
      const lines: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      await until('it asks for tasks', () => lines.includes('polling'));
      return Object.assign(child, { lines });
    },
  };
}

/** A command that says that it runs, and runs until the test lets it end. */
function held(
  { home }: Home,
  name: string,
): { readonly work: CommandWork; readonly starts: () => boolean; readonly letEnd: () => void } {
  const [started, gate] = [join(home, `${name}-started`), join(home, `${name}-gate`)];
  execFileSync('mkfifo', [gate]);
  return {
    work: {
      kind: 'command',
      command: 'sh',
      args: ['-c', `: > "${started}"; cat "${gate}"`],
      cwd: '.',
      shell: false,
      env: {},
      envMode: 'inherit',
    },
    starts: () => existsSync(started),
    letEnd: () => writeFileSync(gate, ''),
  };
}

const attemptsOf = async (run: WorkflowHandle, step: string): Promise<readonly string[]> => {
  const { steps } = await run.query<Changes, [number, number]>(CHANGES_QUERY, 0, 100);
  return steps.find(({ id }) => id === step)?.attempts.map(({ end }) => end.kind) ?? [];
};

const exitOf = async (child: ChildProcess): Promise<unknown> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
};

test('told to stop, a worker lets a step that cannot be repeated come to its end, then leaves', async () => {
  const stage = await aStage();
  const worker = await stage.worker();
  const step = held(stage, 'step');
  const run = await stage.start('drain', { one: { work: step.work, idempotent: false } });
  await until('the step runs', step.starts);
  worker.kill('SIGTERM');
  const next = await stage.worker(); // takes what the first takes no more
  expect(worker.exitCode).toBeNull();
  step.letEnd();
  await run.result();
  expect(await attemptsOf(run, 'one')).toEqual(['succeeded']);
  expect(await exitOf(worker)).toBe(0);
  expect(next.exitCode).toBeNull();
});

test('told twice, it ends the step at once, with all its processes', async () => {
  const stage = await aStage();
  const worker = await stage.worker();
  const step = held(stage, 'step');
  const run = await stage.start('end', { one: { work: step.work, idempotent: false } });
  await until('the step runs', step.starts);
  const gate = join(stage.home, 'step-gate');
  expect(processesWith(gate).length).toBeGreaterThan(0);
  worker.kill('SIGTERM');
  worker.kill('SIGINT'); // two of one kind at once could arrive as one
  expect(await exitOf(worker)).toBe(0);
  expect(processesWith(gate)).toEqual([]);
  await stage.worker();
  await expect(run.result()).rejects.toThrow(WorkflowFailedError);
  expect(await attemptsOf(run, 'one')).toEqual(['failed']); // the loss was its one attempt
});

test('a step for a label waits for a worker with that label', async () => {
  const stage = await aStage();
  const plain = await stage.worker();
  const run = await stage.start('label', { one: {}, two: { after: ['one'], runsOn: 'gpu' } });
  await expect.poll(() => attemptsOf(run, 'one')).toEqual(['succeeded']);
  expect(await attemptsOf(run, 'two')).toEqual([]);
  const labelled = await stage.worker('gpu');
  await run.result();
  expect(plain.lines.join('\n')).not.toContain('planwright.gpu');
  expect(labelled.lines.join('\n')).toContain('planwright.gpu');
});

test('a worker outlives its server, and goes on with the run when the server is back', async () => {
  const stage = await aStage();
  const worker = await stage.worker();
  const step = held(stage, 'step');
  const run = await stage.start('server', { one: { work: step.work }, two: { after: ['one'] } });
  await until('the step runs', step.starts);
  const { process: server } = stage.server();
  process.kill(server.pid, 'SIGKILL');
  await until('the server is gone', () => lifeOf(server) === 'dead');
  step.letEnd(); // it ends while nobody can be told
  expect((await ensureServer(stage)).address).toBe(stage.address);
  await run.result();
  expect(await attemptsOf(run, 'one')).toEqual(['succeeded']);
  expect(worker.exitCode).toBeNull();
});

test('a worker started before its server waits for it', async () => {
  const stage = await aStage();
  const { process: server } = stage.server();
  process.kill(server.pid, 'SIGKILL');
  await until('the server is gone', () => lifeOf(server) === 'dead');
  const worker = stage.worker();
  await ensureServer(stage);
  await worker;
  await (await stage.start('early', { one: {} })).result();
});

test('a worker that starts ends what a killed one left running', async () => {
  const stage = await aStage();
  const first = await stage.worker();
  const step = held(stage, 'step');
  const run = await stage.start('sweep', { one: { work: step.work, idempotent: true } });
  await until('the step runs', step.starts);
  const gate = join(stage.home, 'step-gate');
  first.kill('SIGKILL');
  await exitOf(first);
  await stage.worker();
  // Idempotent: it runs again, alone.
  await until('it runs again', () => processesWith(gate).length > 0);
  step.letEnd();
  await run.result();
  expect(processesWith(gate)).toEqual([]);
});
