import { describe, expect, test } from 'vitest';
import { commandOf, errorsOf, loaded, planWith, step } from './loading.js';

describe('a secret', () => {
  const SECRET = 'canary-7f3a';
  const declaring = (fields: object, more: object = {}) =>
    planWith([step('a', fields)], { variables: { TOKEN: { secret: true } }, ...more });
  const given = { variables: { TOKEN: SECRET } };

  test('stays a name in the plan, and its value is nowhere in it', async () => {
    const plan = await loaded(declaring({ env: { NPM_TOKEN: '${TOKEN}' } }), given);
    expect(commandOf(plan.steps[0]).env).toEqual({ NPM_TOKEN: '${TOKEN}' });
    expect(plan.secrets).toEqual(['TOKEN']);
    expect(JSON.stringify(plan)).not.toContain(SECRET);
  });

  test('may be in the environment of all steps', async () => {
    const plan = await loaded(declaring({}, { globals: { env: { T: '${TOKEN}' } } }), given);
    expect(plan.env).toEqual({ T: '${TOKEN}' });
  });

  test.each([
    [{ command: '${TOKEN}' }],
    [{ args: ['--token=${TOKEN}'] }],
    [{ cwd: '${TOKEN}' }],
    [{ name: '${TOKEN}' }],
    [{ description: '${TOKEN}' }],
    [{ runs_on: '${TOKEN}' }],
    [{ env: { A: 'Bearer ${TOKEN}' } }],
  ])('anywhere else is an error: %j', async (fields) => {
    const errors = await errorsOf(declaring(fields), given);
    expect(errors.join()).toContain(
      'misplaced-secret: step "a": the secret "TOKEN" may only be the whole value of an environment variable',
    );
    expect(errors.join()).not.toContain(SECRET);
  });

  test('in a condition is an error', async () => {
    expect((await errorsOf(declaring({ condition: 'vars.TOKEN == "x"' }), given)).join()).toContain(
      'bad-condition: step "a": condition: "TOKEN" is a secret',
    );
  });

  test('in a shell line is for the shell to put in, when env hands it over', async () => {
    expect(
      await errorsOf(declaring({ shell: true, command: 'curl -H "$T"', env: { T: '${TOKEN}' } }), given),
    ).toEqual([]);
    expect((await errorsOf(declaring({ shell: true, command: 'curl ${TOKEN}' }), given)).join()).toContain(
      'shell-text',
    );
  });

  test('has no default', async () => {
    const plan = planWith([step('a')], { variables: { TOKEN: { secret: true, default: SECRET } } });
    expect((await errorsOf(plan)).join()).toContain('a secret has no default');
  });

  test('that is required may be known to the worker alone', async () => {
    expect(
      await errorsOf(planWith([step('a')], { variables: { TOKEN: { secret: true, required: true } } })),
    ).toEqual([]);
  });

  test('is held to its pattern and enum without being shown', async () => {
    for (const limit of [{ pattern: 'x+' }, { enum: ['x'] }]) {
      const plan = planWith([step('a')], { variables: { TOKEN: { secret: true, ...limit } } });
      const errors = await errorsOf(plan, given);
      expect(errors.join()).toContain('variable "TOKEN": its value');
      expect(errors.join()).not.toContain(SECRET);
    }
  });

  test('is not asked for by a value that only looks like it', async () => {
    const plan = declaring({ env: { A: '${X}' } });
    const errors = await errorsOf(plan, { variables: { X: '${TOKEN}' } });
    expect(errors.join()).toContain('misplaced-secret: step "a": this value comes out as "${TOKEN}"');
    const pieces = declaring({ env: { A: '${X}${Y}' } });
    expect((await errorsOf(pieces, { variables: { X: '${TOK', Y: 'EN}' } })).join()).toContain(
      'misplaced-secret',
    );
    expect((await errorsOf(declaring({ env: { A: '$${TOKEN}' } }))).join()).toContain('misplaced-secret');
  });
});
