import { describe, expect, test } from 'vitest';
import { errorsOf, load, loaded, planWith, step } from './loading.js';

describe('a fallback', () => {
  const failing = step('fetch', { on_failure: { fallback: 'cached' } });

  test('is a step of its own, named by the one it stands in for', async () => {
    const plan = await loaded(planWith([failing, step('cached'), step('use', { depends_on: ['fetch'] })]));
    expect(plan.steps.map((made) => made.onFailure)).toEqual([
      { kind: 'fallback', step: 'cached' },
      { kind: 'abort' },
      { kind: 'abort' },
    ]);
  });

  test('may have one of its own', async () => {
    const chain = [failing, step('cached', { on_failure: { fallback: 'default' } }), step('default')];
    expect(await errorsOf(planWith(chain))).toEqual([]);
  });

  test.each([
    [
      'is not there',
      [failing, step('cache')],
      'unknown-step: step "fetch" has the unknown step "cached" as its fallback; did you mean "cache"?',
    ],
    ['is the step itself', [step('a', { on_failure: { fallback: 'a' } })], 'step "a" is its own fallback'],
    [
      'has dependencies of its own',
      [failing, step('x'), step('cached', { depends_on: ['x'] })],
      'step "cached" is the fallback of "fetch", and has dependencies of its own',
    ],
    [
      'stands in for two',
      [failing, step('cached'), step('b', { on_failure: { fallback: 'cached' } })],
      '"cached" is the fallback of "fetch" already',
    ],
    [
      'is depended on',
      [failing, step('cached'), step('c', { depends_on: ['cached'] })],
      'step "c" depends on "cached", which only stands in for "fetch"; depend on "fetch"',
    ],
    [
      'has its own step as a fallback',
      [step('a', { on_failure: { fallback: 'b' } }), step('b', { on_failure: { fallback: 'a' } })],
      'cycle: circular fallback detected: a → b → a',
    ],
  ])('that %s is refused', async (_, steps, words) => {
    const errors = await errorsOf(planWith(steps));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(words);
  });

  test('provides what the step it stands in for provides, without a warning', async () => {
    const steps = [
      step('fetch', { provides: ['list'], on_failure: { fallback: 'cached' } }),
      step('cached', { provides: ['list'] }),
      step('use', { depends_on: ['fetch'], consumes: ['list'] }),
    ];
    const { problems } = await load(planWith(steps));
    expect(problems).toEqual([]);
  });

  test('alone providing something is above those that depend on the step it stands in for', async () => {
    const steps = [
      failing,
      step('cached', { provides: ['list'] }),
      step('use', { depends_on: ['fetch'], consumes: ['list'] }),
    ];
    expect(await errorsOf(planWith(steps))).toEqual([]);
  });

  test('has what the dependencies of that step provide, but nothing of that step', async () => {
    const above = step('above', { provides: ['x'] });
    const fetch = { ...failing, depends_on: ['above'], provides: ['y'] };
    expect(await errorsOf(planWith([above, fetch, step('cached', { consumes: ['x'] })]))).toEqual([]);
    expect((await errorsOf(planWith([above, fetch, step('cached', { consumes: ['y'] })]))).join()).toContain(
      'no-provider',
    );
  });
});
