import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../../src/plan/load/diagnostics.js';
import { commandOf, errorsOf, load, loaded, planWith, step, warningsOf } from './loading.js';

/** A plan with one step whose arguments are these. */
const withArgs = (args: readonly string[], more: object = {}) => planWith([step('a', { args })], more);
const argsOf = async (args: readonly string[], variables: Record<string, string>, more: object = {}) =>
  commandOf((await loaded(withArgs(args, more), { variables })).steps[0]).args;

test.each([{ cwd: 'packages/${P}' }, { command: 'tools/${P}' }])(
  'a value leads no path out of its folder: %o',
  async (text) => {
    const plan = planWith([step('a', text)]);
    expect(await errorsOf(plan, { variables: { P: '../../etc' } })).toEqual([
      expect.stringMatching(
        /the path "(packages|tools)\/\$\{P\}" would leave the folder "(packages|tools)\/"/,
      ),
    ]);
    expect(await errorsOf(plan, { variables: { P: 'api' } })).toEqual([]);
    // Said to be good; begun by the variable.
    const vetted = planWith([step('a', text)], { variables: { P: { enum: ['../../etc'] } } });
    expect(await errorsOf(vetted, { variables: { P: '../../etc' } })).toEqual([]);
    expect(await errorsOf(planWith([step('a', { cwd: '${P}' })]), { variables: { P: '/srv' } })).toEqual([]);
  },
);

describe('substitution', () => {
  test('puts a value into an argument', async () => {
    expect(await argsOf(['--branch=${BRANCH}', 'x'], { BRANCH: 'topic' })).toEqual(['--branch=topic', 'x']);
  });

  test('happens after parsing: quotes and braces in a value stay a value', async () => {
    const value = '", "command": "rm", \\ {"a": [1]} \n';
    expect(await argsOf(['${X}'], { X: value })).toEqual([value]);
  });

  test('happens once: a value that looks like a variable stays as it is', async () => {
    expect(await argsOf(['${A}-${B}'], { A: '${B}', B: '${A}' })).toEqual(['${B}-${A}']);
  });

  test.each([
    ['$BRANCH', '$BRANCH'],
    ['$$', '$$'],
    ['$$${BRANCH}', '$${BRANCH}'],
    ['$${BRANCH}', '${BRANCH}'],
    ['$${BRANCH}${BRANCH}', '${BRANCH}topic'],
    ['${HOME:-x}', '${HOME:-x}'],
    ['${}', '${}'],
    ['${ BRANCH }', '${ BRANCH }'],
    ['${BRANCH', '${BRANCH'],
    ['{BRANCH}', '{BRANCH}'],
    ['${${BRANCH}}', '${topic}'],
    ['a${BRANCH}b${BRANCH}c', 'atopicbtopicc'],
  ])(
    'knows only the form with braces: %s becomes %s, with and without other variables',
    async (text, expected) => {
      expect(await argsOf([text], { BRANCH: 'topic' })).toEqual([expected]);
    },
  );

  test('is the same whether variables were given or not', async () => {
    const args = ['$HOME', '$$', '$${X}', '${HOME:-x}'];
    expect(await argsOf(args, {})).toEqual(await argsOf(args, { OTHER: 'y' }));
  });

  test('reaches every text that is for people or processes, and nothing that is a name', async () => {
    const everything = (text: string) => ({
      plan_id: text,
      version: text,
      description: text,
      metadata: { project: text, phase_id: text, other: text },
      globals: { env: { SHARED: text } },
      steps: [
        step('a', {
          name: text,
          description: text,
          command: text,
          args: [text],
          cwd: text,
          env: { OWN: text },
          runs_on: text,
          provides: [text],
          tags: [text],
          ui_hints: { group: text },
        }),
        step('b', { depends_on: ['a'], consumes: [text] }),
      ],
    });
    const plan = await loaded(everything('${V}'), { variables: { V: 'value' } });
    const expected = await loaded(everything('value'));
    const names = (made: typeof plan) => ({
      ...made,
      variables: {},
      planId: '',
      version: '',
      steps: made.steps.map((each) => ({ ...each, provides: [], consumes: [], tags: [], group: null })),
    });
    expect(names(plan)).toEqual(names(expected));
    expect(
      [
        plan.planId,
        plan.version,
        plan.steps[0]!.provides,
        plan.steps[0]!.tags,
        plan.steps[1]!.consumes,
        plan.steps[0]!.group,
      ].flat(),
    ).toEqual(Array(6).fill('${V}'));
  });

  test('warns where a name holds a variable', async () => {
    const plan = planWith([step('a', { tags: ['x', '${V}'] })], { plan_id: 'P-${V}' });
    expect(await warningsOf(plan, { variables: { V: '1' } })).toEqual([
      'not-substituted: "${V}" is not replaced here: names stay as they are written',
      'not-substituted: "${V}" is not replaced here: names stay as they are written',
    ]);
  });

  test('never changes a key', async () => {
    const plan = planWith([step('a', { env: { 'X${V}': 'x' } })]);
    expect((await errorsOf(plan, { variables: { V: '1' } })).join()).toContain('the name "X${V}" in "env"');
  });

  test('does not touch numbers, and does not make any', async () => {
    const errors = await errorsOf(planWith([step('a', { timeout_sec: '${T}' })]), { variables: { T: '5' } });
    expect(errors.join()).toContain('"timeout_sec" must be a whole number');
  });

  test('that makes a text too long is an error, and costs no memory', async () => {
    const big = 'x'.repeat(100_000);
    expect((await errorsOf(withArgs(['${BIG}${BIG}']), { variables: { BIG: big } })).join()).toContain(
      'too-large',
    );
    const many = Array.from({ length: 400 }, (_, at) => step(`s${at}`, { args: ['${BIG}'] }));
    expect((await errorsOf(planWith(many), { variables: { BIG: big } })).join()).toContain('too-large');
  });

  test('keeps the plan the values it was loaded with', async () => {
    const plan = withArgs(['${A}'], { variables: { A: { default: 'one' }, B: { default: 'two' } } });
    expect((await loaded(plan, { variables: { B: 'given' } })).variables).toEqual({ A: 'one', B: 'given' });
  });
});

