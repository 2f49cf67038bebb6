/**
 * Conflicts of patches, with a real git, and shell scripts in the part of the resolver.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StepId } from '../../../src/plan/plan.js';
import type {
  ConflictHelp,
  LandingPatch,
  MoveTask,
  ResolveDone,
  ResolveTask,
} from '../../../src/workflows/landing-api.js';
import { bundleProgram } from '../../support/bundled-program.js';
import { sleepers, uniqueSleep, until } from '../../support/processes.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { expectHealthy, snapshot } from '../../tools/git/support/snapshot.js';
import { openHall, RUN, type Hall } from './attempts.js';

sandbox();
const KEY = 'resolver-key-7261';
const STEP = 'landing' as StepId;
let program: Awaited<ReturnType<typeof bundleProgram>>;
let hall: Hall;
beforeAll(async () => {
  program = await bundleProgram(fileURLToPath(new URL('doomed-resolving.ts', import.meta.url)));
});
afterAll(() => program.remove());
beforeEach(async () => {
  const folder = { PATH: process.env['PATH'], HOME: '/', RESOLVER_KEY: KEY };
  hall = await openHall({ env: folder });
});
afterEach(() => hall.close());

async function patchOf(id: string, script: string): Promise<LandingPatch> {
  const { patch } = await hall.run(script, { step: id as StepId });
  return {
    ...{ id, dependsOn: [], priority: 'foreground', level: 0, createdAt: 0, title: `Do ${id}` },
    ...{ patchId: patch!.id, commit: patch!.commit!, base: patch!.base, sha256: patch!.sha256! },
  };
}

/** A resolver that is this script: `$1` is the folder with the versions, and the answer is what `answer` is given. */
function resolver(script: string): string {
  const file = join(hall.folder, 'resolver.sh');
  const answer = [
    'answer() { printf \'{"text": "merged", "confidence": %s, "note": "%s"}\' "$1" "$2" >result.json; }',
    'path() { sed -n \'s/.*"path": "\\(.*\\)",/\\1/p\' "$SAFE_MERGE_REQUEST"; }',
  ];
  writeFileSync(file, ['#!/bin/sh', 'set -e', ...answer, script, ''].join('\n'));
  chmodSync(file, 0o755);
  return file;
}
/** Keeps the lines of both sides. */
const UNION = 'cat ours theirs >merged; answer 0.9 "kept both"';

const helpOf = (help: Partial<ConflictHelp>): ConflictHelp => ({
  ...{ resolver: '', check: '', maxFiles: 20, maxSeconds: 60, minConfidence: 0.7, needs: [] },
  ...help,
});
const taskOf = (
  onto: string,
  patch: LandingPatch,
  help: Partial<ConflictHelp>,
  runId: string = RUN,
): ResolveTask => ({
  ...{ runId, step: STEP, root: hall.repo.path, branch: 'refs/heads/main', onto, patch },
  ...{ atSec: 1_700_000_000, help: helpOf(help) },
});
const resolve = (task: ResolveTask): Promise<ResolveDone> =>
  hall.act(hall.activities.resolveForLanding, task);

/** Two patches that wrote the same files, and the commit that has the first. */
async function twoPatches(
  ...paths: readonly string[]
): Promise<{ onto: string; first: LandingPatch; second: LandingPatch }> {
  const writing = (text: string): string => paths.map((path) => `echo ${text} > ${path}`).join('; ');
  const first = await patchOf('ws-a', writing('one'));
  const second = await patchOf('ws-b', writing('two'));
  const merged = await hall.act(hall.activities.mergeForLanding, {
    ...{ runId: RUN, step: STEP, root: hall.repo.path, onto: hall.base, patches: [first] },
    atSec: 1_700_000_000,
  });
  if (merged.kind !== 'merged') throw new Error('the first conflicts');
  return { onto: merged.commit, first, second };
}

