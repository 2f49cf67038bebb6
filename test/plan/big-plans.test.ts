import { expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.js';
import { planOf, type StepSketch } from './builder.js';
import { Stage } from './play.js';

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index}`);
const names = numbered(10_000);

/** s0 ─► s1 ─► … ─► s9999, all alike. */
function chain(step: StepSketch): Plan {
  const sketches = names.map((name, index) => [
    name,
    { ...step, after: index === 0 ? [] : [names[index - 1]!] },
  ]);
  return planOf(Object.fromEntries(sketches) as Record<string, StepSketch>);
}

test('a chain of 10,000 steps plays to its end', () => {
  const stage = new Stage(chain({}));
  for (const name of names) {
    expect(stage.launch()).toEqual([name]);
    stage.succeed(name);
  }
  expect([stage.isOver(), stage.verdict(), stage.run.counts.succeeded]).toEqual([true, 'succeeded', 10_000]);
});

test('the failure of the first of 10,000 skips all that follow', () => {
  const stage = new Stage(chain({ onFailure: 'skip_dependents' }));
  stage.launch();
  stage.fail('s0');
  expect(stage.run.counts).toMatchObject({ failed: 1, skipped: 9_999 });
  expect(stage.record('s9999').cause).toEqual({ kind: 'dependency', step: 's0' });
});

test('10,000 conditions that each release the next one are asked in one call', () => {
  const stage = new Stage(chain({ condition: 'no' }));
  expect([stage.launch(), stage.isOver()]).toEqual([[], true]);
  expect(stage.run.counts.skipped).toBe(10_000);
});

test('a chain of 10,000 steps goes through 10 legs, 1,000 steps each', () => {
  const stage = new Stage(chain({}));
  for (const [index, name] of names.entries()) {
    expect(stage.launch()).toEqual([name]);
    stage.succeed(name);
    if (index % 1_000 === 999 && index < 9_999) expect(stage.handOver().length).toBe(9_999 - index);
  }
  expect(stage.head()).toMatchObject({ state: 'succeeded', counts: { succeeded: 10_000, pending: 0 } });
});

test('10,000 steps below one and above one play to their end, 200 at a time', () => {
  //      ┌─► s0 … ─┐
  // from ┼─►  …    ┼─► to
  //      └─► s9999 ┘
  const plan = planOf(
    { from: [], ...Object.fromEntries(names.map((name) => [name, ['from']])), to: names },
    200,
  );
  const stage = new Stage(plan);
  stage.launch();
  stage.succeed('from');
  const started: string[] = [];
  for (let now = stage.launch(); now[0] !== 'to'; now = stage.launch()) {
    expect(now.length).toBe(200);
    started.push(...now);
    stage.succeed(...now);
  }
  expect(started).toEqual(names);
  expect(stage.succeed('to').isOver()).toBe(true);
  expect(stage.run.counts.succeeded).toBe(10_002);
});

test('a line of 5,000 fallbacks that all fail is followed to its end', () => {
  const line = numbered(5_000);
  const plan = planOf({
    ...Object.fromEntries(
      line.map((name, index) => {
        const next = line[index + 1];
        return [name, { onFailure: next === undefined ? ('skip_dependents' as const) : { fallback: next } }];
      }),
    ),
    below: ['s0'],
  });
  const stage = new Stage(plan);
  for (const name of line) {
    expect(stage.launch()).toEqual([name]);
    stage.fail(name);
  }
  expect(stage.run.counts).toMatchObject({ failed: 5_000, skipped: 1 });
});
