/**
 * The library, on a real server with a real worker.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { connectPlanwright, PlanError, PlanwrightError, type Planwright } from '../../src/client.js';
import { follow, type Notice } from '../../src/client/follow.js';
import { openLink } from '../../src/client/open-link.js';
import { preparePlan, startPrepared } from '../../src/client/start-plan.js';
import { packageRoot } from '../../src/package.js';
import { runFiles } from '../../src/record/layout.js';
import { packPlan } from '../../src/plan/wire.js';
import { RUN_WORKFLOW, TASK_QUEUE, type RunInput } from '../../src/workflows/api.js';
import { chunksOf } from '../../src/workflows/chunks.js';
import { stopWorker } from '../../src/server/background-worker.js';
import { openHome, type Home } from '../server/a-home.js';
import { until } from '../support/processes.js';

let home: Home;
let close: () => Promise<void>;
let planwright: Planwright;
const folder = mkdtempSync(join(tmpdir(), 'planwright-library-'));

beforeAll(async () => {
  ({ home, close } = await openHome());
  planwright = connectPlanwright({ env: home.env });
});
afterAll(async () => {
  await planwright.close();
  await Promise.all(connections.map((connection) => connection.close()));
  await close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const simple = join(packageRoot(), 'plans/test_simple.json');

function aPlanFile(name: string, steps: readonly object[]): string {
  const file = join(folder, `${name}.json`);
  writeFileSync(
    file,
    JSON.stringify({ plan_id: name, version: '1', globals: { max_concurrency: 3 }, steps }),
  );
  return file;
}

/** Runs until it is canceled. */
const endless = { command: 'sh', args: ['-c', 'while :; do sleep 0.05; done'] };

const connections: Connection[] = [];

async function serverClient(): Promise<Client> {
  const { address, namespace } = home.server();
  const connection = await Connection.connect({ address });
  connections.push(connection);
  return new Client({ connection, namespace });
}

/** Resolves once a step of a run is at work. */
async function untilRunning(run: string): Promise<void> {
  for await (const { run: status } of planwright.followRun(run))
    if ((status?.counts.running ?? 0) > 0) return;
}

test('a plan is checked without a server', async () => {
  expect(await planwright.validatePlan(simple)).toEqual({
    ok: true,
    problems: [],
    levels: [['step1'], ['step2', 'step3'], ['step4']],
  });
  expect(existsSync(join(home.home, 'server.json'))).toBe(false);
});

test('a run is started, followed, waited for and asked about', async () => {
  const runId = await planwright.startRun({ planPath: simple, actor: 'a test' });
  const types: string[] = [];
  let last: unknown;
  for await (const { run, events, isFinal } of planwright.followRun(runId)) {
    types.push(...events.map((event) => event.event_type));
    if (isFinal) last = run;
  }
  expect(last).toMatchObject({ run_id: runId, state: 'succeeded', progress: 100, actor: 'a test' });
  expect(types).toHaveLength(11);
  expect(types.at(-1)).toBe('run_completed');
  expect((await planwright.getRunEvents(runId)).map((event) => event.event_type).sort()).toEqual(
    [...types].sort(),
  );
  expect(await planwright.waitRun('last')).toMatchObject({ run_id: runId, exit_code: 0 });
  const steps = await planwright.getRunSteps(runId);
  expect(steps.map(({ tool_id: tool, state, exit_code: code }) => [tool, state, code])).toEqual(
    Array.from({ length: 4 }, () => ['node', 'succeeded', 0]),
  );
  const { origin, plan } = await planwright.getRecord(runId);
  expect([origin.actor, plan.planId]).toEqual(['a test', 'PLAN-TEST-SIMPLE']);
  let log = '';
  for await (const bytes of planwright.readLog(runId, { step: 'step1' })) log += bytes.toString();
  expect(log).toBe('step 1: here we go\n');
  expect(await planwright.webUi(runId)).toBe(`${home.server().webUi}/namespaces/default/workflows/${runId}`);
});

