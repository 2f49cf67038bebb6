import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { RunWatch } from '../../src/client/run-watch.js';
import type { StepRecord } from '../../src/plan/record.js';
import { DEFAULT_POLICY } from '../../src/landing/policy.js';
import {
  LANDING_QUERY,
  LANDING_WORKFLOW,
  landingId,
  type LandingInput,
  type LandingReport,
} from '../../src/workflows/landing-api.js';
import type { StepId } from '../../src/plan/plan.js';
import { BRANCH, PLAN_ID, REPOSITORY, RUN_STATE } from '../../src/workflows/attributes.js';
import { openEngine, statesOf, stepsOf, type Engine } from './engine.js';
import { setOf, Shop, STYLE, UNIT } from './landing-stand-in.js';

let shop: Shop;
let engine: Engine;
beforeAll(async () => {
  const parts = { program: inject('temporalProgram'), bundle: inject('workflowBundle') };
  // Each test has a shop of its own behind the same activities.
  const names = [
    ...(['runWorkstream', 'findTip', 'mergeForLanding'] as const),
    ...(['resolveForLanding', 'runGates', 'moveBranch', 'releaseMerges'] as const),
  ];
  const more = Object.fromEntries(names.map((name) => [name, (task: never) => shop.activities[name](task)]));
  engine = await openEngine({ ...parts, more });
});
afterAll(() => engine.close());
beforeEach(() => (shop = new Shop()));

const over = (handle: WorkflowHandle): Promise<unknown> => handle.result().catch(() => undefined);
const child = (handle: WorkflowHandle): WorkflowHandle =>
  engine.client.workflow.getHandle(landingId(handle.workflowId));
const reportOf = (handle: WorkflowHandle): Promise<LandingReport> =>
  child(handle).query<LandingReport>(LANDING_QUERY);
const landingOf = async (handle: WorkflowHandle): Promise<StepRecord> =>
  (await stepsOf(engine.client, handle.workflowId))['landing']!;
const fatesOf = async (handle: WorkflowHandle): Promise<Record<string, string>> =>
  Object.fromEntries(Object.entries((await reportOf(handle)).fates).map(([id, { fate }]) => [id, fate.kind]));

