import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CommandWork, Json } from '../../src/plan/plan.js';
import {
  commandFor,
  escapeLiteral,
  parseReference,
  referencesIn,
  type Filled,
} from '../../src/plan/references.js';
import { commandOf, errorsOf, loaded, planWith, step } from './load/loading.js';

const PLAN = { env: {}, secrets: ['TOKEN'] };
const work = (fields: Partial<CommandWork>): CommandWork => ({
  kind: 'command',
  command: 'c',
  args: [],
  cwd: '.',
  shell: false,
  env: {},
  envMode: 'inherit',
  ...fields,
});
const outputs =
  (values: Record<string, Json>) =>
  ({ step: id, output }: { step: string; output: string }) =>
    values[`${id}.${output}`];
const filled = (given: Filled): CommandWork => {
  if (given.kind !== 'filled') throw new Error(given.message);
  return given.work;
};
const REF = '${steps.a.outputs.v}';

describe('a command about to start', () => {
  test('gets outputs of earlier steps in its arguments, its folder and its environment', () => {
    const made = filled(
      commandFor(
        PLAN,
        work({ args: ['x', `--v=${REF}`], cwd: `d/${REF}`, env: { V: REF } }),
        outputs({ 'a.v': '1.2' }),
      ),
    );
    expect([made.args, made.cwd, made.env]).toEqual([['x', '--v=1.2'], 'd/1.2', { V: '1.2' }]);
  });

  test.each([
    ['text', 'text'],
    [3, '3'],
    [true, 'true'],
    [null, 'null'],
    [{ a: [1] }, '{"a":[1]}'],
    ['$& $1 $$ ${steps.a.outputs.v}', '$& $1 $$ ${steps.a.outputs.v}'],
  ])('gets the output %j as %s', (value, text) => {
    expect(filled(commandFor(PLAN, work({ args: [`=${REF}`] }), outputs({ 'a.v': value }))).args).toEqual([
      `=${text}`,
    ]);
  });

  test('has the environment of the plan below its own', () => {
    const made = filled(
      commandFor({ env: { A: '1', B: '1' }, secrets: [] }, work({ env: { B: '2' } }), outputs({})),
    );
    expect(made.env).toEqual({ A: '1', B: '2' });
  });

  test('reads ids with dots in them', () => {
    expect(
      filled(
        commandFor(PLAN, work({ args: ['${steps.a.b.outputs.outputs.v}'] }), outputs({ 'a.b.outputs.v': 1 })),
      ).args,
    ).toEqual(['1']);
  });

  test.each([
    ['an output that is not there', {}, 'step "a" has no output "v" to put in'],
    ['a NUL character', { 'a.v': 'x\0' }, 'output "v" of step "a" holds a NUL character'],
    [
      'a text that would be an option',
      { 'a.v': '--force' },
      'the argument "${steps.a.outputs.v}" would become an option: it begins with "--force"',
    ],
  ])('cannot be made of %s', (_, values, message) => {
    expect(commandFor(PLAN, work({ args: [REF] }), outputs(values))).toEqual({ kind: 'impossible', message });
  });

  test('keeps its folder below the one that the plan names', () => {
    const inFolder = (cwd: string, value: string) =>
      commandFor(PLAN, work({ cwd }), outputs({ 'a.v': value }));
    expect(inFolder(`packages/${REF}`, '../..')).toEqual({
      kind: 'impossible',
      message:
        'the path "packages/${steps.a.outputs.v}" would leave the folder "packages/": it becomes "packages/../.."',
    });
    expect(filled(inFolder(`packages/${REF}`, 'a/../b')).cwd).toBe('packages/a/../b');
    expect(filled(inFolder(REF, '/srv/elsewhere')).cwd).toBe('/srv/elsewhere'); // the plan says: wherever it says
  });

  test('may get a negative number, and a "-" that opens no argument', () => {
    expect(
      filled(commandFor(PLAN, work({ args: [REF, `--x=${REF}`] }), outputs({ 'a.v': -1.5 }))).args,
    ).toEqual(['-1.5', '--x=-1.5']);
    expect(filled(commandFor(PLAN, work({ env: { X: REF } }), outputs({ 'a.v': '--force' }))).env).toEqual({
      X: '--force',
    });
  });

  test('is not given a secret because a command printed its name', () => {
    const given = commandFor(PLAN, work({ env: { X: REF } }), outputs({ 'a.v': '${TOKEN}' }));
    expect(given).toEqual({
      kind: 'impossible',
      message: 'the environment variable "X" would come to ask for the secret "${TOKEN}"',
    });
    expect(filled(commandFor(PLAN, work({ env: { X: '${TOKEN}' } }), outputs({}))).env).toEqual({
      X: '${TOKEN}',
    });
  });
});

