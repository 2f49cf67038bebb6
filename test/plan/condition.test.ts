import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { openConditions, type Conditions } from '../../src/plan/condition.js';
import type { Json } from '../../src/plan/plan.js';
import type { ConditionStep } from '../../src/plan/run.js';

let conditions: Conditions;
beforeAll(async () => {
  conditions = await openConditions();
});

const STEPS: Readonly<Record<string, ConditionStep>> = {
  test: { state: 'failed', exitCode: 1, outputs: {} },
  killed: { state: 'failed', exitCode: null, outputs: {} },
  'my-step.2': { state: 'succeeded', exitCode: 0, outputs: {} },
  constructor: { state: 'skipped' as const, exitCode: null, outputs: {} },
  scan: {
    state: 'succeeded',
    exitCode: 0,
    outputs: {
      count: 3,
      ratio: 0.5,
      ok: true,
      none: null,
      name: 'main.ts',
      files: ['a.ts', 'b.ts'],
      findings: [
        { level: 'high', line: 3 },
        { level: 'low', line: 9 },
      ],
      by: { constructor: 'x', deep: { er: 1 } },
    },
  },
};
const VARS = { BRANCH: 'main', LIMIT: '5', constructor: 'mine' };

const answer = (condition: string): string => {
  const given = conditions.evaluate(condition, {
    vars: VARS,
    step: (id) => (Object.hasOwn(STEPS, id) ? STEPS[id]! : null),
  });
  return given.kind === 'error' ? `error: ${given.message}` : given.kind;
};
const faultsOf = (condition: string): string[] =>
  conditions
    .examine(condition, () => 10)
    .faults.map(({ message, hint }) => (hint === null ? message : `${message}; ${hint}`));

describe('a condition', () => {
  test.each([
    ['steps.test.state == "failed"', 'true'],
    ['steps.test.exit_code == 1', 'true'],
    ['steps.test.exit_code != 0 && vars.BRANCH == "main"', 'true'],
    ['steps.test.exit_code in [0, 2]', 'false'],
    ['steps.killed.exit_code == null', 'true'],
    ['steps.killed.exit_code == 1', 'false'],
    ['steps["my-step.2"].exit_code == 0', 'true'],
    ['steps.constructor.state in ["skipped"]', 'true'],
    ['vars.constructor == "mine"', 'true'],
    ['vars["BRANCH"].startsWith("ma")', 'true'],
    ['int(vars.LIMIT) > steps.scan.outputs.count', 'true'],
    ['steps.scan.outputs.count == 3', 'true'],
    ['steps.scan.outputs.count == 3.0', 'true'],
    ['steps.scan.outputs.ratio < 1', 'true'],
    ['steps.scan.outputs.ok', 'true'],
    ['steps.scan.outputs["none"] == null', 'true'],
    ['steps.scan.outputs.name.endsWith(".ts") && size(steps.scan.outputs.name) == 7', 'true'],
    ['"a.ts" in steps.scan.outputs.files', 'true'],
    ['steps.scan.outputs.files[1] == "b.ts"', 'true'],
    ['steps.scan.outputs.findings.exists(f, f.level == "high" && f.line < 5)', 'true'],
    ['steps.scan.outputs.findings.all(f, f.line > 5)', 'false'],
    ['steps.scan.outputs.findings.filter(f, f.level == "low").map(f, f.line) == [9]', 'true'],
    ['steps.scan.outputs.by.deep.er == 1', 'true'],
    ['has(steps.scan.outputs.count)', 'true'],
    ['has(steps.scan.outputs.gone)', 'false'],
    ['has(steps.test.outputs.count)', 'false'],
    ['steps.scan.outputs.gone == 1 || true', 'true'],
    ['vars.BRANCH == "x" ? true : 1 == 1', 'true'],
    ['"  X ".trim().lowerAscii() == "x"', 'true'],
  ])('%s is %s', (condition, expected) => {
    expect(faultsOf(condition)).toEqual([]);
    expect(answer(condition)).toBe(expected);
  });

  test.each([
    ['steps.scan.outputs.gone', 'no such key: gone'],
    ['steps.scan.outputs.by.toString == 1', 'no such key: toString'],
    ['steps.scan.outputs.name', 'it comes to "main.ts", not to true or false'],
    ['steps.scan.outputs.name > 3', 'no such overload'],
    ['int(vars.BRANCH) == 1', 'cannot convert to int'],
    ['1 / (steps.scan.outputs.count - 3) == 1', 'division by zero'],
    ['steps.nobody.state == "failed"', 'no such key: nobody'],
    ['1 +', 'unexpected token'],
    ['vars.BRANCH.matches("(a+)+b")', 'regular expressions are not allowed'],
    [`true${' '.repeat(2_000)}`, 'it has 2004 characters; 2000 are allowed'],
  ])('%s has no answer, and says why', (condition, words) => {
    expect(answer(condition)).toContain('error: the condition ');
    expect(answer(condition)).toContain(words);
  });

  test('that meets something deeper than 32 levels has no answer', () => {
    let deep: Json = 1;
    for (let level = 0; level < 40; level += 1) deep = [deep];
    const given = conditions.evaluate('steps.a.outputs.x == 1', {
      vars: {},
      step: () => ({ state: 'succeeded', exitCode: 0, outputs: { x: deep } }),
    });
    expect(given).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('32 levels deep') as string,
    });
  });
});

