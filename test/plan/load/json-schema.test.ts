import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { planJsonSchema } from '../../../src/plan/load/json-schema.js';
import { planWith, projectFile, step } from './loading.js';

const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(planJsonSchema());
const complaints = (document: unknown): string[] =>
  validate(document) ? [] : validate.errors!.map((error) => `${error.instancePath} ${error.message}`);

test('schema/plan.schema.json is current; `npm run schema` makes it so', () => {
  expect(JSON.parse(projectFile('schema', 'plan.schema.json'))).toEqual(planJsonSchema());
});

const plans = join(import.meta.dirname, '../../../plans');
test.each(readdirSync(plans).filter((name) => /\.(json|ya?ml)$/.test(name)))(
  'plans/%s is valid by the schema',
  (name) => {
    expect(complaints(parse(projectFile('plans', name)))).toEqual([]);
  },
);

describe('the schema', () => {
  const approval = { id: 'ask', name: 'Ask', uses: 'approval', with: { message: 'x' } };
  const subPlan = { id: 'sub', name: 'Sub', uses: 'plan', with: { path: 'x.json' } };

  test("takes each type of step, and keys of the author's own where they may be", () => {
    expect(
      complaints(
        planWith([step('a'), step('b', { uses: 'command' }), approval, subPlan], {
          extra: 1,
          metadata: { a: 1 },
        }),
      ),
    ).toEqual([]);
    expect(complaints(planWith([step('a', { ui_hints: { color: 'red' } })]))).toEqual([]);
  });

  test.each([
    ['a slip in a key', step('a', { retrys: 1 }), 'must NOT have additional properties'],
    ['a missing command', { id: 'a', name: 'a', args: [] }, "must have required property 'command'"],
    ['a wrong type', step('a', { retries: '2' }), 'must be integer'],
    [
      'a policy that is none',
      step('a', { on_failure: 'abrot' }),
      'must be equal to one of the allowed values',
    ],
    ['an approval without a question', { ...approval, with: {} }, "must have required property 'message'"],
    ["a command's field in an approval", { ...approval, args: [] }, 'must NOT have additional properties'],
    ['an id that is none', step('a/b'), 'must match pattern'],
    ['a slip inside retry', step('a', { retry: { max_attemps: 2 } }), 'must NOT have additional properties'],
  ])('underlines %s', (_, wrong, words) => {
    expect(complaints(planWith([wrong])).join('\n')).toContain(words);
  });

  test('describes every field', () => {
    const lacking: string[] = [];
    const visit = (schema: Record<string, unknown>, path: string): void => {
      for (const [key, value] of Object.entries(
        (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        if (typeof value['description'] !== 'string' && !/outputs|on_failure/.test(path))
          lacking.push(`${path}.${key}`);
        visit(value, `${path}.${key}`);
        visit((value['additionalProperties'] ?? {}) as Record<string, unknown>, `${path}.${key}.*`);
      }
    };
    const schema = planJsonSchema();
    visit(schema, 'plan');
    for (const [name, definition] of Object.entries(
      schema['definitions'] as Record<string, Record<string, unknown>>,
    ))
      visit(definition, name);
    expect(lacking).toEqual([]);
  });
});
