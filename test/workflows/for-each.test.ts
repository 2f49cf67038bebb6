import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { planOf } from '../plan/builder.js';
import { openEngine, statesOf, stepsOf, type Engine } from './engine.js';
import { groupOf, repeated } from './scenarios.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ program: inject('temporalProgram'), bundle: inject('workflowBundle') });
});
afterAll(() => engine.close());

const states = (runId: string): Promise<Record<string, string>> => statesOf(engine.client, runId);
const failureOf = async (runId: string, step: string): Promise<string | undefined> => {
  const { failure } = (await stepsOf(engine.client, runId))[step]!;
  return failure !== null && 'message' in failure ? failure.message : failure?.reason;
};

describe('a for_each', () => {
  test('runs a step for each item, no more at once than it says, and hands on what came of them', async () => {
    const names = ['held-a', 'held-b', 'held-c'];
    const handle = await engine.start(planOf(groupOf(names, {}, { maxParallel: 2 })));
    const [a, b] = await Promise.all([engine.held('held-a'), engine.held('held-b')]);
    const group = `${handle.workflowId}~each`;
    expect(await states(group)).toEqual({ 'item-0': 'running', 'item-1': 'running', 'item-2': 'pending' });
    b.succeed({ name: 'B' });
    (await engine.held('held-c')).succeed({ name: 'C' });
    a.succeed({ name: 'A' });
    await handle.result();
    const { each } = await stepsOf(engine.client, handle.workflowId);
    expect(each).toMatchObject({
      childRun: group,
      outputs: { count: 3, succeeded: 3, failed: 0, results: [{ name: 'A' }, { name: 'B' }, { name: 'C' }] },
    });
  });

  test('takes its items from an output; none is no failure', async () => {
    const from = { items: '${steps.make.outputs.list}' };
    const outputs = { list: { from: 'result', pointer: '' } } as const;
    const plan = planOf({ ...groupOf([], {}, from), make: { outputs } });
    // The stand-in's output is the text "list of make": no list.
    const handle = await engine.start(plan);
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(await failureOf(handle.workflowId, 'each')).toBe('the items must be a list, found "list of make"');
    const none = await engine.start(planOf(groupOf([])));
    await none.result();
    expect((await stepsOf(engine.client, none.workflowId))['each']).toMatchObject({
      state: 'succeeded',
      outputs: { count: 0, results: [] },
    });
  });

  test('"abort" stops the other items at the first failure, and the group has failed', async () => {
    const handle = await engine.start(planOf(groupOf(['held-1', 'held-2', 'c'], {}, { maxParallel: 2 })));
    const [first, second] = await Promise.all([engine.held('held-1'), engine.held('held-2')]);
    first.fail();
    await second.stopped;
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(await states(`${handle.workflowId}~each`)).toEqual({
      'item-0': 'failed',
      'item-1': 'canceled',
      'item-2': 'canceled',
    });
    expect(await states(handle.workflowId)).toMatchObject({ each: 'failed', sum: 'canceled' });
    expect(await failureOf(handle.workflowId, 'each')).toContain('step "item-0" failed');
  });

  test.each([
    ['skip_dependents', { each: 'failed', sum: 'canceled' }],
    ['continue', { each: 'succeeded', sum: 'succeeded' }],
  ] as const)('"%s" lets the others go on', async (onFailure, expected) => {
    const handle = await engine.start(planOf(groupOf(['held-x', 'b'], { onFailure })));
    (await engine.held('held-x')).fail();
    await handle.result().catch(() => undefined);
    expect(await states(`${handle.workflowId}~each`)).toEqual({ 'item-0': 'failed', 'item-1': 'succeeded' });
    expect(await states(handle.workflowId)).toMatchObject(expected);
    expect((await stepsOf(engine.client, handle.workflowId))['each']!.outputs).toEqual({
      ...{ count: 2, succeeded: 1, failed: 1 },
      results: [null, { name: 'name of item-1' }],
    });
  });

  test('ends with the run that is canceled', async () => {
    const handle = await engine.start(planOf(groupOf(['held-run', 'b'])));
    const command = await engine.held('held-run');
    await handle.signal('cancel', { reason: 'enough', actor: 'ann' });
    await command.stopped;
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(await states(`${handle.workflowId}~each`)).toEqual({ 'item-0': 'canceled', 'item-1': 'canceled' });
    expect(await states(handle.workflowId)).toMatchObject({ each: 'canceled' });
  });

  test('one item can be canceled by itself', async () => {
    const handle = await engine.start(planOf(groupOf(['held-one', 'b'], { onFailure: 'continue' })));
    const command = await engine.held('held-one');
    const group = engine.client.workflow.getHandle(`${handle.workflowId}~each`);
    await group.executeUpdate('cancelStep', { args: [{ step: 'item-0', reason: 'slow', actor: 'ann' }] });
    await command.stopped;
    await handle.result();
    expect(await states(group.workflowId)).toEqual({ 'item-0': 'canceled', 'item-1': 'succeeded' });
  });

  test('begins no item while the run is paused', async () => {
    const handle = await engine.start(planOf(groupOf(['held-pause', 'b'])));
    const command = await engine.held('held-pause');
    const group = engine.client.workflow.getHandle(`${handle.workflowId}~each`);
    const isPaused = async (): Promise<unknown> =>
      (await group.query<{ head: { paused: boolean } }>('changes')).head.paused;
    await handle.executeUpdate('pause', { args: [{ reason: '', actor: 'ann' }] });
    await expect.poll(isPaused).toBe(true);
    command.succeed();
    await engine.reached(group.workflowId, 'item-0');
    expect(await states(group.workflowId)).toEqual({ 'item-0': 'succeeded', 'item-1': 'pending' });
    await handle.executeUpdate('resume', { args: [{ reason: '', actor: 'ann' }] });
    await handle.result();
    expect(await states(group.workflowId)).toEqual({ 'item-0': 'succeeded', 'item-1': 'succeeded' });
  });

  test('does only what an earlier run has not done of it', async () => {
    const done = { 'item-0': { runId: 'earlier', outputs: { name: 'from before' } } };
    const before = engine.started.length;
    const handle = await engine.start(planOf(groupOf(['a', 'b'], {}, { done })));
    await handle.result();
    expect(engine.started.slice(before)).toEqual(['make', 'item-1', 'sum']);
    expect((await stepsOf(engine.client, handle.workflowId))['each']!.outputs['results']).toEqual([
      { name: 'from before' },
      { name: 'name of item-1' },
    ]);
  });

  test.each([
    ['too many items', groupOf(['a', 'b'], {}, { maxItems: 1 }), 'there are 2 items; "max_items" allows 1'],
    [
      'an item with a NUL',
      groupOf(['a', 'b\0']),
      'item 1 ("b\\u0000"): the value of "item" holds a NUL character',
    ],
    ['an item that is an option', groupOf(['-rf']), 'item 0 ("-rf"): an argument would become an option'],
  ])('fails before anything is begun because of %s', async (_, sketch, message) => {
    const before = engine.started.length;
    const handle = await engine.start(planOf(sketch));
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(engine.started.slice(before)).toEqual(['make']);
    expect(await failureOf(handle.workflowId, 'each')).toContain(message);
  });

  test('of many items goes on from leg to leg, and all are accounted for', async () => {
    const count = 300;
    const items = Array.from({ length: count }, (_, at) => at);
    const results = { maxBytes: 262_144, isRead: true };
    const { make, each } = groupOf(items, {}, { maxParallel: 100, results });
    const handle = await engine.start(planOf({ make: make!, each: each! }), { legEvents: 300 });
    await handle.result();
    const group = engine.client.workflow.getHandle(`${handle.workflowId}~each`);
    const { nextLeg } = await group.query<{ nextLeg: string | null }, [number, number]>('changes', 0, 1);
    expect(nextLeg).toBe(`${group.workflowId}~~1`);
    const { outputs } = (await stepsOf(engine.client, handle.workflowId))['each']!;
    expect(outputs).toMatchObject({ count, succeeded: count, failed: 0 });
    expect(outputs['results']).toEqual(items.map((at) => ({ name: `name of item-${at}` })));
  });
});