describe('landing', () => {
  test('lands all patches, each behind what it depends on, on exactly the tree that passed', async () => {
    const handle = await engine.start(await setOf({ a: [], b: ['a'], c: [] }));
    await handle.result();
    expect(shop.branch).toBe('landed:base+ws-a+ws-c+ws-b');
    const report = await reportOf(handle);
    expect(report.tip).toBe(shop.branch);
    const branch = { branch: 'refs/heads/main', tip: shop.branch };
    expect(shop.released).toEqual([{ runId: handle.workflowId, step: 'landing', root: '/', ...branch }]);
    for (const tip of shop.tips)
      expect(report.gateRuns).toContainEqual(
        expect.objectContaining({ tree: tip.slice('landed:'.length), result: 'green' }),
      );
    expect(await landingOf(handle)).toMatchObject({
      state: 'succeeded',
      outputs: { counts: '3 landed', canceled: false, tip: shop.branch },
      attempts: [{ number: 1, end: { kind: 'succeeded' } }],
    });
  });

  test('moves the branch from where it is, though what landed has another name than what was merged', async () => {
    const handle = await engine.start(await setOf({ a: [], b: [], c: [] }, { landing: { slots: 1 } }));
    await handle.result();
    expect(shop.moves.length).toBeGreaterThan(1);
    expect(shop.moves.map(({ from }) => from)).toEqual(['base', ...shop.tips.slice(0, -1)]);
    for (const { patches } of shop.moves)
      expect(patches).toEqual(
        patches.map(({ id }): unknown =>
          expect.objectContaining({
            patchId: `${handle.workflowId}/${id}-1`,
            proof: expect.objectContaining({ gates: { unit: { green: true, reds: 0 } } }),
          }),
        ),
      );
  });

  test('of nothing is done at once: no workstream, or none that changed anything', async () => {
    await (await engine.start(await setOf({ nothing: [] }))).result();
    const handle = await engine.start(await setOf({ 'a-nothing': [], b: ['a-nothing'] }));
    await handle.result();
    expect(shop.branch).toBe('landed:base+ws-b'); // what it depends on had nothing to change: that counts as landed
  });

  test('keeps a patch out that cannot be merged or breaks a gate, and those that depend on it; the rest lands', async () => {
    // a-red ─► b      c-conflicts      d      e
    const graph = { 'a-red': [], b: ['a-red'], 'c-conflicts': [], d: [], e: [] };
    const handle = await engine.start(await setOf(graph));
    await over(handle);
    expect(await fatesOf(handle)).toEqual({
      'ws-a-red': 'quarantined',
      'ws-b': 'blocked',
      'ws-c-conflicts': 'quarantined',
      'ws-d': 'landed',
      'ws-e': 'landed',
    });
    expect(shop.branch).toBe('landed:base+ws-d+ws-e');
    const landing = await landingOf(handle);
    expect(landing.failure).toMatchObject({
      reason: 'landing-failed',
      message: expect.stringMatching(/^2 landed, 2 quarantined, 1 blocked; /),
    });
    expect(landing.failure).toMatchObject({ message: expect.stringContaining('gate "unit" is red with it') });
    expect(landing.outputs).toMatchObject({
      patches: expect.arrayContaining([
        expect.objectContaining({ workstream: 'ws-b', state: 'blocked' }),
        expect.objectContaining({ workstream: 'ws-c-conflicts', reason: expect.stringContaining('a.txt') }),
      ]),
      conflicts: [{ patch: 'ws-c-conflicts' }],
    });
    expect((await handle.describe()).status.name).toBe('FAILED');
  });

  test('blames nobody for a gate that is red once by accident', async () => {
    const handle = await engine.start(await setOf({ 'a-flaky': [], b: [] }));
    await handle.result();
    expect(shop.branch).toBe('landed:base+ws-a-flaky+ws-b');
    const results = (await reportOf(handle)).gateRuns.map(({ result }) => result);
    expect(results.filter((result) => result === 'red')).toHaveLength(1);
  });

  test('takes batches apart until it has found who breaks them', async () => {
    const graph = Object.fromEntries(['a', 'b', 'c-red', 'd', 'e', 'f', 'g', 'h'].map((id) => [id, []]));
    const handle = await engine.start(await setOf(graph, { landing: { maxBatch: 8, slots: 2 } }));
    await over(handle);
    expect(shop.branch.split('+').sort()).toEqual(
      ['landed:base', ...['a', 'b', 'd', 'e', 'f', 'g', 'h'].map((id) => `ws-${id}`)].sort(),
    );
    expect(await fatesOf(handle)).toMatchObject({ 'ws-c-red': 'quarantined' });
  });

  test('tells of a gate that is not blocking, and stops for nothing it says', async () => {
    const handle = await engine.start(await setOf({ a: [] }, { landing: { gates: [STYLE, UNIT] } }));
    await handle.result();
    expect(shop.branch).toBe('landed:base+ws-a');
    expect((await reportOf(handle)).gateRuns).toContainEqual(
      expect.objectContaining({ gate: 'style', result: 'red' }),
    );
  });

  test('without a branch proves the patches and moves nothing', async () => {
    const handle = await engine.start(await setOf({ a: [], 'b-red': [] }, { branch: '' }));
    await over(handle);
    expect(shop.branch).toBe('base');
    expect(shop.moves).toEqual([]);
    expect(await fatesOf(handle)).toEqual({ 'ws-a': 'approved', 'ws-b-red': 'quarantined' });
  });
});

describe('a branch that somebody else moves', () => {
  test('while patches are gated is seen when it is to be moved: all is merged and gated again', async () => {
    shop.holdsMoves = () => shop.moves.length === 1;
    const handle = await engine.start(await setOf({ a: [], b: [] }));
    const held = await shop.heldMoves.next();
    shop.push('other');
    held.go();
    await handle.result();
    expect(shop.branch).toBe('landed:base+other+ws-a+ws-b');
    expect((await reportOf(handle)).gateRuns.map(({ tree }) => tree)).toContain('base+other+ws-a');
    expect((await reportOf(handle)).tip).toBe(shop.branch);
  });

  test('that may not be moved holds all that was proven: the reason is said once, and of each patch', async () => {
    shop.refusesMoves = 'app.py has changes';
    const handle = await engine.start(await setOf({ a: [], b: [] }));
    await over(handle);
    expect(await fatesOf(handle)).toEqual({ 'ws-a': 'held', 'ws-b': 'held' });
    const reason = 'the branch may not be moved: app.py has changes';
    expect(await landingOf(handle)).toMatchObject({
      failure: { message: `2 held; ${reason}` },
      outputs: {
        patches: [
          { workstream: 'ws-a', state: 'held', reason },
          { workstream: 'ws-b', state: 'held', reason },
        ],
      },
    });
  });

  test('that fails its gates without any patch stops the queue: nobody is blamed', async () => {
    shop.branch = 'base+red';
    const handle = await engine.start(await setOf({ a: [], b: [] }));
    await over(handle);
    expect(await fatesOf(handle)).toEqual({ 'ws-a': 'held', 'ws-b': 'held' });
    expect((await landingOf(handle)).failure).toMatchObject({
      message: expect.stringContaining('the branch itself fails gate "unit"'),
    });
  });
});

