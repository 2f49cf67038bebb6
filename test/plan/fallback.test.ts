import { describe, expect, test } from 'vitest';
import { outputsOf } from '../../src/plan/schedule.js';
import { failed, planOf, succeeded, type StepSketch } from './builder.js';
import { play, Stage } from './play.js';

/** deploy ─► notify, with `rollback` to stand in for `deploy`, and `page` for that if the test says so. */
const withFallback = (rollback: StepSketch = {}, more: Record<string, StepSketch> = {}) =>
  planOf({
    build: [],
    deploy: { after: ['build'], onFailure: { fallback: 'rollback' } },
    notify: ['deploy'],
    rollback,
    ...more,
  });

describe('a fallback', () => {
  test('that is not needed ends as skipped', () => {
    const stage = new Stage(withFallback());
    stage.launch();
    stage.succeed('build').launch();
    stage.succeed('deploy');
    expect(stage.record('rollback')).toMatchObject({
      state: 'skipped',
      launchedAt: null,
      cause: { kind: 'unused-fallback', step: 'deploy' },
    });
    expect(stage.launch()).toEqual(['notify']);
  });

  test('runs only once the step has failed, and what depends on the step waits for it', () => {
    const stage = new Stage(withFallback());
    expect(stage.launch()).toEqual(['build']);
    expect(stage.succeed('build').launch()).toEqual(['deploy']);
    expect(stage.fail('deploy').launch()).toEqual(['rollback']);
    expect(stage.succeed('rollback').launch()).toEqual(['notify']);
  });

  test('that succeeds makes the failure good: the run succeeds', () => {
    expect(play(withFallback(), { deploy: 'failed' })).toEqual({
      states: { build: 'succeeded', deploy: 'failed', notify: 'succeeded', rollback: 'succeeded' },
      launched: ['build', 'deploy', 'rollback', 'notify'],
      verdict: 'succeeded',
      tolerated: ['deploy'],
    });
  });

  test('waits for the dependencies of the step it stands in for', () => {
    // build ─► deploy, canceled before `build` has ended
    const stage = new Stage(withFallback());
    stage.launch();
    stage.cancel('deploy');
    expect(stage.launch()).toEqual([]);
    expect(stage.succeed('build').launch()).toEqual(['rollback']);
  });

  test('is skipped like the step itself when something above them fails', () => {
    const plan = planOf({
      build: { onFailure: 'skip_dependents' },
      deploy: { after: ['build'], onFailure: { fallback: 'rollback' } },
      rollback: [],
    });
    const stage = new Stage(plan);
    stage.launch();
    stage.fail('build');
    for (const step of ['deploy', 'rollback'])
      expect(stage.record(step)).toMatchObject({
        state: 'skipped',
        cause: { kind: 'dependency', step: 'build' },
      });
  });

  test('is not called upon when the run is stopping', () => {
    const stage = new Stage(withFallback());
    stage.launch();
    stage.succeed('build').launch();
    stage.cancelRun().fail('deploy');
    expect(stage.launch()).toEqual([]);
    expect(stage.record('rollback')).toMatchObject({ state: 'canceled', cause: { kind: 'run-canceled' } });
    expect(stage.tolerated()).toEqual([]);
  });

  test('that succeeds while the run is stopping still made the failure good', () => {
    const stage = new Stage(withFallback());
    stage.launch();
    stage.succeed('build').launch();
    stage.fail('deploy').launch();
    stage.cancelRun().succeed('rollback');
    expect(stage.tolerated()).toEqual(['deploy']);
    expect(stage.states()).toMatchObject({ rollback: 'succeeded', notify: 'canceled' });
  });
});