describe('checking a condition', () => {
  test.each([
    ['steps.test.exit_code == ', 'unexpected token: EOF'],
    ['BRANCH == "x"', 'unknown name "BRANCH"; variables are vars.NAME, steps are steps.ID or steps["ID"]'],
    ['var.BRANCH == "x"', 'reserved identifier: var'],
    ['step.test.state == "failed"', 'unknown name "step"; did you mean "steps"?'],
    ['steps.test.exitcode == 1', 'a step has no "exitcode"; did you mean "exit_code"?'],
    ['steps.test.state == "suceeded"', 'no step is ever "suceeded"; did you mean "succeeded"?'],
    ['"success" != steps.test.state', 'no step is ever "success"'],
    ['steps.test.state in ["failed", "cancelled"]', 'no step is ever "cancelled"; did you mean "canceled"?'],
    ['vars.BRANCH', 'it comes to a value of type string, not to true or false'],
    ['steps.test.exit_code + 1', 'it comes to a value of type'],
    ['vars.BRANCH == 1', 'no such overload: string == int'],
    ['vars.BRANCH && true', 'logical operator requires bool operands'],
    ['size(vars) > 1', '"vars" needs a name after it; write vars.NAME'],
    ['steps == steps', '"steps" needs a step after it'],
    [
      'steps.test == steps.test',
      '"steps.test" is not a value; write .state, .exit_code or .outputs.NAME after it',
    ],
    [
      'size(steps.test.outputs) > 0',
      '"steps.test.outputs" is not a value; write the name of an output after it',
    ],
    ['vars[vars.BRANCH] == "x"', 'a name after "vars" must be written out; write vars["name"]'],
    ['steps[vars.BRANCH].state == "failed"', 'a name after "steps" must be written out'],
    [
      'vars.BRANCH.matches("a")',
      'regular expressions are not allowed: they can take for ever; use contains, startsWith or endsWith',
    ],
    ['vars.BRANCH.startWith("a")', 'the function "startWith" is not known here; did you mean "startsWith"?'],
    [
      'timestamp("2024-01-01T00:00:00Z") < timestamp("2025-01-01T00:00:00Z")',
      'the function "timestamp" is not known here',
    ],
    ['cel.bind(x, 1, x == 1)', 'the function "bind" is not known here'],
    ['dyn(1) == 1', 'the function "dyn" is not known here'],
    ['google.protobuf.Timestamp == int', 'unknown name "google"'],
    [
      '[1].exists(x, [2].exists(y, x == y))',
      '"exists" stands inside another walk over a list; one is allowed',
    ],
    ['[1].exists(vars, vars == 1)', '"vars" is taken; give the member another name'],
    [`[${Array(101).fill('1').join()}].exists(x, x == 1)`, 'exceeded maxListElements (100)'],
    [`${'!'.repeat(200)}true`, 'it nests more than 60 levels deep'],
    [`${'('.repeat(200)}true${')'.repeat(200)}`, 'exceeded maxDepth (50)'],
    ['', 'unexpected token'],
  ])('%s is refused', (condition, words) => {
    const faults = faultsOf(condition);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join(' | ').toLowerCase()).toContain(words.toLowerCase());
  });

  test('lists what it reads, each with its place', () => {
    const { reads } = conditions.examine(
      'vars.A == "x" && steps["b-1"].outputs.c[0].d == 1 && has(steps.e.exit_code)',
      () => 1,
    );
    expect(reads).toEqual([
      { kind: 'variable', name: 'A', at: 0 },
      { kind: 'step', step: 'b-1', output: 'c', at: 17 },
      { kind: 'step', step: 'e', output: null, at: expect.any(Number) as number },
    ]);
  });

  test('reads inside indices and walks too', () => {
    const { reads } = conditions.examine(
      'steps.a.outputs.l.exists(x, x == vars.B) || steps.a.outputs.l[steps.c.outputs.i] == 1',
      () => 1,
    );
    expect(reads.map((read) => (read.kind === 'step' ? `${read.step}.${read.output}` : read.name))).toEqual([
      'a.l',
      'B',
      'a.l',
      'c.i',
    ]);
  });
});