test('a bad plan is refused with all that is wrong with it', async () => {
  const planPath = aPlanFile('bad', [{ id: 'a', name: 'a', command: 'x', args: 'none', depends_on: ['b'] }]);
  const error = await planwright.startRun({ planPath }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PlanError);
  expect((error as PlanError).problems).toHaveLength(2);
});

test('a run is found in the Web UI by what it is about', async () => {
  const runId = await planwright.startRun({ planPath: simple, root: packageRoot() });
  await planwright.waitRun(runId);
  const { searchAttributes, memo } = await (await serverClient()).workflow.getHandle(runId).describe();
  expect(searchAttributes).toMatchObject({
    PlanId: ['PLAN-TEST-SIMPLE'],
    RunState: ['succeeded'],
    Repository: [packageRoot().replace(/\/$/, '')],
  });
  expect(memo).toMatchObject({ engineVersion: expect.any(String) as string, planPath: simple });
});

test('a plan of many chunks arrives whole', async () => {
  const steps = Array.from({ length: 60 }, (_, index) => ({
    id: `s${index}`,
    name: `Step ${index}`,
    command: 'node',
    args: [
      '-e',
      `process.exit(process.argv[1].length === 6000 ? 0 : 1)`,
      String.fromCodePoint(0x4e00 + index).repeat(6000),
    ],
  }));
  const runId = await planwright.startRun({ planPath: aPlanFile('big', steps) });
  expect(await planwright.waitRun(runId)).toMatchObject({ state: 'succeeded', counts: { succeeded: 60 } });
});

test('a run is canceled with who and why', async () => {
  const planPath = aPlanFile('canceled', [
    { id: 'a', name: 'a', ...endless },
    { id: 'b', name: 'b', command: 'true', args: [], depends_on: ['a'] },
  ]);
  const runId = await planwright.startRun({ planPath });
  await untilRunning(runId);
  await planwright.cancelRun(runId, { reason: 'no need', actor: 'somebody' });
  expect(await planwright.waitRun(runId)).toMatchObject({
    state: 'canceled',
    exit_code: 1,
    cancel: { reason: 'no need', actor: 'somebody' },
  });
  expect((await planwright.getRunSteps(runId)).map(({ state }) => state)).toEqual(['canceled', 'canceled']);
  await expect(planwright.cancelRun(runId)).rejects.toThrow('it has ended already');
});

test('a terminated run gets its record from whoever asks first', async () => {
  const runId = await planwright.startRun({
    planPath: aPlanFile('terminated', [{ id: 'a', name: 'a', ...endless }]),
  });
  await untilRunning(runId);
  await (await serverClient()).workflow.getHandle(runId).terminate('pulled the plug');
  expect(existsSync(runFiles(home.home, runId).record)).toBe(false);
  expect(await planwright.getRun(runId)).toMatchObject({
    state: 'canceled',
    error_message: 'terminated: pulled the plug',
  });
  expect(existsSync(runFiles(home.home, runId).record)).toBe(true);
  expect((await planwright.getRunEvents(runId)).at(-1)).toMatchObject({ event_type: 'run_canceled' });
});

test('a worker that begins writes the records that are missing', async () => {
  const runId = await planwright.startRun({
    planPath: aPlanFile('unrecorded', [{ id: 'a', name: 'a', ...endless }]),
  });
  await untilRunning(runId);
  await (await serverClient()).workflow.getHandle(runId).terminate('pulled the plug');
  const { record } = runFiles(home.home, runId);
  await stopWorker(home, null, { force: true });
  expect(existsSync(record)).toBe(false);
  const link = openLink({ env: home.env });
  await link.ensureWorker();
  await link.close();
  await until('the record is written', () => existsSync(record));
});

