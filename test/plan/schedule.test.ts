import { describe, expect, test } from 'vitest';
import { endStranded } from '../../src/plan/schedule.js';
import { planOf, succeeded } from './builder.js';
import { play, Stage } from './play.js';

const approval = { kind: 'approval', message: 'ship it?' } as const;

describe('order', () => {
  test('a chain runs in the order of its edges', () => {
    // a ─► b ─► c
    expect(play(planOf({ a: [], b: ['a'], c: ['b'] }))).toEqual({
      states: { a: 'succeeded', b: 'succeeded', c: 'succeeded' },
      launched: ['a', 'b', 'c'],
      verdict: 'succeeded',
      tolerated: [],
    });
  });

  test('one step is a plan', () => {
    expect(play(planOf({ only: [] }))).toMatchObject({ states: { only: 'succeeded' }, verdict: 'succeeded' });
  });

  test('steps may stand before those they depend on', () => {
    // c ─► b ─► a
    expect(play(planOf({ a: ['b'], b: ['c'], c: [] })).launched).toEqual(['c', 'b', 'a']);
  });

  test('of the steps that are ready the first of the plan starts first, whichever became ready first', () => {
    // late ◄─ x     early ◄─ y     one at a time
    const stage = new Stage(planOf({ early: ['y'], late: ['x'], x: [], y: [], z: [] }, 2));
    expect(stage.launch()).toEqual(['x', 'y']);
    stage.succeed('x', 'y'); // `late` is ready before `early`, and `z` was before both
    expect(stage.launch()).toEqual(['early', 'late']);
  });

  test('a dependency named twice is waited for once', () => {
    const stage = new Stage(planOf({ a: [], b: ['a', 'a'] }));
    stage.launch();
    stage.succeed('a');
    expect(stage.launch()).toEqual(['b']);
  });

  test('steps of a level start together', () => {
    // a ─┬─► b ─┬─► d
    //    └─► c ─┘
    const stage = new Stage(planOf({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] }));
    expect(stage.launch()).toEqual(['a']);
    expect(stage.succeed('a').launch()).toEqual(['b', 'c']);
    expect(stage.succeed('c').launch()).toEqual([]);
    expect(stage.succeed('b').launch()).toEqual(['d']);
  });
});

describe('max_concurrency', () => {
  test('is never exceeded, and each place that becomes free is taken at once', () => {
    const stage = new Stage(planOf({ a: [], b: [], c: [], d: [] }, 2));
    expect(stage.launch()).toEqual(['a', 'b']);
    expect(stage.launch()).toEqual([]);
    expect(stage.succeed('b').launch()).toEqual(['c']);
    expect(stage.fail('a').launch()).toEqual([]); // aborted
  });

  test('a step that failed gives its place back, too', () => {
    const stage = new Stage(planOf({ a: { onFailure: 'continue' }, b: [] }, 1));
    stage.launch();
    expect(stage.fail('a').launch()).toEqual(['b']);
  });

  test('a step that was asked to stop keeps its place until it has', () => {
    const stage = new Stage(planOf({ a: { onFailure: 'continue' }, b: [] }, 1));
    stage.launch();
    expect(stage.cancel('a').launch()).toEqual([]);
    expect(stage.end('a', 'canceled').launch()).toEqual(['b']);
  });

  test('an approval takes no place and waits for none', () => {
    // a     ask (approval)     b     ask2 (approval)     one at a time
    const stage = new Stage(planOf({ a: [], ask: { work: approval }, b: [], ask2: { work: approval } }, 1));
    expect(stage.launch()).toEqual(['a', 'ask', 'ask2']);
    expect(stage.succeed('ask').launch()).toEqual([]);
    expect(stage.succeed('a').launch()).toEqual(['b']);
  });

  test('approvals and steps start in the order of the plan', () => {
    const stage = new Stage(planOf({ ask: { work: approval }, a: [], ask2: { work: approval }, b: [] }, 5));
    expect(stage.launch()).toEqual(['ask', 'a', 'ask2', 'b']);
  });

  test('what the caller has no room for starts at the next call', () => {
    const stage = new Stage(planOf({ a: [], b: [], c: [] }));
    expect([stage.launch(2), stage.launch(0), stage.launch(2)]).toEqual([['a', 'b'], [], ['c']]);
  });

  test('a step canceled while it waited for a place takes none', () => {
    const stage = new Stage(planOf({ a: [], b: { onFailure: 'continue' }, c: [] }, 1));
    stage.launch();
    stage.cancel('b').succeed('a');
    expect(stage.launch()).toEqual(['c']);
    expect(stage.record('b')).toMatchObject({ state: 'canceled', launchedAt: null });
  });
});

