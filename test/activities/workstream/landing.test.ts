import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { namesIn } from '../../../src/os/paths.js';
import type { StepId } from '../../../src/plan/plan.js';
import type { GatesTask, LandingPatch, MoveTask } from '../../../src/workflows/landing-api.js';
import { releaseMerges } from '../../../src/tools/git/held-merges.js';
import { noteFile, openOwnWorktree, worktreesFolder } from '../../../src/tools/git/own-worktree.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { expectHealthy, snapshot } from '../../tools/git/support/snapshot.js';
import { until } from '../../support/processes.js';
import { openHall, RUN, type Hall } from './attempts.js';

sandbox();
let hall: Hall;
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

/** The patch of a workstream whose tool is a shell script. */
async function patchOf(id: string, script: string): Promise<LandingPatch> {
  const { patch } = await hall.run(script, { step: id as StepId });
  return {
    ...{ id, dependsOn: [], priority: 'foreground', level: 0, createdAt: 0, title: `Do ${id}` },
    ...{ patchId: patch!.id, commit: patch!.commit!, base: patch!.base, sha256: patch!.sha256! },
  };
}

const merge = (onto: string, ...patches: readonly LandingPatch[]) =>
  hall.act(hall.activities.mergeForLanding, {
    ...{ runId: RUN, step: 'landing' as StepId, root: hall.repo.path },
    onto,
    patches,
    atSec: 1_700_000_000,
  });

async function merged(
  onto: string,
  ...patches: readonly LandingPatch[]
): Promise<{ commit: string; tree: string }> {
  const done = await merge(onto, ...patches);
  if (done.kind !== 'merged') throw new Error(done.conflict.detail);
  return done;
}

const moveOf = (
  patches: readonly LandingPatch[],
  to: { commit: string; tree: string },
  changes: Partial<MoveTask> = {},
): MoveTask => ({
  ...{
    runId: RUN,
    step: 'landing' as StepId,
    root: hall.repo.path,
    branch: 'refs/heads/main',
    from: hall.base,
    onto: hall.base,
    atSec: 1_700_000_000,
  },
  ...{ to: to.commit, tree: to.tree },
  patches: patches.map((patch) => ({
    ...patch,
    proof: {
      together: [patch.id],
      onto: hall.base,
      commit: to.commit,
      tree: to.tree,
      gates: { unit: { green: true, reds: 1 } },
    },
  })),
  ...changes,
});
const move = (task: MoveTask) => hall.act(hall.activities.moveBranch, task);

