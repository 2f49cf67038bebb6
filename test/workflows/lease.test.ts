import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { leaseId } from '../../src/plan/lease-names.js';
import { LEASE_QUERY, RELEASE_UPDATE, wardenId, type LeaseView } from '../../src/workflows/lease-api.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Changes } from '../../src/workflows/api.js';
import { planOf, type StepSketch } from '../plan/builder.js';
import { openEngine, statesOf, stepsOf, type Engine } from './engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ program: inject('temporalProgram'), bundle: inject('workflowBundle') });
});
afterAll(() => engine.close());

/** A plan that holds leases from its first step to its end. */
const holding = (names: readonly string[], steps: Record<string, StepSketch>): Plan => ({
  ...planOf(steps),
  exclusive: names,
});

const lease = (name: string): WorkflowHandle => engine.client.workflow.getHandle(leaseId(name));
const seen = (name: string): Promise<LeaseView> => lease(name).query<LeaseView>(LEASE_QUERY);
const headOf = async (handle: WorkflowHandle): Promise<Changes['head']> =>
  (await handle.query<Changes, [number, number]>('changes', 0, 100)).head;
const waiters = async (name: string): Promise<string[]> =>
  (await seen(name)).lease.waiting.map(({ run }) => run);
/** For a busy machine: what is waited for is an event, not a time. */
const eventually = <T>(get: () => Promise<T>) => expect.poll(get, { interval: 20 });
const isFree = (name: string) =>
  eventually(async () => (await lease(name).describe()).status.name).toBe('COMPLETED');