test('whatever a variable holds, it arrives in the command as it is, and never as a reference', async () => {
  const parts = fc.constantFrom(
    '$',
    '$$',
    '${',
    '${steps.',
    'steps.',
    'a.outputs.v}',
    '}',
    REF,
    'x',
    'outputs',
    '\\',
    '{',
    '"',
  );
  const values = fc.array(parts, { maxLength: 8 }).map((list) => list.join(''));
  await fc.assert(
    fc.asyncProperty(values, values, async (x, y) => {
      const plan = await loaded(
        planWith([
          step('b', { args: ['=${X}|${Y}', '=${X}${Y}'], env: { E: '${X}${Y}' }, cwd: '/${Y}${X}' }),
        ]),
        { variables: { X: x, Y: y } },
      );
      const made = filled(commandFor(plan, commandOf(plan.steps[0]), outputs({ 'a.v': 'INJECTED' })));
      expect([made.args, made.env, made.cwd]).toEqual([
        [`=${x}|${y}`, `=${x}${y}`],
        { E: x + y },
        `/${y}${x}`,
      ]);
      expect(referencesIn(commandOf(plan.steps[0]))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('between values of any kind a reference stays a reference', async () => {
  const values = fc
    .string({ unit: fc.constantFrom('{', '}', 's', 't', 'e', 'p', '.', '$') })
    .filter((text) => !text.endsWith('$'));
  await fc.assert(
    fc.asyncProperty(values, values, async (x, y) => {
      const steps = [
        step('a', { outputs: { v: '/v' } }),
        step('b', { depends_on: ['a'], args: [`=\${X}${REF}\${Y}`] }),
      ];
      const plan = await loaded(planWith(steps), { variables: { X: x, Y: y } });
      const made = filled(commandFor(plan, commandOf(plan.steps[1]), outputs({ 'a.v': 'OUT' })));
      expect(made.args).toEqual([`=${x}OUT${y}`]);
    }),
    { numRuns: 300 },
  );
});

test('a literal that looks like a reference is one only until it is escaped', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('$', '{', 'steps.', REF, '}')).map((list) => list.join('')),
      (text) => {
        expect(
          filled(commandFor(PLAN, work({ args: [`=${escapeLiteral(text)}`] }), () => 'INJECTED')).args,
        ).toEqual([`=${text}`]);
      },
    ),
  );
});

describe('at load', () => {
  const source = step('a', { outputs: { version: '/v' } });
  const reading = (text: string, more: object = {}) =>
    planWith([source, step('b', { depends_on: ['a'], args: [text], ...more })]);

  test('a reference to a declared output of a step above is left for the run', async () => {
    const plan = await loaded(reading('v${steps.a.outputs.version}'));
    expect(commandOf(plan.steps[1]).args).toEqual(['v${steps.a.outputs.version}']);
    expect(referencesIn(commandOf(plan.steps[1]))).toEqual([{ step: 'a', output: 'version' }]);
  });

  test('$${steps.…} is a literal', async () => {
    const plan = await loaded(planWith([step('b', { args: ['$${steps.a.outputs.v}'] })]));
    expect(filled(commandFor(plan, commandOf(plan.steps[0]), () => 'INJECTED')).args).toEqual([
      '${steps.a.outputs.v}',
    ]);
  });

  test.each([
    ['${steps.a.outputs.verison}', 'step "b": step "a" has no output "verison"; did you mean "version"?'],
    ['${steps.aa.outputs.version}', 'step "b": there is no step "aa"; did you mean "a"?'],
    ['${steps.b.outputs.version}', 'step "b": it reads itself'],
    [
      '${steps.a.output.version}',
      '"${steps.a.output.version}" is not a reference to an output; write ${steps.<step id>.outputs.<name>}',
    ],
    ['${steps.a.outputs}', 'is not a reference'],
    ['${steps.}', 'is not a reference'],
    ['$X${Y}${steps.a.outputs.version}', 'a "$" cannot stand right before a reference'],
  ])('%s is refused', async (text, words) => {
    const errors = await errorsOf(reading(text), { variables: { Y: '$' } });
    expect(errors.join()).toContain(`bad-reference: step "b": `);
    expect(errors.join()).toContain(words);
  });

  test('a reference to a step that is not above is refused', async () => {
    const errors = await errorsOf(planWith([source, step('b', { args: ['${steps.a.outputs.version}'] })]));
    expect(errors).toEqual([
      'bad-reference: step "b": it reads "a", which it does not depend on; add "a" to its depends_on',
    ]);
  });

  test.each([['command'], ['name'], ['description'], ['runs_on']])(
    'a reference in %s is refused',
    async (field) => {
      const errors = await errorsOf(reading('x', { [field]: '${steps.a.outputs.version}' }));
      expect(errors.join()).toContain(
        "only args, cwd, values of a step's env, the message of an approval, items and variables of a sub-plan can hold one",
      );
    },
  );

  test('a reference in the environment of all steps is refused: it belongs to none', async () => {
    const plan = { ...planWith([source]), globals: { env: { V: '${steps.a.outputs.version}' } } };
    expect((await errorsOf(plan)).join()).toContain(
      'bad-reference: the output "${steps.a.outputs.version}" cannot be used here',
    );
  });

  test('a reference in a shell line is refused; the environment is the way', async () => {
    const plan = reading('x', { shell: true, args: ['echo ${steps.a.outputs.version}'] });
    expect(await errorsOf(plan)).toEqual([
      'shell-text: step "b": "${steps.a.outputs.version}" stands in a shell line, where its value would be read as commands; write "env": {"VERSION": "${steps.a.outputs.version}"} and "$VERSION" in the line',
    ]);
    expect(
      await errorsOf(reading('x', { shell: true, env: { VERSION: '${steps.a.outputs.version}' } })),
    ).toEqual([]);
  });

  test('a fallback must have the outputs that are read of the step it stands in for', async () => {
    const steps = (fields: object) => [
      { ...source, on_failure: { fallback: 'c' } },
      step('c', fields),
      step('b', { depends_on: ['a'], args: ['${steps.a.outputs.version}'] }),
    ];
    expect(await errorsOf(planWith(steps({})))).toEqual([
      'bad-fallback: step "c" stands in for step "a", but has no output "version", which step "b" reads; declare it in its "outputs" too',
    ]);
    expect(await errorsOf(planWith(steps({ outputs: { version: '/other' } })))).toEqual([]);
  });

  test('a fallback is read under the id of the step it stands in for', async () => {
    const steps = [
      step('a', { outputs: { v: '/v' }, on_failure: { fallback: 'c' } }),
      step('c', { outputs: { v: '/v' } }),
      step('b', { depends_on: ['a'], args: ['${steps.c.outputs.v}'] }),
    ];
    expect((await errorsOf(planWith(steps))).join()).toContain(
      'step "b": "c" stands in for "a"; read it as "a"',
    );
  });

  test('a fallback cannot read outputs of the step whose failure brought it on', async () => {
    const steps = [
      step('a', { outputs: { v: '/v' }, on_failure: { fallback: 'c' } }),
      step('c', { args: ['${steps.a.outputs.v}'] }),
    ];
    expect((await errorsOf(planWith(steps))).join()).toContain(
      'it runs because step "a" failed, and a failed step has no outputs',
    );
  });
});

test('a reference is an id and a name', () => {
  expect(parseReference('steps.a.b.outputs.c')).toEqual({ step: 'a.b', output: 'c' });
  for (const text of [
    'steps.a',
    'steps..outputs.c',
    'steps.a.outputs.1',
    'steps.a.outputs.',
    'x.a.outputs.b',
    'steps._.outputs.b',
  ]) {
    expect(parseReference(text)).toBeNull();
  }
});