describe('conflicts that somebody can resolve', () => {
  test('land with what was resolved, gated as exactly that tree; nobody is asked of those that are not first in line', async () => {
    const graph = { a: [], 'b-conflicts-resolvable': [], 'c-conflicts': ['a'], d: [] };
    const handle = await engine.start(await setOf(graph));
    await over(handle);
    expect(shop.branch).toBe('landed:base+ws-a+ws-b-conflicts-resolvable+ws-d');
    const asked = shop.resolved.map(({ onto, patch }) => `${onto} ${patch.id}`);
    expect(asked).toEqual([
      'base+ws-a ws-b-conflicts-resolvable',
      'base+ws-a+ws-b-conflicts-resolvable+ws-d ws-c-conflicts',
    ]);
    const { conflicts, gateRuns } = await reportOf(handle);
    expect(conflicts).toMatchObject([
      { patch: 'ws-b-conflicts-resolvable', resolved: [{ path: 'f', by: 'resolver' }] },
      { patch: 'ws-c-conflicts', conflict: { detail: 'nobody knows' } },
    ]);
    expect(gateRuns).toContainEqual(
      expect.objectContaining({ tree: 'base+ws-a+ws-b-conflicts-resolvable', result: 'green' }),
    );
    const move = shop.moves.find(({ patches }) => patches.some(({ id }) => id.includes('resolvable')));
    expect(move!.patches.find(({ id }) => id.includes('resolvable'))!.proof.resolved).toHaveLength(1);
    const { patches } = (await landingOf(handle)).outputs as {
      patches: { workstream: string; reason: string }[];
    };
    expect(patches.find(({ workstream }) => workstream.includes('resolvable'))!.reason).toBe(
      'conflicts resolved: f by resolver, confidence 0.9',
    );
  });

  test('are not asked about any more when their patch is withdrawn, or the run is canceled', async () => {
    shop.holdsResolving = () => true;
    const graph = { 'a-conflicts': [], b: [], 'c-conflicts': ['b'] };
    const handle = await engine.start(await setOf(graph));
    const first = await shop.heldResolving.next();
    await child(handle).executeUpdate('withdraw', { args: [{ patch: 'ws-a-conflicts', reason: 'not now' }] });
    await first.stopped;
    const second = await shop.heldResolving.next();
    await handle.cancel();
    await second.stopped;
    await over(handle);
    expect((await handle.describe()).status.name).toBe('CANCELLED');
    expect(shop.branch).toBe('landed:base+ws-b');
    expect(await fatesOf(handle)).toEqual({
      'ws-a-conflicts': 'withdrawn',
      'ws-b': 'landed',
      'ws-c-conflicts': 'waiting',
    });
  });
});