describe('a fallback that fails', () => {
  test.each([
    ['abort', true, { other: 'canceled', notify: 'canceled' }, 'failed', []],
    ['abort', false, { other: 'succeeded', notify: 'skipped' }, 'failed', []],
    ['skip_dependents', true, { other: 'succeeded', notify: 'skipped' }, 'failed', []],
    ['continue', true, { other: 'succeeded', notify: 'succeeded' }, 'succeeded', ['deploy', 'rollback']],
  ] as const)(
    'is the failure, and its own policy applies: %s, critical: %s',
    (onFailure, critical, states, verdict, tolerated) => {
      const plan = withFallback({ onFailure, critical }, { wait: {}, other: { after: ['wait'] } });
      const stage = new Stage(plan);
      stage.launch();
      stage.succeed('build').launch();
      stage.fail('deploy').launch();
      stage.fail('rollback');
      if (stage.record('wait').canceling) stage.end('wait', 'canceled');
      else stage.succeed('wait');
      const rest = stage.launch();
      stage.succeed(...rest);
      expect(stage.states()).toMatchObject({ deploy: 'failed', rollback: 'failed', ...states });
      expect([stage.isOver(), stage.verdict(), stage.tolerated()]).toEqual([true, verdict, tolerated]);
    },
  );

  test('is the cause that the skipped steps name', () => {
    const stage = new Stage(withFallback({ onFailure: 'skip_dependents' }));
    stage.launch();
    stage.succeed('build').launch();
    stage.fail('deploy').launch();
    stage.fail('rollback');
    expect(stage.record('notify').cause).toEqual({ kind: 'dependency', step: 'rollback' });
  });
});

describe('a line of fallbacks', () => {
  // a* ─► below     a: b*, b: c*, c: d
  const line = planOf({
    a: { onFailure: { fallback: 'b' } },
    b: { onFailure: { fallback: 'c' } },
    c: { onFailure: { fallback: 'd' } },
    d: [],
    below: ['a'],
  });

  test('is tried in turn until one succeeds, and the rest is not used', () => {
    expect(play(line, { a: 'failed', b: 'failed' })).toEqual({
      states: { a: 'failed', b: 'failed', c: 'succeeded', d: 'skipped', below: 'succeeded' },
      launched: ['a', 'b', 'c', 'below'],
      verdict: 'succeeded',
      tolerated: ['a', 'b'],
    });
  });

  test('is not used at all when the first succeeds: each names the step that made it needless', () => {
    const stage = new Stage(line);
    stage.launch();
    stage.succeed('a');
    const causes = ['b', 'c', 'd'].map((step) => stage.record(step).cause);
    expect(causes).toEqual(['a', 'b', 'c'].map((step) => ({ kind: 'unused-fallback', step })));
  });

  test('waits for the dependencies of the first, down to the last', () => {
    // x ─► a (canceled)     a: b (canceled), b: c
    const b = { onFailure: { fallback: 'c' } };
    const stage = new Stage(planOf({ x: [], a: { after: ['x'], onFailure: { fallback: 'b' } }, b, c: [] }));
    stage.launch();
    expect(stage.cancel('a').cancel('b').launch()).toEqual([]);
    expect(stage.succeed('x').launch()).toEqual(['c']);
  });

  test('ends with the policy of the last when all fail', () => {
    const stage = new Stage(line);
    for (const step of ['a', 'b', 'c', 'd']) {
      expect(stage.launch()).toEqual([step]);
      stage.fail(step);
    }
    expect(stage.states()).toEqual({ a: 'failed', b: 'failed', c: 'failed', d: 'failed', below: 'canceled' });
    expect(stage.head()).toMatchObject({ abortedBy: 'd', state: 'failed', toleratedFailures: 0 });
  });

  test('hands the outputs of the one that succeeded to whoever reads those of the first', () => {
    const stage = new Stage(line);
    stage.launch();
    expect(outputsOf(stage.run, 'a')).toEqual({});
    stage.fail('a').launch();
    stage.fail('b').launch();
    stage.end('c', succeeded({ url: 'blue' }));
    for (const step of ['a', 'b', 'c']) expect(outputsOf(stage.run, step)).toEqual({ url: 'blue' });
    expect(outputsOf(stage.run, 'd')).toEqual({});
  });
});

test('a step that succeeded gives its own outputs, though it has a fallback', () => {
  const stage = new Stage(withFallback());
  stage.launch();
  stage.end('build', succeeded({ size: 1 })).launch();
  stage.end('deploy', succeeded({ url: 'green' }));
  expect([outputsOf(stage.run, 'build'), outputsOf(stage.run, 'deploy')]).toEqual([
    { size: 1 },
    { url: 'green' },
  ]);
});

