import fc from 'fast-check';
import { stringify } from 'yaml';
import { afterEach, describe, expect, test } from 'vitest';
import { formatProblem } from '../../../src/plan/load/diagnostics.js';
import { loadPlan } from '../../../src/plan/load/load-plan.js';
import { packPlan, unpackPlan } from '../../../src/plan/wire.js';
import { planWith, step } from './loading.js';

const before = Object.getOwnPropertyNames(Object.prototype).sort();
afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before);
});

/** One of everything. */
const whole = planWith(
  [
    step('a', {
      outputs: { v: '/v' },
      provides: ['p'],
      env: { X: '${X}', T: '${TOKEN}' },
      retry: { max_attempts: 2 },
    }),
    step('b', {
      depends_on: ['a'],
      consumes: ['p'],
      args: ['${steps.a.outputs.v}', '${X}'],
      condition: 'steps.a.exit_code == 0 && vars.X == "x"',
      on_failure: { fallback: 'f' },
    }),
    step('f', { shell: true, command: 'echo "$X"' }),
    { id: 'ask', name: 'Ask', uses: 'approval', depends_on: ['b'], with: { message: 'Go ${X}?' } },
    {
      id: 'sub',
      name: 'Sub',
      uses: 'plan',
      depends_on: ['ask'],
      with: { path: 'sub.json', variables: { Y: '${X}' } },
    },
  ],
  {
    description: 'd',
    metadata: { project: 'p' },
    globals: { max_concurrency: 2, env: { G: '${X}' } },
    variables: { X: { default: 'x', pattern: '[a-z]*', enum: ['x'] }, TOKEN: { secret: true } },
  },
);
const SUB = JSON.stringify(planWith([step('s', { args: ['${Y}'] })], { variables: { Y: { default: 'y' } } }));

/** Loads whatever it is; checks what must hold of every answer. */
async function survive(
  text: string,
  path = 'plan.json',
  variables: Record<string, string> = {},
): Promise<void> {
  const readText = (name: string): string => {
    if (name === path) return text;
    if (name === 'sub.json') return SUB;
    throw Object.assign(new Error('gone'), { code: 'ENOENT' });
  };
  const { plan, problems } = await loadPlan({ path, readText, variables });
  expect(plan === null).toBe(problems.some((problem) => problem.severity === 'error'));
  for (const problem of problems) {
    expect(formatProblem(problem)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    expect(problem.message.length).toBeLessThan(2_000);
    expect(problem.line).toBeGreaterThanOrEqual(0);
  }
  if (plan !== null) expect(unpackPlan(packPlan(plan))).toEqual(plan);
}

const hostileText = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '..', '\0', '\x1b[2J', '\u202e', '${X}', '$${X}', '${steps.a.outputs.v}', '${steps.', '${__proto__}', 'a', 'b', 'f', 'sub.json', 'command', 'plan', '-', '{}', '1e309', 'x'.repeat(300)), // prettier-ignore
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const hostileValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    hostileText,
    fc.constantFrom(null, true, false, 0, -1, -0, 1.5, 1e308, 2 ** 53, -(2 ** 31)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(hostileText, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** Every place in a value: `[]` is the value itself. */
function pathsIn(value: unknown): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [
    [],
    ...keys.flatMap((key) =>
      pathsIn((value as Record<string | number, unknown>)[key]).map((path) => [key, ...path]),
    ),
  ];
}

const places = pathsIn(whole).filter((path) => path.length > 0);

/** The document with other values in some places; undefined takes the place out. */
function changed(changes: readonly (readonly [readonly (string | number)[], unknown])[]): unknown {
  const document: unknown = structuredClone(whole);
  for (const [path, value] of changes) {
    let holder = document;
    for (const key of path.slice(0, -1)) {
      holder =
        typeof holder === 'object' && holder !== null
          ? (holder as Record<string | number, unknown>)[key]
          : undefined;
    }
    if (typeof holder !== 'object' || holder === null) continue;
    const last = path.at(-1)!;
    if (value === undefined) delete (holder as Record<string | number, unknown>)[last];
    else Object.defineProperty(holder, last, { value, enumerable: true, configurable: true, writable: true });
  }
  return document;
}

describe('whatever a file holds, loading it gives a plan or says why not', () => {
  const change = fc.tuple(fc.constantFrom(...places), fc.option(hostileValue, { nil: undefined }));

  test('with other values in any field', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) =>
        survive(JSON.stringify(changed(changes))),
      ),
      { numRuns: 600 },
    );
  });

  test('with keys of any name in any object', async () => {
    const objects = places.filter((path) => typeof path.at(-1) === 'string');
    const addition = fc
      .tuple(fc.constantFrom(...objects), hostileText, hostileValue)
      .map(([path, key, value]) => [[...path.slice(0, -1), key], value] as const);
    await fc.assert(
      fc.asyncProperty(fc.array(addition, { minLength: 1, maxLength: 3 }), async (changes) =>
        survive(JSON.stringify(changed(changes))),
      ),
      { numRuns: 400 },
    );
  });

  test('with characters missing, doubled or put in, in JSON and in YAML', async () => {
    const texts = fc.constantFrom(
      ['plan.json', JSON.stringify(whole, null, 1)],
      ['plan.yaml', stringify(whole)],
    );
    const edits = fc.array(fc.record({ at: fc.nat(), cut: fc.nat(3), insert: fc.constantFrom('', '"', '{', '[', ']', '}', ',', ':', '\n', '- ', '&a ', '*a', '!', '#', '\\', '\ufeff', '\ufffd', '|', '>', '?', '%', '\t', '__proto__: 1\n') }), { minLength: 1, maxLength: 5 }); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(texts, edits, async ([path, text], list) => {
        let edited = text;
        for (const { at, cut, insert } of list) {
          const index = at % edited.length;
          edited = edited.slice(0, index) + insert + edited.slice(index + cut);
        }
        await survive(edited, path);
      }),
      { numRuns: 500 },
    );
  });

  test('with anything at all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.json(), fc.string({ unit: 'binary' })),
        fc.constantFrom('plan.json', 'plan.yaml', 'plan'),
        (text, path) => survive(text, path),
      ),
      { numRuns: 700 },
    );
  });

  test('with any values of --var', async () => {
    const variables = fc.dictionary(fc.oneof(fc.constantFrom('X', 'Y', 'TOKEN'), hostileText), hostileText);
    await fc.assert(
      fc.asyncProperty(variables, async (given) => survive(JSON.stringify(whole), 'plan.json', given)),
      { numRuns: 300 },
    );
  });

  test('and whatever the reader does', async () => {
    for (const thrown of [
      new Error('x'),
      'x',
      null,
      undefined,
      { code: 5 },
      Object.assign(new Error('\x1b[2J'), { code: 'EMFILE' }),
    ]) {
      const { plan, problems } = await loadPlan({
        path: 'plan.json',
        readText: () => {
          throw thrown as Error;
        },
      });
      expect(plan).toBeNull();
      expect(problems).toHaveLength(1);
      expect(problems[0]!.message).not.toMatch(/\u001b/);
    }
  });
});

