import { describe, expect, test } from 'vitest';
import type { LandingWork, WorkstreamWork } from '../../../src/plan/plan.js';
import { errorsOf, loaded, planWith, step, warningsOf } from './loading.js';

const work = (id: string, after: readonly string[] = [], more: object = {}): object => {
  const { command: _, args: __, ...rest } = step(id);
  return {
    ...rest,
    uses: 'workstream',
    depends_on: after,
    with: { prompt: 'Do it', files_scope: [`${id}/`], ...more },
  };
};
const land = (after: readonly string[], more: object = {}): object => ({
  ...{ id: 'land', name: 'Land', uses: 'landing', depends_on: after, with: more },
});

describe('a workstream in a plan file', () => {
  test('says in a few words what is done, and the rest has defaults', async () => {
    const plan = await loaded(planWith([work('a', [], { tool: 'codex', acceptance_tests: ['npm test'] })]));
    expect(plan.steps[0]).toMatchObject({
      work: {
        ...{ kind: 'workstream', workstream: 'a', tools: ['codex'], prompt: 'Do it', filesScope: ['a/'] },
        ...{ acceptanceTests: ['npm test'], startsWith: [], toolTimeoutSec: 600, dryRun: false },
        means: { isolation: 'worktree', tools: [{ name: 'codex', executable: 'codex' }] },
      },
      idempotent: true,
      timeoutSec: 3_600,
      retry: { maxAttempts: 1 },
    });
  });

  test('may name any program as its tool', async () => {
    const plan = await loaded(planWith([work('a', [], { tool: 'my-tool' })]));
    expect(plan.steps[0]!.work).toMatchObject({ means: { tools: [{ executable: 'my-tool' }] } });
  });

  test('starts with the patches of all workstreams above it, those that land first at the front', async () => {
    // c ─► b ─► check ─► a        d ─► a
    const plan = await loaded(
      planWith([
        work('a', ['check', 'd']),
        step('check', { depends_on: ['b'] }),
        work('b', ['c']),
        work('c'),
        work('d'),
      ]),
    );
    expect((plan.steps[0]!.work as WorkstreamWork).startsWith).toEqual(['c', 'd', 'b']);
  });

  test.each([
    [{ prompt: '' }, '"with.prompt" must be a text of 1 to 65536 characters'],
    [{ files_scope: [] }, '"with.files_scope" must be a list of at least one path'],
  ])('with %j is refused', async (more, words) => {
    expect((await errorsOf(planWith([work('a', [], more)]))).join()).toContain(words);
  });

  test('with tests that are no commands is told so', async () => {
    const plan = planWith([work('a', [], { acceptance_tests: ['It should be faster'] })]);
    expect((await warningsOf(plan)).join()).toContain('no command, and not run: "It should be faster"');
  });
});

describe('a landing in a plan file', () => {
  test('lands the patches of all workstreams above it', async () => {
    const plan = await loaded(
      planWith([
        work('a'),
        work('b', ['a']),
        work('c'),
        land(['b'], { branch: 'main', gates: [{ name: 'unit', command: 'npm test' }] }),
      ]),
    );
    expect(plan.steps[3]!.work as LandingWork).toMatchObject({
      branch: 'refs/heads/main',
      begins: 'when-all-ended',
      gates: [{ name: 'unit', command: 'npm test', timeoutSec: 1_800, blocking: true }],
      patches: [
        { workstream: 'a', dependsOn: [], level: 0, priority: 'foreground' },
        { workstream: 'b', dependsOn: ['a'], level: 1, priority: 'foreground' },
      ],
    });
  });

  test('without a branch moves none', async () => {
    const plan = await loaded(planWith([work('a'), land(['a'])]));
    expect(plan.steps[1]!.work).toMatchObject({ branch: '', gates: [], slots: 4 });
  });

  test('with two gates of one name is refused', async () => {
    const gate = { name: 'unit', command: 'true' };
    expect((await errorsOf(planWith([work('a'), land(['a'], { gates: [gate, gate] })]))).join()).toContain(
      'step "land": there are two gates named "unit"',
    );
  });
});