describe('a fallback that its own condition holds back', () => {
  const declines = (rollback: StepSketch, more?: Record<string, StepSketch>) => {
    const stage = new Stage(withFallback({ ...rollback, condition: 'no' }, more));
    stage.launch();
    stage.succeed('build').launch();
    stage.fail('deploy');
    return stage;
  };

  test('does not stand in: that is the failure, and its policy applies', () => {
    const stage = declines({ onFailure: 'skip_dependents' });
    expect(stage.launch()).toEqual([]);
    expect(stage.record('rollback')).toMatchObject({ state: 'skipped', cause: { kind: 'condition' } });
    expect(stage.record('notify')).toMatchObject({
      state: 'skipped',
      cause: { kind: 'dependency', step: 'rollback' },
    });
    expect(stage.head()).toMatchObject({ state: 'failed', failedStep: 'deploy' });
  });

  test('aborts the run when that is its policy, and the message says what happened', () => {
    const stage = declines({ onFailure: 'abort' });
    stage.launch();
    expect(stage.head()).toMatchObject({
      state: 'failed',
      abortedBy: 'rollback',
      message: 'step "rollback" was called upon, but its condition is false; also failed: "deploy"',
    });
  });

  test('fails the run it aborts, though the step that it was to stand in for is not critical', () => {
    const deploy = { critical: false, onFailure: { fallback: 'rollback' } };
    const stage = new Stage(planOf({ deploy, rollback: { condition: 'no' } }));
    stage.launch();
    stage.fail('deploy').launch();
    expect([stage.isOver(), stage.verdict(), stage.head().abortedBy]).toEqual([true, 'failed', 'rollback']);
  });

  test('calls upon the next one', () => {
    const stage = declines({ onFailure: { fallback: 'page' } }, { page: {} });
    expect(stage.launch()).toEqual(['page']);
    expect(stage.succeed('page').launch()).toEqual(['notify']);
    expect(stage.tolerated()).toEqual(['deploy']);
  });

  test('lets the run go on when its failure is tolerated', () => {
    const stage = declines({ onFailure: 'continue' });
    expect(stage.launch()).toEqual(['notify']);
    expect(stage.tolerated()).toEqual(['deploy']);
  });

  test('is not asked before it is called upon', () => {
    const stage = new Stage(withFallback({ condition: 'no' }));
    stage.launch();
    expect(stage.record('rollback').state).toBe('pending');
    stage.succeed('build').launch();
    stage.succeed('deploy');
    expect(stage.record('rollback').cause).toEqual({ kind: 'unused-fallback', step: 'deploy' });
  });
});

describe('a fallback that was canceled before it was needed', () => {
  const canceledEarly = (rollback: StepSketch, more?: Record<string, StepSketch>) => {
    const stage = new Stage(withFallback(rollback, more));
    stage.launch();
    stage.cancel('rollback');
    return stage;
  };

  test('does no harm while the step succeeds: nobody needed it', () => {
    const stage = canceledEarly({});
    expect(stage.tolerated()).toEqual(['rollback']);
    stage.succeed('build').launch();
    expect(stage.succeed('deploy').launch()).toEqual(['notify']);
    stage.succeed('notify');
    expect(stage.head()).toMatchObject({ state: 'succeeded', counts: { canceled: 1, skipped: 0 } });
  });

  test('has failed to stand in when the step fails: its policy applies', () => {
    const stage = canceledEarly({ onFailure: 'skip_dependents' });
    stage.succeed('build').launch();
    stage.fail('deploy');
    expect(stage.tolerated()).toEqual([]);
    expect(stage.record('notify').cause).toEqual({ kind: 'dependency', step: 'rollback' });
    expect(stage.verdict()).toBe('failed');
  });

  test('makes way for the next one', () => {
    const stage = canceledEarly({ onFailure: { fallback: 'page' } }, { page: {} });
    stage.succeed('build').launch();
    expect(stage.fail('deploy').launch()).toEqual(['page']);
    expect(stage.succeed('page').launch()).toEqual(['notify']);
    expect(stage.tolerated()).toEqual(['deploy', 'rollback']);
  });

  test('leaves the next one unused when the step succeeds', () => {
    const stage = canceledEarly({ onFailure: { fallback: 'page' } }, { page: {} });
    stage.succeed('build').launch();
    stage.succeed('deploy');
    expect(stage.record('page')).toMatchObject({
      state: 'skipped',
      cause: { kind: 'unused-fallback', step: 'deploy' },
    });
  });
});

test('a fallback whose result an earlier run left stands in at once', () => {
  const stage = new Stage(withFallback(), { rollback: { runId: 'run-0', outputs: { url: 'old' } } });
  stage.launch();
  stage.succeed('build').launch();
  expect(stage.end('deploy', failed()).launch()).toEqual(['notify']);
  expect([stage.tolerated(), outputsOf(stage.run, 'deploy')]).toEqual([['deploy'], { url: 'old' }]);
});
