/**
 * A set of workstreams on a real repository, on a real server: real worktrees, patches, gates and a branch that moves.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.js';
import { ANY_COMMAND } from '../../src/workstream/tool/adapters.js';
import type { WorkstreamMeans } from '../../src/workstream/means.js';
import { openHall, type Hall } from '../activities/workstream/attempts.js';
import { sandbox } from '../tools/git/support/sandbox.js';
import { openEngine, stepsOf, type Engine } from './engine.js';
import { setOf } from './landing-stand-in.js';

sandbox();
let hall: Hall;
let engine: Engine;
beforeAll(async () => {
  const parts = { program: inject('temporalProgram'), bundle: inject('workflowBundle') };
  const names = [
    ...(['runWorkstream', 'findTip', 'mergeForLanding'] as const),
    ...(['resolveForLanding', 'runGates', 'moveBranch', 'releaseMerges'] as const),
  ];
  const more = Object.fromEntries(names.map((name) => [name, (task: never) => hall.activities[name](task)]));
  engine = await openEngine({ ...parts, more });
});
afterAll(() => engine.close());
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

/** The plan with a shell script as the tool of each workstream. */
const withScripts = (plan: Plan, scripts: Readonly<Record<string, string>>): Plan => ({
  ...plan,
  steps: plan.steps.map((step) => {
    if (step.work.kind !== 'workstream') return step;
    const means = step.work.means as unknown as WorkstreamMeans;
    const tool = { name: 'sh', title: 'Shell', executable: 'sh', model: null, more: [] };
    const tools = [{ ...ANY_COMMAND, ...tool, args: ['-ec', scripts[step.id]!] }];
    return { ...step, work: { ...step.work, means: { ...means, tools } as never } };
  }),
});

test('patches of tools at work side by side land in order, with their proof; one that breaks the gate does not', async () => {
  // a ─► b: b sees what a wrote     c breaks the gate     d
  const scope = { files_scope: ['src/'] };
  const gate = { name: 'unit', command: '! grep -rq BROKEN src', timeoutSec: 60, blocking: true };
  const plan = withScripts(
    await setOf(
      {
        a: { files_scope: ['src/a'] },
        b: { files_scope: ['src/b'], depends_on: ['ws-a'] },
        c: { ...scope, files_scope: ['src/c'] },
        d: { files_scope: ['src/d'] },
      },
      { landing: { gates: [gate] } },
    ),
    {
      'ws-a': 'echo one >src/a',
      'ws-b': 'cp src/a src/b; echo two >>src/b',
      'ws-c': 'echo BROKEN >src/c',
      'ws-d': 'echo four >src/d',
    },
  );
  const origin = {
    ...{ planPath: 'x', root: hall.repo.path, planHash: 'h', engineVersion: '0', retryOf: null },
    ...{ parentRun: null, actor: 'test', base: hall.base },
  };
  const handle = await engine.start(plan, { origin });
  await handle.result().catch(() => undefined);
  const steps = await stepsOf(engine.client, handle.workflowId);
  expect(steps['landing']).toMatchObject({
    state: 'failed',
    outputs: { counts: '3 landed, 1 quarantined', tip: hall.repo.git('rev-parse', 'refs/heads/main').trim() },
  });
  const show = (path: string): string => hall.repo.git('show', `main:${path}`).trim();
  expect([show('src/a'), show('src/b'), show('src/d')]).toEqual(['one', 'one\ntwo', 'four']);
  expect(hall.repo.git('ls-tree', '-r', '--name-only', 'main')).not.toContain('src/c');
  expect(hall.repo.git('for-each-ref', 'refs/planwright/landing')).toBe('');
  // The checkout has followed, and is clean.
  expect(hall.repo.git('status', '--porcelain').trim()).toBe('');
  const log = hall.repo.git('log', '--format=%B', `${hall.base}..main`);
  expect(log.match(/^Planwright-Gate: unit: passed/gm)).toHaveLength(3);
  expect(log.match(/^Planwright-Patch-Sha256: [0-9a-f]{64}$/gm)).toHaveLength(3);
  const { patch } = steps['ws-c']!.outputs as { patch: { commit: string } };
  expect(hall.repo.git('show', `${patch.commit}:src/c`).trim()).toBe('BROKEN'); // it is kept
});

