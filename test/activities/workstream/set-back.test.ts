/**
 * Tools that move the branch that patches land on: it is set back, and nothing lands on what nobody has proven.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StepId } from '../../../src/plan/plan.js';
import type { LandingPatch, MoveDone } from '../../../src/workflows/landing-api.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { expectHealthy } from '../../tools/git/support/snapshot.js';
import { openHall, RUN, type Hall } from './attempts.js';

sandbox();
let hall: Hall;
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

const MAIN = 'refs/heads/main';
const at = (ref: string): string => hall.repo.git('rev-parse', ref);
const findTip = (since = hall.base) =>
  hall.act(hall.activities.findTip, { runId: RUN, root: hall.repo.path, at: MAIN, since });

/** A tool that is at work, as `ws-e`: in the person's own checkout, if it goes there. */
const evil = (script: string) => hall.run(`repo=${hall.repo.path}; ${script}`, { step: 'ws-e' as StepId });
const IN_ITS_OWN =
  'echo evil > src/e; git add src/e; git commit -q -m evil; git update-ref refs/heads/main HEAD';
const IN_THE_CHECKOUT = 'cd $repo; echo evil > src/app.py; git commit -q -a -m evil';

/** A patch on its way onto the branch. */
async function landing(script: string): Promise<() => Promise<MoveDone>> {
  const { patch } = await hall.run(script);
  const one: LandingPatch = {
    ...{ id: 'ws-a', dependsOn: [], priority: 'foreground', level: 0, createdAt: 0, title: 'Do ws-a' },
    ...{ patchId: patch!.id, commit: patch!.commit!, base: patch!.base, sha256: patch!.sha256! },
  };
  const of = { runId: RUN, step: 'landing' as StepId, root: hall.repo.path };
  const atSec = 1_700_000_000;
  const merged = await hall.act(hall.activities.mergeForLanding, {
    ...of,
    ...{ onto: hall.base, patches: [one], atSec },
  });
  if (merged.kind !== 'merged') throw new Error(merged.conflict.detail);
  const { commit: to, tree } = merged;
  const proof = { together: ['ws-a'], onto: hall.base, commit: to, tree, gates: {} };
  return () =>
    hall.act(hall.activities.moveBranch, {
      ...of,
      ...{ branch: MAIN, from: hall.base, onto: hall.base, to, tree, atSec },
      patches: [{ ...one, proof }],
    });
}

test.each([
  ['by its ref alone', IN_ITS_OWN],
  ['with the files of the checkout', IN_THE_CHECKOUT],
  [
    'under a name of its own making',
    'git -c user.name=me -c user.email=me@x commit -q --allow-empty -m x; git update-ref refs/heads/main HEAD',
  ],
  [
    'away from what was there',
    'git update-ref refs/heads/main $(git commit-tree -m new HEAD:src </dev/null)',
  ],
  ['twice', `${IN_ITS_OWN}; git commit -q --allow-empty -m more; git update-ref refs/heads/main HEAD`],
])('a branch that a tool moved %s is set back, and what it was is kept', async (_, script) => {
  expect((await evil(script)).outcome).not.toBe('patched');
  const theirs = at('main');
  expect(theirs).not.toBe(hall.base);
  const tip = await findTip();
  expect(tip).toEqual({
    commit: hall.base,
    tree: at(`${hall.base}^{tree}`),
    stray: {
      ...{ from: theirs, to: hall.base, by: 'the tool of ws-e (attempt 1)' },
      keptAs: `refs/planwright/strays/${RUN}/${theirs.slice(0, 12)}`,
    },
  });
  expect([at('main'), at(tip.stray!.keptAs), hall.repo.git('status', '--porcelain')]).toEqual([
    hall.base,
    theirs,
    '',
  ]);
  expect(await findTip()).toEqual({ commit: hall.base, tree: at(`${hall.base}^{tree}`) });
  expectHealthy(hall.repo.path);
});

test('so it is where git keeps no reflog', async () => {
  await evil(IN_ITS_OWN);
  rmSync(join(hall.repo.path, '.git/logs'), { recursive: true });
  expect(await findTip()).toMatchObject({ commit: hall.base, stray: { to: hall.base } });
  expect(at('main')).toBe(hall.base);
});

test('a branch that a tool moved back, away from a commit of the person, is set forward again', async () => {
  const mine = hall.repo.commit('mine', { 'src/mine': '1\n' });
  await hall.run(`git update-ref ${MAIN} ${hall.base}`, { step: 'ws-e' as StepId, base: mine });
  expect(at('main')).toBe(hall.base);
  expect(await findTip(mine)).toMatchObject({ commit: mine, stray: { from: hall.base, to: mine } });
  expect([at('main'), hall.repo.git('status', '--porcelain')]).toEqual([mine, '']);
});

