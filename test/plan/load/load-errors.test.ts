import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../../src/plan/load/diagnostics.js';
import { errorsOf, load, loaded, planWith, step, warningsOf } from './loading.js';

const without = (object: object, key: string): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));

describe('a plan file', () => {
  test('that is not there is named', async () => {
    const { plan, problems } = await load('', { path: 'other.json', files: {} });
    expect(plan).toBeNull();
    expect(problems.map(formatProblem)).toEqual([
      expect.stringContaining('other.json:1:1: error: this is not JSON'),
    ]);
    const gone = await (
      await import('../../../src/plan/load/load-plan.js')
    ).loadPlan({
      path: 'plans/gone.json',
      readText: () => {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      },
    });
    expect(gone.problems.map(formatProblem)).toEqual([
      'plans/gone.json: error: there is no file "plans/gone.json"',
    ]);
  });

  test.each([
    ['EISDIR', 'is a folder, not a plan file'],
    ['EACCES', 'may not be read'],
    ['EIO', 'cannot be read: boom'],
  ])('that the reader refuses with %s is an error in words', async (code, words) => {
    const { loadPlan } = await import('../../../src/plan/load/load-plan.js');
    const readText = (): string => {
      throw Object.assign(new Error('boom'), { code });
    };
    const { problems } = await loadPlan({ path: 'plan.json', readText });
    expect(problems.map(formatProblem).join()).toContain(words);
  });

  test('whose name is empty has no place to show', async () => {
    const { loadPlan } = await import('../../../src/plan/load/load-plan.js');
    const readText = (): string => {
      throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    };
    const { problems } = await loadPlan({ path: '', readText });
    expect(problems.map(formatProblem)).toEqual(['error: the name of the plan file is empty']);
  });

  test('that is no object says what a plan is', async () => {
    expect(await errorsOf('[1]')).toEqual([
      expect.stringContaining('a plan must be an object with "plan_id"'),
    ]);
  });
});

describe('the plan itself', () => {
  test.each(['plan_id', 'version', 'globals', 'steps'])('needs %s', async (field) => {
    const rest = without(planWith([step('a')]), field);
    expect(await errorsOf(rest)).toEqual([`missing-field: missing required field: ${field}`]);
  });

  test('says all that is missing at once, in the order of the document', async () => {
    expect(await errorsOf({})).toEqual([
      'missing-field: missing required field: plan_id',
      'missing-field: missing required field: version',
      'missing-field: missing required field: globals',
      'missing-field: missing required field: steps',
    ]);
  });

  test('needs at least one step', async () => {
    expect(await errorsOf(planWith([]))).toEqual([
      'bad-value: "steps" must be a list of at least one step, found an empty list',
    ]);
  });

  test.each([
    ['max_concurrency', 0],
    ['max_concurrency', -1],
    ['max_concurrency', 1.5],
    ['max_concurrency', '2'],
    ['default_timeout_sec', 0],
    ['default_retries', -1],
  ])('has no globals.%s of %j', async (field, value) => {
    const [error] = await errorsOf(planWith([step('a')], { globals: { [field]: value } }));
    expect(error).toMatch(`"globals.${field}" must be a whole number from`);
    expect(error).toMatch(`found ${JSON.stringify(value)}`);
  });

  test('keeps keys of its own at the top, and warns of those it does not know', async () => {
    const plan = planWith([step('a')], {
      doc_id: 'DOC-1',
      $schema: 'x.json',
      descripton: 'hi',
      metadata: { any: { thing: 1 } },
    });
    expect(await warningsOf(plan)).toEqual([
      'unknown-key: unknown key "descripton" is ignored; did you mean "description"?',
    ]);
  });
});