describe('a name without a value', () => {
  test('stays in the text, is listed, and is one warning however often it stands there', async () => {
    const plan = withArgs(['${GONE}', 'x${GONE}', '${GONE}${ALSO}']);
    const { plan: made, unresolved } = await load(plan);
    expect(commandOf(made!.steps[0]).args).toEqual(['${GONE}', 'x${GONE}', '${GONE}${ALSO}']);
    expect(unresolved).toEqual(['GONE', 'ALSO']);
    expect(await warningsOf(plan)).toEqual([
      'unresolved-variable: "${GONE}" has no value and stays as it is (in 3 places); give it with --var GONE=…',
      'unresolved-variable: "${ALSO}" has no value and stays as it is; give it with --var ALSO=…',
    ]);
  });

  test('is an error in strict mode', async () => {
    expect((await errorsOf(withArgs(['${GONE}']), { strict: true })).join()).toContain(
      'unresolved-variable: "${GONE}"',
    );
    expect(await errorsOf(withArgs(['$${FINE}']), { strict: true })).toEqual([]);
  });

  test('that is a slip of a known one says so', async () => {
    const warnings = await warningsOf(withArgs(['${BRNACH}', '${BRANCH}']), { variables: { BRANCH: 'x' } });
    expect(warnings).toEqual([expect.stringContaining('did you mean "BRANCH"?')]);
  });

  test('is unknown even if every object has it', async () => {
    expect((await load(withArgs(['${constructor}', '${toString}', '${__proto__}']))).unresolved).toEqual([
      'constructor',
      'toString',
      '__proto__',
    ]);
  });
});

