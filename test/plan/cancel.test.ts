import { describe, expect, test } from 'vitest';
import { cancelStep, whyNotCancelStep } from '../../src/plan/schedule.js';
import { id, planOf } from './builder.js';
import { Stage } from './play.js';

const byAnn = { reason: 'not this one', actor: 'ann' } as const;

describe('cancelling the run', () => {
  test('ends pending steps at once, and asks running ones to end', () => {
    // a ─► b     c
    const stage = new Stage(planOf({ a: [], b: ['a'], c: [] }, 1));
    stage.launch();
    stage.cancelRun('wrong branch', 'ann');
    expect(stage.states()).toEqual({ a: 'running', b: 'canceled', c: 'canceled' });
    expect(stage.record('a').canceling).toBe(true);
    expect(stage.stops()).toEqual(['a']);
    const cause = { kind: 'run-canceled', reason: 'wrong branch', actor: 'ann' };
    expect([stage.record('a').cause, stage.record('b').cause]).toEqual([cause, cause]);
    stage.end('a', 'canceled');
    expect(stage.record('a')).toMatchObject({ state: 'canceled', cause, canceling: false, tolerated: false });
    expect(stage.head()).toMatchObject({
      state: 'canceled',
      failedStep: null,
      message: 'canceled by ann: wrong branch',
    });
  });

  test('before anything started ends it at once', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'] })).cancelRun();
    expect([stage.isOver(), stage.verdict(), stage.launch()]).toEqual([true, 'canceled', []]);
  });

  test('while it is paused ends it', () => {
    const stage = new Stage(planOf({ a: [] })).pause().cancelRun();
    expect([stage.isOver(), stage.verdict()]).toEqual([true, 'canceled']);
  });

  test('twice keeps the first reason, and stops nobody twice', () => {
    const stage = new Stage(planOf({ a: [] }));
    stage.launch();
    stage.cancelRun('first', 'ann').cancelRun('second', 'bob');
    expect(stage.stops()).toEqual(['a']);
    expect(stage.end('a', 'canceled').head().cancel).toEqual({ reason: 'first', actor: 'ann' });
  });

  test('is too late for a run that is over', () => {
    const stage = new Stage(planOf({ a: [] }));
    stage.launch();
    stage.succeed('a').cancelRun();
    expect(stage.head()).toMatchObject({ state: 'succeeded', cancel: null });
  });

  test('does not make an aborted run a canceled one', () => {
    // a*     b
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.fail('a').cancelRun().end('b', 'canceled');
    expect(stage.head()).toMatchObject({ state: 'failed', abortedBy: 'a', cancel: null });
  });

  test('keeps what a step came to when it did not stop', () => {
    // a     b*     c* (continue)
    const stage = new Stage(planOf({ a: [], b: [], c: { onFailure: 'continue' } }));
    stage.launch();
    stage.cancelRun().succeed('a').fail('b', 'c');
    expect(stage.states()).toEqual({ a: 'succeeded', b: 'failed', c: 'failed' });
    expect(stage.head()).toMatchObject({
      state: 'canceled',
      abortedBy: null,
      failedStep: null,
      toleratedFailures: 1,
    });
  });

  test('keeps the reason why a step was stopped before', () => {
    // a, canceled by itself a moment earlier     b
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.cancel('a').cancelRun();
    expect(stage.stops()).toEqual(['a', 'b']);
    expect(stage.end('a', 'canceled').record('a').cause).toEqual({ kind: 'step-canceled', ...byAnn });
  });

  test('tolerates what a step`s own cancellation would have been tolerated for', () => {
    const stage = new Stage(planOf({ a: { onFailure: 'continue' }, b: { onFailure: 'continue' } }));
    stage.launch();
    stage.cancel('a').cancelRun().end('a', 'canceled').end('b', 'canceled');
    expect(stage.tolerated()).toEqual(['a']); // b did not fail: the run was taken from it
  });
});