describe('the cost of a condition', () => {
  const l = 'steps.a.outputs.l';
  test.each([
    `${l}.exists(x, x == "foo")`,
    `${l}.exists(x, x.contains("foo")) && ${l}.all(x, x.size() < 100)`,
    `${l}.filter(x, x.startsWith("a")).map(x, x.trim()).exists(x, x in ["a", "b"])`,
    `${l}.contains(vars.A)`,
  ])('is bounded by sizes, and what people write is far below the limit: %s', (condition) => {
    expect(faultsOf(condition)).toEqual([]);
  });

  test.each([
    ['a search of one output in another', `${l}.contains(steps.a.outputs.k)`],
    ['a look through a list for each member of a list', `${l}.exists(x, x in steps.a.outputs.k)`],
    [
      'the same list many times over',
      `(${Array(40).fill(l).join(' + ')}).exists(x, x in (${Array(40).fill(l).join(' + ')}))`,
    ],
    ['members compared with themselves', `${l}.exists(x, x.contains(x))`],
  ])('%s is refused', (_, condition) => {
    expect(faultsOf(condition).join()).toMatch(/it may take \d+ comparisons; 10000000 are allowed/);
  });

  test('counts a variable at the size it has', () => {
    const condition = `${l}.contains(vars.A)`;
    expect(conditions.examine(condition, () => 200).faults).toEqual([]);
    expect(conditions.examine(condition, () => 3_000).faults).toHaveLength(1);
  });
});

test('whatever the text is, checking and evaluating give an answer and do not throw', () => {
  const words = fc.constantFrom('vars', 'steps', '.', '[', ']', '(', ')', '"a"', 'a', 'state', 'outputs', '==', '&&', '||', '!', '-', '+', 'in', '1', 'null', '{', '}', ',', '?', ':', 'exists', 'map', 'has', '__proto__', 'constructor', '\\', "'", ' ', '\n'); // prettier-ignore
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(words, { maxLength: 25 }).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(texts, (condition) => {
      expect(Array.isArray(conditions.examine(condition, () => 1).faults)).toBe(true);
      expect(['true', 'false', 'error']).toContain(
        conditions.evaluate(condition, { vars: VARS, step: (id) => STEPS[id] ?? null }).kind,
      );
    }),
    { numRuns: 3_000 },
  );
});

test('an expression without faults never reads a name that was not listed', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('test', 'scan', 'killed'),
      fc.constantFrom('state', 'exit_code'),
      (id, field) => {
        const asked: string[] = [];
        const condition = `steps.${id}.${field} == null || vars.BRANCH == "x"`;
        const { reads } = conditions.examine(condition, () => 1);
        conditions.evaluate(condition, {
          vars: VARS,
          step: (step) => (asked.push(step), STEPS[step] ?? null),
        });
        expect(asked).toEqual(reads.flatMap((read) => (read.kind === 'step' ? [read.step] : [])));
      },
    ),
  );
});
