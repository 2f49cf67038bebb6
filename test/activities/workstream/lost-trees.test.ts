/**
 * Tools that remove the work tree of another: whose it was is not at fault, and who was at work then is named.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WorkstreamEnded } from '../../../src/activities/workstream/api.js';
import type { StepId } from '../../../src/plan/plan.js';
import { namesIn } from '../../../src/os/paths.js';
import { checkpointsFolder } from '../../../src/tools/git/checkpoint-files.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { expectHealthy, snapshot } from '../../tools/git/support/snapshot.js';
import { until } from '../../support/processes.js';
import { openHall, RUN, type Changes, type Hall } from './attempts.js';

sandbox();
let hall: Hall;
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

const at = (name: string): string => join(hall.folder, name);
const ofStep = (step: string, changes: Changes = {}): Changes => ({ ...changes, step: step as StepId });
const start = (n: number): { attempt: number } => ({ attempt: n });

/** A tool that says where it works, and then works until it is told to end. */
const works = (name: string, first = ''): string =>
  `${first}; pwd > ${at(`${name}.at`)}.new; mv ${at(`${name}.at`)}.new ${at(`${name}.at`)}; until [ -e ${at(`${name}.end`)} ]; do sleep 0.02; done; echo 1 > src/${name}`;

interface AtWork {
  readonly told: Promise<WorkstreamEnded>;
  /** Its work tree. */
  readonly path: string;
  end(): Promise<WorkstreamEnded>;
}

/** Starts one, and waits until it is at work. */
async function atWork(name: string, changes: Changes = {}, first = 'true'): Promise<AtWork> {
  const { told } = hall.start(works(name, first), ofStep(`ws-${name}`, changes));
  told.catch(() => undefined); // it is asked for later
  await until(`${name} works`, () => existsSync(at(`${name}.at`)));
  const path = readFileSync(at(`${name}.at`), 'utf8').trim();
  return { told, path, end: () => (writeFileSync(at(`${name}.end`), ''), told) };
}

/** What is said of an attempt that is to be begun again. */
const whyAgain = (one: AtWork): Promise<string> =>
  one.told.then(
    (ended) => `it ended: ${ended.text}`,
    (error: { type?: string; message: string }) => `${error.type}: ${error.message}`,
  );

const harmed = ({ outcome, trouble, ledger, text }: WorkstreamEnded) => ({
  outcome,
  ...(trouble?.reason === 'neighbour-harmed'
    ? { of: trouble.harmed.map(({ step }) => step), proof: trouble.proof }
    : { trouble }),
  ledger: ledger?.state,
  text,
});

test('the work tree of another, and was alone with it: it is held by name, and the other is begun again', async () => {
  const before = snapshot(hall.repo.path);
  const victim = await atWork('b');
  const culprit = await hall.run(`rm -rf ${victim.path}; echo 1 > src/a`);
  expect(await whyAgain(victim)).toMatch(
    /^WorkTreeLost: its work tree was removed, and it is begun again: at \S+Z ".*ws-b.*" was removed \(at work then: ws-a\)$/,
  );
  expect(harmed(culprit)).toEqual({
    outcome: 'quarantined',
    ...{ of: ['ws-b'], proof: 'alone', ledger: 'quarantined' },
    text: expect.stringMatching(
      /^while it worked, the work tree of ws-b: .* was removed.*; nothing else but the two was at work then$/,
    ),
  });
  // The same attempt, as the server starts it again.
  const again = await hall.run('echo 2 > src/b', ofStep('ws-b'), start(2));
  expect([again.outcome, again.patch?.paths, again.calls.map(({ meaning }) => meaning)]).toEqual([
    'patched',
    ['src/b'],
    ['worked'],
  ]);
  expect(again.notes).toEqual([
    expect.stringMatching(/^begun again, as its work tree was removed: .*\(at work then: ws-a\)$/),
  ]);
  expect((await namesIn(dirname(victim.path))).filter((name) => !name.startsWith('.'))).toEqual([]);
  expect(snapshot(hall.repo.path)).toEqual(before);
  expectHealthy(hall.repo.path);
});