describe('cancelling a step that runs', () => {
  test('asks it to end; only its end counts', () => {
    // a ─► b     c
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: ['a'], c: [] }));
    stage.launch();
    stage.cancel('a');
    expect(stage.record('a')).toMatchObject({
      state: 'running',
      canceling: true,
      cause: { kind: 'step-canceled', ...byAnn },
    });
    expect([stage.stops(), stage.record('b').state]).toEqual([['a'], 'pending']);
    stage.end('a', 'canceled');
    expect(stage.record('a')).toMatchObject({
      state: 'canceled',
      cause: { kind: 'step-canceled', ...byAnn },
    });
    expect(stage.record('b').cause).toEqual({ kind: 'dependency', step: 'a' });
    expect(stage.record('c').state).toBe('running');
  });

  test.each([
    ['abort', true, { a: 'canceled', b: 'canceled', c: 'canceled' }, 'failed'],
    ['abort', false, { a: 'canceled', b: 'skipped', c: 'succeeded' }, 'succeeded'],
    ['skip_dependents', true, { a: 'canceled', b: 'skipped', c: 'succeeded' }, 'failed'],
    ['skip_dependents', false, { a: 'canceled', b: 'skipped', c: 'succeeded' }, 'succeeded'],
    ['continue', true, { a: 'canceled', b: 'succeeded', c: 'succeeded' }, 'succeeded'],
  ] as const)('counts as its failure: %s, critical: %s', (onFailure, critical, states, verdict) => {
    // a ─► b     c
    const stage = new Stage(planOf({ a: { onFailure, critical }, b: ['a'], c: [] }, 2));
    stage.launch();
    stage.cancel('a').end('a', 'canceled');
    stage.launch();
    for (const step of ['b', 'c'])
      if (stage.record(step).state === 'running')
        stage.end(step, stage.record(step).canceling ? 'canceled' : 'succeeded');
    expect([stage.states(), stage.verdict()]).toEqual([states, verdict]);
  });

  test('calls upon its fallback', () => {
    const stage = new Stage(planOf({ a: { onFailure: { fallback: 'spare' } }, spare: [], b: ['a'] }));
    stage.launch();
    expect(stage.cancel('a').end('a', 'canceled').launch()).toEqual(['spare']);
    expect(stage.succeed('spare').launch()).toEqual(['b']);
    expect(stage.succeed('b').verdict()).toBe('succeeded');
  });

  test('has no effect when it succeeds all the same', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'] }));
    stage.launch();
    expect(stage.cancel('a').succeed('a').launch()).toEqual(['b']);
    expect(stage.record('a')).toMatchObject({ state: 'succeeded', cause: null, canceling: false });
  });

  test('that ended before anybody was told leaves nobody to stop', () => {
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.cancel('a').succeed('a').cancel('b');
    expect(stage.stops()).toEqual(['b']);
  });

  test('of an aborted critical step names who did it', () => {
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.cancel('a').end('a', 'canceled').end('b', 'canceled');
    expect(stage.head()).toMatchObject({
      state: 'failed',
      abortedBy: 'a',
      message: 'step "a" was canceled by ann: not this one',
    });
  });
});

test('a step canceled from outside, without our asking, counts as canceled by somebody unknown', () => {
  const stage = new Stage(planOf({ a: { onFailure: 'continue' }, b: ['a'] }));
  stage.launch();
  expect(stage.end('a', 'canceled').launch()).toEqual(['b']);
  expect(stage.record('a').cause).toEqual({
    kind: 'step-canceled',
    reason: 'canceled outside Planwright',
    actor: 'unknown',
  });
});

