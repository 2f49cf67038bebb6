import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Changes } from '../../src/workflows/api.js';
import {
  BREAKER_QUERY,
  breakerId,
  MOVE_BREAKER_UPDATE,
  type BreakerMove,
  type BreakerView,
} from '../../src/workflows/breaker-api.js';
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
const breaker = (tool: string): WorkflowHandle => engine.client.workflow.getHandle(breakerId(tool));
const seen = (tool: string): Promise<BreakerView> => breaker(tool).query<BreakerView>(BREAKER_QUERY);
const move = (tool: string, what: BreakerMove['what'], reason = 'mended'): Promise<unknown> =>
  breaker(tool).executeUpdate(MOVE_BREAKER_UPDATE, { args: [{ what, reason, actor: 'ann' }] });
/** For a busy machine: what is waited for is an event, not a time. */
const eventually = <T>(get: () => Promise<T>) => expect.poll(get, { interval: 20 });
const toolsUsed = (handle: WorkflowHandle): string[] =>
  shop.workstreams
    .filter(({ runId }) => runId === handle.workflowId)
    .map(({ step, tool, attempt }) => `${step} ${tool.name} ${attempt}`);
const headOf = async (handle: WorkflowHandle): Promise<Changes['head']> =>
  (await handle.query<Changes, [number, number]>('changes', 0, 100)).head;
/** What each attempt was told that it may cost. */
const mayCost = ({ workflowId }: WorkflowHandle): (number | undefined)[] =>
  shop.workstreams.filter(({ runId }) => runId === workflowId).map(({ maxUsd }) => maxUsd);

/** Opens for as long as no test waits. */
const FOR_LONG = { failures: 2, openMs: 3_600_000 };

