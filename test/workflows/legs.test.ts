import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { planOf, type StepSketch } from '../plan/builder.js';
import { openEngine, statesOf, stepsOf, type Engine } from './engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ program: inject('temporalProgram'), bundle: inject('workflowBundle') });
});
afterAll(() => engine.close());

/** Hands on after about 15 steps. */
const legEvents = 100;

const chain = (length: number, after: readonly string[] = []): Record<string, StepSketch> =>
  Object.fromEntries(
    Array.from({ length }, (_, at) => [`s${at}`, { after: at === 0 ? after : [`s${at - 1}`] }]),
  );

async function lastLeg(handle: WorkflowHandle): Promise<WorkflowHandle> {
  for (let id: string | null = handle.workflowId; ;) {
    const at: WorkflowHandle = engine.client.workflow.getHandle(id);
    const { nextLeg }: { nextLeg: string | null } = await at.query('changes', 0, 1);
    if (nextLeg === null) return at;
    id = nextLeg;
  }
}

const legs = async (handle: WorkflowHandle): Promise<number> =>
  Number(/~~(\d+)$/.exec((await lastLeg(handle)).workflowId)?.[1] ?? 0);

test('a long run passes from leg to leg, each with a short history, every step once', async () => {
  const handle = await engine.start(planOf(chain(100)), { legEvents });
  expect(await handle.result()).toMatchObject({ head: { state: 'succeeded', counts: { succeeded: 100 } } });
  const states = await statesOf(engine.client, handle.workflowId);
  expect(Object.keys(states)).toHaveLength(100);
  const last = await legs(handle);
  expect(last).toBeGreaterThanOrEqual(3);
  for (let leg = 0; leg <= last; leg += 1) {
    const id = leg === 0 ? handle.workflowId : `${handle.workflowId}~~${leg}`;
    expect((await engine.client.workflow.getHandle(id).describe()).historyLength).toBeLessThan(
      legEvents + 60,
    );
  }
});

test('a step that runs on is no reason to wait: others go on in later legs, its outcome follows them', async () => {
  // held ──────────────► end          s0 ─► s1 ─► … goes on meanwhile
  const plan = planOf({ held1: {}, ...chain(60), end: { after: ['held1', 's59'] } });
  const handle = await engine.start(plan, { legEvents });
  const command = await engine.held('held1');
  await expect.poll(async () => (await statesOf(engine.client, handle.workflowId))['s59']).toBe('succeeded');
  expect(await legs(handle)).toBeGreaterThanOrEqual(2);
  expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({
    held1: 'running',
    end: 'pending',
  });
  command.succeed({ sha: 'abc' });
  await handle.result();
  expect((await stepsOf(engine.client, handle.workflowId))['held1']).toMatchObject({
    state: 'succeeded',
    outputs: { sha: 'abc' },
  });
});

test('a failure in an early leg aborts what the latest leg has to do', async () => {
  const handle = await engine.start(planOf({ held2: {}, ...chain(40), held3: { after: ['s39'] } }), {
    legEvents,
  });
  const [failing, late] = [await engine.held('held2'), await engine.held('held3')];
  expect(await legs(handle)).toBeGreaterThanOrEqual(1);
  failing.fail();
  await late.stopped;
  await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
  expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({
    held2: 'failed',
    held3: 'canceled',
  });
});

test('an abort decided in the latest leg stops a command that an early one started', async () => {
  const handle = await engine.start(planOf({ held4: {}, ...chain(40), held5: { after: ['s39'] } }), {
    legEvents,
  });
  const [early, failing] = [await engine.held('held4'), await engine.held('held5')];
  failing.fail();
  await early.stopped;
  await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
  expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({
    held4: 'canceled',
    held5: 'failed',
  });
});

test.each([
  ['the signal', (handle: WorkflowHandle) => handle.signal('cancel', { reason: 'enough', actor: 'ann' })],
  ['a native request', (handle: WorkflowHandle) => handle.cancel().then(() => undefined)],
])('%s to the run cancels all legs and every command', async (_, cancel) => {
  const handle = await engine.start(
    planOf({ held6: {}, ...chain(40), held7: { after: ['s39'] }, never: { after: ['held7'] } }),
    { legEvents },
  );
  const [early, late] = [await engine.held('held6'), await engine.held('held7')];
  await cancel(handle);
  await Promise.all([early.stopped, late.stopped]);
  await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({
    held6: 'canceled',
    held7: 'canceled',
    never: 'canceled',
  });
});

test('terminating the run ends every leg and every command', async () => {
  const handle = await engine.start(planOf({ held8: {}, ...chain(40), held9: { after: ['s39'] } }), {
    legEvents,
  });
  const [early, late] = [await engine.held('held8'), await engine.held('held9')];
  const last = await lastLeg(handle);
  await handle.terminate('enough');
  await Promise.all([early.stopped, late.stopped]);
  await expect.poll(async () => (await last.describe()).status.name).toBe('TERMINATED');
});

test('updates are for the leg that has the steps; the others name it', async () => {
  const handle = await engine.start(
    planOf({ ask: { work: { kind: 'approval', message: 'ok?' } }, ...chain(40), end: { after: ['ask'] } }),
    { legEvents },
  );
  await expect.poll(async () => (await statesOf(engine.client, handle.workflowId))['s39']).toBe('succeeded');
  const last = await lastLeg(handle);
  const answer = { step: 'ask', approved: true, reason: '', actor: 'eve' };
  const refused: unknown = await handle
    .executeUpdate('approve', { args: [answer] })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ cause: { type: 'HandedOn', details: [`${handle.workflowId}~~1`] } });
  await last.executeUpdate('approve', { args: [answer] });
  await handle.result();
  expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({
    ask: 'succeeded',
    end: 'succeeded',
  });
});

test('conditions and outputs reach back over legs', async () => {
  const plan = planOf({
    make: { outputs: { sha: { from: 'result', pointer: '/sha' } } },
    ...chain(40, ['make']),
    held10: {
      after: ['s39'],
      condition: 'steps.make.state == "succeeded" && steps.make.outputs.sha == "sha of make"',
      work: {
        kind: 'command',
        command: 'use',
        args: ['${steps.make.outputs.sha}'],
        cwd: '.',
        shell: false,
        env: {},
        envMode: 'inherit',
      },
    },
  });
  const handle = await engine.start(plan, { legEvents });
  const command = await engine.held('held10');
  expect(command.task.work.args).toEqual(['sha of make']);
  command.succeed();
  await handle.result();
});

test('a plan too large for one message arrives in chunks; a wrong chunk is refused', async () => {
  const args = ['x'.repeat(500)];
  const work = {
    kind: 'command',
    command: 'true',
    args,
    cwd: '.',
    shell: false,
    env: {},
    envMode: 'inherit',
  } as const;
  const plan = planOf(
    Object.fromEntries(
      Array.from({ length: 600 }, (_, at) => [`b${at}`, { work: { ...work, args: [...args, String(at)] } }]),
    ),
    20,
  );
  const handle = await engine.start(plan);
  const refused: unknown = await handle
    .executeUpdate('addChunk', { args: [{ index: 99, text: '' }] })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({
    cause: { message: expect.stringContaining('chunk 99 is not one of') as string },
  });
  expect(await handle.result()).toMatchObject({ head: { counts: { succeeded: 600 } } });
});