describe('a sub-plan that is repeated', () => {
  test('is given the round and what earlier steps came to, and ends when its condition holds', async () => {
    const handle = await engine.start(planOf(repeated('vars.ROUND == "3" && vars.SHA == "sha of make"', 5)));
    await handle.result();
    const { loop } = await stepsOf(engine.client, handle.workflowId);
    expect(loop).toMatchObject({ state: 'succeeded', outputs: { rounds: 3 } });
    expect(loop!.childRun).toBe(`${handle.workflowId}~loop@3`);
    for (const round of [1, 2, 3])
      expect(await states(`${handle.workflowId}~loop@${round}`)).toEqual({ test: 'succeeded' });
  });

  test('asks what its steps came to: state, exit code, outputs', async () => {
    const handle = await engine.start(
      planOf(repeated('steps.test.outputs.n == "n of test" && steps.test.exit_code == 0', 2)),
    );
    await handle.result();
    expect((await stepsOf(engine.client, handle.workflowId))['loop']!.outputs).toEqual({ rounds: 1 });
  });

  test('has failed when all rounds have passed', async () => {
    const handle = await engine.start(planOf(repeated('steps.test.state == "failed"', 2)));
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(await failureOf(handle.workflowId, 'loop')).toBe(
      '"steps.test.state == \\"failed\\"" does not hold after 2 rounds, and no more are allowed',
    );
  });

  test('has failed when a round fails, or its condition has no answer', async () => {
    const held = {
      work: {
        kind: 'command',
        command: 'true',
        args: ['x'],
        cwd: '.',
        shell: false,
        env: {},
        envMode: 'inherit',
      },
    } as const;
    const sketch = repeated('true', 2, held);
    const { work } = sketch['loop']!;
    if (work?.kind !== 'plan') throw new Error('a sub-plan was expected');
    const plan = { ...planOf({ 'held-round': {} }), late: { ROUND: {}, SHA: {} } };
    const handle = await engine.start(
      planOf({ ...sketch, loop: { ...sketch['loop']!, work: { ...work, plan } } }),
    );
    (await engine.held('held-round')).fail();
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(await failureOf(handle.workflowId, 'loop')).toContain('step "held-round" failed');
    const unanswered = await engine.start(planOf(repeated('int(vars.SHA) == 1', 2)));
    await expect(unanswered.result()).rejects.toThrow(WorkflowFailedError);
    expect(await failureOf(unanswered.workflowId, 'loop')).toContain('has no answer');
  });

  test('begins no further round when it is canceled', async () => {
    const sketch = repeated('false', 5);
    const { work } = sketch['loop']!;
    if (work?.kind !== 'plan') throw new Error('a sub-plan was expected');
    const plan = { ...planOf({ 'held-loop': {} }), late: { ROUND: {}, SHA: {} } };
    const handle = await engine.start(
      planOf({ ...sketch, loop: { ...sketch['loop']!, work: { ...work, plan } } }),
    );
    (await engine.held('held-loop')).succeed();
    const second = await engine.held('held-loop');
    await handle.signal('cancel', { reason: 'enough', actor: 'ann' });
    await second.stopped;
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(await states(`${handle.workflowId}~loop@2`)).toEqual({ 'held-loop': 'canceled' });
    await expect(
      engine.client.workflow.getHandle(`${handle.workflowId}~loop@3`).describe(),
    ).rejects.toThrow();
  });
});