describe('declared variables', () => {
  const declaring = (variables: object, args = ['${V}']) => withArgs(args, { variables });

  test('take their default, and --var beats it', async () => {
    const plan = declaring({ V: { default: 'default' } });
    expect(commandOf((await loaded(plan)).steps[0]).args).toEqual(['default']);
    expect(commandOf((await loaded(plan, { variables: { V: '' } })).steps[0]).args).toEqual(['']);
  });

  test('that are required and missing are errors with their purpose, at their declaration', async () => {
    const { problems } = await load(
      '{"plan_id":"X","version":"1","globals":{},\n"variables":{"V":{"required":true,"description":"which one"}},\n"steps":[{"id":"a","name":"a","command":"x","args":[]}]}',
    );
    expect(problems.map(formatProblem)).toEqual([
      'plan.json:2:14: error: variable "V" (which one) is required and has no value; give it with --var V=…',
    ]);
  });

  test('are held to their enum', async () => {
    const plan = declaring({ V: { enum: ['staging', 'production'], default: 'staging' } });
    expect(await errorsOf(plan, { variables: { V: 'prodution' } })).toEqual([
      'bad-variable: variable "V": "prodution" is not one of "staging" or "production"; did you mean "production"?',
    ]);
    expect((await errorsOf(declaring({ V: { enum: ['a'], default: 'b' } }))).join()).toContain(
      '"b" is not one of "a"',
    );
  });

  test('are held to their pattern, which the whole value must match', async () => {
    const plan = declaring({ V: { pattern: '[a-z]+', default: 'a' } });
    expect(await errorsOf(plan, { variables: { V: 'abc' } })).toEqual([]);
    expect(await errorsOf(plan, { variables: { V: 'abc1' } })).toEqual([
      'bad-variable: variable "V": "abc1" does not match its pattern "[a-z]+"',
    ]);
    expect((await errorsOf(plan, { variables: { V: 'a'.repeat(5_000) } })).join()).toContain(
      '4096 characters',
    );
  });

  test('with a pattern that is none are an error', async () => {
    expect((await errorsOf(declaring({ V: { pattern: '(?=a)a', default: 'a' } }))).join()).toContain(
      'variable "V": the pattern "(?=a)a" cannot be used: look-around',
    );
  });

  test('with a slip in a key or a default that is no text are shown', async () => {
    expect(await warningsOf(declaring({ V: { defualt: 'x', default: 'y' } }))).toEqual([
      'unknown-key: variables "V": unknown key "defualt" is ignored; did you mean "default"?',
    ]);
    expect(await errorsOf(declaring({ V: { default: 5 } }))).toEqual([
      expect.stringContaining(
        '"variables.V.default" must be a text (write numbers and true or false in quotes), found 5',
      ),
    ]);
  });

  test('make any other --var an error, unless the text uses it', async () => {
    const plan = declaring({ BRANCH: { default: 'main' } }, ['${BRANCH}', '${EXTRA}']);
    expect(await errorsOf(plan, { variables: { EXTRA: 'fine' } })).toEqual([]);
    const { problems } = await load(plan, { variables: { EXTRA: 'x', BRANHC: 'y' } });
    expect(problems.map(formatProblem)).toEqual([
      '--var: error: variable "BRANHC" was given a value, but this plan has no such variable; did you mean "BRANCH"?',
    ]);
  });

  test('are not needed: a plan without the block takes any --var', async () => {
    expect(await errorsOf(withArgs(['x']), { variables: { ANYTHING: 'y' } })).toEqual([]);
  });

  test('may be used by a condition alone', async () => {
    const plan = planWith([step('a', { condition: 'vars.EXTRA == "x"' })], { variables: {} });
    expect(await errorsOf(plan, { variables: { EXTRA: 'x' } })).toEqual([]);
  });
});

describe('values of --var', () => {
  test.each([
    ['a-b', 'x', '"a-b" cannot be the name of a variable'],
    ['', 'x', '"" cannot be the name of a variable'],
    ['__proto__', 'x', 'cannot be the name of a variable'],
    ['A', 'x\0y', 'holds a NUL character'],
    ['A', 'x'.repeat(131_072), 'is 131072 bytes; it may be 131071'],
    ['A', 'é'.repeat(65_536), 'is 131072 bytes'],
  ])('%s=%s is refused when nothing could use it', async (name, value, words) => {
    const variables = Object.fromEntries([[name, value]]);
    expect((await errorsOf(withArgs(['x']), { variables })).join()).toContain(words);
  });

  test('that are no texts are refused, whatever the caller was told', async () => {
    const variables = { A: 5 } as unknown as Record<string, string>;
    expect((await errorsOf(withArgs(['x']), { variables })).join()).toContain('must be a text, found 5');
  });

  test('may not turn an argument into an option', async () => {
    const plan = withArgs(['fetch', '${BRANCH}']);
    expect(await errorsOf(plan, { variables: { BRANCH: '--upload-pack=CMD' } })).toEqual([
      expect.stringContaining('bad-variable: step "a": the argument "${BRANCH}" would become an option'),
    ]);
    expect(await errorsOf(withArgs(['--branch=${BRANCH}']), { variables: { BRANCH: '-x' } })).toEqual([]);
  });

  test('may begin with "-" where the author has said which values are good', async () => {
    const plan = withArgs(['${N}'], { variables: { N: { pattern: '-?[0-9]+' } } });
    expect(await errorsOf(plan, { variables: { N: '-1' } })).toEqual([]);
  });
});