describe('a step', () => {
  test.each(['id', 'name', 'command', 'args'])('needs %s', async (field) => {
    const rest = without(step('build'), field);
    const subject = field === 'id' ? 'step 1' : 'step "build"';
    expect(await errorsOf(planWith([rest]))).toEqual([
      `missing-field: ${subject}: missing required field: ${field}`,
    ]);
  });

  test.each([
    [{ args: 'one two' }, '"args" must be a list of texts, found "one two"; write a list: ["one two"]'],
    [{ args: ['ok', 8080] }, '"args[1]" must be a text, found 8080; write it in quotes: "8080"'],
    [
      { depends_on: 'build' },
      '"depends_on" must be a list of step ids, found "build"; write a list: ["build"]',
    ],
    [{ timeout_sec: 0 }, '"timeout_sec" must be a whole number from 1 to 2147483, found 0'],
    [{ timeout_sec: -5 }, 'found -5'],
    [{ timeout_sec: '5' }, 'found "5"; write it without quotes'],
    [{ retries: -1 }, '"retries" must be a whole number from 0 to 10000, found -1'],
    [{ retry_delay_sec: -1 }, '"retry_delay_sec" must be a whole number from 0 to 2147483, found -1'],
    [{ shell: 'true' }, '"shell" must be true or false, found "true"; write it without quotes'],
    [{ critical: 'no' }, '"critical" must be true or false, found "no"'],
    [{ name: 5 }, '"name" must be a text of 1 to 500 characters, found 5; write it in quotes: "5"'],
    [{ command: '' }, '"command" must be'],
    [{ cwd: '' }, '"cwd" must be'],
    [
      { env: { PORT: 80 } },
      '"env.PORT" must be a text (write numbers and true or false in quotes), found 80; write it in quotes: "80"',
    ],
    [
      { env: { 'A-B': 'x' } },
      'the name "A-B" in "env" must be a name of letters, digits and "_", not opening with a digit',
    ],
    [{ env: ['A=1'] }, '"env" must be an object of names and texts, found a list'],
    [
      { on_failure: 'abrot' },
      '"on_failure" must be one of "abort", "skip_dependents", "continue", or {"fallback": "<step id>"}, found "abrot"; did you mean "abort"?',
    ],
    [{ on_failure: null }, '"on_failure" must be one of'],
    [
      { priority: 'hihg' },
      '"priority" must be one of "critical", "high", "normal", "low", found "hihg"; did you mean "high"?',
    ],
    [{ env_mode: 'cleen' }, 'did you mean "clean"?'],
    [{ provides: 'x' }, '"provides" must be a list of names, found "x"'],
    [{ ui_hints: { weight: 'ten' } }, '"ui_hints.weight" must be a number, found "ten"'],
    [{ outputs: { version: 'version' } }, '"outputs.version" must be a JSON pointer'],
    [{ outputs: { 'a-b': '/x' } }, 'the name "a-b" in "outputs" must be an output name'],
    [{ runs_on: 'a b' }, '"runs_on" must be a label'],
    [{ uses: 'comand' }, '"uses" must name a step type, found "comand"; did you mean "command"?'],
    [
      { uses: 7 },
      '"uses" must name a step type, found 7; there are "command", "plan", "for_each", "approval", "workstream" and "landing"',
    ],
  ])('with %j is told what was expected and what was found', async (fields, words) => {
    const errors = await errorsOf(planWith([step('build', fields)]));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('step "build": ');
    expect(errors[0]).toContain(words);
  });

  test.each([
    '__proto__x',
    '..',
    'a..b',
    '.hidden',
    '-x',
    'a/b',
    'a b',
    'ä',
    '',
    'x'.repeat(129),
    'a\u0000b',
    '${ID}',
  ])('has no id %j', async (id) => {
    const errors = await errorsOf(planWith([step(id)]));
    expect(errors.join()).toContain('"id" must be a step id');
  });

  test.each(['constructor', 'toString', 'hasOwnProperty', 'CON', 'nul', 'a.b-c_d', '0', 'x'.repeat(128)])(
    'may have the id %j',
    async (id) => {
      const plan = await loaded(planWith([step(id), step('last', { depends_on: [id] })]));
      expect(plan.steps.map((made) => [made.id, made.dependsOn])).toEqual([
        [id, []],
        ['last', [id]],
      ]);
    },
  );

  test('that is no object is an error, and the others are still looked at', async () => {
    expect(await errorsOf(planWith(['a', step('b', { retries: -1 })]))).toEqual([
      'bad-value: step 1 must be an object, found "a"',
      expect.stringContaining('step "b": "retries"'),
    ]);
  });

  test('with a slip in a key is loaded, and the slip is shown', async () => {
    expect(await warningsOf(planWith([step('a', { retrys: 3, retry: { max_attemps: 2 } })]))).toEqual([
      'unknown-key: step "a": unknown key "retrys" is ignored; did you mean "retry"?',
      'unknown-key: step "a": "retry": unknown key "max_attemps" is ignored; did you mean "max_attempts"?',
    ]);
  });

  test('may have anything in ui_hints', async () => {
    expect(await warningsOf(planWith([step('a', { ui_hints: { color: 'red', weight: 3 } })]))).toEqual([]);
  });

  test.each([
    [
      { uses: 'job' },
      'must name a step type, found "job"; there are "command", "plan", "for_each", "approval", "workstream" and "landing"',
    ],
    [{ uses: 'landings' }, 'found "landings"; did you mean "landing"?'],
  ])(
    'that relies on a step type which is none (%j) is refused, not run without it',
    async (fields, words) => {
      expect((await errorsOf(planWith([step('a', fields)]))).join()).toContain(words);
    },
  );
});

describe('problems', () => {
  test('come all at once, in order of place, each with file, line and column', async () => {
    const text = [
      '{',
      '  "plan_id": "X",',
      '  "version": 1,',
      '  "globals": {"max_concurrency": 0},',
      '  "steps": [',
      '    {"id": "a", "name": "A", "command": "true", "args": [], "depends_on": ["b"]},',
      '    {"id": "a", "name": "A", "command": "true", "args": [1], "retrys": 2}',
      '  ]',
      '}',
    ].join('\n');
    const { problems } = await load(text, { path: 'plans/x.json' });
    expect(problems.map(formatProblem)).toEqual([
      'plans/x.json:3:14: error: "version" must be a text of 1 to 200 characters, found 1; write it in quotes: "1"',
      'plans/x.json:4:34: error: "globals.max_concurrency" must be a whole number from 1 to 1000000, found 0',
      'plans/x.json:6:76: error: step "a" depends on unknown step "b"',
      'plans/x.json:7:12: error: duplicate step id "a": step 1 has it already; each step needs an id of its own',
      'plans/x.json:7:58: error: step "a": "args[0]" must be a text, found 1; write it in quotes: "1"',
      'plans/x.json:7:62: warning: step "a": unknown key "retrys" is ignored; did you mean "retry"?',
    ]);
  });

  test('in YAML are at the places of the YAML file', async () => {
    const text =
      'plan_id: X\nversion: "1"\nglobals: {}\nsteps:\n  - id: a\n    name: A\n    command: true\n    args: [80]\n';
    const { problems } = await load(text, { path: 'x.yaml' });
    expect(problems.map((problem) => `${problem.line}:${problem.column} ${problem.message}`)).toEqual([
      '7:14 step "a": "command" must be a text of 1 to 4096 characters, found true',
      '8:12 step "a": "args[0]" must be a text, found 80',
    ]);
  });
});