const moveOf = (
  onto: string,
  first: LandingPatch,
  second: LandingPatch,
  done: Extract<ResolveDone, { kind: 'merged' }>,
): MoveTask => {
  const { commit, tree, resolved } = done;
  const gates = { unit: { green: true, reds: 0 } };
  const treeOf = (id: string): string => hall.repo.git('rev-parse', `${id}^{tree}`);
  return {
    ...{ runId: RUN, step: STEP, root: hall.repo.path, branch: 'refs/heads/main', from: hall.base },
    ...{ onto: hall.base, to: commit, tree, atSec: 1_700_000_000 },
    patches: [
      {
        ...first,
        proof: { together: [first.id], onto: hall.base, commit: onto, tree: treeOf(onto), gates },
      },
      { ...second, proof: { together: [second.id], onto, commit, tree, gates, resolved } },
    ],
  };
};

/** Does a workstream that starts from both patches and looks at what they wrote. */
const onBoth = (first: LandingPatch, second: LandingPatch, help: Partial<ConflictHelp>, step = 'ws-c') =>
  hall.run('cat src/x > src/seen', {
    step: step as StepId,
    help: helpOf(help),
    startsWith: [first, second].map(({ id, patchId, commit }) => ({ id: patchId, commit, workstream: id })),
  });

describe('a workstream that starts from patches in conflict', () => {
  test('starts from what the resolver says; another one and the landing ask nobody again', async () => {
    const { onto, first, second } = await twoPatches('src/x');
    const help = { resolver: resolver(`echo x >> ${hall.folder}/asked; ${UNION}`) };
    const ended = await onBoth(first, second, help);
    expect(ended.outcome, ended.text).toBe('patched');
    expect(hall.repo.git('show', `${ended.patch!.tree}:src/seen`)).toBe('one\ntwo');
    expect(ended.patch!.paths).toEqual(['src/seen']);
    expect(ended.notes).toContain(
      'what it starts from: ws-b on top of ws-a: src/x by resolver, confidence 0.9',
    );
    expect((await onBoth(first, second, help, 'ws-d')).outcome).toBe('patched');
    expect(await resolve(taskOf(onto, second, help))).toMatchObject({ kind: 'merged' });
    expect(readFileSync(join(hall.folder, 'asked'), 'utf8')).toBe('x\n');
  });

  test('is not begun where the resolver is not sure, and starts from what is remembered once that has landed', async () => {
    const { onto, first, second } = await twoPatches('src/x');
    const unsure = { resolver: resolver('cat ours >merged; answer 0.2 "a guess"') };
    const refused = await onBoth(first, second, unsure, 'ws-e');
    expect(refused).toMatchObject({ outcome: 'failed', calls: [], trouble: { reason: 'base-conflict' } });
    expect(refused.text).toContain('src/x: ');
    const done = await resolve(taskOf(onto, second, { resolver: resolver(UNION) }));
    if (done.kind !== 'merged') throw new Error(done.conflict.detail);
    await hall.act(hall.activities.moveBranch, moveOf(onto, first, second, done));
    const ended = await onBoth(first, second, {});
    expect(ended.notes).toContainEqual(expect.stringMatching(/ws-b on top of ws-a: src\/x by memory/));
  });
});