describe('the breaker of a tool', () => {
  test('counts failures over runs, and holds the next run back until a person resets it', async () => {
    const only = { tools: ['t1'], breaker: FOR_LONG } as const;
    const fails = await setOf({ 'one-fails': [] }, only);
    await over(await engine.start(fails)); // two attempts
    expect((await seen('t1')).breaker).toMatchObject({ kind: 'open', why: 'failures' });
    const next = await engine.start(await setOf({ good: [] }, only));
    await eventually(async () => (await stepsOf(engine.client, next.workflowId))['ws-good']).toMatchObject({
      state: 'running',
      toolWait: { tool: 't1', why: 'failures', until: expect.any(Number), endedAt: null },
    });
    expect(toolsUsed(next)).toEqual([]);
    await move('t1', 'reset');
    await next.result();
    expect(toolsUsed(next)).toEqual(['ws-good t1 1']);
    expect((await stepsOf(engine.client, next.workflowId))['ws-good']).toMatchObject({
      attempts: [{ number: 1 }],
      toolWait: { endedAt: expect.any(Number) },
    });
    expect((await seen('t1')).changes).toMatchObject([
      { to: 'open', why: 'it failed', step: 'ws-one-fails', actor: null },
      { to: 'closed', why: 'mended', actor: 'ann' },
    ]);
    // Nothing is left to remember.
    await eventually(async () => (await breaker('t1').describe()).status.name).toBe('COMPLETED');
  });

  test('lets one attempt try the tool when its time is up, and closes when that worked', async () => {
    const only = { tools: ['t2'], breaker: { failures: 2, openMs: 50 } } as const;
    await over(await engine.start(await setOf({ 'two-fails': [] }, only)));
    const next = await engine.start(await setOf({ 'held-probe': [], other: [] }, only));
    const probe = await shop.heldWork.next();
    // The other one either was the probe and closed it, or waits for this one.
    await eventually(async () => (await seen('t2').catch(() => null))?.breaker.kind ?? 'gone').not.toBe(
      'open',
    );
    probe.go();
    await next.result();
    expect(await statesOf(engine.client, next.workflowId)).toMatchObject({
      'ws-held-probe': 'succeeded',
      'ws-other': 'succeeded',
    });
    await eventually(async () => (await breaker('t2').describe()).status.name).toBe('COMPLETED');
  });

  test('counts a probe whose run was terminated as failed, and the next one is tried', async () => {
    const only = { tools: ['t3'], breaker: { failures: 2, openMs: 50 } } as const;
    await over(await engine.start(await setOf({ 'three-fails': [] }, only)));
    const lost = await engine.start(await setOf({ 'held-lost': [] }, only));
    const held = await shop.heldWork.next();
    expect((await seen('t3')).breaker.kind).toBe('half-open');
    const next = await engine.start(await setOf({ saved: [] }, only));
    await eventually(async () => (await seen('t3')).waiting.length).toBe(1);
    await lost.terminate('gone');
    await next.result();
    held.go();
    expect((await seen('t3')).changes.map(({ to }) => to)).toEqual([
      'open',
      'half-open',
      'open',
      'half-open',
      'closed',
    ]);
  });

  test('that opened for a quota stops all further starts at once: who has no other tool fails, and says what to do', async () => {
    const only = { tools: ['t4'], breaker: FOR_LONG } as const;
    const plan = await setOf({ 'a-quota-fails': [], b: [] }, { ...only, maxWorkers: 1 });
    const handle = await engine.start(plan);
    await over(handle);
    expect(toolsUsed(handle)).toEqual(['ws-a-quota-fails t4 1']);
    expect((await stepsOf(engine.client, handle.workflowId))['ws-b']).toMatchObject({
      state: 'failed',
      attempts: [],
      failure: { message: expect.stringMatching(/quota of tool "t4".*planwright breaker reset t4/) },
    });
    // Another run, later: the same.
    const later = await engine.start(await setOf({ late: [] }, only));
    await over(later);
    expect(toolsUsed(later)).toEqual([]);
    await move('t4', 'reset', 'a new month');
    await (await engine.start(await setOf({ now: [] }, only))).result();
  });

  test('that is open lets the tool behind it take over, and that costs no attempt', async () => {
    const both = { tools: ['t5', 'codex-5'], breaker: FOR_LONG } as const;
    await over(await engine.start(await setOf({ 'five-fails': [] }, { ...both, tools: ['t5'] })));
    const handle = await engine.start(await setOf({ good: [] }, both));
    await handle.result();
    expect(toolsUsed(handle)).toEqual(['ws-good codex-5 1']);
    await move('t5', 'reset');
  });

  test('is not waited for by a run that is canceled', async () => {
    const only = { tools: ['t6'], breaker: FOR_LONG } as const;
    await over(await engine.start(await setOf({ 'six-fails': [] }, only)));
    const handle = await engine.start(await setOf({ waits: [] }, only));
    await eventually(async () => (await seen('t6')).waiting.length).toBe(1);
    await handle.signal('cancel', { reason: 'too late', actor: 'ann' });
    await over(handle);
    expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({ 'ws-waits': 'canceled' });
    await eventually(async () => (await seen('t6')).waiting.length).toBe(0);
    await expect(move('t6', 'reset', ' ')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('only with a reason') },
    });
    await move('t6', 'reset');
  });

  test('is waited for without a place: other tools go on, and what could only wait behind is not started', async () => {
    const only = { tools: ['t12'], breaker: FOR_LONG, maxWorkers: 1 } as const;
    await over(await engine.start(await setOf({ 'twelve-fails': [] }, only)));
    const graph = { a: [], b: [], c: [], y: [], z: ['y'] };
    const plan = await setOf(graph, { ...only, others: { 'ws-y': 't12-other', 'ws-z': 't12-other' } });
    const handle = await engine.start(plan);
    await eventually(() => Promise.resolve(toolsUsed(handle))).toEqual([
      'ws-y t12-other 1',
      'ws-z t12-other 1',
    ]);
    await eventually(() => statesOf(engine.client, handle.workflowId)).toMatchObject({
      ...{ 'ws-y': 'succeeded', 'ws-z': 'succeeded' },
      ...{ 'ws-a': 'running', 'ws-b': 'pending', 'ws-c': 'pending' },
    });
    await move('t12', 'reset');
    await handle.result();
    expect(toolsUsed(handle).slice(2).sort()).toEqual(['ws-a t12 1', 'ws-b t12 1', 'ws-c t12 1']);
  });

  test('that closes starts nobody beside those that have the places: who waited gets the next', async () => {
    const only = { tools: ['t13'], breaker: FOR_LONG, maxWorkers: 1 } as const;
    await over(await engine.start(await setOf({ 'thirteen-fails': [] }, only)));
    const others = { 'ws-held-y': 't13-other', 'ws-z': 't13-other' };
    const handle = await engine.start(await setOf({ a: [], 'held-y': [], z: [] }, { ...only, others }));
    const held = await shop.heldWork.next();
    await move('t13', 'reset');
    await eventually(async () => (await stepsOf(engine.client, handle.workflowId))['ws-a']).toMatchObject({
      state: 'running',
      toolWait: { tool: 't13', why: 'failures', forPlace: true, until: null, endedAt: null },
    });
    expect(toolsUsed(handle)).toEqual(['ws-held-y t13-other 1']);
    held.go();
    await handle.result();
    expect(toolsUsed(handle)).toEqual(['ws-held-y t13-other 1', 'ws-a t13 1', 'ws-z t13-other 1']);
  });

  test('is waited for over the legs of a run, without a place in any of them', async () => {
    const only = { tools: ['t14'], breaker: FOR_LONG, maxWorkers: 1 } as const;
    await over(await engine.start(await setOf({ 'fourteen-fails': [] }, only)));
    const chain = Object.fromEntries(
      Array.from({ length: 12 }, (_, at) => [`y${100 + at}`, at === 0 ? [] : [`y${99 + at}`]]),
    );
    const others = Object.fromEntries(Object.keys(chain).map((id) => [`ws-${id}`, 't14-other']));
    const handle = await engine.start(await setOf({ a: [], b: [], ...chain }, { ...only, others }), {
      legEvents: 60,
    });
    await eventually(() => Promise.resolve(toolsUsed(handle).length)).toBe(12);
    expect((await handle.query<Changes>('changes')).nextLeg).not.toBeNull();
    // A leg may just hand on: then the next one is about to say so.
    await eventually(async () => (await stepsOf(engine.client, handle.workflowId))['ws-a']).toMatchObject({
      state: 'running',
      toolWait: { tool: 't14', why: 'failures', endedAt: null },
    });
    await eventually(async () => (await seen('t14')).waiting).toHaveLength(1);
    await move('t14', 'reset');
    await handle.result();
    expect(toolsUsed(handle).slice(12).sort()).toEqual(['ws-a t14 1', 'ws-b t14 1']);
  });

  test('of a tool that works is nowhere: nothing is kept, and nothing is waited for', async () => {
    const handle = await engine.start(await setOf({ good: [], also: ['good'] }, { tools: ['t7'] }));
    await handle.result();
    await expect(breaker('t7').describe()).rejects.toThrow();
  });
});

