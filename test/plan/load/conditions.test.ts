import { describe, expect, test } from 'vitest';
import { errorsOf, loaded, planWith, step } from './loading.js';

const scan = step('scan', { outputs: { count: '/count' } });
const asking = (condition: string, more: object = {}) =>
  planWith([scan, step('b', { depends_on: ['scan'], condition, ...more })]);

describe('a condition in a plan', () => {
  test('is kept as it is written', async () => {
    const text = 'steps.scan.outputs.count > 3 && vars.MODE == "full"';
    const plan = await loaded(asking(text), { variables: { MODE: 'full' } });
    expect(plan.steps[1]!.condition).toBe(text);
    expect((await loaded(planWith([step('a', { condition: null })]))).steps[0]!.condition).toBeNull();
  });

  test.each([
    ['steps.scan.state ==', 'unexpected token: EOF (at character 20)'],
    ['steps.scna.state == "failed"', 'there is no step "scna"; did you mean "scan"?'],
    ['steps.scan.outputs.cuont > 3', 'step "scan" has no output "cuont"; did you mean "count"?'],
    ['vars.MOED == "full"', 'unknown variable "MOED"; did you mean "MODE"?'],
    ['vars.constructor == "x"', 'unknown variable "constructor"'],
    ['steps.constructor.state == "failed"', 'there is no step "constructor"'],
    ['steps.b.state == "failed"', 'it reads itself'],
    ['"${MODE}" == "full"', '"${…}" is not put into a condition; write vars.NAME'],
    ['vars.MODE', 'it comes to a value of type string, not to true or false'],
    ['', 'unexpected token'],
  ])('%s is refused at load', async (condition, words) => {
    const errors = await errorsOf(asking(condition), { variables: { MODE: 'x' } });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('bad-condition: step "b": ');
    expect(errors[0]!.toLowerCase()).toContain(words.toLowerCase());
  });

  test('asks only steps above it', async () => {
    const steps = [scan, step('b', { condition: 'steps.scan.exit_code == 0' })];
    expect(await errorsOf(planWith(steps))).toEqual([
      'bad-condition: step "b": it reads "scan", which it does not depend on; add "scan" to its depends_on',
    ]);
    const far = [
      scan,
      step('c', { depends_on: ['scan'] }),
      step('b', { depends_on: ['c'], condition: 'steps.scan.exit_code == 0' }),
    ];
    expect(await errorsOf(planWith(far))).toEqual([]);
  });

  test('reads variables that have a value', async () => {
    const declared = { variables: { MODE: {} } };
    const plan = { ...asking('vars.MODE == "full"'), ...declared };
    expect(await errorsOf(plan)).toEqual([
      'bad-condition: step "b": condition: variable "MODE" has no value; give it a "default"',
    ]);
    expect(await errorsOf(plan, { variables: { MODE: 'x' } })).toEqual([]);
  });

  test('of a fallback may ask the step it stands in for', async () => {
    const steps = [
      step('a', { on_failure: { fallback: 'f' } }),
      step('f', { condition: 'steps.a.exit_code == 7' }),
    ];
    expect(await errorsOf(planWith(steps))).toEqual([]);
  });

  test('asks a fallback under the id of the step it stands in for', async () => {
    const steps = [
      step('a', { on_failure: { fallback: 'f' } }),
      step('f'),
      step('b', { depends_on: ['a'], condition: 'steps.f.state == "failed"' }),
    ];
    expect((await errorsOf(planWith(steps))).join()).toContain('"f" stands in for "a"; read it as "a"');
  });

  test('is checked on every type of step', async () => {
    const approval = {
      id: 'ask',
      name: 'Ask',
      uses: 'approval',
      with: { message: 'x' },
      condition: 'steps.gone.state == "failed"',
    };
    expect((await errorsOf(planWith([approval]))).join()).toContain('there is no step "gone"');
  });

  test('is checked even when the step has other faults', async () => {
    const errors = await errorsOf(asking('1 +', { retries: -1 }));
    expect(errors.map((error) => error.split(':')[0]).sort()).toEqual(['bad-condition', 'bad-value']);
  });

  test('of more than 2,000 characters is refused', async () => {
    expect((await errorsOf(asking(`true ${' '.repeat(2_000)}`))).join()).toContain(
      'an expression of at most 2000 characters',
    );
  });
});