describe('pause', () => {
  test('starts nothing more; what runs goes on, and its end is taken in', () => {
    // a ─► b     c
    const stage = new Stage(planOf({ a: [], b: ['a'], c: [] }, 1));
    stage.launch();
    stage.pause().succeed('a');
    expect(stage.launch()).toEqual([]);
    expect(stage.states()).toEqual({ a: 'succeeded', b: 'pending', c: 'pending' });
    expect([stage.isOver(), stage.head().paused, stage.head().state]).toEqual([false, true, 'running']);
  });

  test('asks no condition', () => {
    const stage = new Stage(planOf({ a: { condition: 'no' } }));
    stage.pause().launch();
    expect(stage.states()).toEqual({ a: 'pending' });
  });

  test('a resumed run goes on in the order of the plan', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'], c: [] }, 1));
    stage.launch();
    stage.pause().succeed('a').launch();
    expect(stage.pause(false).launch()).toEqual(['b']);
  });

  test('a failure aborts a paused run all the same', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'], c: [] }, 1));
    stage.launch();
    stage.pause().fail('a');
    expect(stage.states()).toEqual({ a: 'failed', b: 'canceled', c: 'canceled' });
    expect([stage.isOver(), stage.verdict()]).toEqual([true, 'failed']);
  });
});

describe('a result of an earlier run', () => {
  const from = (...steps: string[]) =>
    Object.fromEntries(steps.map((step) => [step, { runId: 'run-0', outputs: { of: step } }]));

  test('takes the place of running the step again', () => {
    // a (reused) ─► b (reused) ─► c
    const stage = new Stage(planOf({ a: [], b: ['a'], c: ['b'] }), from('a', 'b'));
    expect(stage.launch()).toEqual(['c']);
    expect(stage.record('b')).toMatchObject({
      state: 'succeeded',
      launchedAt: null,
      attempts: [],
      reusedFrom: 'run-0',
      outputs: { of: 'b' },
    });
  });

  test('lets what stands below wait for the steps above it that are run again', () => {
    // a ─► b (reused) ─► c
    const stage = new Stage(planOf({ c: ['b'], b: ['a'], a: [] }), from('b'));
    expect(stage.launch()).toEqual(['a']);
    expect(stage.succeed('a').launch()).toEqual(['c']);
  });

  test('counts once where its result is waited for together with others', () => {
    // a (reused) ─► b (reused) ─► join ◄─ x
    const stage = new Stage(planOf({ a: [], b: ['a'], x: [], join: ['b', 'x'] }), from('a', 'b'));
    expect(stage.launch()).toEqual(['x']);
    expect(stage.succeed('x').launch()).toEqual(['join']);
  });

  test('helps nobody when a step above it fails now', () => {
    // a* ─► b (reused) ─► c
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: ['a'], c: ['b'] }), from('b'));
    stage.launch();
    stage.fail('a');
    expect(stage.states()).toEqual({ a: 'failed', b: 'succeeded', c: 'skipped' });
    expect(stage.record('c').cause).toEqual({ kind: 'dependency', step: 'a' });
  });

  test('for every step ends the run at once', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'] }), from('b', 'a'));
    expect([stage.isOver(), stage.launch(), stage.verdict()]).toEqual([true, [], 'succeeded']);
  });

  test('is found by the step`s own id only, whatever objects have by nature', () => {
    const stage = new Stage(planOf({ constructor: [], toString: [] }), from());
    expect(stage.launch()).toEqual(['constructor', 'toString']);
  });
});

describe('who follows a run', () => {
  test('sees each step first at a revision of its own, so that reading page by page misses none', () => {
    const { run } = new Stage(planOf({ a: [], b: [], c: [] }));
    expect(run.changedAt).toEqual([1, 2, 3]);
    expect(run.revision).toBe(3);
  });

  test('finds a step that changed at a newer revision, and no other', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'] }));
    const { run } = stage;
    stage.launch();
    const before = run.revision;
    stage.end('a', succeeded({ size: 3 }));
    expect(run.changedAt.map((at) => at > before)).toEqual([true, false]);
  });

  test('sees that a failure was made good, and that it was not', () => {
    // a* (fallback: b)     c* (fallback: d, canceled before it was needed)
    const stage = new Stage(
      planOf({
        a: { onFailure: { fallback: 'b' } },
        b: [],
        c: { onFailure: { fallback: 'd' } },
        d: { onFailure: 'skip_dependents' },
      }),
    );
    const { run } = stage;
    stage.launch();
    stage.cancel('d').fail('a').launch();
    const before = run.revision;
    stage.succeed('b').fail('c');
    expect(run.changedAt.map((at) => at > before)).toEqual([true, true, true, true]);
    expect(stage.tolerated()).toEqual(['a']);
  });
});

describe('a step that nothing can start', () => {
  test('is skipped by the engine, and the run fails rather than wait', () => {
    // a ─► a: no loaded plan has such a circle, and the engine must not hang on it all the same
    const stage = new Stage(planOf({ a: ['a'], b: [] }));
    stage.launch();
    expect(endStranded(stage.run, 9)).toBe(0); // b runs: something may still come of that
    stage.succeed('b');
    expect(endStranded(stage.run, 9)).toBe(1);
    expect(stage.record('a')).toMatchObject({ state: 'skipped', endedAt: 9, cause: { kind: 'engine' } });
    expect(stage.head()).toMatchObject({
      state: 'failed',
      failedStep: 'a',
      message: 'step "a" was skipped: nothing was left that could start this step',
    });
  });

  test('is none while a ready step waits for a place, or the run is paused', () => {
    const stage = new Stage(planOf({ a: [] }));
    expect(endStranded(stage.run, 9)).toBe(0);
    const stuck = new Stage(planOf({ a: ['a'] }));
    expect(endStranded(stuck.pause().run, 9)).toBe(0);
    expect(endStranded(stuck.pause(false).run, 9)).toBe(1);
  });
});