describe('the budget of a run', () => {
  // The stand-in costs 0.5 a call.
  test('that is used up stops what has not started, and lets what is done land', async () => {
    const plan = await setOf(
      { a: [], b: ['a'], c: ['b'] },
      { tools: ['t8'], budget: { maxUsd: 1, mode: 'halt' } },
    );
    const handle = await engine.start(plan);
    await over(handle);
    expect(toolsUsed(handle)).toEqual(['ws-a t8 1', 'ws-b t8 1']);
    expect(mayCost(handle)).toEqual([1, 0.5]);
    const steps = await stepsOf(engine.client, handle.workflowId);
    expect(steps['ws-c']!.failure).toMatchObject({
      message: 'the budget of the run is used up: $1.00 of $1.00 are spent',
    });
    expect(steps['landing']!.outputs).toMatchObject({ counts: '2 landed' });
    expect((await headOf(handle)).budget).toMatchObject({
      ...{ spentUsd: 1, maxUsd: 1, mode: 'halt' },
      ...{ warnedAt: expect.any(Number), exceededAt: expect.any(Number) },
    });
  });

  test('counts every attempt, and goes on over the legs of a long run', async () => {
    const graph = Object.fromEntries(
      Array.from({ length: 12 }, (_, at) => [
        `n${100 + at}${at === 0 ? '-fails-once' : ''}`,
        at === 0 ? [] : [`n${99 + at}${at === 1 ? '-fails-once' : ''}`],
      ]),
    );
    const plan = await setOf(graph, { tools: ['t9'], budget: { maxUsd: 5, mode: 'halt' } });
    const handle = await engine.start(plan, { legEvents: 60 });
    await over(handle);
    // The first was called twice: with 10 calls it is used up.
    expect(toolsUsed(handle)).toHaveLength(10);
    const legs = await handle.query<Changes>('changes');
    expect(legs.nextLeg).not.toBeNull();
    expect((await stepsOf(engine.client, handle.workflowId))['ws-n100-fails-once']!.outputs).toMatchObject({
      costUsd: 1,
    });
    expect((await headOf(handle)).budget?.spentUsd).toBe(5);
  });

  test('of one workstream stops its retries', async () => {
    const plan = await setOf(
      { 'x-fails': { max_cost_usd: 0.5 } },
      { tools: ['t10'], budget: { mode: 'halt' } },
    );
    const handle = await engine.start(plan);
    await over(handle);
    expect(toolsUsed(handle)).toEqual(['ws-x-fails t10 1']);
    expect(mayCost(handle)).toEqual([0.5]);
  });

  test('that only warns stops nothing', async () => {
    const plan = await setOf({ a: [], b: ['a'] }, { tools: ['t11'], budget: { maxUsd: 0.5, mode: 'warn' } });
    const handle = await engine.start(plan);
    await handle.result();
    expect(mayCost(handle)).toEqual([undefined, undefined]);
    expect((await headOf(handle)).budget).toMatchObject({ spentUsd: 1, exceededAt: expect.any(Number) });
  });
});