describe('a landing that is canceled', () => {
  test('during a move waits for it, and its report says what landed', async () => {
    shop.holdsMoves = () => true;
    const handle = await engine.start(await setOf({ a: [], b: [] }, { landing: { slots: 1 } }));
    const held = await shop.heldMoves.next();
    await handle.signal('cancel', { reason: 'enough', actor: 'ann' });
    // The landing knows that it is to end; the move goes on all the same.
    await expect
      .poll(async () =>
        (await child(handle).fetchHistory()).events?.some(
          (event) => event.workflowExecutionCancelRequestedEventAttributes,
        ),
      )
      .toBe(true);
    held.go();
    await over(handle);
    expect(shop.branch).toBe('landed:base+ws-a');
    const landing = await landingOf(handle);
    expect(landing).toMatchObject({
      state: 'canceled',
      outputs: { canceled: true, tip: 'landed:base+ws-a' },
    });
    expect(landing.outputs['patches']).toContainEqual(
      expect.objectContaining({ workstream: 'ws-a', state: 'landed' }),
    );
    expect(shop.moves).toHaveLength(1);
  });

  test('during a gate stops it, and blames nobody', async () => {
    shop.holdsGates = () => true;
    const handle = await engine.start(await setOf({ a: [] }));
    const held = await shop.heldGates.next();
    await handle.cancel();
    await held.stopped;
    await over(handle);
    expect(await landingOf(handle)).toMatchObject({
      state: 'canceled',
      outputs: { patches: [{ workstream: 'ws-a', state: 'waiting' }], gateRuns: [], canceled: true },
    });
    expect((await handle.describe()).status.name).toBe('CANCELLED');
  });
});

test('how a landing stands is known while it goes on, and where its patches are in the Web UI', async () => {
  shop.holdsGates = ({ tree }) => tree === 'base+ws-a';
  const handle = await engine.start(await setOf({ a: [], b: ['a'], 'c-conflicts': ['a'] }));
  const held = await shop.heldGates.next();
  const watch = new RunWatch(engine.client, handle.workflowId);
  const standing = async (): Promise<unknown> => {
    await watch.refresh(10_000);
    return (await watch.landings(10_000)).get('landing')?.landing;
  };
  const details = (): Promise<string> =>
    child(handle).query<string>('__temporal_workflow_metadata').then(JSON.stringify);
  await expect.poll(standing).toMatchObject({ landed: 0, in_gate: 1, waiting: 2, conflicts: 0 });
  expect(await details()).toContain('1 in gate, 2 waiting, ');
  expect(await details()).toContain('| ws-a | in gate |');
  held.go();
  await over(handle);
  expect(await details()).toContain('2 landed, 1 quarantined, 1 conflict, ');
  await watch.refresh(10_000);
  expect([...(await watch.landings(10_000))]).toEqual([]);
});

test('a landing is found by what its run is found by, and by its end', async () => {
  const attributes = [
    { key: PLAN_ID, value: 'SET' },
    { key: REPOSITORY, value: '/repo' },
  ];
  const handle = await engine.start(await setOf({ a: [], 'b-red': [] }), { attributes });
  await over(handle);
  const { typedSearchAttributes: found } = await child(handle).describe();
  const values = [PLAN_ID, REPOSITORY, BRANCH, RUN_STATE].map((key) => found.get(key));
  expect(values).toEqual(['SET', '/repo', 'main', 'failed']);
});

test('a landing that a later leg of the run starts is found by the same', async () => {
  const attributes = [
    { key: PLAN_ID, value: 'SET' },
    { key: REPOSITORY, value: '/repo' },
  ];
  const graph = Object.fromEntries(
    Array.from({ length: 12 }, (_, at) => [`n${100 + at}`, at === 0 ? [] : [`n${99 + at}`]]),
  );
  const handle = await engine.start(await setOf(graph), { attributes, legEvents: 40 });
  await handle.result();
  const { typedSearchAttributes: found, parentExecution } = await child(handle).describe();
  expect(parentExecution?.workflowId).toMatch(/~~\d+$/);
  const values = [PLAN_ID, REPOSITORY, BRANCH, RUN_STATE].map((key) => found.get(key));
  expect(values).toEqual(['SET', '/repo', 'main', 'succeeded']);
});

test('a patch that is withdrawn does not land, and is no failure', async () => {
  shop.holdsGates = ({ tree }) => tree === 'base+ws-a';
  const handle = await engine.start(await setOf({ a: [], b: [] }));
  const held = await shop.heldGates.next();
  const withdraw = (patch: string, reason: string): Promise<unknown> =>
    child(handle).executeUpdate('withdraw', { args: [{ patch, reason }] });
  await expect(withdraw('ws-b', ' ')).rejects.toMatchObject({
    cause: { message: expect.stringContaining('only with a reason') },
  });
  await expect(withdraw('ws-x', 'why')).rejects.toMatchObject({
    cause: { message: expect.stringContaining('no patch of "ws-x"') },
  });
  await withdraw('ws-b', 'not now');
  held.go();
  await handle.result();
  expect(shop.branch).toBe('landed:base+ws-a');
  expect(await fatesOf(handle)).toMatchObject({ 'ws-b': 'withdrawn' });
});