test.each([
  ['by git', (path: string) => `git worktree remove -f -f ${path}`],
  ['and made an empty one in its place', (path: string) => `rm -rf ${path}; mkdir ${path}`],
  ['by another name', (path: string) => `mv ${path} ${hall.folder}/away`],
  ['as git knows it', () => `rm -rf $(git rev-parse --git-common-dir)/worktrees/ws-b-*`],
])('the same, %s', async (_, how) => {
  const victim = await atWork('b');
  const culprit = await hall.run(`${how(victim.path)}; echo 1 > src/a`);
  expect(await whyAgain(victim)).toMatch(/^WorkTreeLost: .*\(at work then: ws-a\)$/);
  expect(harmed(culprit)).toMatchObject({ outcome: 'quarantined', of: ['ws-b'], proof: 'alone' });
  const again = await hall.run('echo 2 > src/b', ofStep('ws-b'), start(2));
  expect([again.outcome, again.patch?.paths]).toEqual(['patched', ['src/b']]);
  expectHealthy(hall.repo.path);
});

test('what somebody put in its place is not removed with it, and the person hears where it is', async () => {
  const victim = await atWork('b');
  await hall.run(
    `rm -rf ${victim.path}; mkdir ${victim.path}; echo dear > ${victim.path}/diary; echo 1 > src/a`,
  );
  const [, strangers = ''] =
    /put in its place, which is kept in "([^"]+)"/.exec(await whyAgain(victim)) ?? [];
  const kept = await namesIn(strangers);
  expect(kept).toEqual([expect.stringMatching(/^ws-b.*-[0-9a-f]{8}$/)]);
  expect(readFileSync(join(strangers, kept[0]!, 'diary'), 'utf8')).toBe('dear\n');
  const again = await hall.run('echo 2 > src/b', ofStep('ws-b'), start(2));
  expect([again.outcome, again.patch?.paths]).toEqual(['patched', ['src/b']]);
});

test('what was written before is gone on from, where checkpoints are taken', async () => {
  const changes = { checkpointSec: 1 };
  const victim = await atWork('b', changes, 'echo half > src/half');
  const folder = checkpointsFolder(await openRepository(hall.repo.path), RUN);
  await until('a checkpoint is there', () => existsSync(folder) && readdirSync(folder).length > 0);
  await hall.run(`rm -rf ${victim.path}; echo 1 > src/a`);
  expect(await whyAgain(victim)).toMatch(/^WorkTreeLost/);
  const isTold = 'grep -q "src/half" "$PLANWRIGHT_PROMPT_FILE"; test "$PLANWRIGHT_GOES_ON" = 1';
  const again = await hall.run(
    `${isTold}; echo whole >> src/half`,
    ofStep('ws-b', { ...changes, attempt: 1 }),
    start(2),
  );
  expect([again.outcome, again.patch?.paths]).toEqual(['patched', ['src/half']]);
  expect(again.notes).toContainEqual(expect.stringMatching(/^went on from a start that was lost/));
});

test('of several at work each is named and none is held, but one whose output speaks of that work tree', async () => {
  const [victim, bystander] = [await atWork('b'), await atWork('c')];
  const silent = await hall.run(`rm -rf ${victim.path}; echo 1 > src/a`);
  expect(await whyAgain(victim)).toMatch(/\(at work then: ws-a, ws-c\)$/);
  expect([silent.outcome, silent.notes]).toEqual([
    'patched',
    [
      expect.stringMatching(
        /^while it worked ws-b lost its work tree, and it may have been this one: .*ws-a, ws-c/,
      ),
    ],
  ]);
  const other = await atWork('d');
  const chatty = await hall.run(`rm -rvf ${other.path}; echo 1 > src/e`, ofStep('ws-e'));
  expect(await whyAgain(other)).toMatch(/\(at work then: ws-c, ws-e\)$/);
  expect(harmed(chatty)).toMatchObject({
    outcome: 'quarantined',
    ...{ of: ['ws-d'], proof: 'log', text: expect.stringMatching(/its output speaks of that work tree$/) },
  });
  expect((await bystander.end()).outcome).toBe('patched');
});