test('quarantine is for runs that failed or are open', async () => {
  const failing = aPlanFile('failing', [{ id: 'a', name: 'a', command: 'false', args: [] }]);
  const failed = await planwright.startRun({ planPath: failing });
  await planwright.waitRun(failed);
  await planwright.quarantineRun(failed, { reason: 'bad base', actor: 'me' });
  expect(await planwright.getRun(failed)).toMatchObject({
    state: 'quarantined',
    error_message: 'quarantined by me: bad base',
  });
  expect((await planwright.getRunEvents(failed)).slice(-2).map((event) => event.event_type)).toEqual([
    'run_completed',
    'run_quarantined',
  ]);
  expect((await planwright.listRuns({ state: 'quarantined' })).map((run) => run.run_id)).toEqual([failed]);
  await expect(planwright.quarantineRun(failed)).rejects.toThrow('in quarantine already');

  const open = await planwright.startRun({
    planPath: aPlanFile('open', [{ id: 'a', name: 'a', ...endless }]),
  });
  await planwright.quarantineRun(open, { reason: 'wrong branch' });
  expect(await planwright.waitRun(open)).toMatchObject({ state: 'quarantined' });

  const good = await planwright.startRun({ planPath: simple });
  await planwright.waitRun(good);
  await expect(planwright.quarantineRun(good)).rejects.toThrow(/is succeeded/);
});

test('a retry reads the plan again, and says what it is a retry of', async () => {
  const planPath = aPlanFile('again', [
    { id: 'a', name: 'a', command: 'true', args: [] },
    { id: 'b', name: 'b', command: 'false', args: [], depends_on: ['a'] },
  ]);
  const first = await planwright.startRun({ planPath });
  await planwright.waitRun(first);
  aPlanFile('again', [
    { id: 'a', name: 'a', command: 'true', args: [] },
    { id: 'b', name: 'b', command: 'true', args: [], depends_on: ['a'] },
  ]);
  const second = await planwright.retryRun(first);
  expect(await planwright.waitRun(second)).toMatchObject({ state: 'succeeded', retry_of: first });
  const { steps } = await planwright.getRecord(second);
  expect(steps.map(({ reusedFrom }) => reusedFrom)).toEqual([first, null]);
  await expect(planwright.retryRun(second)).rejects.toThrow('there is nothing to run again');
});

test('sub-plans are runs of their own, listed when asked for', async () => {
  const outer = join(packageRoot(), 'plans/sub-plans.json');
  const runId = await planwright.startRun({ planPath: outer });
  await planwright.waitRun(runId);
  const listed = await planwright.listRuns();
  expect(listed.every((run) => !run.run_id.includes('~'))).toBe(true);
  const children = (await planwright.listRuns({ all: true })).filter((run) =>
    run.run_id.startsWith(`${runId}~`),
  );
  expect(children.length).toBeGreaterThan(0);
  expect(await planwright.getRun(children[0]!.run_id)).toMatchObject({
    parent_run: runId,
    state: 'succeeded',
  });
});

