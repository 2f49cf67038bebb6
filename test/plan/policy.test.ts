import { describe, expect, test } from 'vitest';
import { standOf, standOfFailure } from '../../src/plan/policy.js';
import type { StepState } from '../../src/plan/step-state.js';
import { failed, planOf, stepOf, succeeded } from './builder.js';
import { play, Stage } from './play.js';

describe('abort, critical', () => {
  test('the failure ends every step that has not started as canceled, and the run as failed', () => {
    // lint* ─► build ─► ship     docs ─► site        * fails
    const plan = planOf({ lint: [], build: ['lint'], ship: ['build'], docs: [], site: ['docs'] }, 1);
    expect(play(plan, { lint: 'failed' })).toEqual({
      states: { lint: 'failed', build: 'canceled', ship: 'canceled', docs: 'canceled', site: 'canceled' },
      launched: ['lint'],
      verdict: 'failed',
      tolerated: [],
    });
  });

  test('the steps that run are stopped and end as canceled by the abort', () => {
    // lint*     test     docs
    const stage = new Stage(planOf({ lint: [], test: [], docs: [] }));
    stage.launch();
    stage.fail('lint');
    expect(stage.states()).toEqual({ lint: 'failed', test: 'running', docs: 'running' });
    expect(stage.stops()).toEqual(['test', 'docs']);
    expect(stage.stops()).toEqual([]); // each is told once
    stage.end('test', 'canceled').end('docs', 'canceled');
    expect(stage.record('docs')).toMatchObject({
      state: 'canceled',
      cause: { kind: 'aborted', step: 'lint' },
    });
    expect([stage.isOver(), stage.verdict()]).toEqual([true, 'failed']);
  });

  test('nothing starts after it, not even what had been ready and waited for a place', () => {
    // a*     b     c     two at once
    const stage = new Stage(planOf({ a: [], b: [], c: [] }, 2));
    expect(stage.launch()).toEqual(['a', 'b']);
    stage.fail('a');
    expect(stage.launch()).toEqual([]);
    expect(stage.record('c')).toMatchObject({
      state: 'canceled',
      launchedAt: null,
      cause: { kind: 'aborted', step: 'a' },
    });
  });

  test('a running step that ends well all the same keeps its success', () => {
    // a*     b ─► c
    const stage = new Stage(planOf({ a: [], b: [], c: ['b'] }));
    stage.launch();
    stage.fail('a').succeed('b');
    expect(stage.states()).toEqual({ a: 'failed', b: 'succeeded', c: 'canceled' });
    expect(stage.verdict()).toBe('failed');
  });

  test('two critical failures at the same time abort the run once, by the first, and both are listed', () => {
    // a*     b*     c
    const stage = new Stage(planOf({ a: [], b: [], c: [] }));
    stage.launch();
    stage.fail('a', 'b').end('c', 'canceled');
    expect(stage.states()).toEqual({ a: 'failed', b: 'failed', c: 'canceled' });
    expect(stage.head()).toMatchObject({
      state: 'failed',
      abortedBy: 'a',
      message: 'step "a" failed: exit code 1; also failed: "b"',
    });
  });

  test('a step that fails while the run is aborting is recorded, and nothing follows from its policy', () => {
    // a*     b* (fallback: spare)     c* (skip_dependents) ─► d
    const plan = planOf({
      a: [],
      b: { onFailure: { fallback: 'spare' } },
      spare: [],
      c: { onFailure: 'skip_dependents' },
      d: ['c'],
    });
    const stage = new Stage(plan);
    stage.launch();
    stage.fail('a', 'b', 'c');
    expect(stage.launch()).toEqual([]);
    expect(stage.states()).toEqual({
      a: 'failed',
      b: 'failed',
      spare: 'canceled',
      c: 'failed',
      d: 'canceled',
    });
    expect(stage.record('d').cause).toEqual({ kind: 'aborted', step: 'a' });
    expect(stage.head().abortedBy).toBe('a');
  });

  test('a failure that is tolerated stays so while the run is aborting', () => {
    // a*     b* (continue)
    const stage = new Stage(planOf({ a: [], b: { onFailure: 'continue' } }));
    stage.launch();
    stage.fail('a', 'b');
    expect(stage.tolerated()).toEqual(['b']);
    expect(stage.head()).toMatchObject({ toleratedFailures: 1, message: 'step "a" failed: exit code 1' });
  });
});

