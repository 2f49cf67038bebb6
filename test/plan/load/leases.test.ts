import { describe, expect, test } from 'vitest';
import { errorsOf, loaded, planWith, step } from './loading.js';

test('the run and its steps name the leases they need, with variables in them', async () => {
  const plan = planWith([step('a', { exclusive: ['gpu ${N}', 'gpu ${N}'] }), step('b')], {
    exclusive: ['repository:${REMOTE}#main'],
  });
  const made = await loaded(plan, { variables: { N: '0', REMOTE: 'origin' } });
  expect(made.exclusive).toEqual(['repository:origin#main']);
  expect(made.steps[0]!.exclusive).toEqual(['gpu 0']);
});

test('a plan that names none carries nothing of it', async () => {
  const made = await loaded(planWith([step('a'), step('b', { exclusive: [] })], { exclusive: [] }));
  expect(JSON.stringify(made)).not.toContain('exclusive');
});

describe('refused is', () => {
  test.each([
    [{ exclusive: 'db' }, '"exclusive" must be a list of lease names, found "db"; write a list: ["db"]'],
    [{ exclusive: [''] }, '"exclusive[0]" must be a text of 1 to 200 characters'],
    [{ exclusive: ['a\nb'] }, '"exclusive[0]" must be'],
    [{ exclusive: ['${NOBODY}'] }, 'the lease name "${NOBODY}" holds a variable without a value'],
    [{ exclusive: Array.from({ length: 51 }, (_, at) => `l${at}`) }, 'a list of at most 50 lease names'],
  ])('%j, of a step and of a plan', async (fields, words) => {
    expect((await errorsOf(planWith([step('a', fields)]))).join()).toContain(words);
    expect((await errorsOf(planWith([step('a')], fields))).join()).toContain(words);
  });

  test('a secret in a name: names are seen by everybody', async () => {
    const plan = planWith([step('a', { exclusive: ['x ${TOKEN}'], env: { TOKEN: '${TOKEN}' } })], {
      variables: { TOKEN: { secret: true } },
    });
    expect((await errorsOf(plan)).join()).toContain('the secret "TOKEN"');
  });

  test('a lease among the globals, which a warning would pass over', async () => {
    const plan = planWith([step('a')], { globals: { exclusive: ['db'] } });
    expect((await errorsOf(plan)).join()).toContain(
      'conflict: "exclusive" means nothing in "globals"; write it beside "globals"',
    );
  });

  test('a lease for an approval: nothing runs meanwhile', async () => {
    const ask = { id: 'ask', name: 'Ask', uses: 'approval', with: { message: 'ok?' }, exclusive: ['db'] };
    expect((await errorsOf(planWith([ask]))).join()).toContain(
      '"exclusive" means nothing for "uses": "approval"',
    );
  });

  test('an environment that says it holds what it does not', async () => {
    expect(
      (await errorsOf(planWith([step('a', { env: { PLANWRIGHT_LEASE_TOKEN: '1' } })]))).join(),
    ).toContain('is set by the engine');
  });
});