describe('a lease of the whole run', () => {
  test('lets one run after the other start its steps, and tells the second whom it waits for', async () => {
    const first = await engine.start(holding(['repo-a'], { held1: {} }));
    const command = await engine.held('held1');
    const second = await engine.start(holding(['repo-a'], { held2: {} }));
    await eventually(() => waiters('repo-a')).toEqual([second.workflowId]);
    await eventually(async () => (await headOf(second)).leases).toMatchObject([
      { name: 'repo-a', grantedAt: null, heldBy: { run: first.workflowId, step: null } },
    ]);
    expect(await statesOf(engine.client, second.workflowId)).toEqual({ held2: 'pending' });
    command.succeed();
    const next = await engine.held('held2');
    await first.result();
    next.succeed();
    await second.result();
    const [before, after] = [(await headOf(first)).leases![0]!, (await headOf(second)).leases![0]!];
    expect(after.token!).toBeGreaterThan(before.token!);
    expect(after.grantedAt! - after.askedAt).toBeGreaterThanOrEqual(0);
    await isFree('repo-a');
  });

  test('tells the command what it holds, by a number that rises', async () => {
    const handle = await engine.start(holding(['b', 'a'], { held3: {} }));
    const { task, succeed } = await engine.held('held3');
    const leases = JSON.parse(task.work.env['PLANWRIGHT_LEASES']!) as Record<string, number>;
    expect(Object.keys(leases)).toEqual(['a', 'b']); // taken in the order of their names
    expect(task.work.env['PLANWRIGHT_LEASE_TOKEN']).toBe(String(Math.max(...Object.values(leases))));
    expect(task.work.env['PLANWRIGHT_LEASE_WAITED_MS']).toMatch(/^\d+$/);
    succeed();
    await handle.result();
  });

  test.each([
    ['fails', async (_: WorkflowHandle, fail: () => void) => Promise.resolve(fail())],
    ['is canceled', (handle: WorkflowHandle) => handle.signal('cancel', {})],
    ['is canceled natively', (handle: WorkflowHandle) => handle.cancel().then(() => undefined)],
    ['is terminated', (handle: WorkflowHandle) => handle.terminate('enough').then(() => undefined)],
  ])('is given back when the run %s', async (how, end) => {
    const name = `ending ${how}`;
    const first = await engine.start(holding([name], { held4: {} }));
    const command = await engine.held('held4');
    const second = await engine.start(holding([name], { after4: {} }));
    await eventually(() => waiters(name)).toEqual([second.workflowId]);
    await end(first, command.fail);
    expect(await second.result()).toMatchObject({ head: { state: 'succeeded' } });
    await expect(first.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    await isFree(name);
  });

  test('is found to be nobody’s when the run is gone and its warden was ended, too', async () => {
    const first = await engine.start(holding(['orphan'], { held5: {} }));
    await engine.held('held5');
    const second = await engine.start(holding(['orphan'], { after5: {} }));
    await eventually(() => waiters('orphan')).toEqual([second.workflowId]);
    await engine.client.workflow.getHandle(wardenId(first.workflowId)).terminate();
    await first.terminate();
    expect(await second.result()).toMatchObject({ head: { state: 'succeeded' } });
  });

  test('is not waited for by a run that was canceled meanwhile', async () => {
    await engine.start(holding(['queue'], { held6: {} }));
    const command = await engine.held('held6');
    const waiting = await engine.start(holding(['queue'], { never6: {} }));
    await eventually(() => waiters('queue')).toEqual([waiting.workflowId]);
    const last = await engine.start(holding(['queue'], { after6: {} }));
    await eventually(() => waiters('queue')).toHaveLength(2);
    await waiting.signal('cancel', { reason: 'too late', actor: 'ann' });
    await expect(waiting.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    await eventually(() => waiters('queue')).toEqual([last.workflowId]);
    expect(await statesOf(engine.client, waiting.workflowId)).toEqual({ never6: 'canceled' });
    command.succeed();
    await last.result();
  });

  test('goes round in the order in which it was asked for', async () => {
    const order: string[] = [];
    const first = await engine.start(holding(['round'], { held7: {} }));
    const command = await engine.held('held7');
    const runs: WorkflowHandle[] = [];
    for (let at = 0; at < 20; at += 1) {
      const handle = await engine.start(holding(['round'], { [`turn${at}`]: {} }));
      runs.push(handle);
      await eventually(() => waiters('round')).toHaveLength(at + 1);
    }
    command.succeed();
    await Promise.all([first, ...runs].map((handle) => handle.result()));
    order.push(...engine.started.filter((step) => step.startsWith('turn')));
    expect(order).toEqual(runs.map((_, at) => `turn${at}`));
  });

  test('is taken from the holder by force, and that is remembered', async () => {
    const first = await engine.start(holding(['forced'], { held8: {} }));
    const command = await engine.held('held8');
    const second = await engine.start(holding(['forced'], { held9: {} }));
    await eventually(() => waiters('forced')).toEqual([second.workflowId]);
    const because = { reason: 'it hangs', actor: 'ann' };
    await lease('forced').executeUpdate(RELEASE_UPDATE, { args: [because] });
    const next = await engine.held('held9');
    expect((await seen('forced')).forced).toMatchObject([{ run: first.workflowId, step: null, ...because }]);
    await eventually(async () => (await headOf(first)).leases![0]!.taken).toMatchObject(because);
    command.succeed();
    next.succeed();
    await Promise.all([first.result(), second.result()]);
    await isFree('forced');
  });

  test('of nobody cannot be taken', async () => {
    const first = await engine.start(holding(['nobody'], { held10: {} }));
    (await engine.held('held10')).succeed();
    await first.result();
    await isFree('nobody');
    await expect(
      lease('nobody').executeUpdate(RELEASE_UPDATE, { args: [{ reason: '', actor: '' }] }),
    ).rejects.not.toBeInstanceOf(WorkflowUpdateFailedError);
  });
});

describe('a lease of a step', () => {
  const exclusive = (...names: string[]): StepSketch => ({ exclusive: names });

  test('keeps steps of one run apart, and other steps go on', async () => {
    const plan = planOf({ held20: exclusive('gpu'), held21: exclusive('gpu'), other20: {} });
    const handle = await engine.start(plan);
    const first = await engine.held('held20');
    await engine.reached(handle.workflowId, 'other20');
    await eventually(async () => (await stepsOf(engine.client, handle.workflowId))['held21']).toMatchObject({
      state: 'running',
      leases: [{ grantedAt: null, heldBy: { step: 'held20' } }],
    });
    expect(engine.started).not.toContain('held21');
    first.succeed();
    (await engine.held('held21')).succeed();
    await handle.result();
    await isFree('gpu');
  });

  test('is not waited for by a step of the run that holds it, nor by its sub-plans', async () => {
    const inner = { ...planOf({ deep22: exclusive('nested') }), exclusive: ['nested'] };
    const plan = holding(['nested'], {
      sub: { work: { kind: 'plan', path: 'inner.json', plan: inner }, exclusive: ['nested'] },
      held22: { after: ['sub'], exclusive: ['nested'] },
    });
    const handle = await engine.start(plan);
    const { task, succeed } = await engine.held('held22');
    expect(Object.keys(JSON.parse(task.work.env['PLANWRIGHT_LEASES']!) as object)).toEqual(['nested']);
    succeed();
    await handle.result();
    await isFree('nested');
  });

  test('can be given up: the step is canceled, and the next in the queue is not held up', async () => {
    const plan = planOf({
      held23: exclusive('x'),
      held24: { ...exclusive('x'), onFailure: 'continue' },
      held25: exclusive('x'),
    });
    const handle = await engine.start(plan);
    const first = await engine.held('held23');
    await eventually(() => waiters('x')).toHaveLength(2);
    await handle.executeUpdate('cancelStep', { args: [{ step: 'held24', reason: 'no', actor: 'ann' }] });
    await eventually(() => waiters('x')).toHaveLength(1);
    first.succeed();
    (await engine.held('held25')).succeed();
    await handle.result();
    expect(await statesOf(engine.client, handle.workflowId)).toMatchObject({ held24: 'canceled' });
    expect(engine.started).not.toContain('held24');
  });

  test('that comes while the run is paused is kept, and the step waits', async () => {
    const plan = planOf({ held26: exclusive('p'), held27: exclusive('p') });
    const handle = await engine.start(plan);
    const first = await engine.held('held26');
    await eventually(() => waiters('p')).toHaveLength(1);
    const update = { reason: 'wait', actor: 'ann' };
    await handle.executeUpdate('pause', { args: [update] });
    first.succeed();
    await eventually(
      async () => (await stepsOf(engine.client, handle.workflowId))['held27']?.leases?.[0]?.token,
    ).toBeTypeOf('number');
    expect(engine.started).not.toContain('held27');
    await handle.executeUpdate('resume', { args: [update] });
    (await engine.held('held27')).succeed();
    await handle.result();
  });

  test('is kept, and waited for, over the legs of a long run', async () => {
    const chain = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`l${at}`, { after: at === 0 ? [] : [`l${at - 1}`] }]),
    );
    const plan = holding(['whole'], {
      held28: exclusive('zone'),
      held29: exclusive('zone'),
      ...chain,
      held30: { after: ['l39'] },
    });
    const handle = await engine.start(plan, { legEvents: 100 });
    const first = await engine.held('held28');
    const late = await engine.held('held30');
    expect(Object.keys(JSON.parse(late.task.work.env['PLANWRIGHT_LEASES']!) as object)).toEqual(['whole']);
    expect((await handle.query<Changes>('changes')).nextLeg).not.toBeNull();
    expect((await seen('whole')).lease.holders).toMatchObject([{ run: handle.workflowId, step: null }]);
    await eventually(() => waiters('zone')).toEqual([handle.workflowId]);
    first.succeed();
    (await engine.held('held29')).succeed();
    late.succeed();
    await handle.result();
    expect((await stepsOf(engine.client, handle.workflowId))['held29']!.leases).toMatchObject([
      { name: 'zone', heldBy: { step: 'held28' }, taken: null },
    ]);
    await Promise.all([isFree('zone'), isFree('whole')]);
  });
});

test('a plan without leases has not one event more', async () => {
  const chain = Object.fromEntries(
    Array.from({ length: 20 }, (_, at) => [`c${at}`, { after: at === 0 ? [] : [`c${at - 1}`] }]),
  );
  const handle = await engine.start(planOf(chain));
  await handle.result();
  const { events } = await handle.fetchHistory();
  const kinds = new Set(
    (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('Attributes'))),
  );
  expect([...kinds].filter((kind) => /child|signal|timer/i.test(kind ?? ''))).toEqual([]);
});