test('a run in several legs is followed, steered and recorded as one', async () => {
  const link = openLink({ env: home.env });
  await link.ensureWorker();
  const client = await link.client();
  // 40 steps one after the other, then one that is held: with 60 events a leg that takes several.
  const gate = join(folder, 'legs-gate');
  const held = { command: 'sh', args: ['-c', `until [ -e "${gate}" ]; do sleep 0.05; done`] };
  const chain = Array.from({ length: 40 }, (_, index) => ({
    id: `s${index}`,
    name: `s${index}`,
    command: 'true',
    args: [],
    depends_on: index === 0 ? [] : [`s${index - 1}`],
  }));
  const last = { id: 'held', name: 'held', ...held, depends_on: ['s39'] };
  const prepared = await preparePlan({ planPath: aPlanFile('legs', [...chain, last]) });
  const runId = 'legs-1';
  const origin = {
    planPath: prepared.planPath,
    root: folder,
    planHash: 'x',
    engineVersion: '0',
    retryOf: null,
    parentRun: null,
    actor: 'a test',
  };
  const chunks = chunksOf(packPlan(prepared.plan));
  const input: RunInput = {
    origin,
    chunks: chunks.length,
    firstChunk: chunks[0]!,
    reuse: {},
    priority: 'normal',
    searchAttributes: true,
    legEvents: 60,
  };
  await client.workflow.start(RUN_WORKFLOW, { taskQueue: TASK_QUEUE, workflowId: runId, args: [input] });

  const told: string[] = [];
  let steered = false;
  for await (const { run, events, isFinal } of planwright.followRun(runId)) {
    told.push(
      ...events.flatMap(({ event_type: type, data }) =>
        type === 'step_succeeded' ? [data['step_id'] as string] : [],
      ),
    );
    // The last step may be seen waiting for a moment: a leg may end between the two.
    if (!steered && run?.counts.succeeded === 40 && run.counts.running === 1) {
      steered = true;
      expect(run).toMatchObject({ state: 'running', progress: 97, counts: { pending: 0 } });
      await planwright.pauseRun(runId);
      await planwright.resumeRun(runId);
      // A list does not wait long for how far a run is.
      await expect
        .poll(async () => (await planwright.listRuns()).find((listed) => listed.run_id === runId))
        .toMatchObject({ progress: 97 });
      writeFileSync(gate, '');
    }
    if (isFinal) expect(run).toMatchObject({ state: 'succeeded', counts: { succeeded: 41 } });
  }
  expect([steered, told]).toEqual([true, [...chain.map(({ id }) => id), 'held']]);
  expect((await client.workflow.getHandle(`${runId}~~1`).describe()).type).toBe('continuePlan');
  expect((await planwright.getRecord(runId)).steps.every(({ state }) => state === 'succeeded')).toBe(true);
  await link.close();
});

/** A namespace of the tests' shared server that no worker serves and no search attribute is registered for. */
function aBareNamespace(): NodeJS.ProcessEnv {
  const namespace = `bare-${process.pid}-${Date.now()}`;
  const address = inject('temporalAddress');
  execFileSync(inject('temporalProgram'), [
    'operator',
    'namespace',
    'create',
    namespace,
    '--address',
    address,
  ]);
  return { ...home.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
}

test('a cluster without our search attributes, or without a worker, is told of and lived with', async () => {
  const link = openLink({ env: aBareNamespace(), startWorker: false });
  try {
    const prepared = await preparePlan({ planPath: simple });
    const { runId, notes } = await startPrepared(link, prepared);
    expect(notes).toEqual([expect.stringContaining('does not know our search attributes')]);
    const client = await link.client();
    expect((await client.workflow.getHandle(runId).describe()).type).toBe(RUN_WORKFLOW);

    const leaving = new AbortController();
    const notices: Notice['kind'][] = [];
    const world = {
      client,
      finalRecord: () => Promise.reject(new Error('it never ends')),
      signal: leaving.signal,
    };
    for await (const { notice } of follow(world, runId)) {
      // A busy server may be taken to be away for a moment.
      if (notice === null || notice.kind === 'no-server') continue;
      notices.push(notice.kind);
      leaving.abort();
    }
    expect(notices).toEqual(['no-worker']);
  } finally {
    await link.close();
  }
});

test('a secret does not leave this machine', async () => {
  const file = join(folder, 'secret.json');
  const steps = [{ id: 'a', name: 'a', command: 'true', args: [], env: { T: '${T}' } }];
  writeFileSync(
    file,
    JSON.stringify({ plan_id: 'S', version: '1', globals: {}, variables: { T: { secret: true } }, steps }),
  );
  const link = openLink({ env: aBareNamespace(), startWorker: false });
  try {
    const prepared = await preparePlan({ planPath: file, variables: { T: 'hush' } });
    const error = await startPrepared(link, prepared).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PlanwrightError);
    expect((error as PlanwrightError).message).toMatch(/"T" is a secret and would leave this machine/);
    expect((error as PlanwrightError).message).not.toContain('hush');
  } finally {
    await link.close();
  }
});

test('a server that is not there is named, with what to do', async () => {
  const nobody = connectPlanwright({ env: { ...home.env, TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  await expect(nobody.startRun({ planPath: simple })).rejects.toThrow(
    /the Temporal server at 127\.0\.0\.1:1 .* cannot be reached/,
  );
  await nobody.close();
});
