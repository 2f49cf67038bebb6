import { describe, expect, test } from 'vitest';
import { openConditions } from '../../src/plan/condition.js';
import { graphOf, levelsOf } from '../../src/plan/graph.js';
import { takesSlot } from '../../src/plan/run.js';
import { newRun, settle, takeReady } from '../../src/plan/schedule.js';
import { defaultSettings } from '../../src/workstream/load/load-settings.js';
import {
  compileSet,
  LANDING_STEP,
  promptOf,
  type CompileOptions,
  type WorkstreamWork,
} from '../../src/workstream/compile.js';
import { selectWorkstreams, unknownMessage } from '../../src/workstream/select.js';
import { failed, succeeded } from '../plan/builder.js';
import { loadTexts, bundle, planOfSet, readWholeSet, workstreamsOf } from './set.js';

describe('workstreams that want the same files', () => {
  test('and are ordered by a dependency are left alone', async () => {
    const plan = planOfSet(
      await workstreamsOf({ a: { files_scope: ['x/'] }, b: { files_scope: ['x/y'], depends_on: ['ws-a'] } }),
    );
    expect(plan.collisions).toEqual([]);
  });

  test('run one after the other, the foreground first', async () => {
    const plan = planOfSet(
      await workstreamsOf({
        a: { files_scope: ['x/'], priority: 'background' },
        b: { files_scope: ['x/y'] },
      }),
    );
    expect(plan.collisions).toEqual([
      { first: 'ws-b', second: 'ws-a', kind: 'scope', over: '"x/y" and "x/"', wave: 1 },
    ]);
    expect(plan.rounds).toEqual([[['ws-b'], ['ws-a']]]);
    expect(plan.waves).toEqual([['ws-a', 'ws-b']]);
  });

  test.each(['.', './', '/./.'.slice(1)])(
    'because one wants the whole repository, "%s": it is called "."',
    async (whole) => {
      const set = await workstreamsOf({ a: { files_scope: [whole] }, b: { files_scope: ['x/y', whole] } });
      expect(set.map(({ filesScope }) => filesScope)).toEqual([['.'], ['x/y', '.']]);
      const plan = planOfSet(set);
      expect(plan.collisions).toMatchObject([{ kind: 'scope', over: expect.stringMatching(/^"\."/) }]);
      expect(plan.sharedPaths).toEqual({ '.': ['ws-a', 'ws-b'] });
    },
  );

  test('or are of one group, or must be alone, are held apart too', async () => {
    const plan = planOfSet(
      await workstreamsOf({
        a: { conflict_group: 'g' },
        b: { conflict_group: 'g' },
        c: { parallel_ok: false },
        d: {},
      }),
    );
    expect(plan.collisions.map(({ first, second, kind }) => `${first} ${second} ${kind}`)).toEqual([
      'ws-a ws-b conflict-group',
      'ws-a ws-c alone',
      'ws-b ws-c alone',
      'ws-c ws-d alone',
    ]);
    expect(plan.rounds).toEqual([[['ws-a'], ['ws-b'], ['ws-c'], ['ws-d']]]);
  });
});

test('the longest path counts hours where they are known', async () => {
  // a ─► b     c(9 h)
  const plan = planOfSet(await workstreamsOf({ a: [], b: ['a'], c: { metadata: { estimated_hours: 9 } } }));
  expect(plan.criticalPath).toEqual({ ids: ['ws-c'], length: 9, unit: 'hours' });
  expect(plan.bottlenecks).toEqual([{ id: 'ws-a', dependents: 1 }]);
});

describe('a selection', () => {
  test('counts what it leaves out as met, and says so', async () => {
    const all = await workstreamsOf({ a: [], b: ['a'], c: ['b'] });
    const picked = selectWorkstreams(all, [], ['ws-c', 'ws-x']);
    expect(picked.chosen.map(({ id }) => id)).toEqual(['ws-c']);
    expect(picked.countedAsMet).toEqual(['ws-b']);
    expect(picked.unknown.map(unknownMessage)).toEqual([
      'no workstream is named "ws-x"; did you mean "ws-a"?',
    ]);
  });

  test('leaves the blocked out, unless what blocks them is left out itself', async () => {
    const set = await loadTexts({
      'a.json': bundle('ws-a', { depends_on: ['ws-gone'] }),
      'b.json': bundle('ws-b'),
    });
    const all = set.bundles.map(({ workstream }) => workstream);
    expect(selectWorkstreams(all, set.blocked, null).chosen.map(({ id }) => id)).toEqual(['ws-b']);
    expect(selectWorkstreams(all, set.blocked, ['ws-a']).chosen.map(({ id }) => id)).toEqual(['ws-a']);
  });

  test('of a whole circle stays blocked', async () => {
    const set = await loadTexts({
      'a.json': bundle('ws-a', { depends_on: ['ws-b'] }),
      'b.json': bundle('ws-b', { depends_on: ['ws-a'] }),
    });
    const all = set.bundles.map(({ workstream }) => workstream);
    expect(selectWorkstreams(all, set.blocked, ['ws-*']).blocked.map(({ id }) => id)).toEqual([
      'ws-a',
      'ws-b',
    ]);
  });
});

