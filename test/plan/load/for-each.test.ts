import { describe, expect, test } from 'vitest';
import type { ForEachWork } from '../../../src/plan/plan.js';
import { errorsOf, loaded, planWith, step, warningsOf } from './loading.js';

const group = (more: object = {}, inner: object = {}): Record<string, unknown> => ({
  id: 'each',
  name: 'Each',
  uses: 'for_each',
  with: { items: ['a', 'b'], step: { command: 'echo', args: ['${item}'], ...inner }, ...more },
});
const fromList = (more: object = {}, inner: object = {}, outputs: object = { l: '/l' }): unknown[] => [
  step('list', { outputs }),
  { ...group({ items: '${steps.list.outputs.l}', ...more }, inner), depends_on: ['list'] },
];
async function workOf(steps: readonly unknown[], setting = {}): Promise<ForEachWork> {
  const { work } = (await loaded(planWith(steps), setting)).steps.at(-1)!;
  if (work.kind !== 'for_each') throw new Error('a for_each was expected');
  return work;
}

describe('a for_each', () => {
  test('takes its items from a list, a variable or an output of a step above', async () => {
    expect((await workOf([group()])).items).toEqual(['a', 'b']);
    const variables = { LIST: '[{"name": "x"}, 2]', MOST: '7' };
    expect(await workOf([group({ items: '${LIST}', max_items: '${MOST}' })], { variables })).toMatchObject({
      items: [{ name: 'x' }, 2],
      maxItems: 7,
      maxParallel: 1,
    });
    expect((await workOf(fromList())).items).toBe('${steps.list.outputs.l}');
  });

  test('leaves the places of the item open, and nothing that a variable holds', async () => {
    const inner = {
      args: ['${item.name}-${index}', '${V}', '$${item}'],
      env: { A: '${item}' },
      name: 'Of ${item.id}',
    };
    const { template } = await workOf([group({}, inner)], { variables: { V: '${item} ${steps.~item}' } });
    expect(template).toMatchObject({
      name: 'Of ${steps.~item.id}',
      work: {
        args: ['${steps.~item.name}-${steps.~index}', '${item} $${steps.~item}', '${item}'],
        env: { A: '${steps.~item}' },
      },
    });
  });

  test('may have a larger list of an output that nothing else reads', async () => {
    const listOf = async (more: readonly unknown[]): Promise<unknown> =>
      (await loaded(planWith([...fromList(), ...more]))).steps[0]!.outputs['l'];
    const below = { depends_on: ['list'] };
    expect(await listOf([])).toMatchObject({ isList: true });
    expect(await listOf([step('b', { args: ['${steps.list.outputs.l}'], ...below })])).not.toHaveProperty(
      'isList',
    );
    expect(
      await listOf([step('b', { condition: 'size(steps.list.outputs.l) > 1', ...below })]),
    ).not.toHaveProperty('isList');
  });

  test('hands on its counts and its results', async () => {
    const below = step('sum', {
      args: ['${steps.each.outputs.results}', '${steps.each.outputs.failed}'],
      depends_on: ['each'],
    });
    const { work } = (await loaded(planWith([group(), below]))).steps[0]!;
    expect(work).toMatchObject({ results: { maxBytes: 4096, isRead: true } });
    expect(await workOf([group()])).toMatchObject({ results: { maxBytes: 262_144, isRead: false } });
  });

  test.each([
    [[group({ items: 'a' })], '"items" must be a list'],
    [[group({ items: { a: 1 } })], '"with.items" must be a list'],
    [[group({ items: undefined })], 'missing required field: with.items'],
    [fromList({ items: 'x ${steps.list.outputs.l}' }), '"items" must be one output and nothing beside it'],
    [fromList({ items: '${steps.list.outputs.m}' }), 'has no output "m"'],
    [[group({ max_items: 1 })], '"items" has 2 items; "max_items" allows 1'],
    [[group({ max_items: 10_001 })], '"with.max_items" must be a whole number from 1 to 10000'],
    [[group({ max_parallel: 0 })], '"with.max_parallel" must be a whole number from 1 to 1000'],
    [[group({}, { command: '${item}' })], '"${item}" has its value only when the step that gives it starts'],
    [
      [group({}, { shell: true, command: 'echo ${item}', args: [] })],
      'write "env": {"ITEM": "${item}"} and "$ITEM" in the line',
    ],
    [[group({}, { args: ['$${steps.x', '$${item', '$', 'a$${item}', 'b$', '$$$${item}'] })], ''],
    [[group({}, { depends_on: [] })], '"depends_on" means nothing for the step of one item'],
    [[group({}, { condition: 'true' })], '"condition" means nothing for the step of one item'],
    [[group({}, { on_failure: { fallback: 'x' } })], '"with.step.on_failure" must be one of'],
    [[group({}, { retries: 1, retry: {} })], '"retries" and "retry" both say how often it is tried'],
    [[group({}, { args: ['x'.repeat(140_000)] })], 'argument 1 is 140000 bytes'],
    [[{ ...group(), retries: 1 }], '"retries" means nothing for "uses": "for_each"'],
    [[group({}, { command: undefined })], 'missing required field: with.step.command'],
  ])('%j comes to %j', async (steps, words) => {
    const errors = (await errorsOf(planWith(steps))).join('\n');
    if (words === '') expect(errors).toBe('');
    else expect(errors).toContain(words);
  });

  test('warns of a slip in the step of an item', async () => {
    expect((await warningsOf(planWith([group({}, { retrys: 1 })]))).join()).toContain('unknown key "retrys"');
  });

  test('outside it "item" is a variable like any other', async () => {
    expect(
      await errorsOf(planWith([step('a', { args: ['${item}'] })]), { variables: { item: 'x' } }),
    ).toEqual([]);
  });
});