test('what a person commits meanwhile is left alone', async () => {
  await evil('echo 1 > src/n');
  const mine = hall.repo.commit('mine', { 'src/mine': '1\n' });
  expect(await findTip()).toEqual({ commit: mine, tree: at(`${mine}^{tree}`) });
  expect([at('main'), hall.repo.git('for-each-ref', 'refs/planwright/strays')]).toEqual([mine, '']);
  // Also when it takes in what a tool had committed: then it is the person's own doing.
  const script = 'git commit -q --allow-empty -m theirs; git update-ref refs/heads/theirs HEAD';
  await hall.run(script, { step: 'ws-f' as StepId });
  hall.repo.git('merge', '-q', '--no-ff', '-m', 'taken', 'theirs');
  const taken = at('main');
  expect(await findTip()).toMatchObject({ commit: taken });
  expect(at('main')).toBe(taken);
});

test('a person who has put it right already is left alone, too', async () => {
  await evil(IN_THE_CHECKOUT);
  hall.repo.git('reset', '-q', '--hard', hall.base);
  const mine = hall.repo.commit('mine', { 'src/mine': '1\n' });
  expect(await findTip()).toEqual({ commit: mine, tree: at(`${mine}^{tree}`) });
});

test('where a person went on from there it is theirs to decide, and the ways are named', async () => {
  await evil(IN_THE_CHECKOUT);
  const theirs = at('main');
  const mine = hall.repo.commit('mine', { 'src/mine': '1\n' });
  const [a, b, c] = [hall.base, theirs, mine].map((id) => id.slice(0, 12));
  const tip = await findTip();
  expect(tip.held).toBe(
    `the tool of ws-e (attempt 1) moved "main" from ${a} to ${b}, and somebody went on from there to ${c}. ` +
      `Without it: git rebase --onto ${a} ${b} main; or take it as it is; then run it again: planwright retry ${RUN}`,
  );
  expect(at('main')).toBe(mine);
  hall.repo.git('rebase', '-q', '--onto', a!, b!, 'main'); // as it was said
  const tidy = await findTip();
  expect([tidy.held, hall.repo.git('log', '--format=%s', 'main')]).toEqual([undefined, 'mine\nbase']);
  // And a new run takes what was there at its start.
  expect(await findTip(mine)).toMatchObject({ commit: at('main') });
});

test('work that is not committed is in the way of setting back: nothing is touched, and it is said how', async () => {
  await evil(IN_THE_CHECKOUT);
  const theirs = at('main');
  hall.repo.write({ 'src/app.py': 'mine\n' });
  const tip = await findTip();
  expect(tip.held).toMatch(
    /^the tool of ws-e .* and it cannot be set back: .*not committed: src\/app.py.*git reset --keep [0-9a-f]{12}; then run it again/,
  );
  expect([at('main'), hall.repo.read('src/app.py')]).toEqual([theirs, 'mine\n']);
});

test('a patch lands where it was to, though a tool moved the branch while it was gated', async () => {
  const land = await landing('echo 1 > src/n');
  await evil(IN_ITS_OWN);
  const theirs = at('main');
  const done = await land();
  expect(done).toMatchObject({ kind: 'landed', strays: [{ from: theirs, to: hall.base }] });
  expect(hall.repo.git('log', '--format=%s', 'main')).toBe('Do ws-a\nbase');
  expect(hall.repo.git('status', '--porcelain')).toBe('');
});

test('after the last patch the branch is looked at once more', async () => {
  const land = await landing('echo 1 > src/n');
  const done = await land();
  if (done.kind !== 'landed') throw new Error('it did not land');
  await hall.run(IN_ITS_OWN, { step: 'ws-e' as StepId, base: done.commit });
  const release = { runId: RUN, step: 'landing' as StepId, root: hall.repo.path };
  const look = await hall.act(hall.activities.releaseMerges, { ...release, branch: MAIN, tip: done.commit });
  expect(look).toMatchObject({ stray: { to: done.commit } });
  expect(at('main')).toBe(done.commit);
});

test('a branch that a tool deleted is missed, and it is said how it comes back', async () => {
  await evil(`git update-ref -d ${MAIN}`);
  await expect(findTip()).rejects.toMatchObject({
    type: 'NoSuchBranch',
    message: expect.stringContaining(`git branch main ${hall.base}`),
  });
});