describe('abort, not critical', () => {
  test('the failure skips what depends on the step, and the rest goes on', () => {
    // lint* ─► build ─► ship     docs ─► site
    const plan = planOf({
      lint: { critical: false },
      build: ['lint'],
      ship: ['build'],
      docs: [],
      site: ['docs'],
    });
    expect(play(plan, { lint: 'failed' })).toEqual({
      states: { lint: 'failed', build: 'skipped', ship: 'skipped', docs: 'succeeded', site: 'succeeded' },
      launched: ['lint', 'docs', 'site'],
      verdict: 'succeeded',
      tolerated: [],
    });
  });
});

describe('skip_dependents', () => {
  test('everything below the step is skipped, with the step that failed as the cause', () => {
    // lint* ─► build ─► ship     docs
    const stage = new Stage(
      planOf({ lint: { onFailure: 'skip_dependents' }, build: ['lint'], ship: ['build'], docs: [] }),
    );
    stage.launch();
    stage.fail('lint');
    expect(stage.states()).toEqual({ lint: 'failed', build: 'skipped', ship: 'skipped', docs: 'running' });
    expect(stage.record('build').cause).toEqual({ kind: 'dependency', step: 'lint' });
    expect(stage.record('ship').cause).toEqual({ kind: 'dependency', step: 'lint' });
  });

  test.each([
    [true, 'failed'],
    [false, 'succeeded'],
  ] as const)('critical: %s lets the run end as %s', (critical, verdict) => {
    const plan = planOf({ lint: { onFailure: 'skip_dependents', critical }, build: ['lint'], docs: [] });
    expect(play(plan, { lint: 'failed' }).verdict).toBe(verdict);
  });

  test('a running step is never skipped', () => {
    // a*     b ─► join ◄─ a
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: [], join: ['a', 'b'] }));
    stage.launch();
    stage.fail('a');
    expect(stage.states()).toEqual({ a: 'failed', b: 'running', join: 'skipped' });
    expect(stage.record('b').canceling).toBe(false);
  });
});

describe('continue', () => {
  test('what depends on the step runs as if it had succeeded, and the run can succeed', () => {
    // merge* ─► resolve ─► ship: a merge that reports conflicts does not doom the steps that resolve them
    const plan = planOf({ merge: { onFailure: 'continue' }, resolve: ['merge'], ship: ['resolve'] });
    expect(play(plan, { merge: 'failed' })).toEqual({
      states: { merge: 'failed', resolve: 'succeeded', ship: 'succeeded' },
      launched: ['merge', 'resolve', 'ship'],
      verdict: 'succeeded',
      tolerated: ['merge'],
    });
  });

  test('the failures that were tolerated and the steps that were skipped are counted', () => {
    // a* (continue)   b* (continue)   c* (skip_dependents, not critical) ─► d ─► e
    const stage = new Stage(
      planOf({
        a: { onFailure: 'continue' },
        b: { onFailure: 'continue' },
        c: { onFailure: 'skip_dependents', critical: false },
        d: ['c'],
        e: ['d'],
      }),
    );
    stage.launch();
    stage.fail('a', 'b', 'c');
    expect(stage.head()).toMatchObject({ state: 'succeeded', toleratedFailures: 2, message: null });
    expect(stage.head().counts).toMatchObject({ failed: 3, skipped: 2, succeeded: 0, pending: 0 });
  });
});

