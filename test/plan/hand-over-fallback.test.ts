import { expect, test } from 'vitest';
import { planOf } from './builder.js';
import { Stage } from './play.js';

// a* ─► below     a: b, b: c
const line = planOf({
  a: { onFailure: { fallback: 'b' } },
  b: { onFailure: { fallback: 'c' } },
  c: [],
  below: ['a'],
});

test('before the step has ended, the whole line goes on', () => {
  const stage = new Stage(line);
  stage.launch();
  expect(stage.handOver()).toEqual(['a', 'b', 'c', 'below']);
  expect(stage.launch()).toEqual([]);
  expect(stage.fail('a').launch()).toEqual(['b']);
});

test('the failed step goes on with its fallback, ready to start', () => {
  const stage = new Stage(line);
  stage.launch();
  stage.fail('a');
  expect(stage.handOver()).toEqual(['a', 'b', 'c', 'below']);
  expect(stage.launch()).toEqual(['b']);
  expect(stage.succeed('b').launch()).toEqual(['below']);
  expect([stage.tolerated(), stage.record('c').cause]).toEqual([
    ['a'],
    { kind: 'unused-fallback', step: 'b' },
  ]);
});

test('so it does with its fallback at work', () => {
  const stage = new Stage(line);
  stage.launch();
  stage.fail('a').launch();
  expect(stage.handOver()).toEqual(['a', 'b', 'c', 'below']);
  expect(stage.fail('b').launch()).toEqual(['c']);
  expect(stage.handOver()).toEqual(['a', 'b', 'c', 'below']);
  expect(stage.succeed('c').launch()).toEqual(['below']);
  expect(stage.tolerated()).toEqual(['a', 'b']);
  expect(stage.succeed('below').head()).toMatchObject({ state: 'succeeded', toleratedFailures: 2 });
});

test('a fallback canceled in time goes on: should it be needed, it has failed', () => {
  const stage = new Stage(line);
  stage.launch();
  stage.cancel('b');
  expect(stage.handOver()).toEqual(['a', 'b', 'c', 'below']);
  expect(stage.tolerated()).toEqual(['b']);
  expect(stage.fail('a').launch()).toEqual(['c']);
  expect(stage.tolerated()).toEqual([]);
});

test('a fallback that its condition held back goes on with the next one', () => {
  const plan = planOf({
    a: { onFailure: { fallback: 'b' } },
    b: { condition: 'no', onFailure: { fallback: 'c' } },
    c: [],
    below: ['a'],
  });
  const stage = new Stage(plan);
  stage.launch();
  expect(stage.fail('a').launch()).toEqual(['c']);
  expect(stage.handOver()).toEqual(['a', 'b', 'c', 'below']);
  expect(stage.succeed('c').launch()).toEqual(['below']);
});

test('a fallback called upon early still waits for the dependencies in the next leg', () => {
  // x ─► a (canceled; fallback: spare) ─► below
  const stage = new Stage(
    planOf({ x: [], a: { after: ['x'], onFailure: { fallback: 'spare' } }, spare: [], below: ['a'] }),
  );
  stage.launch();
  stage.cancel('a');
  expect(stage.handOver()).toEqual(['x', 'a', 'spare', 'below']);
  expect(stage.launch()).toEqual([]);
  expect(stage.succeed('x').launch()).toEqual(['spare']);
  expect(stage.succeed('spare').launch()).toEqual(['below']);
});

test('once it is decided, nothing of the line goes on', () => {
  const stage = new Stage(planOf({ a: { onFailure: { fallback: 'b' } }, b: [], c: [], below: ['a'] }));
  stage.launch();
  stage.fail('a').launch();
  stage.succeed('b');
  expect(stage.handOver()).toEqual(['c', 'below']);
});

test('a fallback canceled in time stays behind once nobody can need it', () => {
  const stage = new Stage(line);
  stage.launch();
  stage.cancel('b').succeed('a');
  expect(stage.handOver()).toEqual(['below']);
});

test('behind the result of an earlier run the line goes on whole, until that result counts', () => {
  // x ─► a (reused) ─► below     a: b (canceled), b: c
  const stage = new Stage(
    planOf({
      x: [],
      a: { after: ['x'], onFailure: { fallback: 'b' } },
      b: { onFailure: { fallback: 'c' } },
      c: [],
      below: ['a'],
    }),
    { a: { runId: 'run-0', outputs: {} } },
  );
  stage.launch();
  stage.cancel('b');
  expect(stage.handOver()).toEqual(['x', 'a', 'b', 'c', 'below']);
  expect(stage.succeed('x').launch()).toEqual(['below']);
  expect(stage.record('c').cause).toEqual({ kind: 'unused-fallback', step: 'a' });
});
