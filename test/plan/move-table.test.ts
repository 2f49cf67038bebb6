import { describe, expect, test } from 'vitest';
import type { StepKind } from '../../src/plan/record.js';
import { setState } from '../../src/plan/run.js';
import { settle } from '../../src/plan/schedule.js';
import { assertMove, isOver, type StepState } from '../../src/plan/step-state.js';
import { canceled, failed, planOf, succeeded } from './builder.js';
import { Stage } from './play.js';

const cause = { kind: 'condition' } as const;
const times = { launchedAt: 1, endedAt: 2 } as const;
const states: { readonly [K in StepKind]: StepState & { readonly kind: K } } = {
  pending: { kind: 'pending' },
  running: { kind: 'running', launchedAt: 1, stop: null },
  succeeded: { kind: 'succeeded', ...times, outcome: succeeded() as never, reusedFrom: null },
  failed: { kind: 'failed', ...times, outcome: failed() as never },
  skipped: { kind: 'skipped', endedAt: 2, cause },
  canceled: { kind: 'canceled', ...times, cause, outcome: null },
};
const kinds = Object.keys(states) as StepKind[];

const legal: readonly (readonly [StepKind, StepKind])[] = [
  ['pending', 'running'],
  ['pending', 'succeeded'], // by the result of an earlier run
  ['pending', 'failed'], // its condition could not be evaluated
  ['pending', 'skipped'],
  ['pending', 'canceled'],
  ['running', 'running'], // asked to stop
  ['running', 'succeeded'],
  ['running', 'failed'],
  ['running', 'canceled'],
];
const isLegal = (from: StepKind, to: StepKind): boolean => legal.some(([a, b]) => a === from && b === to);
const illegal = kinds.flatMap((from) =>
  kinds.filter((to) => !isLegal(from, to)).map((to) => [from, to] as const),
);

/** A run whose only step is in this state. */
function runIn(kind: StepKind): Stage {
  const stage = new Stage(planOf({ ship: [] }));
  if (kind !== 'pending') setState(stage.run, 0, states[kind]);
  return stage;
}

test.each(legal)('a step may go from %s to %s', (from, to) => {
  const { run } = runIn(from);
  setState(run, 0, states[to]);
  expect(run.states[0]).toBe(states[to]);
});

test.each(illegal)('a step may not go from %s to %s: a bug, told with both names', (from, to) => {
  const { run } = runIn(from);
  expect(() => setState(run, 0, states[to])).toThrow(`BUG: step "ship" cannot go from ${from} to ${to}`);
  expect(run.states[0]!.kind).toBe(from);
});

test('what has ended never moves again', () => {
  for (const from of ['succeeded', 'failed', 'skipped', 'canceled'] as const)
    for (const to of kinds) expect(() => assertMove('ship', from, to)).toThrow(`from ${from} to ${to}`);
});

test.each([
  ['pending', false],
  ['running', false],
  ['succeeded', true],
  ['failed', true],
  ['skipped', true],
  ['canceled', true],
] as const)('a step that is %s is over: %s', (kind, over) => {
  expect(isOver(states[kind])).toBe(over);
});

describe('an outcome', () => {
  test.each(kinds.filter((kind) => kind !== 'running'))('for a step that is %s is a bug', (kind) => {
    const { run } = runIn(kind);
    expect(() => settle(run, 0, succeeded(), 3)).toThrow(
      `BUG: step "ship" is ${kind}, and an outcome came for it`,
    );
  });

  test.each([
    ['succeeded', succeeded()],
    ['failed', failed()],
    ['canceled', canceled()],
  ] as const)('ends a running step as %s, with the times of its start and its end', (kind, outcome) => {
    const { run } = runIn('running');
    settle(run, 0, outcome, 30);
    expect(run.states[0]).toMatchObject({ kind, launchedAt: 1, endedAt: 30, outcome });
  });
});

test('the counts follow every move', () => {
  const stage = new Stage(planOf({ a: [], b: [] }));
  const none = { pending: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, canceled: 0 };
  expect(stage.run.counts).toEqual({ ...none, pending: 2 });
  stage.launch(1);
  expect(stage.run.counts).toEqual({ ...none, pending: 1, running: 1 });
  stage.cancel('a'); // asked to stop: still running
  expect(stage.run.counts).toEqual({ ...none, pending: 1, running: 1 });
  stage.end('a', 'canceled');
  expect(stage.run.counts).toEqual({ ...none, canceled: 2 });
});