test('nothing lands on a commit that a tool put onto the branch: it is set back, and what is proven lands', async () => {
  // e, then a: they want the same files
  const plan = withScripts(
    await setOf({
      a: { files_scope: ['src/'] },
      e: { files_scope: ['src/'], metadata: { priority: 'high' } },
    }),
    {
      'ws-a': 'echo one >src/a',
      'ws-e': 'echo evil >src/e; git add src/e; git commit -qm evil; git update-ref refs/heads/main HEAD',
    },
  );
  const origin = {
    ...{ planPath: 'x', root: hall.repo.path, planHash: 'h', engineVersion: '0', retryOf: null },
    ...{ parentRun: null, actor: 'test', base: hall.base },
  };
  const handle = await engine.start(plan, { origin });
  await handle.result().catch(() => undefined);
  const steps = await stepsOf(engine.client, handle.workflowId);
  expect(steps['ws-e']).toMatchObject({
    state: 'failed',
    outputs: {
      outcome: 'quarantined',
      reason: expect.stringMatching(
        /branch refs\/heads\/main moved from .*\(git update-ref refs\/heads\/main [0-9a-f]{12} [0-9a-f]{12}\)/,
      ),
    },
  });
  const { strays } = steps['landing']!.outputs as { strays: { by: string; to: string; keptAs: string }[] };
  expect(strays).toMatchObject([{ by: 'the tool of ws-e (attempt 1)', to: hall.base }]);
  expect(hall.repo.git('show', `${strays[0]!.keptAs}:src/e`).trim()).toBe('evil');
  const [tip, ...below] = hall.repo.git('log', '--format=%H', 'main').trim().split('\n');
  expect([steps['landing']!.outputs['tip'], below]).toEqual([tip, [hall.base]]);
  expect(hall.repo.git('status', '--porcelain').trim()).toBe('');
}, 120_000);

test('a patch in conflict with what landed meanwhile lands as the resolver merged it, gated and with the proof of it', async () => {
  const gate = {
    name: 'unit',
    command: 'grep -q theirs src/a && grep -q ours src/a',
    timeoutSec: 60,
    blocking: true,
  };
  const set = await setOf({ a: { files_scope: ['src/a'] } }, { landing: { gates: [gate] } });
  const answer = `printf '{"text": "merged", "confidence": 1, "note": "both"}' >result.json`;
  const help = { check: '', maxFiles: 20, maxSeconds: 60, minConfidence: 0.7, needs: [] };
  const conflicts = { ...help, resolver: `cat ours theirs >merged; ${answer}` };
  const plan = withScripts(
    {
      ...set,
      steps: set.steps.map((step) =>
        step.work.kind === 'landing' ? { ...step, work: { ...step.work, conflicts } } : step,
      ),
    },
    { 'ws-a': 'echo theirs >src/a' },
  );
  const tip = hall.repo.commit('meanwhile', { 'src/a': 'ours\n' });
  const origin = {
    ...{ planPath: 'x', root: hall.repo.path, planHash: 'h', engineVersion: '0', retryOf: null },
    ...{ parentRun: null, actor: 'test', base: hall.base },
  };
  const handle = await engine.start(plan, { origin });
  await handle.result();
  expect(hall.repo.git('show', 'main:src/a')).toBe('ours\ntheirs');
  expect(hall.repo.git('rev-parse', 'main^')).toBe(tip);
  expect(hall.repo.git('log', '-1', '--format=%b', 'main')).toMatch(
    /^Planwright-Resolved: src\/a by resolver, confidence 1\nPlanwright-Gate: unit: passed$/m,
  );
  const steps = await stepsOf(engine.client, handle.workflowId);
  expect(steps['landing']!.outputs['conflicts']).toMatchObject([
    { patch: 'ws-a', conflict: { kind: 'content', files: ['src/a'] }, resolved: [{ note: 'both' }] },
  ]);
});