describe('a step with several dependencies', () => {
  test('is skipped when one of them was skipped, though the other succeeded', () => {
    //       ┌─► b (skipped) ─┐
    // a* ───┘                ├─► join
    //       c ───────────────┘
    const plan = planOf({ a: { onFailure: 'skip_dependents' }, b: ['a'], c: [], join: ['b', 'c'] });
    expect(play(plan, { a: 'failed' }).states).toEqual({
      a: 'failed',
      b: 'skipped',
      c: 'succeeded',
      join: 'skipped',
    });
  });

  test('runs when one failure is tolerated and the others succeeded', () => {
    //  ┌─► b* (continue) ─┐
    //  a                  ├─► join
    //  └─► c ─────────────┘
    const plan = planOf({ a: [], b: { after: ['a'], onFailure: 'continue' }, c: ['a'], join: ['b', 'c'] });
    expect(play(plan, { b: 'failed' })).toMatchObject({
      states: { join: 'succeeded' },
      launched: ['a', 'b', 'c', 'join'],
    });
  });

  test.each([
    ['the tolerated failure first', ['soft', 'hard']],
    ['the tolerated failure last', ['hard', 'soft']],
  ])('is skipped when one failure is tolerated and another is not: %s', (_, order) => {
    // soft* (continue) ─► join ◄─ hard* (skip_dependents)
    const stage = new Stage(
      planOf({
        soft: { onFailure: 'continue' },
        hard: { onFailure: 'skip_dependents' },
        join: ['soft', 'hard'],
      }),
    );
    stage.launch();
    stage.fail(...order);
    expect(stage.record('join')).toMatchObject({
      state: 'skipped',
      cause: { kind: 'dependency', step: 'hard' },
    });
  });

  test('is told of the failure that came first when there are two', () => {
    // a* ─► join ◄─ b*
    const stage = new Stage(
      planOf({ a: { onFailure: 'skip_dependents' }, b: { onFailure: 'skip_dependents' }, join: ['a', 'b'] }),
    );
    stage.launch();
    stage.fail('b', 'a');
    expect(stage.record('join').cause).toEqual({ kind: 'dependency', step: 'b' });
  });

  test('starts when the last of them has ended, and not before', () => {
    // a ─► join ◄─ b
    const stage = new Stage(planOf({ a: [], b: [], join: ['a', 'b'] }));
    stage.launch();
    stage.succeed('b');
    expect(stage.launch()).toEqual([]);
    stage.succeed('a');
    expect(stage.launch()).toEqual(['join']);
  });
});

describe('what an end means', () => {
  const failure = { kind: 'failed', launchedAt: 1, endedAt: 2, outcome: failed() } as StepState;

  test.each([
    ['abort', true, 'stop'],
    ['abort', false, 'blocked'],
    ['skip_dependents', true, 'blocked'],
    ['skip_dependents', false, 'blocked'],
    ['continue', true, 'satisfied'],
    ['continue', false, 'satisfied'],
    [{ fallback: 'other' }, true, 'undecided'],
    [{ fallback: 'other' }, false, 'undecided'],
  ] as const)('%o with critical: %s: %s', (onFailure, critical, stand) => {
    const step = stepOf('a', { onFailure, critical });
    expect(standOfFailure(step)).toBe(stand);
    expect(standOf(step, failure)).toBe(stand);
  });

  test('a success satisfies, whatever the policy', () => {
    const state = {
      kind: 'succeeded',
      launchedAt: 1,
      endedAt: 2,
      outcome: succeeded(),
      reusedFrom: null,
    } as StepState;
    expect(standOf(stepOf('a', { onFailure: 'abort' }), state)).toBe('satisfied');
  });

  test('a false condition satisfies, every other skip blocks', () => {
    const skipped = (cause: 'condition' | 'dependency'): StepState =>
      ({ kind: 'skipped', endedAt: 1, cause: { kind: cause, step: 'x' } }) as StepState;
    expect(standOf(stepOf('a', {}), skipped('condition'))).toBe('satisfied');
    expect(standOf(stepOf('a', {}), skipped('dependency'))).toBe('blocked');
  });

  test('a step that has not ended has no meaning yet: to ask is a bug', () => {
    expect(() => standOf(stepOf('ship', {}), { kind: 'pending' })).toThrow(
      'BUG: step "ship" is pending: it has not ended',
    );
  });
});
