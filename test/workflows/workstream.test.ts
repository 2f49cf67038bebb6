import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import { openEngine, statesOf, stepsOf, type Engine } from './engine.js';
import { setOf, Shop } from './landing-stand-in.js';

const shop = new Shop();
let engine: Engine;
beforeAll(async () => {
  const parts = { program: inject('temporalProgram'), bundle: inject('workflowBundle') };
  engine = await openEngine({ ...parts, more: shop.activities });
});
afterAll(() => engine.close());

const over = (handle: WorkflowHandle): Promise<unknown> => handle.result().catch(() => undefined);
const tasksOf = (handle: WorkflowHandle, step: string) =>
  shop.workstreams.filter((task) => task.runId === handle.workflowId && task.step === step);

describe('a workstream', () => {
  test('starts with the patches of all it depends on, in landing order, whoever was quicker', async () => {
    // held-a ─► b ─► d        c ─► d
    const plan = await setOf({ 'held-a': [], b: ['held-a'], c: [], d: ['b', 'c'] });
    const handle = await engine.start(plan);
    const held = await shop.heldWork.next();
    await engine.reached(handle.workflowId, 'ws-c');
    held.go();
    await handle.result();
    const [task] = tasksOf(handle, 'ws-d');
    expect(task).toMatchObject({ base: 'base', root: '/', attempt: 1, project: 'unknown' });
    const order = plan.steps.map(({ id }) => id);
    const above = ['ws-held-a', 'ws-b', 'ws-c'].sort(
      (a, b) => order.indexOf(a as never) - order.indexOf(b as never),
    );
    expect(task!.startsWith.map(({ commit }) => commit)).toEqual(above.map((id) => `p-${id}`));
    expect(tasksOf(handle, 'ws-held-a')[0]!.startsWith).toEqual([]);
    expect((await stepsOf(engine.client, handle.workflowId))['ws-d']).toMatchObject({
      state: 'succeeded',
      attempts: [{ number: 1, end: { kind: 'succeeded' } }],
      outputs: { patch: { commit: 'p-ws-d', files: 1 }, tool: 'aider', costUsd: 0.5, reason: null },
    });
  });

  test('and the gates get what the plan says of the environment, and no secret', async () => {
    const plan = await setOf({ a: [] });
    const env = { COLOUR: 'blue', KEY_OF: 'it is ${TOKEN}' };
    const handle = await engine.start({ ...plan, env, secrets: ['TOKEN'] });
    await handle.result();
    const ofRun = <Task extends { readonly runId: string }>(tasks: readonly Task[]): Task[] =>
      tasks.filter(({ runId }) => runId === handle.workflowId);
    expect(ofRun(shop.workstreams).map((task) => task.env)).toEqual([{ COLOUR: 'blue' }]);
    expect(ofRun(shop.gateRuns).map((task) => task.env)).toEqual([{ COLOUR: 'blue' }]);
  });

  test('that only comes after another one starts with its patch, and without it when that failed', async () => {
    const both = { files_scope: ['x/'] };
    const plan = await setOf({
      a: both,
      b: both,
      'c-fails': { files_scope: ['y/'] },
      d: { files_scope: ['y/'] },
    });
    const handle = await engine.start(plan);
    await over(handle);
    expect(tasksOf(handle, 'ws-b')[0]!.startsWith).toEqual([
      { id: `${handle.workflowId}/ws-a-1`, commit: 'p-ws-a', workstream: 'ws-a' },
    ]);
    expect(tasksOf(handle, 'ws-d')[0]!.startsWith).toEqual([]);
  });

  test('that fails ends its dependents as skipped; others go on and land, and the run has failed all the same', async () => {
    // a-fails ─► b ─► c        d
    const handle = await engine.start(await setOf({ 'a-fails': [], b: ['a-fails'], c: ['b'], d: [] }));
    await over(handle);
    const steps = await stepsOf(engine.client, handle.workflowId);
    expect(await statesOf(engine.client, handle.workflowId)).toEqual({
      'ws-a-fails': 'failed',
      'ws-b': 'skipped',
      'ws-c': 'skipped',
      'ws-d': 'succeeded',
      landing: 'failed',
    });
    expect(steps['ws-a-fails']!.failure).toEqual({
      reason: 'workstream-failed',
      message: 'tool-failed: no luck',
    });
    expect(steps['landing']!.outputs).toMatchObject({
      counts: '1 landed',
      tip: expect.stringContaining('+ws-d'),
    });
  });

  test('whose tool broke down is tried again, as often as the configuration says', async () => {
    const handle = await engine.start(await setOf({ 'fails-once': [], 'fails-twice': [] }));
    await over(handle);
    const steps = await stepsOf(engine.client, handle.workflowId);
    expect(steps['ws-fails-twice']).toMatchObject({
      state: 'failed',
      attempts: [{ number: 1 }, { number: 2 }],
    });
    expect(steps['ws-fails-once']).toMatchObject({
      state: 'succeeded',
      attempts: [{ number: 1 }, { number: 2 }],
    });
  });

  test('whose tool has used up its quota goes on with the next tool, and that costs no retry', async () => {
    const handle = await engine.start(await setOf({ 'quota-fails': [] }));
    await over(handle);
    expect(tasksOf(handle, 'ws-quota-fails').map(({ tool, attempt }) => [tool.name, attempt])).toEqual([
      ['aider', 1],
      ['codex', 2],
      ['codex', 3],
    ]);
  });

  test('that is quarantined is not tried again, and leaves its patch as evidence', async () => {
    const handle = await engine.start(await setOf({ quarantined: [], b: ['quarantined'] }));
    await over(handle);
    expect(tasksOf(handle, 'ws-quarantined')).toHaveLength(1);
    const steps = await stepsOf(engine.client, handle.workflowId);
    expect(steps['ws-quarantined']).toMatchObject({
      state: 'failed',
      outputs: {
        outcome: 'quarantined',
        trouble: 'worktree-replaced',
        patch: { commit: 'p-ws-quarantined' },
      },
    });
    expect(steps['ws-b']!.state).toBe('skipped');
  });

  test('that is canceled leaves what it had written as evidence', async () => {
    const handle = await engine.start(await setOf({ 'held-a': [], b: [] }));
    const held = await shop.heldWork.next();
    await handle.signal('cancel', { reason: 'enough', actor: 'ann' });
    await held.stopped;
    await over(handle);
    expect((await stepsOf(engine.client, handle.workflowId))['ws-held-a']).toMatchObject({
      state: 'canceled',
      outputs: { patch: { commit: 'p-ws-held-a' }, trouble: 'canceled' },
    });
  });

  test('hands its patch on over the legs of a long run', async () => {
    const graph = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`n${100 + at}`, at === 0 ? [] : [`n${99 + at}`]]),
    );
    const handle = await engine.start(await setOf(graph), { legEvents: 60 });
    await handle.result();
    const [last] = tasksOf(handle, 'ws-n129');
    expect(last!.startsWith.map(({ commit }) => commit)).toEqual(
      Array.from({ length: 29 }, (_, at) => `p-ws-n${100 + at}`),
    );
    expect(shop.branch.split('+').filter((id) => /^ws-n1/.test(id))).toHaveLength(30);
  });

  test('without a commit to start from is not started, and says why', async () => {
    const origin = {
      ...{ planPath: 'x', root: '/', planHash: 'h', engineVersion: '0', retryOf: null, parentRun: null },
      actor: 'test',
    };
    const handle = await engine.start(await setOf({ a: [] }), { origin });
    await over(handle);
    expect((await stepsOf(engine.client, handle.workflowId))['ws-a']!.failure).toMatchObject({
      reason: 'not-started',
      message: expect.stringContaining('without a commit to start from'),
    });
  });
});
