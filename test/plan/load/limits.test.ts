import { describe, expect, test } from 'vitest';
import { errorsOf, loaded, planWith, step } from './loading.js';

const KB = 1024;

describe('what cannot be started is refused at load', () => {
  test.each([
    ['an argument', { args: ['a\0b'] }, '"args.0" holds a NUL character'],
    ['the command', { command: 'a\0b' }, '"command" holds a NUL character'],
    ['the folder', { cwd: 'a\0b' }, '"cwd" holds a NUL character'],
    [
      'a variable of the environment',
      { env: { A: 'a\0b' } },
      'the environment variable "A" holds a NUL character',
    ],
  ])('%s with a NUL character', async (_, fields, words) => {
    expect((await errorsOf(planWith([step('a', fields)]))).join()).toContain(`bad-value: step "a": ${words}`);
  });

  test('a NUL character in the environment of all', async () => {
    expect((await errorsOf({ ...planWith([step('a')]), globals: { env: { A: '\0' } } })).join()).toContain(
      '"A" holds a NUL',
    );
  });

  test.each([
    [planWith([step('a', { env: { PLANWRIGHT_OUTPUT: 'x' } })])],
    [{ ...planWith([step('a')]), globals: { env: { PLANWRIGHT_OUTPUT: 'x' } } }],
  ])('a variable that the engine sets itself', async (plan) => {
    const errors = await errorsOf(plan);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(
      'the environment variable "PLANWRIGHT_OUTPUT" is set by the engine; choose another name',
    );
  });

  test('an argument beyond what Linux takes, to the byte', async () => {
    const errors = await errorsOf(planWith([step('a', { args: ['x', 'é'.repeat(65_536)] })]));
    expect(errors.join()).toContain('too-large: step "a": argument 2 is 131072 bytes; it may be 131071');
    expect(errors.join().length).toBeLessThan(500); // it does not quote the argument
  });

  test('a shell line, which is one argument', async () => {
    const args = Array(100).fill('x'.repeat(1_400)) as string[];
    expect((await errorsOf(planWith([step('a', { shell: true, args })]))).join()).toContain(
      'the shell line is 140104 bytes',
    );
  });

  test('an environment variable, with its name', async () => {
    const errors = await errorsOf(planWith([step('a', { env: { NAME: 'x'.repeat(131_067) } })]));
    expect(errors.join()).toContain('environment variable "NAME" is 131072 bytes; it may be 131071');
  });

  test('arguments that are too much together', async () => {
    const args = Array(11).fill('x'.repeat(100 * KB)) as string[];
    expect((await errorsOf(planWith([step('a', { args })]))).join()).toContain(
      'arguments and environment have',
    );
  });

  test('a step that is more than can be sent to a worker, the environment of all included', async () => {
    const half = 'x'.repeat(62 * KB);
    const plan = { ...planWith([step('a', { args: [half] })]), globals: { env: { BIG: half } } };
    expect((await errorsOf(plan)).join()).toContain('as it is sent to a worker it has');
    expect(await errorsOf({ ...plan, globals: {} })).toEqual([]);
  });

  test('a step that could become so with the outputs that are put into it', async () => {
    const source = step('s', { outputs: { v: '/v' } });
    const reading = (count: number) =>
      planWith([
        source,
        step('a', { depends_on: ['s'], args: Array(count).fill('x${steps.s.outputs.v}') as string[] }),
      ]);
    expect((await errorsOf(reading(40))).join()).toContain('as it is sent to a worker');
    expect(await errorsOf(reading(20))).toEqual([]);
  });

  test('more than 20,000 steps', async () => {
    const steps = Array.from({ length: 20_001 }, (_, at) => step(`s${at}`));
    expect((await errorsOf(planWith(steps))).join()).toContain(
      '"steps" must be a list of at most 20000 steps',
    );
  });
});

test('a step just below the limits is loaded', async () => {
  const plan = await loaded(planWith([step('a', { args: ['x'.repeat(100 * KB)] })]));
  expect(plan.steps).toHaveLength(1);
});
