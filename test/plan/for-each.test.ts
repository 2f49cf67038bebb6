import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupOutputs, itemsOf, planOfItems } from '../../src/plan/for-each.js';
import type { ForEachWork, Json, Plan, Step } from '../../src/plan/plan.js';
import { commandFor } from '../../src/plan/references.js';
import type { ConditionStep } from '../../src/plan/run.js';
import { planOf, stepOf } from './builder.js';

const command = { kind: 'command', command: 'echo', cwd: '.', shell: false, envMode: 'inherit' } as const;

function groupWith(args: readonly string[], more: Partial<ForEachWork> = {}, env = {}): Step {
  const template = { ...stepOf('each', { work: { ...command, args, env } }), name: '' };
  const results = { maxBytes: 4096, isRead: true };
  const work = { kind: 'for_each', items: [], maxItems: 10_000, maxParallel: 2, template, results } as const;
  return stepOf('each', { name: 'Each', work: { ...work, ...more } });
}
const outer: Plan = { ...planOf({}), secrets: ['TOKEN'] };
const none = (): undefined => undefined;

function stepsFor(
  group: Step,
  items: readonly Json[],
  outputOf: () => Json | undefined = none,
): readonly Step[] {
  const made = planOfItems(group, outer, items, outputOf);
  if (made.kind === 'impossible') throw new Error(made.message);
  return made.plan.steps;
}
/** The arguments as the process is given them. */
function argsOf(step: Step): readonly string[] {
  if (step.work.kind !== 'command') throw new Error('a command was expected');
  const filled = commandFor(outer, step.work, none);
  if (filled.kind === 'impossible') throw new Error(filled.message);
  return filled.work.args;
}

describe('the steps of a group', () => {
  test('are one for each item, in their order, and none depends on another', () => {
    const steps = stepsFor(groupWith(['--name=${steps.~item.name}', '${steps.~index}']), [
      { name: 'a' },
      { name: 'b' },
    ]);
    expect(steps.map(({ id }) => id)).toEqual(['item-0', 'item-1']);
    expect(steps.map(argsOf)).toEqual([
      ['--name=a', '0'],
      ['--name=b', '1'],
    ]);
    expect(steps.flatMap(({ dependsOn }) => dependsOn)).toEqual([]);
  });

  test('have outputs of earlier steps put in beside the item', () => {
    const steps = stepsFor(groupWith(['${steps.build.outputs.dir}/${steps.~item}']), ['x'], () => '/out');
    expect(steps.map(argsOf)).toEqual([['/out/x']]);
    expect(() => stepsFor(groupWith(['${steps.build.outputs.dir}']), ['x'])).toThrow('has no output "dir"');
  });

  test('hold each item as it is, whatever is in it', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '$',
        '${',
        '${steps.',
        '$${steps.',
        '${steps.a.outputs.b}',
        '${steps.~item}',
        '$(id)',
        '`id`',
        '; rm -rf /',
        '${TOKEN}',
        '__proto__',
      ),
    );
    const item = fc.array(text, { maxLength: 5 }).map((parts) => parts.join('').replaceAll('\0', ''));
    fc.assert(
      fc.property(item, item, (a, b) => {
        const [step] = stepsFor(groupWith(['x${steps.~item.a}y${steps.~item.b}']), [{ a, b }]);
        expect(argsOf(step!)).toEqual([`x${a}y${b}`]);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, readonly string[], Json, string]>([
    ['a NUL', ['${steps.~item}'], 'a\0b', 'item 0 ("a\\u0000b"): the value of "item" holds a NUL character'],
    [
      'a text of 10 MB',
      ['${steps.~item}'],
      'x'.repeat(10_000_000),
      'has 10000000 bytes; at most 4096 are put in',
    ],
    ['an option', ['${steps.~item}'], '--force', 'would become an option'],
    ['no such field', ['${steps.~item.name}'], { nam: 1 }, 'it has no field "name"'],
    ['what every object has', ['${steps.~item.constructor}'], {}, 'it has no field "constructor"'],
    [
      'its prototype',
      ['${steps.~item.__proto__}'],
      JSON.parse('{"a":1}') as Json,
      'it has no field "__proto__"',
    ],
    ['a field of a text', ['${steps.~item.length}'], 'abc', 'it has no field "length"'],
  ])('none is made when one item has %s', (_, args, item, words) => {
    expect(() => stepsFor(groupWith(args), [item])).toThrow(words);
  });

  test('an item never becomes a secret', () => {
    expect(() => stepsFor(groupWith([], {}, { A: '${steps.~item}' }), ['${TOKEN}'])).toThrow(
      'would come to ask for the secret',
    );
    const [step] = stepsFor(groupWith([], {}, { A: '${TOKEN}' }), ['x']); // the plan may
    expect(step!.work).toMatchObject({ env: { A: '${TOKEN}' } });
  });

  test('an own field is one, even when it is called __proto__', () => {
    const item = JSON.parse('{"__proto__": {"a": "x"}}') as Json;
    expect(argsOf(stepsFor(groupWith(['${steps.~item.__proto__.a}']), [item])[0]!)).toEqual(['x']);
  });

  test('are refused when all of them together are too much for one message', () => {
    const items = Array.from({ length: 10_000 }, () => 'x'.repeat(4_000));
    expect(() => stepsFor(groupWith(['${steps.~item}']), items)).toThrow('name files in place of long texts');
  });
});

describe('the items', () => {
  const itemsFrom = (value: Json | undefined, maxItems = 3): unknown =>
    itemsOf(groupWith([], { items: '${steps.list.outputs.l}', maxItems }).work as ForEachWork, () => value);
  test.each<[Json | undefined, unknown]>([
    [['a'], { kind: 'items', items: ['a'] }],
    ['["a", {"b": 1}]', { kind: 'items', items: ['a', { b: 1 }] }],
    [[], { kind: 'items', items: [] }],
    [undefined, { kind: 'impossible', message: 'step "list" has no output "l" to take items from' }],
    ['a b', { kind: 'impossible', message: 'the items must be a list, found "a b"' }],
    [{ a: 1 }, { kind: 'impossible', message: 'the items must be a list, found an object' }],
    [[1, 2, 3, 4], { kind: 'impossible', message: 'there are 4 items; "max_items" allows 3' }],
  ])('%j come to %j', (value, expected) => {
    expect(itemsFrom(value)).toEqual(expected);
  });
});

describe('what a group hands on', () => {
  const work = groupWith([]).work as ForEachWork;
  const ended = (state: ConditionStep['state'], outputs = {}): ConditionStep => ({
    state,
    exitCode: null,
    outputs,
  });

  test('is how many went well, and the outputs of each in the order of the items', () => {
    const report = {
      'item-2': ended('succeeded', { v: 3 }),
      'item-0': ended('succeeded', { v: 1 }),
      'item-1': ended('failed'),
    };
    expect(groupOutputs(work, 4, report)).toEqual({
      kind: 'outputs',
      outputs: { count: 4, succeeded: 2, failed: 1, results: [{ v: 1 }, null, { v: 3 }, null] },
    });
  });

  test('is an error when a later step reads results that are too large; else they are left out', () => {
    const report = { 'item-0': ended('succeeded', { v: 'x'.repeat(5_000) }) };
    expect(groupOutputs(work, 1, report)).toMatchObject({ kind: 'bad' });
    const unread = { ...work, results: { maxBytes: 4_096, isRead: false } };
    expect(groupOutputs(unread, 1, report)).toEqual({
      kind: 'outputs',
      outputs: { count: 1, succeeded: 1, failed: 0 },
    });
  });
});