const unit = { name: 'unit', command: 'npm test', timeoutSec: 60, blocking: true };

const options = (more: Partial<CompileOptions> = {}): CompileOptions => ({
  planId: 'TEST',
  settings: defaultSettings(),
  maxWorkers: 3,
  strictWaves: false,
  dryRun: false,
  branch: 'refs/heads/main',
  landing: { gates: [unit], slots: 4, maxBatch: 1, begins: 'when-all-ended' },
  ...more,
});

describe('a compiled set', () => {
  test('has a step for each workstream, below what it waits for, and landing below all', async () => {
    // a ─► b ─► c     d wants the files of b
    const all = await workstreamsOf({
      a: [],
      b: { depends_on: ['ws-a'], files_scope: ['x/'] },
      c: ['a', 'b'],
      d: { files_scope: ['x/y'] },
    });
    const plan = compileSet(all, planOfSet(all), options());
    const step = (id: string) => plan.steps.find((one) => one.id === id)!;
    expect(step('ws-b').dependsOn).toEqual(['ws-a', 'ws-d']);
    expect(step('ws-b').condition).toBe('steps["ws-a"].state == "succeeded"'); // ws-d may fail
    expect((step('ws-b').work as WorkstreamWork).after).toEqual(['ws-d']);
    expect(step('ws-c').dependsOn).toEqual(['ws-b']); // which implies ws-a
    expect((step('ws-c').work as WorkstreamWork).startsWith).toEqual(['ws-a', 'ws-b']);
    expect(step(LANDING_STEP).dependsOn).toHaveLength(4);
    expect(plan.maxConcurrency).toBe(3);
  });

  test('with strict waves waits for the whole wave before', async () => {
    const all = await workstreamsOf({ a: [], b: [], c: ['a'] });
    const plan = compileSet(all, planOfSet(all), options({ strictWaves: true }));
    const [last] = plan.steps.filter(({ id }) => id === 'ws-c');
    expect(last!.dependsOn).toEqual(['ws-a', 'ws-b']);
    expect(last!.condition).toBe('steps["ws-a"].state == "succeeded"');
  });

  test('can land beside the work: then landing waits for nothing, and takes no worker', async () => {
    const all = await workstreamsOf({ a: [] });
    const plan = compileSet(
      all,
      planOfSet(all),
      options({ landing: { gates: [], slots: 1, maxBatch: 1, begins: 'at-once' } }),
    );
    expect(plan.steps.map(({ id, dependsOn }) => [id, dependsOn])).toEqual([
      ['landing', []],
      ['ws-a', []],
    ]);
    expect(plan.maxConcurrency).toBe(3);
    expect(takesSlot(plan.steps[0]!)).toBe(false);
  });

  test('fails below what failed, and nowhere else: what comes after goes on, and so does landing', async () => {
    // a* ─► b ─► c     d after a (same files)     e        * fails
    const all = await workstreamsOf({
      a: { files_scope: ['x/'] },
      b: ['a'],
      c: ['b'],
      d: { files_scope: ['x/y'] },
      e: [],
    });
    const plan = compileSet(all, planOfSet(all), options());
    const { evaluate } = await openConditions();
    const run = newRun(plan, evaluate, 0);
    const order: string[] = [];
    for (let started = takeReady(run, 1, 9); started.length > 0; started = takeReady(run, 1, 9)) {
      for (const index of started) {
        const { id } = plan.steps[index]!;
        order.push(id);
        settle(run, index, id === 'ws-a' ? failed() : succeeded(), 2);
      }
    }
    expect(order).toEqual(['ws-a', 'ws-e', 'ws-d', 'landing']);
    const states = Object.fromEntries(plan.steps.map(({ id }, index) => [id, run.states[index]!.kind]));
    expect(states).toEqual({
      'ws-a': 'failed',
      'ws-b': 'skipped',
      'ws-c': 'skipped',
      'ws-d': 'succeeded',
      'ws-e': 'succeeded',
      landing: 'succeeded',
    });
  });

  test('of the whole set has an order', async () => {
    const all = (await readWholeSet()).bundles.map(({ workstream }) => workstream);
    const plan = compileSet(all, planOfSet(all), options());
    expect(plan.steps.length).toBe(38);
    expect(levelsOf(graphOf(plan.steps)).flat().length).toBe(38);
    for (const { condition } of plan.steps) expect((condition ?? '').length).toBeLessThanOrEqual(2_000);
  });
});

test('the prompt says the tasks, the files and what will be checked', async () => {
  const [one] = await workstreamsOf({ a: { acceptance_tests: ['pytest -q'], files_create: ['n.txt'] } });
  expect(promptOf(one!).split('\n')).toEqual([
    'Workstream ws-a (X-1, impl)',
    '',
    'Tasks:',
    '- Write it',
    '',
    'Change only these files:',
    '- ws-a.txt',
    '',
    'You may also create:',
    '- n.txt',
    '',
    'This will be checked:',
    '- pytest -q',
  ]);
});