describe('patches of workstreams', () => {
  test('are merged, and land with their proof, once', async () => {
    const [a, b] = [await patchOf('ws-a', 'echo 1 > src/a'), await patchOf('ws-b', 'echo 2 > src/b')];
    const tip = await hall.act(hall.activities.findTip, {
      runId: RUN,
      root: hall.repo.path,
      at: 'refs/heads/main',
    });
    const to = await merged(tip.commit, a, b);
    const done = await move(moveOf([a, b], to));
    if (done.kind !== 'landed') throw new Error('it did not land');
    expect(hall.repo.git('rev-parse', 'main', 'main^{tree}').split('\n')).toEqual([done.commit, to.tree]);
    expect(hall.repo.git('log', '--format=%an|%s', `${hall.base}..main`)).toBe(
      'Tester|Do ws-b\nTester|Do ws-a',
    );
    expect(hall.repo.git('log', '-1', '--format=%b', 'main')).toContain(
      'Planwright-Gate: unit: passed (red 1 time before)',
    );
    expect([
      hall.repo.read('src/a'),
      hall.repo.read('src/b'),
      hall.repo.git('status', '--porcelain'),
    ]).toEqual(['1\n', '2\n', '']);
    expect(await move(moveOf([a, b], to))).toEqual(done);
    expect(hall.repo.git('rev-list', '--count', 'main')).toBe('3');
    expectHealthy(hall.repo.path);
  });

  test('go on from a tip that has the same tree by another name', async () => {
    const [a, b] = [await patchOf('ws-a', 'echo 1 > src/a'), await patchOf('ws-b', 'echo 2 > src/b')];
    const first = await merged(hall.base, a);
    const second = await merged(first.commit, b);
    const landed = await move(moveOf([a], first));
    if (landed.kind !== 'landed') throw new Error('it did not land');
    const more = await move(moveOf([b], second, { from: landed.commit, onto: first.commit }));
    expect(more.kind).toBe('landed');
    expect(hall.repo.git('rev-list', '--count', 'main')).toBe('3');
  });

  test('that conflict are told by the workstream, with kind and files', async () => {
    const [a, b] = [await patchOf('ws-a', 'echo 1 > src/x'), await patchOf('ws-b', 'echo 2 > src/x')];
    expect(await merge(hall.base, a, b)).toMatchObject({
      kind: 'conflicted',
      patch: 'ws-b',
      conflict: { kind: 'content', files: ['src/x'], with: [] },
    });
  });

  test('are merged in a row, one on top of the other, up to the first that conflicts', async () => {
    const [a, b] = [await patchOf('ws-a', 'echo 1 > src/x'), await patchOf('ws-b', 'echo 2 > src/b')];
    const [c, d] = [await patchOf('ws-c', 'echo 3 > src/x'), await patchOf('ws-d', 'echo 4 > src/d')];
    const row = await hall.act(hall.activities.mergeForLanding, {
      ...{ runId: RUN, step: 'landing' as StepId, root: hall.repo.path, onto: hall.base },
      ...{ patches: [a], above: [[b], [c], [d]], atSec: 1_700_000_000 },
    });
    const first = await merged(hall.base, a);
    const second = await merged(first.commit, b);
    expect(row).toEqual({
      ...{ kind: 'merged', ...first },
      above: [
        { kind: 'merged', ...second },
        { kind: 'conflicted', patch: 'ws-c', conflict: expect.objectContaining({ files: ['src/x'] }) },
      ],
    });
    // The uppermost holds the one below it.
    hall.repo.git('update-ref', '-d', `refs/planwright/landing/${RUN}/landing/${first.commit}`);
    hall.repo.git('gc', '--quiet', '--prune=now');
    expect(hall.repo.git('log', '--format=%H', `${hall.base}..${second.commit}`)).toBe(
      `${second.commit}\n${first.commit}`,
    );
  });

  test('do not land on a branch that moved, or in a work tree with changes, or on a tree that was not tested', async () => {
    const a = await patchOf('ws-a', 'echo 1 > src/app.py');
    const to = await merged(hall.base, a);
    hall.repo.write({ 'src/app.py': 'mine\n' });
    const before = snapshot(hall.repo.path);
    expect(await move(moveOf([a], to))).toMatchObject({
      kind: 'land-refused',
      detail: expect.stringContaining('not committed: src/app.py'),
    });
    expect(await move(moveOf([a], { ...to, tree: 'a'.repeat(40) }))).toMatchObject({ kind: 'land-refused' });
    expect(snapshot(hall.repo.path)).toEqual(before);
    const theirs = hall.repo.commit('theirs', {});
    expect(await move(moveOf([a], to))).toMatchObject({ kind: 'land-lost', commit: theirs });
    expect(hall.repo.git('rev-parse', 'main')).toBe(theirs);
  });

  test('of a branch that is not there: said at once', async () => {
    const asking = hall.act(hall.activities.findTip, {
      runId: RUN,
      root: hall.repo.path,
      at: 'refs/heads/none',
    });
    await expect(asking).rejects.toMatchObject({ type: 'NoSuchBranch', nonRetryable: true });
  });

  test('land though a person has git collect what nothing points at, before the gates and after them', async () => {
    const a = await patchOf('ws-a', 'echo 1 > src/a');
    const to = await merged(hall.base, a);
    const collect = (): void => {
      hall.repo.git('reflog', 'expire', '--expire=now', '--all');
      hall.repo.git('gc', '--quiet', '--prune=now');
    };
    collect();
    const gate = { name: 'unit', command: 'grep -q 1 src/a', timeoutSec: 60, blocking: true };
    const { results } = await hall.act(hall.activities.runGates, {
      ...{ runId: RUN, step: 'landing' as StepId, root: hall.repo.path, setup: [], minFreeBytes: 0 },
      ...{ ...to, gates: [gate] },
    });
    expect(results).toMatchObject([{ result: 'green' }]);
    collect();
    expect((await move(moveOf([a], to))).kind).toBe('landed');
    const release = { runId: RUN, step: 'landing' as StepId, root: hall.repo.path };
    const held = (): string =>
      hall.repo.git('for-each-ref', '--format=%(objectname)', 'refs/planwright/landing');
    expect(held()).toBe(to.commit);
    await hall.act(hall.activities.releaseMerges, { ...release, step: 'other' as StepId });
    expect(held()).toBe(to.commit);
    await hall.act(hall.activities.releaseMerges, release);
    await hall.act(hall.activities.releaseMerges, release);
    expect(held()).toBe('');
    // Of a landing that was ended before it could: all of its run goes, and nothing of another.
    await merged(hall.base, a);
    const repository = await openRepository(hall.repo.path);
    expect(await releaseMerges(repository, `${RUN}x`)).toBe(0);
    expect([await releaseMerges(repository, RUN), held()]).toEqual([1, '']);
    expectHealthy(hall.repo.path);
  });

  test('do not land on a branch that was deleted or moved back meanwhile: where it is now is said', async () => {
    const first = hall.repo.commit('first', { 'src/first': '1\n' });
    const a = await patchOf('ws-a', 'echo 1 > src/a');
    const to = await merged(first, a);
    const task = moveOf([a], to, { from: first, onto: first });
    hall.repo.git('checkout', '--quiet', '--detach');
    hall.repo.git('update-ref', 'refs/heads/main', hall.base);
    expect(await move(task)).toEqual({
      ...{ kind: 'land-lost', commit: hall.base },
      tree: hall.repo.git('rev-parse', `${hall.base}^{tree}`),
    });
    expect(hall.repo.git('rev-parse', 'main')).toBe(hall.base);
    hall.repo.git('update-ref', '-d', 'refs/heads/main');
    expect(await move(task)).toEqual({
      kind: 'land-refused',
      detail: `branch "main" is gone; it was at ${first}: git branch main ${first}`,
    });
    expect(hall.repo.git('for-each-ref', 'refs/heads')).toBe('');
  });

  test("land while a tool works: it is not taken for the tool's doing", async () => {
    const a = await patchOf('ws-a', 'echo 1 > src/a');
    const to = await merged(hall.base, a);
    const other = hall.start(
      `touch ${hall.folder}/b; while [ ! -e ${hall.folder}/go ]; do sleep 0.02; done; echo 1 > src/b`,
      { step: 'ws-b' as StepId },
    );
    await until('the other works', () => existsSync(join(hall.folder, 'b')));
    expect((await move(moveOf([a], to))).kind).toBe('landed');
    writeFileSync(join(hall.folder, 'go'), '');
    expect(await other.told).toMatchObject({ outcome: 'patched', trouble: null });
  });
});

