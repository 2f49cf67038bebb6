import { expect, test } from 'vitest';
import type { Plan, Step } from '../../src/plan/plan.js';
import { reusable } from '../../src/plan/reuse.js';
import { aPlan, aRecord, aStep, aStepRecord, done, sec } from './a-record.js';

const command = (command: string): Partial<Step> => ({
  work: { kind: 'command', command, args: [], cwd: '.', shell: false, env: {}, envMode: 'inherit' },
});

/** What of `after` is not run again, when `before` ended with every step but `not` succeeded. */
function kept(before: Plan, after: Plan, not: readonly string[] = []): { reused: string[]; again: string[] } {
  const steps = before.steps.map((step) =>
    not.includes(step.id) ? aStepRecord(step.id, 'failed') : done(step.id, sec(1), sec(2)),
  );
  const { reuse, again } = reusable(aRecord(before, steps), after);
  return { reused: Object.keys(reuse), again: again.map(({ step, because }) => `${step}: ${because}`) };
}

// a ─► b ─► c
const chain = aPlan([aStep('a'), aStep('b', ['a']), aStep('c', ['b'])]);

test('what succeeded is used again, what failed is run again', () => {
  expect(kept(chain, chain, ['c'])).toEqual({ reused: ['a', 'b'], again: [] });
});

test('a changed step is run again, and all that depends on it', () => {
  const changed = aPlan([aStep('a'), aStep('b', ['a'], command('false')), aStep('c', ['b'])]);
  expect(kept(chain, changed)).toEqual({ reused: ['a'], again: ['b: changed', 'c: dependency'] });
});

test('a step below one that failed is run again, though its failure was tolerated', () => {
  expect(kept(chain, chain, ['a'])).toEqual({ reused: [], again: ['b: dependency', 'c: dependency'] });
});

test('names, retries, time limits and policies do not count', () => {
  const retry = { ...aStep('x').retry, maxAttempts: 5 };
  const change: Partial<Step> = { name: 'new name', retry, timeoutSec: 1, onFailure: { kind: 'continue' } };
  const after = aPlan([aStep('a', [], change), aStep('b', ['a']), aStep('c', ['b'])], { version: '2.0' });
  expect(kept(chain, after).reused).toEqual(['a', 'b', 'c']);
});

test('another environment for all commands runs all of them again', () => {
  const after = aPlan(chain.steps, { env: { MODE: 'fast' } });
  expect(kept(chain, after)).toEqual({ reused: [], again: ['a: changed', 'b: changed', 'c: changed'] });
});

test('other variables run those steps again that have a condition', () => {
  const steps = [aStep('a'), aStep('b', [], { condition: 'vars.MODE == "fast"' })];
  const after = aPlan(steps, { variables: { MODE: 'slow' } });
  expect(kept(aPlan(steps, { variables: { MODE: 'fast' } }), after)).toEqual({
    reused: ['a'],
    again: ['b: variables'],
  });
});

test('a step below one that its condition skipped is used again', () => {
  const plan = aPlan([aStep('a', [], { condition: 'false' }), aStep('b', ['a'])]);
  const steps = [aStepRecord('a', 'skipped', { cause: { kind: 'condition' } }), done('b', sec(1), sec(2))];
  expect(Object.keys(reusable(aRecord(plan, steps), plan).reuse)).toEqual(['b']);
});

test('a fallback is decided anew', () => {
  const [a, b] = [aStep('a'), aStep('b')];
  const plan = aPlan([{ ...a, onFailure: { kind: 'fallback', step: b.id } }, b, aStep('c', ['a'])]);
  const steps = [
    aStepRecord('a', 'failed', { tolerated: true }),
    done('b', sec(1), sec(2)),
    done('c', sec(2), sec(3)),
  ];
  const { reuse, again } = reusable(aRecord(plan, steps), plan);
  expect([reuse, again.map(({ because }) => because)]).toEqual([{}, ['fallback', 'dependency']]);
});

test('a result that was itself used again keeps the name of the run that made it', () => {
  const steps = [aStepRecord('a', 'succeeded', { launchedAt: null, reusedFrom: 'first', outputs: { n: 1 } })];
  expect(reusable(aRecord(aPlan([aStep('a')]), steps), aPlan([aStep('a')])).reuse).toEqual({
    a: { runId: 'first', outputs: { n: 1 } },
  });
});