describe('a patch in conflict', () => {
  test('is merged as the resolver says; what landed is remembered, and then nobody is asked', async () => {
    const { onto, first, second } = await twoPatches('src/x');
    const before = snapshot(hall.repo.path);
    const asked = taskOf(onto, second, { resolver: resolver(UNION) });
    const done = await resolve(asked);
    if (done.kind !== 'merged') throw new Error(done.conflict.detail);
    expect(hall.repo.git('show', `${done.tree}:src/x`)).toBe('one\ntwo');
    expect(done.conflict).toMatchObject({ kind: 'content', files: ['src/x'] });
    expect(done.resolved).toMatchObject([
      { path: 'src/x', by: 'resolver', confidence: 0.9, note: 'kept both', deleted: false },
    ]);
    expect(snapshot(hall.repo.path)).toEqual(before);
    // Not landed, not learned.
    const later = 'set-01JABCDEFGHJKMNPQRSTVWXYZ9';
    expect(await resolve(taskOf(onto, second, {}, later))).toMatchObject({
      kind: 'conflicted',
      conflict: {
        detail: expect.stringContaining('src/x: nothing is remembered of it, and there is no resolver'),
      },
    });
    const landed = await hall.act(hall.activities.moveBranch, moveOf(onto, first, second, done));
    expect(landed.kind).toBe('landed');
    expect(hall.repo.git('rev-parse', 'main^{tree}')).toBe(done.tree);
    expect(hall.repo.git('log', '-1', '--format=%b', 'main')).toContain(
      'Planwright-Resolved: src/x by resolver, confidence 0.9\n',
    );
    expect(hall.repo.git('log', '-1', '--format=%b', 'main~1')).not.toContain('Planwright-Resolved');
    const again = await resolve(taskOf(onto, second, {}, later));
    expect(again).toMatchObject({ kind: 'merged', tree: done.tree, resolved: [{ by: 'memory' }] });
    expectHealthy(hall.repo.path);
  });

  const refused: Record<string, [script: string, why: string]> = {
    'that leaves marks': ['cp marked merged; answer 1', 'marks of a conflict are left in it'],
    'that fails': ['echo no idea; exit 3', 'the resolver gave no answer (exit code 3: no idea)'],
    'that is not sure': [
      `cat ours theirs >merged; answer 0.5`,
      'sure of its answer to 0.5 only; 0.7 is asked for',
    ],
    'that breaks what could be read': ['echo "{" >merged; answer 1', 'it cannot be read any more'],
    'that says nothing': ['true', "the resolver's answer cannot be read"],
    'that names a file elsewhere by a link': [
      'ln -s ours merged; answer 1',
      "the resolver's answer cannot be read",
    ],
  };
  test.each(Object.entries(refused))('stays in conflict with a resolver %s', async (_, [script, why]) => {
    const { onto, second } = await twoPatchesOfJson();
    const before = snapshot(hall.repo.path);
    const done = await resolve(taskOf(onto, second, { resolver: resolver(script) }));
    expect(done).toMatchObject({
      kind: 'conflicted',
      conflict: { kind: 'content', files: ['src/x.json'], detail: expect.stringContaining(why) },
    });
    expect(snapshot(hall.repo.path)).toEqual(before);
  });

  test('stays in conflict with a resolver that hangs, of which nothing is left; so with a check that says no', async () => {
    const { onto, second } = await twoPatches('src/x');
    const seconds = uniqueSleep();
    const hangs = resolver(`sleep ${seconds} & sleep ${seconds}`);
    const late = await resolve(taskOf(onto, second, { resolver: hangs, maxSeconds: 1 }));
    expect(late.conflict.detail).toContain('src/x: the resolver gave no answer (did not end within 1 s)');
    expect(sleepers(seconds)).toEqual([]);
    const check = `! grep -q two "$SAFE_MERGE_FILE" || { echo "$SAFE_MERGE_PATH has two"; exit 1; }`;
    const done = await resolve(taskOf(onto, second, { resolver: resolver(UNION), check }));
    expect([done.kind, done.conflict.detail]).toEqual([
      'conflicted',
      expect.stringContaining('the check says no (exit code 1: src/x has two)'),
    ]);
  });

  test('is asked about only with few files, and no resolver starts without the key it needs', async () => {
    const { onto, second } = await twoPatches('src/x');
    const never = resolver(`touch ${hall.folder}/asked; ${UNION}`);
    const many = await resolve(taskOf(onto, second, { resolver: never, maxFiles: 0 }));
    expect(many.conflict.detail).toContain('1 file in conflict, and at most 0 are asked about');
    const lacking = await resolve(taskOf(onto, second, { resolver: never, needs: ['NO_SUCH_KEY'] }));
    expect(lacking.conflict.detail).toContain('needs one of NO_SUCH_KEY');
    expect(existsSync(join(hall.folder, 'asked'))).toBe(false);
  });

  test('is resolved with the keys the resolver needs and no others, and none of them is told', async () => {
    const { onto, second } = await twoPatches('src/x');
    const says = resolver(`cat ours theirs >merged; answer 1 "key $RESOLVER_KEY"`);
    const without = await resolve(taskOf(onto, second, { resolver: says }));
    expect(without).toMatchObject({ kind: 'merged', resolved: [{ note: 'key ' }] });
    const needs = ['RESOLVER_KEY'];
    const done = await resolve(taskOf(onto, second, { resolver: `${says} `, needs }));
    if (done.kind !== 'merged') throw new Error(done.conflict.detail);
    expect(done.resolved[0]!.note).toMatch(/^key \S+$/);
    expect(JSON.stringify(done)).not.toContain(KEY);
  });

  test('ends when it is called back, and its resolver with it', async () => {
    const { onto, second } = await twoPatches('src/x');
    const seconds = uniqueSleep();
    const env = new MockActivityEnvironment({ startToCloseTimeoutMs: 600_000 });
    const task = taskOf(onto, second, { resolver: resolver(`sleep ${seconds}`), maxSeconds: 600 });
    const told = env.run<[ResolveTask], ResolveDone, typeof hall.activities.resolveForLanding>(
      hall.activities.resolveForLanding,
      task,
    );
    await until('the resolver works', () => sleepers(seconds).length === 1);
    env.cancel();
    await expect(told).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(sleepers(seconds)).toEqual([]);
  });

  test('is resolved by the next worker when one is killed at it: what was answered is not asked again', async () => {
    const { onto, second } = await twoPatches('src/x', 'src/y');
    const before = snapshot(hall.repo.path);
    const [seconds, asked] = [uniqueSleep(), join(hall.folder, 'asked')];
    const slow = `path >>${asked}; test "$(path)" = src/x || test -e ${hall.folder}/go || sleep ${seconds}; ${UNION}`;
    const task = taskOf(onto, second, { resolver: resolver(slow), maxSeconds: 600 });
    const file = join(hall.folder, 'task.json');
    writeFileSync(file, JSON.stringify(task));
    const { PATH, HOME, GIT_CONFIG_GLOBAL } = process.env;
    const worker = spawn(process.execPath, [program.file, hall.home, file], {
      env: { PATH, HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM: '1' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await until('the second file is asked about', () => sleepers(seconds).length === 1);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    writeFileSync(join(hall.folder, 'go'), '');
    const done = await resolve(task);
    expect(done).toMatchObject({ kind: 'merged', resolved: [{ path: 'src/x' }, { path: 'src/y' }] });
    expect(readFileSync(asked, 'utf8').split('\n').filter(Boolean)).toEqual(['src/x', 'src/y', 'src/y']);
    await until('nothing is left of the resolver', () => sleepers(seconds).length === 0);
    expect(snapshot(hall.repo.path)).toEqual(before);
    expectHealthy(hall.repo.path);
  });
});

async function twoPatchesOfJson(): Promise<{ onto: string; second: LandingPatch }> {
  hall.repo.write({ 'src/x.json': '{"a": 0}\n' });
  const base = hall.repo.commit('json', { 'src/x.json': '{"a": 0}\n' });
  const of = async (id: string, value: number): Promise<LandingPatch> => {
    const { patch } = await hall.run(`echo '{"a": ${value}}' > src/x.json`, { step: id as StepId, base });
    return {
      ...{ id, dependsOn: [], priority: 'foreground', level: 0, createdAt: 0, title: `Do ${id}` },
      ...{ patchId: patch!.id, commit: patch!.commit!, base: patch!.base, sha256: patch!.sha256! },
    };
  };
  const [first, second] = [await of('ws-a', 1), await of('ws-b', 2)];
  const merged = await hall.act(hall.activities.mergeForLanding, {
    ...{ runId: RUN, step: STEP, root: hall.repo.path, onto: base, patches: [first], atSec: 1_700_000_000 },
  });
  if (merged.kind !== 'merged') throw new Error('the first conflicts');
  return { onto: merged.commit, second };
}
