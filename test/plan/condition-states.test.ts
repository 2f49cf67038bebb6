import { describe, expect, test } from 'vitest';
import type { ConditionScope, Judge } from '../../src/plan/run.js';
import { newRun, settle, takeReady } from '../../src/plan/schedule.js';
import { failed, planOf, succeeded } from './builder.js';
import { play, Stage } from './play.js';

describe('a false condition', () => {
  test('skips the step, and what depends on it runs', () => {
    // fetch ─► merge (no) ─► ship
    const plan = planOf({ fetch: [], merge: { after: ['fetch'], condition: 'no' }, ship: ['merge'] });
    expect(play(plan)).toEqual({
      states: { fetch: 'succeeded', merge: 'skipped', ship: 'succeeded' },
      launched: ['fetch', 'ship'],
      verdict: 'succeeded',
      tolerated: [],
    });
  });

  test('is the cause that the step names', () => {
    const stage = new Stage(planOf({ merge: { condition: 'no' } }));
    stage.launch();
    expect(stage.record('merge')).toMatchObject({
      state: 'skipped',
      launchedAt: null,
      cause: { kind: 'condition' },
      tolerated: false,
    });
  });

  test('satisfies a join just like a success', () => {
    // a (no) ─► join ◄─ b
    const stage = new Stage(planOf({ a: { condition: 'no' }, b: [], join: ['a', 'b'] }));
    expect(stage.launch()).toEqual(['b']);
    expect(stage.succeed('b').launch()).toEqual(['join']);
  });

  test('does not soften a failure beside it', () => {
    // a (no) ─► join ◄─ b* (skip_dependents)
    const stage = new Stage(
      planOf({ a: { condition: 'no' }, b: { onFailure: 'skip_dependents' }, join: ['a', 'b'] }),
    );
    stage.launch();
    stage.fail('b');
    expect(stage.record('join').cause).toEqual({ kind: 'dependency', step: 'b' });
  });

  test('means that the step needs no fallback', () => {
    // a (no; fallback: spare) ─► b
    const stage = new Stage(
      planOf({ a: { condition: 'no', onFailure: { fallback: 'spare' } }, spare: [], b: ['a'] }),
    );
    expect(stage.launch()).toEqual(['b']);
    expect(stage.record('spare').cause).toEqual({ kind: 'unused-fallback', step: 'a' });
  });

  test('counts as provided: who consumes what the step provides runs', () => {
    const plan = planOf({
      make: { condition: 'no', provides: ['image'] },
      use: { after: ['make'], consumes: ['image'] },
    });
    expect(play(plan).states).toEqual({ make: 'skipped', use: 'succeeded' });
  });

  test('of every step ends a run that started nothing', () => {
    const stage = new Stage(planOf({ a: { condition: 'no' }, b: { after: ['a'], condition: 'no' } }));
    expect([stage.launch(), stage.isOver(), stage.verdict()]).toEqual([[], true, 'succeeded']);
  });
});

test('a consumer of what was not provided is skipped, but not below a tolerated failure', () => {
  // hard* (skip_dependents) ─► user     soft* (continue) ─► keeper
  const plan = planOf({
    hard: { provides: ['image'], onFailure: 'skip_dependents' },
    user: { after: ['hard'], consumes: ['image'] },
    soft: { provides: ['page'], onFailure: 'continue' },
    keeper: { after: ['soft'], consumes: ['page'] },
  });
  expect(play(plan, { hard: 'failed', soft: 'failed' }).states).toEqual({
    hard: 'failed',
    user: 'skipped',
    soft: 'failed',
    keeper: 'succeeded',
  });
});

