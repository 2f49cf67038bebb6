import { expect, test } from 'vitest';
import { openConditions } from '../../src/plan/condition.js';
import type { Plan } from '../../src/plan/plan.js';
import { previewOf } from '../../src/plan/preview.js';
import { planOf } from './builder.js';

async function fates(plan: Plan): Promise<Record<string, string>> {
  const { evaluate, examine } = await openConditions();
  const readsOf = (condition: string): string[] =>
    examine(condition, () => 0).reads.flatMap((read) => (read.kind === 'step' ? [read.step] : []));
  const { levels } = previewOf(plan, { evaluate, readsOf });
  return Object.fromEntries(levels.flat().map(({ step, will, because }) => [step.id, because ?? will]));
}

test('what conditions over variables come to is known before the start', async () => {
  const plan = planOf({
    a: {},
    no: { condition: 'vars.LEVEL == "full"' },
    yes: { condition: 'vars.LEVEL == "fast"' },
  });
  expect(await fates({ ...plan, variables: { LEVEL: 'fast' } })).toEqual({
    a: 'run',
    no: 'its condition is false: vars.LEVEL == "full"',
    yes: 'since vars.LEVEL == "fast"',
  });
});

test('what conditions over steps come to is open, but for steps that will not run', async () => {
  const plan = planOf({
    a: {},
    gone: { condition: 'false' },
    open: { after: ['a'], condition: 'steps.a.exit_code == 0' },
    known: { after: ['gone'], condition: 'steps.gone.state == "succeeded"' },
  });
  expect(await fates(plan)).toMatchObject({
    open: 'only if steps.a.exit_code == 0',
    known: 'its condition is false: steps.gone.state == "succeeded"',
  });
});

test('a fallback runs only when it is needed, and leases are named in the order in which they are taken', async () => {
  const plan = planOf({ a: { onFailure: { fallback: 'spare' }, exclusive: ['z', 'y'] }, spare: {} });
  expect(await fates(plan)).toMatchObject({ spare: 'only if "a" fails' });
  const conditions = { evaluate: () => ({ kind: 'true' }) as const, readsOf: () => [] };
  const preview = previewOf({ ...plan, exclusive: ['b', 'a'] }, conditions);
  expect(preview.leases).toEqual(['a', 'b']);
  expect(preview.levels[0]![0]!.leases).toEqual(['y', 'z']);
});
