import { describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.js';
import { slicePlan } from '../../src/plan/slice.js';
import { aPlan, aStep } from './a-record.js';

// a ─► b ─► c, d ─► c
const plan = aPlan([aStep('a'), aStep('b', ['a']), aStep('c', ['b', 'd']), aStep('d')]);

function slice(
  whole: Plan,
  ...only: string[]
): { steps: string[]; met: readonly string[] } | readonly string[] {
  const sliced = slicePlan(whole, only, (condition) => [condition]);
  if (sliced.kind === 'impossible') return sliced.problems;
  const { plan: part, met } = sliced.slice;
  return { steps: part.steps.map(({ id, dependsOn }) => [id, ...dependsOn].join(' < ')), met };
}

test('what a slice depends on outside is taken as met, and named', () => {
  expect(slice(plan, 'b', 'c')).toEqual({ steps: ['b', 'c < b'], met: ['a', 'd'] });
  expect(slice(plan, 'a')).toEqual({ steps: ['a'], met: [] });
});

test('a step that is not there is a problem, with the one that was perhaps meant', () => {
  const long = aPlan([aStep('compile'), aStep('deploy')]);
  expect(slice(long, 'compil', 'zzzzzz')).toEqual([
    'there is no step "compil" in this plan; did you mean "compile"?',
    'there is no step "zzzzzz" in this plan',
  ]);
});

test('a fallback comes with the step it stands in for, and does not run without it', () => {
  const [a, b] = [aStep('a'), aStep('b')];
  const whole = aPlan([{ ...a, onFailure: { kind: 'fallback', step: b.id } }, b, aStep('c', ['a'])]);
  expect(slice(whole, 'a')).toEqual({ steps: ['a', 'b'], met: [] });
  expect(slice(whole, 'b')).toEqual(['step "b" is the fallback of "a", and does not run without it']);
});

test('what a step reads cannot be taken as met', () => {
  const { work } = aStep('x');
  const reads = { ...work, args: ['${steps.a.outputs.n}'] } as typeof work;
  expect(slice(aPlan([aStep('a'), aStep('b', ['a'], { work: reads })]), 'b')).toEqual([
    'step "b" reads what step "a" came to, which is left out: name "a", too',
  ]);
  expect(slice(aPlan([aStep('a'), aStep('b', ['a'], { condition: 'a' })]), 'b')).toEqual([
    'step "b" reads what step "a" came to, which is left out: name "a", too',
  ]);
});

test('one that many steps read is named once', () => {
  const { work } = aStep('x');
  const reads = { ...work, args: ['${steps.a.outputs.n}'] } as typeof work;
  const readers = ['b', 'c', 'd', 'e', 'f'].map((id) => aStep(id, ['a'], { work: reads }));
  expect(slice(aPlan([aStep('a'), ...readers]), 'b', 'c', 'd', 'e', 'f')).toEqual([
    'steps "b", "c", "d" and 2 more read what step "a" came to, which is left out: name "a", too',
  ]);
});

test('resources are asked for only from steps inside', () => {
  const whole = aPlan([aStep('a', [], { provides: ['x'] }), aStep('b', ['a'], { consumes: ['x'] })]);
  const sliced = slicePlan(whole, ['b'], () => []);
  expect(sliced.kind === 'slice' && sliced.slice.plan.steps[0]!.consumes).toEqual([]);
});

describe('a tag stands for all steps that have it', () => {
  const tagged = aPlan([
    aStep('a', [], { tags: ['phase:4', 'slow'] }),
    aStep('b', ['a'], { tags: ['slow'] }),
    aStep('c', ['b'], { tags: ['phase:4', 'tag:odd'] }),
  ]);

  test.each([
    ['phase:4', ['a', 'c']],
    ['tag:phase:4', ['a', 'c']],
    ['tag:slow', ['a', 'b < a']],
    ['tag:odd', ['c']],
  ])('%s', (word, steps) => {
    expect(slice(tagged, word)).toMatchObject({ steps });
  });

  test('and one that no step has is a problem, with the one that was perhaps meant', () => {
    expect(slice(tagged, 'phase:5', 'tag:slwo')).toEqual([
      'no step in this plan has the tag "phase:5"; did you mean "phase:4"?',
      'no step in this plan has the tag "slwo"; did you mean "slow"?',
    ]);
  });
});