test('a check that a tool wrote itself is watched like the tool', async () => {
  const victim = await atWork('b');
  const script = `echo "rm -rf ${victim.path}" > src/check.sh`;
  const culprit = await hall.run(script, { work: { acceptanceTests: ['sh src/check.sh'] } });
  expect(await whyAgain(victim)).toMatch(/^WorkTreeLost/);
  expect(harmed(culprit)).toMatchObject({ outcome: 'quarantined', of: ['ws-b'] });
});

test('one who was alone has removed its own: it has failed, and is not begun again', async () => {
  const ended = await hall.run('rm -rf "$PWD"');
  expect(ended).toMatchObject({ outcome: 'failed', trouble: { reason: 'worktree-replaced', together: [] } });
});

test('the third loss of an attempt is its end, and who loses one again is no proof against another', async () => {
  const evil = (name: string): string => `rm -rf "$PWD"; until [ -e ${at(name)} ]; do sleep 0.02; done`;
  const other = await atWork('a');
  for (const n of [1, 2]) {
    const lost = hall.run(evil('never'), ofStep('ws-b'), start(n));
    await expect(lost).rejects.toMatchObject({ type: 'WorkTreeLost' });
    if (n === 1) expect(harmed(await other.end())).toMatchObject({ outcome: 'quarantined', of: ['ws-b'] });
    if (n === 1) await atWork('c');
  }
  const ended = await hall.run(evil('never'), ofStep('ws-b'), start(3));
  expect(ended).toMatchObject({
    outcome: 'failed',
    trouble: { reason: 'worktree-replaced', together: ['ws-c'] },
    calls: [{ meaning: 'worked' }],
  });
  expect(ended.notes).toHaveLength(2);
  writeFileSync(at('c.end'), '');
  const beside = await hall.run('true', ofStep('ws-d'));
  expect(beside.trouble).toBeNull();
});

test('one that removes all work trees, its own with them: apart from one another it shows whose doing that is', async () => {
  const victim = await atWork('b');
  const script = 'cd ..; rm -rf ./*; sleep 60';
  const evil = hall.run(script);
  await expect(evil).rejects.toMatchObject({ type: 'WorkTreeLost' });
  expect(await whyAgain(victim)).toMatch(/\(at work then: ws-a\)$/);
  const [again, shown] = await Promise.all([
    hall.run('echo 2 > src/b', ofStep('ws-b'), start(2)),
    hall.run(script, {}, start(2)),
  ]);
  expect([again.outcome, again.patch?.paths]).toEqual(['patched', ['src/b']]);
  expect(shown).toMatchObject({ outcome: 'failed', trouble: { reason: 'worktree-replaced', together: [] } });
});

test('one that removes all we have beside the repository: what it leaves is a defined end for everybody', async () => {
  const before = snapshot(hall.repo.path);
  const victim = await atWork('b');
  const folder = dirname(victim.path);
  expect(basename(dirname(folder))).toBe('worktrees');
  const script = `cd /; rm -rf ${folder}; sleep 60`;
  const evil = hall.run(script).catch((error: unknown) => error);
  expect(await whyAgain(victim)).toMatch(/\(at work then: ws-a\)$/);
  // Whoever of the two misses its own first knows of the other still: then it is begun again, and alone.
  const shown = (await evil) instanceof Error ? await hall.run(script, {}, start(2)) : await evil;
  expect(shown).toMatchObject({ outcome: 'failed', trouble: { reason: 'worktree-replaced' } });
  const again = await hall.run('echo 2 > src/b', ofStep('ws-b'), start(2));
  expect([again.outcome, again.patch?.paths]).toEqual(['patched', ['src/b']]);
  expect(snapshot(hall.repo.path)).toEqual(before);
  expectHealthy(hall.repo.path);
});