test('a gate whose worker is lost is run again on the same tree', async () => {
  shop.losesGates = () => true;
  const handle = await engine.start(await setOf({ a: [] }));
  await handle.result();
  expect(shop.branch).toBe('landed:base+ws-a');
  expect(shop.gateRuns.map(({ tree }) => tree)).toEqual(['base+ws-a', 'base+ws-a']);
});

describe('landing that begins at once', () => {
  const landing = { begins: 'at-once' } as const;

  test('lands a patch while other workstreams are at work, and ends when all have ended', async () => {
    const handle = await engine.start(
      await setOf({ a: [], 'held-b': [], c: ['a'], nothing: [] }, { landing }),
    );
    const held = await shop.heldWork.next();
    await expect.poll(() => shop.branch).toBe('landed:base+ws-a+ws-c');
    expect((await statesOf(engine.client, handle.workflowId))['landing']).toBe('running');
    held.go();
    await handle.result();
    expect(shop.branch).toBe('landed:base+ws-a+ws-c+ws-held-b');
    expect(await landingOf(handle)).toMatchObject({ state: 'succeeded', outputs: { counts: '3 landed' } });
  });

  test('takes no place among the workers: one is enough for all', async () => {
    const handle = await engine.start(await setOf({ a: [], b: ['a'] }, { landing, maxWorkers: 1 }));
    await handle.result();
    expect(shop.branch).toBe('landed:base+ws-a+ws-b');
  });

  test('is told by later legs of the run, too', async () => {
    const graph = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`n${100 + at}`, at === 0 ? [] : [`n${99 + at}`]]),
    );
    const handle = await engine.start(await setOf(graph, { landing }), { legEvents: 60 });
    await handle.result();
    expect(shop.branch.split('+')).toHaveLength(21);
    expect(await engine.client.workflow.getHandle(`${handle.workflowId}~~1`).describe()).toBeDefined();
  });

  test('says of what waits for a workstream that failed that it is blocked', async () => {
    const handle = await engine.start(await setOf({ 'a-fails': [], b: ['a-fails'], c: [] }, { landing }));
    await expect(handle.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('1 landed; ws-a-fails: brought no patch that may land') },
    });
    expect(shop.branch).toBe('landed:base+ws-c');
  });
});

test('a long landing goes on in a new execution, with all it knew and all it had decided to do', async () => {
  const ids = Array.from({ length: 12 }, (_, at) => (at === 5 ? 'ws-5-red' : `ws-${at}`));
  const input: LandingInput = {
    ...{ runId: 'long', step: 'landing' as StepId, root: '/', branch: 'refs/heads/main', base: 'base' },
    ...{ gates: [UNIT], setup: [], minFreeBytes: 0, runsOn: null, maxEvents: 40 },
    policy: { ...DEFAULT_POLICY, gates: ['unit'] },
    workstreams: ids,
    known: {
      patches: ids.map((id, at) => ({
        ...{ id, dependsOn: [], priority: 'foreground', level: 0, createdAt: at },
        ...{ patchId: id, commit: `p-${id}`, base: 'base', sha256: '', title: id },
      })),
      absent: {},
    },
  };
  const id = `long-${process.pid}`;
  const handle = await engine.client.workflow.start(LANDING_WORKFLOW, {
    ...{ taskQueue: 'planwright', workflowId: id, args: [input] },
  });
  const report: LandingReport = await handle.result();
  expect(shop.branch).toBe(
    `landed:base${ids
      .filter((one) => one !== 'ws-5-red')
      .map((one) => `+${one}`)
      .join('')}`,
  );
  expect(Object.keys(report.fates).sort()).toEqual([...ids].sort());
  expect(report.fates['ws-5-red']).toMatchObject({ fate: { kind: 'quarantined' } });
  const { runId } = await engine.client.workflow.getHandle(id).describe();
  expect(runId).not.toBe(handle.firstExecutionRunId);
  expect((await engine.client.workflow.getHandle(id).describe()).historyLength).toBeLessThan(80);
  for (const move of shop.moves) expect(shop.moves.filter(({ to }) => to === move.to)).toHaveLength(1);
});