describe('a file made to be slow', () => {
  const repeated = (count: number, make: (at: number) => string): string =>
    Array.from({ length: count }, (_, at) => make(at)).join(',');
  const head = '{"plan_id": "X", "version": "1", "globals": {}, "steps": [';
  const steps = (count: number, more: (at: number) => string): string =>
    `${head}${repeated(count, (at) => `{"id": "s${at}", "name": "n", "command": "c", "args": []${more(at)}}`)}]}`;

  test.each([
    ['200,000 keys in one object', `{${repeated(200_000, (at) => `"k${at}": 1`)}}`],
    [
      'a million unknown keys in 1,000 steps',
      steps(1_000, () => `, ${repeated(1_000, (at) => `"k${at}": 1`)}`),
    ],
    [
      '20,000 steps that depend on what is not there',
      steps(20_000, (at) => `, "depends_on": ["gone-${at}"]`),
    ],
    ['20,000 steps that consume what is not there', steps(20_000, (at) => `, "consumes": ["gone-${at}"]`)],
    [
      '20,000 steps that all provide and consume one thing',
      steps(20_000, () => ', "provides": ["x"], "consumes": ["x"]'),
    ],
    [
      'one step that depends on a name a million times',
      steps(1, () => `, "depends_on": [${repeated(1_000_000, () => '"s0"')}]`),
    ],
    ['20,000 fallbacks in a line', steps(20_000, (at) => `, "on_failure": {"fallback": "s${at + 1}"}`)],
    [
      '200,000 names without a value',
      steps(1, () => `, "description": "${repeated(200_000, (at) => `\${N${at}}`)}"`),
    ],
    ['a text of half-open marks', steps(1, () => `, "description": "${'${'.repeat(1_000_000)}"`)],
    [
      'conditions that read far back',
      steps(5_000, (at) =>
        at === 0 ? '' : `, "depends_on": ["s${at - 1}"], "condition": "steps.s0.exit_code == 0"`,
      ),
    ],
  ])('%s: is answered all the same', async (_, text) => {
    await survive(text);
  });
});