describe('a condition', () => {
  test('that holds lets the step start in its turn', () => {
    const stage = new Stage(planOf({ a: { condition: 'yes' }, b: [], c: { condition: 'yes' } }, 2));
    expect(stage.launch()).toEqual(['a', 'b']);
    expect(stage.succeed('a').launch()).toEqual(['c']);
  });

  test('is asked when the dependencies are satisfied, not before', () => {
    // a ─► b (if a failed)
    const plan = planOf({ a: { onFailure: 'continue' }, b: { after: ['a'], condition: 'a failed' } });
    expect(play(plan, { a: 'failed' }).states).toEqual({ a: 'failed', b: 'succeeded' });
    expect(play(plan).states).toEqual({ a: 'succeeded', b: 'skipped' });
  });

  test('is asked once, however long the step then waits for a place', () => {
    const asked: string[] = [];
    const judge: Judge = (condition) => {
      asked.push(condition);
      return { kind: 'true' };
    };
    const run = newRun(planOf({ a: [], b: { condition: 'one' }, c: { condition: 'two' } }, 1), judge, 0);
    for (const index of [0, 1, 2]) {
      expect(takeReady(run, 1, 10)).toEqual([index]);
      settle(run, index, succeeded(), 2);
    }
    expect(asked).toEqual(['one', 'two']);
  });

  test('is not asked of a step that was canceled meanwhile', () => {
    const judge: Judge = () => {
      throw new Error('asked');
    };
    const stage = new Stage(planOf({ a: { condition: 'any', onFailure: 'continue' } }));
    const run = Object.assign(stage.run, { judge });
    stage.cancel('a');
    expect(takeReady(run, 1, 10)).toEqual([]);
  });

  test('sees the variables of the plan, and of each step its state, exit code and outputs', () => {
    const scopes: ConditionScope[] = [];
    const judge: Judge = (_, scope) => {
      scopes.push(scope);
      return { kind: 'true' };
    };
    const plan = {
      ...planOf({ a: [], b: { onFailure: 'continue' }, c: { after: ['a', 'b'], condition: 'any' } }),
      variables: { BRANCH: 'main' },
    };
    const run = newRun(plan, judge, 0);
    takeReady(run, 1, 10);
    settle(run, 0, succeeded({ size: 3 }), 2);
    settle(run, 1, failed(7), 2);
    takeReady(run, 3, 10);
    const [scope] = scopes;
    expect(scope!.vars).toEqual({ BRANCH: 'main' });
    expect(scope!.step('a')).toEqual({ state: 'succeeded', exitCode: 0, outputs: { size: 3 } });
    expect(scope!.step('b')).toEqual({ state: 'failed', exitCode: 7, outputs: {} });
    expect(scope!.step('constructor')).toBe(null);
  });

  test('sees no exit code where none was', () => {
    const timedOut = {
      kind: 'failed',
      failure: { reason: 'timed-out', afterSec: 5, tail: '' },
      attempts: [],
      attemptsOmitted: 0,
    } as const;
    const seen: unknown[] = [];
    const judge: Judge = (_, scope) => {
      seen.push(scope.step('a')?.exitCode);
      return { kind: 'true' };
    };
    const run = newRun(
      planOf({ a: { onFailure: 'continue' }, b: { after: ['a'], condition: 'any' } }),
      judge,
      0,
    );
    takeReady(run, 1, 10);
    settle(run, 0, timedOut, 2);
    takeReady(run, 3, 10);
    expect(seen).toEqual([null]);
  });

  test('may end the run, and then nothing starts in the same turn', () => {
    // a     b (error, critical abort)
    const stage = new Stage(planOf({ a: [], b: { condition: 'error' } }));
    expect(stage.launch()).toEqual([]);
    expect(stage.states()).toEqual({ a: 'canceled', b: 'failed' });
  });
});

describe('a condition that cannot be answered', () => {
  test('fails the step without starting it, and the policy of the step applies', () => {
    // a ─► b (error) ─► c     d
    const plan = planOf({
      a: [],
      b: { after: ['a'], condition: 'error', onFailure: 'skip_dependents' },
      c: ['b'],
      d: [],
    });
    expect(play(plan)).toEqual({
      states: { a: 'succeeded', b: 'failed', c: 'skipped', d: 'succeeded' },
      launched: ['a', 'd'],
      verdict: 'failed',
      tolerated: [],
    });
  });

  test('is told as the reason', () => {
    const stage = new Stage(planOf({ a: { condition: 'error' } }));
    stage.launch();
    expect(stage.record('a')).toMatchObject({
      state: 'failed',
      launchedAt: null,
      attempts: [],
      failure: { reason: 'condition-error', message: 'no such thing' },
    });
    expect(stage.head().message).toBe('step "a" failed: no such thing');
  });

  test('calls upon the fallback', () => {
    const plan = planOf({ a: { condition: 'error', onFailure: { fallback: 'spare' } }, spare: [], b: ['a'] });
    expect(play(plan)).toMatchObject({ launched: ['spare', 'b'], verdict: 'succeeded', tolerated: ['a'] });
  });
});
