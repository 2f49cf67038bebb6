import { describe, expect, test } from 'vitest';
import { fillPlan } from '../../../src/plan/late.js';
import { formatProblem } from '../../../src/plan/load/diagnostics.js';
import type { Plan } from '../../../src/plan/plan.js';
import { commandOf, errorsOf, load, loaded, planWith, step } from './loading.js';

const using = (path: string, more: object = {}, id = 'sub') => ({
  id,
  name: id,
  uses: 'plan',
  with: { path, ...more },
});
const subPlanOf = (plan: Plan, index = 0): Plan => {
  const work = plan.steps[index]!.work;
  if (work.kind !== 'plan') throw new Error('a sub-plan was expected');
  return work.plan;
};
const greeting = planWith([step('greet', { args: ['${WHO}'] })], {
  variables: { WHO: { default: 'world' } },
});

describe('a sub-plan', () => {
  test('is read beside the plan that uses it, and becomes a part of it', async () => {
    const files = { 'plans/lib/greet.json': greeting };
    const plan = await loaded(planWith([using('lib/greet.json')]), { path: 'plans/main.json', files });
    expect(plan.steps[0]).toMatchObject({
      id: 'sub',
      work: { kind: 'plan', path: 'lib/greet.json' },
      retry: { maxAttempts: 1 },
    });
    expect(commandOf(subPlanOf(plan).steps[0]).args).toEqual(['world']);
  });

  test.each([
    ['main.json', 'greet.json', 'greet.json'],
    ['./a/main.json', 'greet.json', 'a/greet.json'],
    ['a/b/main.json', '../greet.json', 'a/greet.json'],
    ['a/main.json', '../../greet.json', '../greet.json'],
    ['/x/main.json', './y/../greet.json', '/x/greet.json'],
    ['a/main.json', '/greet.json', '/greet.json'],
  ])('of %s named %s is read from %s', async (path, named, file) => {
    const { plan, files } = await load(planWith([using(named)]), { path, files: { [file]: greeting } });
    expect(plan).not.toBeNull();
    expect(files).toEqual([path, file]);
  });

  test('sees the values it is given, and none of the plan that uses it', async () => {
    const outer = planWith([
      using('greet.json', { variables: { WHO: 'dear ${NAME}' } }),
      using('greet.json', {}, 'other'),
    ]);
    const plan = await loaded(outer, {
      variables: { NAME: 'you', WHO: 'nobody' },
      files: { 'greet.json': greeting },
    });
    expect(commandOf(subPlanOf(plan).steps[0]).args).toEqual(['dear you']);
    expect(commandOf(subPlanOf(plan, 1).steps[0]).args).toEqual(['world']);
    expect(subPlanOf(plan).variables).toEqual({ WHO: 'dear you' });
  });

  test('is tried once, whatever the default of commands is, unless it says otherwise', async () => {
    const steps = [using('g.json'), { ...using('g.json', {}, 'b'), retries: 2, retry_delay_sec: 5 }];
    const plan = await loaded(
      { ...planWith(steps), globals: { default_retries: 3 } },
      { files: { 'g.json': greeting } },
    );
    expect(plan.steps.map((made) => made.retry.maxAttempts)).toEqual([1, 3]);
    expect(plan.steps[1]!.retry.initialIntervalSec).toBe(5);
  });

  test('may take as long as its steps do, unless it says otherwise', async () => {
    const globals = { default_timeout_sec: 5 };
    const plan = await loaded(
      { ...planWith([using('g.json'), { ...using('g.json', {}, 'b'), timeout_sec: 60 }]), globals },
      { files: { 'g.json': greeting } },
    );
    expect(plan.steps.map((made) => made.timeoutSec)).toEqual([31_536_000, 60]);
  });

  test('is checked in its own file, with places in that file', async () => {
    const text =
      '{"plan_id": "S", "version": "1", "globals": {},\n "steps": [\n  {"id": "x", "name": "x", "command": "c", "args": [], "depends_on": ["y"]}]}';
    const { problems } = await load(planWith([using('sub.json'), step('b', { retries: -1 })]), {
      files: { 'sub.json': text },
    });
    expect(problems.map(formatProblem)).toEqual([
      expect.stringMatching(/^plan\.json:1:\d+: error: step "b": "retries"/),
      'sub.json:3:71: error: step "x" depends on unknown step "y"',
    ]);
  });

  test('that two steps use with the same fault shows it once', async () => {
    const bad = planWith([step('x', { depends_on: ['y'] })]);
    const { problems } = await load(planWith([using('s.json'), using('s.json', {}, 'again')]), {
      files: { 's.json': bad },
    });
    expect(problems).toHaveLength(1);
  });

  test('with an error is an error, however many warnings were found before', async () => {
    // 1,000 warnings each time it is used, then one error
    const warning = planWith(Array.from({ length: 1_000 }, (_, at) => step(`s${at}`, { slip: 1 })));
    const uses = Array.from({ length: 12 }, (_, at) => using('warning.json', {}, `u${at}`));
    const files = { 'warning.json': warning, 'wrong.json': planWith([step('x', { retries: -1 })]) };
    expect((await errorsOf(planWith([...uses, using('wrong.json')]), { files })).join()).toContain(
      '"retries" must be',
    );
  });

  test('that misses a value, or is given a bad one, is shown where it is used', async () => {
    const sub = planWith([step('x')], { variables: { N: { required: true, pattern: '[0-9]+' } } });
    const at = async (variables?: object) =>
      (
        await load(planWith([using('s.json', variables === undefined ? {} : { variables })]), {
          files: { 's.json': sub },
        })
      ).problems;
    expect((await at())[0]).toMatchObject({
      file: 'plan.json',
      code: 'missing-variable',
      path: ['steps', 0, 'with', 'variables', 'N'],
    });
    expect((await at({ N: 'x' }))[0]).toMatchObject({
      file: 'plan.json',
      message: 'variable "N": "x" does not match its pattern "[0-9]+"',
    });
    expect((await at({ N: '1', M: '2' }))[0]).toMatchObject({ file: 'plan.json', code: 'unknown-variable' });
    expect(await at({ N: '1' })).toEqual([]);
  });

  test.each([
    ['is not there', {}, 'bad-sub-plan: the sub-plan "s.json" cannot be used: there is no file "s.json"'],
    ['is no plan', { 's.json': '[]' }, 'a plan must be an object'],
    ['is no JSON', { 's.json': '{' }, 'syntax: this is not JSON'],
    [
      'uses itself',
      { 's.json': planWith([using('s.json')]) },
      'bad-sub-plan: plans use each other in a circle: s.json → s.json',
    ],
    [
      'uses the plan that uses it',
      { 's.json': planWith([using('./plan.json')]) },
      'plans use each other in a circle: plan.json → s.json → plan.json',
    ],
  ])('that %s is refused', async (_, files, words) => {
    expect((await errorsOf(planWith([using('s.json')]), { files })).join()).toContain(words);
  });

  test('may use another, eight levels deep', async () => {
    const chain = (levels: number) =>
      Object.fromEntries(
        Array.from({ length: levels }, (_, at) => [
          `s${at}.json`,
          planWith([at === levels - 1 ? step('end') : using(`s${at + 1}.json`)]),
        ]),
      );
    expect(await errorsOf(planWith([using('s0.json')]), { files: chain(8) })).toEqual([]);
    expect((await errorsOf(planWith([using('s0.json')]), { files: chain(9) })).join()).toContain(
      'more than 8 levels deep',
    );
  });

  test('counts its steps each time it is used', async () => {
    const thousand = planWith(Array.from({ length: 1_000 }, (_, at) => step(`s${at}`)));
    const uses = (count: number) =>
      planWith(Array.from({ length: count }, (_, at) => using('t.json', {}, `u${at}`)));
    expect(await errorsOf(uses(19), { files: { 't.json': thousand } })).toEqual([]);
    expect((await errorsOf(uses(20), { files: { 't.json': thousand } })).join()).toContain(
      'more than 20000 steps',
    );
  });

  test('that is used by plans that are used, again and again, ends in an error and not in a full memory', async () => {
    // Each of eight files uses the next one a hundred times: 100⁸ plans.
    const files = Object.fromEntries(
      Array.from({ length: 8 }, (_, at) => [
        `s${at}.json`,
        planWith(
          at === 7
            ? [step('end')]
            : Array.from({ length: 100 }, (_, use) => using(`s${at + 1}.json`, {}, `u${use}`)),
        ),
      ]),
    );
    expect((await errorsOf(planWith([using('s0.json')]), { files })).join()).toContain(
      'more than 20000 steps',
    );
  });

  describe('that is given an output of an earlier step', () => {
    const usedWith = (variables: object, more: object = {}): unknown[] => [
      step('a', { outputs: { v: '/v' } }),
      { ...using('g.json', { variables }), depends_on: ['a'], ...more },
    ];
    const taking = (variable: object, inner: object): Record<string, unknown> =>
      planWith([step('x', inner)], { variables: { WHO: variable } });
    const errorsWith = async (variable: object, inner: object): Promise<string> => {
      const files = { 'g.json': taking(variable, inner) };
      return (await errorsOf(planWith(usedWith({ WHO: '${steps.a.outputs.v}' })), { files })).join('\n');
    };

    test('has it wherever outputs can be, when it starts', async () => {
      const inner = { args: ['to ${WHO}'], env: { TO: '${WHO}' }, condition: 'vars.WHO != ""' };
      const files = { 'g.json': taking({ required: true }, inner) };
      const plan = await loaded(planWith(usedWith({ WHO: 'the ${steps.a.outputs.v}' })), { files });
      const { work } = plan.steps[1]!;
      if (work.kind !== 'plan') throw new Error('a sub-plan was expected');
      const filled = fillPlan(work.plan, { WHO: '${TOKEN} $(id) ${steps.x.outputs.y}' });
      const { args } = commandOf(filled.steps[0]);
      expect(args).toEqual(['to ${TOKEN} $(id) $${steps.x.outputs.y}']); // what was a text stays one
      expect(filled.variables).toEqual({ WHO: '${TOKEN} $(id) ${steps.x.outputs.y}' });
    });

    test('cannot have it where a plan is read: its name, its leases, a shell line', async () => {
      const late = 'has its value only when the step that gives it starts';
      expect(await errorsWith({}, { name: 'for ${WHO}' })).toContain(late);
      expect(await errorsWith({}, { exclusive: ['${WHO}'] })).toContain(late);
      expect(await errorsWith({}, { command: '${WHO}' })).toContain(late);
      expect(await errorsWith({}, { shell: true, command: 'echo ${WHO}' })).toContain('read as commands');
      expect(await errorsWith({}, { shell: true, command: 'echo "$WHO"', env: { WHO: '${WHO}' } })).toBe('');
    });

    test('limits it by type and enum, and not by what a workflow cannot ask', async () => {
      expect(await errorsWith({ pattern: 'a+' }, {})).toContain(
        'has a pattern, and cannot be given an output',
      );
      expect(await errorsWith({ secret: true }, {})).toContain('is a secret, and cannot be given an output');
      const files = { 'g.json': taking({ type: 'integer', minimum: 1, enum: ['1', '2', '5'] }, {}) };
      const plan = await loaded(planWith(usedWith({ WHO: '${steps.a.outputs.v}' })), { files });
      const { work } = plan.steps[1]!;
      if (work.kind !== 'plan') throw new Error('a sub-plan was expected');
      expect(fillPlan(work.plan, { WHO: '5' }).variables).toEqual({ WHO: '5' });
      for (const bad of ['3', '0', 'x', '1.0', ''])
        expect(() => fillPlan(work.plan, { WHO: bad })).toThrow('variable "WHO"');
    });

    test('must be below that step, and the step must have it', async () => {
      const files = { 'g.json': taking({}, {}) };
      expect(
        (await errorsOf(planWith(usedWith({ WHO: '${steps.a.outputs.w}' })), { files })).join(),
      ).toContain('has no output "w"');
      const apart = usedWith({ WHO: '${steps.a.outputs.v}' }, { depends_on: [] });
      expect((await errorsOf(planWith(apart), { files })).join()).toContain('which it does not depend on');
    });
  });

  describe('that is repeated', () => {
    const round = planWith([step('test', { outputs: { n: '/n' } })], {
      variables: { N: { type: 'integer' } },
    });
    const errorsWith = async (repeat: object, variables: object = {}): Promise<string> =>
      (
        await errorsOf(planWith([{ ...using('g.json', { variables }), repeat }]), {
          files: { 'g.json': round },
          variables: { ROUNDS: '4' },
        })
      ).join('\n');

    test('says until when, and how often at most', async () => {
      const steps = [
        {
          ...using('g.json', { variables: { N: '${round}' } }),
          repeat: { until: 'true', max_rounds: '${ROUNDS}' },
        },
      ];
      const plan = await loaded(planWith(steps), { files: { 'g.json': round }, variables: { ROUNDS: '4' } });
      expect(plan.steps[0]!.work).toMatchObject({
        repeat: { until: 'true', maxRounds: 4 },
        given: { N: '${steps.~round}' },
      });
    });

    test.each([
      [{ until: 'true' }, 'missing required field: repeat.max_rounds'],
      [{ until: 'true', max_rounds: 0 }, '"repeat.max_rounds" must be a whole number from 1 to 100'],
      [{ until: 'true', max_rounds: 101 }, '"repeat.max_rounds" must be a whole number from 1 to 100'],
      [{ until: 'true', max_rounds: 'many' }, '"repeat.max_rounds" must be a whole number from 1 to 100'],
      [
        { until: 'steps.tst.exit_code == 0', max_rounds: 2 },
        'the sub-plan has no step "tst"; did you mean "test"?',
      ],
      [{ until: 'steps.test.outputs.m == 1', max_rounds: 2 }, 'has no output "m"; it declares "n"'],
      [{ until: 'vars.M == ""', max_rounds: 2 }, '"M" is no variable of the sub-plan with a value'],
      [{ until: '1 + 1', max_rounds: 2 }, 'comes to a value of type int'],
      [{ until: '"${N}" == ""', max_rounds: 2 }, '"${…}" is not put into an expression'],
    ])('with %j is refused', async (repeat, words) => {
      expect(await errorsWith(repeat)).toContain(words);
    });
  });

  test('is not given secrets: it declares them itself', async () => {
    const outer = planWith([using('g.json', { variables: { WHO: '${TOKEN}' } })], {
      variables: { TOKEN: { secret: true } },
    });
    expect((await errorsOf(outer, { files: { 'g.json': greeting } })).join()).toContain(
      'let the sub-plan declare the same secret',
    );
  });

  test('may be YAML', async () => {
    const text =
      'plan_id: S\nversion: "1"\nglobals: {}\nsteps:\n  - {id: x, name: x, command: c, args: []}\n';
    expect(await errorsOf(planWith([using('s.yaml')]), { files: { 's.yaml': text } })).toEqual([]);
  });

  test.each([
    [{ with: {} }, 'missing required field: with.path'],
    [{ with: { path: 5 } }, '"with.path" must be'],
    [{ with: { path: 'g.json', variables: { WHO: 5 } } }, '"with.variables.WHO" must be a text'],
    [{ retries: -1 }, '"retries" must be a whole number'],
    [{ retry: {}, retries: 1 }, '"retries" and "retry" both say'],
    [{ idempotent: true }, '"idempotent" means nothing for "uses": "plan"'],
    [{ command: 'x' }, '"command" means nothing for "uses": "plan"'],
  ])('with %j is refused', async (fields, words) => {
    expect(
      (
        await errorsOf(planWith([{ ...using('g.json'), ...fields }]), { files: { 'g.json': greeting } })
      ).join(),
    ).toContain(words);
  });
});