describe('cancelling a step that has not started', () => {
  test('ends it at once, and it never starts', () => {
    const stage = new Stage(planOf({ a: { onFailure: 'continue' } })).cancel('a');
    expect(stage.record('a')).toMatchObject({ state: 'canceled', launchedAt: null, tolerated: true });
    expect([stage.launch(), stage.stops(), stage.verdict()]).toEqual([[], [], 'succeeded']);
  });

  test('skips what depends on it at once, when that is its policy', () => {
    // a ─► b (canceled) ─► c ─► d
    const stage = new Stage(
      planOf({ a: [], b: { after: ['a'], onFailure: 'skip_dependents' }, c: ['b'], d: ['c'] }),
    );
    stage.launch();
    stage.cancel('b');
    expect(stage.states()).toEqual({ a: 'running', b: 'canceled', c: 'skipped', d: 'skipped' });
    stage.succeed('a');
    expect(stage.states()).toEqual({ a: 'succeeded', b: 'canceled', c: 'skipped', d: 'skipped' });
  });

  test('aborts the run at once, when it is critical and its policy is abort', () => {
    // a     b ─► c
    const stage = new Stage(planOf({ a: [], b: ['a'], c: ['b'] }));
    stage.launch();
    stage.cancel('c');
    expect(stage.states()).toEqual({ a: 'running', b: 'canceled', c: 'canceled' });
    expect(stage.stops()).toEqual(['a']);
    expect(stage.head().abortedBy).toBe('c');
  });

  test('does not let what stands below it start before what stands above it has ended', () => {
    // fetch ─► lint (canceled, continue) ─► ship
    const stage = new Stage(
      planOf({ fetch: [], lint: { after: ['fetch'], onFailure: 'continue' }, ship: ['lint'] }),
    );
    stage.launch();
    stage.cancel('lint');
    expect([stage.tolerated(), stage.launch()]).toEqual([['lint'], []]);
    expect(stage.succeed('fetch').launch()).toEqual(['ship']);
  });

  test('does not let what stands below it run when what stands above it fails', () => {
    // fetch* ─► lint (canceled, continue) ─► format (canceled, continue) ─► ship
    const stage = new Stage(
      planOf({
        fetch: { onFailure: 'skip_dependents' },
        lint: { after: ['fetch'], onFailure: 'continue' },
        format: { after: ['lint'], onFailure: 'continue' },
        ship: ['format'],
      }),
    );
    stage.launch();
    stage.cancel('lint').cancel('format').fail('fetch');
    expect(stage.states()).toEqual({
      fetch: 'failed',
      lint: 'canceled',
      format: 'canceled',
      ship: 'skipped',
    });
    expect(stage.record('ship').cause).toEqual({ kind: 'dependency', step: 'fetch' });
    expect(stage.isOver()).toBe(true);
  });

  test('holds what stands below it until every step above has ended, one of two is not enough', () => {
    // a ─┬─► lint (canceled, continue) ─► ship
    // b ─┘
    const stage = new Stage(
      planOf({ a: [], b: [], lint: { after: ['a', 'b'], onFailure: 'continue' }, ship: ['lint'] }),
    );
    stage.launch();
    expect(stage.cancel('lint').succeed('b').launch()).toEqual([]);
    expect(stage.succeed('a').launch()).toEqual(['ship']);
  });

  test.each([
    ['the step first', ['b', 'spare']],
    ['the fallback first', ['spare', 'b']],
  ])('holds what stands below, too, when a fallback`s policy tolerates it: %s', (_, order) => {
    // a ─► b (canceled; fallback: spare, canceled, continue) ─► c ◄─ d
    const stage = new Stage(
      planOf({
        a: [],
        b: { after: ['a'], onFailure: { fallback: 'spare' } },
        spare: { onFailure: 'continue' },
        c: ['b', 'd'],
        d: [],
      }),
    );
    stage.launch();
    for (const step of order) stage.cancel(step);
    expect([stage.launch(), stage.tolerated()]).toEqual([[], ['b', 'spare']]);
    expect(stage.succeed('a').launch()).toEqual([]); // d runs still
    expect(stage.succeed('d').launch()).toEqual(['c']);
  });

  test('works while the run is paused; what may start waits for the resume', () => {
    const stage = new Stage(planOf({ a: { onFailure: 'continue' }, b: ['a'] }));
    stage.pause().cancel('a');
    expect([stage.record('a').state, stage.launch()]).toEqual(['canceled', []]);
    expect(stage.pause(false).launch()).toEqual(['b']);
  });
});

describe('cancelling a step is refused', () => {
  const stage = new Stage(planOf({ done: [], busy: [], below: ['busy'] }));
  stage.launch();
  stage.succeed('done').cancel('busy');

  test.each([
    ['nobody', 'there is no step "nobody" in this run'],
    ['done', 'step "done" has already ended: succeeded'],
    ['busy', 'step "busy" is already being canceled'],
  ])('%s: %s', (step, reason) => {
    expect(whyNotCancelStep(stage.run, step)).toBe(reason);
    expect(() => cancelStep(stage.run, id(step), 'why', 'ann', 9)).toThrow(`BUG: ${reason}`);
  });

  test('but not for a step that is pending', () => {
    expect(whyNotCancelStep(stage.run, 'below')).toBe(null);
  });

  test.each(['failed', 'canceled'] as const)('when it is %s', (fate) => {
    const over = new Stage(planOf({ a: { onFailure: 'continue' } }));
    over.launch();
    over.end('a', fate);
    expect(whyNotCancelStep(over.run, 'a')).toBe(`step "a" has already ended: ${fate}`);
  });

  test('when it was skipped', () => {
    const skipped = new Stage(planOf({ a: { condition: 'no' } }));
    skipped.launch();
    expect(whyNotCancelStep(skipped.run, 'a')).toBe('step "a" has already ended: skipped');
  });
});