describe('gates', () => {
  const gates = (commands: Readonly<Record<string, string>>, changes: Partial<GatesTask> = {}) =>
    hall.act(hall.activities.runGates, {
      ...{
        runId: RUN,
        step: 'landing' as StepId,
        root: hall.repo.path,
        commit: hall.base,
        setup: [],
        minFreeBytes: 0,
      },
      tree: hall.repo.git('rev-parse', `${hall.base}^{tree}`),
      gates: Object.entries(commands).map(([name, command]) => ({
        name,
        command,
        timeoutSec: 60,
        blocking: name !== 'advice',
      })),
      ...changes,
    });

  test('run on exactly the tree, one after the other, up to the first that is not green', async () => {
    const before = snapshot(hall.repo.path);
    const { results } = await gates({
      advice: 'exit 1',
      one: 'git diff --quiet HEAD && rm README.md && touch junk',
      two: 'test -f README.md && test ! -e junk',
      three: 'echo broken; exit 3',
      four: `touch ${hall.folder}/ran`,
    });
    expect(results.map(({ gate, result }) => [gate, result])).toEqual([
      ['advice', 'red'],
      ['one', 'green'],
      ['two', 'green'],
      ['three', 'red'],
    ]);
    expect(results.at(-1)!.tail).toBe('three: exit code 3\nbroken');
    expect(existsSync(join(hall.folder, 'ran'))).toBe(false);
    expect(snapshot(hall.repo.path)).toEqual(before);
  });

  test('that cannot be run, or do not end, are errors', async () => {
    expect((await gates({ one: 'no-such-program' })).results).toMatchObject([{ result: 'error' }]);
    const late = await gates(
      { one: 'sleep 77' },
      { gates: [{ name: 'one', command: 'sleep 77', timeoutSec: 1, blocking: true }] },
    );
    expect(late.results).toMatchObject([
      { result: 'error', tail: expect.stringContaining('did not end within 1 s') },
    ]);
    expect((await gates({ one: 'true' }, { setup: ['exit 9'] })).results).toMatchObject([
      { result: 'error', tail: 'setup "exit 9": exit code 9' },
    ]);
  });

  test('do not see what setting up has changed of the tree', async () => {
    const { results } = await gates(
      { one: 'test -f README.md && test -f cache/made && test ! -e junk' },
      {
        setup: [
          'rm README.md && touch junk && mkdir cache && echo "*" > cache/.gitignore && touch cache/made',
        ],
      },
    );
    expect(results).toMatchObject([{ gate: 'one', result: 'green' }]);
  });

  test('that were lost with their worker leave no work tree, whether it was made or half made', async () => {
    const repository = await openRepository(hall.repo.path);
    const folder = worktreesFolder(hall.home, repository.commonDir);
    const request = { home: hall.home, commit: hall.base };
    const owner = { run: RUN, step: 'landing', attempt: 1 };
    for (const state of ['ready', 'making']) {
      const { id, note } = await openOwnWorktree(repository, { ...request, id: `gate-${state}`, owner });
      const worker = { ...note.worker, startedAt: '1' }; // of a process that has died
      writeFileSync(noteFile(folder, id), JSON.stringify({ ...note, state, worker }));
    }
    await gates({ one: 'true' });
    expect(hall.repo.git('worktree', 'list').split('\n')).toHaveLength(1);
    expect([await namesIn(join(folder, '.own')), await namesIn(folder)]).toEqual([[], ['.gone', '.own']]);
  });

  test('are not run on another tree than was asked for', async () => {
    await expect(gates({ one: 'true' }, { tree: 'a'.repeat(40) })).rejects.toMatchObject({
      type: 'NotWhatIsGated',
    });
  });
});
