import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { buildSync } from 'esbuild';
import { DemoRefused, makeDemo } from '../../../src/tools/demo/demo.js';
import { main } from '../../../src/tools/demo/main.js';
import { repoAt, sandbox } from '../git/support/sandbox.js';
import { expectHealthy } from '../git/support/snapshot.js';
import { root } from '../../checkout.js';
import { drive } from '../safe-merge/support/driver.js';

const box = sandbox();

test('it is two clones of a bare repository whose branches have parted', async () => {
  const demo = await makeDemo({ directory: join(box.folder(), 'demo') });
  const [yours, colleague, remote] = [repoAt(demo.root), repoAt(demo.colleague), repoAt(demo.remote)];
  expect(yours.git('remote', 'get-url', 'origin')).toBe(demo.remote);
  expect(colleague.git('rev-parse', 'main')).toBe(remote.git('rev-parse', 'main'));
  for (const repo of [yours, colleague]) expect(repo.git('status', '--porcelain')).toBe('');
  yours.git('fetch', '--quiet');
  expect(yours.git('rev-list', '--count', '--left-right', 'main...origin/main')).toBe('2\t1');
  expect(demo.sentence).toContain(demo.directory);
  for (const path of [demo.root, demo.colleague, demo.remote]) expectHealthy(path);
});

test('it has the same commits every time, whatever the person has configured', async () => {
  const first = await makeDemo({ directory: join(box.folder(), 'demo') });
  writeFileSync(
    process.env['GIT_CONFIG_GLOBAL'] ?? '',
    '[core]\n\tautocrlf = true\n[init]\n\tdefaultBranch = trunk\n[user]\n\tname = X\n',
  );
  try {
    const second = await makeDemo({ directory: join(box.folder(), 'demo') });
    const commits = [first, second].map((demo) => [
      repoAt(demo.root).git('rev-parse', 'main'),
      repoAt(demo.remote).git('rev-parse', 'main'),
    ]);
    expect(commits[0]).toEqual(commits[1]);
    expect(repoAt(second.root).git('status', '--porcelain')).toBe('');
  } finally {
    writeFileSync(process.env['GIT_CONFIG_GLOBAL'] ?? '', '');
  }
});

describe('a safe merge there', () => {
  test('without conflicts succeeds', async () => {
    const demo = await makeDemo({ directory: join(box.folder(), 'demo') });
    const outcome = await drive({ root: demo.root });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(repoAt(demo.remote).git('rev-parse', 'main')).toBe(repoAt(demo.root).git('rev-parse', 'main'));
  });

  test('with conflicts that time decides succeeds, and the gate is green', async () => {
    const demo = await makeDemo({ directory: join(box.folder(), 'demo'), conflicts: 'safe', gate: true });
    const outcome = await drive({ root: demo.root });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(outcome.steps['timestamp_resolver']?.stdout).toContain('2 conflicts decided by time, 0 left');
    const [command = '', ...args] = demo.gate ?? [];
    expect(execFileSync(command, args, { cwd: demo.root, encoding: 'utf8' })).toBe('3 prices are in order\n');
  });

  test('with all conflicts stops at the one a person must decide', async () => {
    const demo = await makeDemo({ directory: join(box.folder(), 'demo'), conflicts: 'all' });
    process.env['PLANWRIGHT_HOME'] = box.folder();
    const outcome = await drive({ root: demo.root });
    expect(outcome.state).toBe('failed');
    expect(outcome.steps['ai_conflict_resolver']?.stderr).toContain('"src/prices.mjs": content conflict');
  });
});

test('a safe merge there with a resolver and a gate settles every kind of conflict', async () => {
  process.env['PLANWRIGHT_HOME'] = box.folder();
  const demo = await makeDemo({ directory: join(box.folder(), 'demo'), conflicts: 'all', gate: true });
  const program = join(box.folder(), 'resolver.mjs');
  const entry = join(root, 'src/tools/demo/resolver.ts');
  buildSync({ entryPoints: [entry], outfile: program, bundle: true, platform: 'node', format: 'esm' });
  const variables = { RESOLVER: JSON.stringify([process.execPath, program]), GATE: 'node check.mjs' };
  const outcome = await drive({ root: demo.root, variables });
  expect(outcome.state, outcome.said).toBe('succeeded');
  const yours = repoAt(demo.root);
  expect(yours.read('src/prices.mjs')).toContain('bread: 360');
  expect(JSON.parse(yours.read('config/shop.json'))).toEqual({
    name: 'Bakery',
    currency: 'EUR',
    tax: 19,
    receipt: true,
  });
  expect(repoAt(demo.remote).git('rev-parse', 'main')).toBe(yours.git('rev-parse', 'main'));
  expect(outcome.steps['merge_gate']?.stdout).toContain('1 gate green');
});

describe('it hurts nobody', () => {
  test('a directory with anything else in it is refused and left alone', async () => {
    const directory = box.folder();
    writeFileSync(join(directory, 'mine.txt'), 'mine\n');
    await expect(makeDemo({ directory, replace: true })).rejects.toThrow(DemoRefused);
    expect(readdirSync(directory)).toEqual(['mine.txt']);
  });

  test('a directory that only looks like a demonstration is refused', async () => {
    const directory = box.folder();
    mkdirSync(join(directory, 'yours'));
    await expect(makeDemo({ directory, replace: true })).rejects.toThrow(DemoRefused);
  });

  test('an earlier demonstration is made anew only when asked, and not when something was put beside it', async () => {
    const directory = box.folder();
    const demo = await makeDemo({ directory });
    await expect(makeDemo({ directory })).rejects.toThrow(/--replace/);
    repoAt(demo.root).commit('tried', { 'tried.txt': 't\n' });
    const again = await makeDemo({ directory, replace: true });
    expect(repoAt(again.root).git('log', '-1', '--format=%s')).toBe('Say how to use it');
    writeFileSync(join(directory, 'notes.txt'), 'n\n');
    await expect(makeDemo({ directory, replace: true })).rejects.toThrow(/notes\.txt/);
  });

  test('one that was left half made can be made anew', async () => {
    const directory = box.folder();
    await makeDemo({ directory });
    execFileSync('rm', ['-rf', join(directory, 'colleague'), join(directory, 'remote.git/refs')]);
    expectHealthy((await makeDemo({ directory, replace: true })).colleague);
  });
});

test('the command says in one line what it made', async () => {
  const out: string[] = [];
  const err: string[] = [];
  const world = { print: (text: string) => void out.push(text), say: (text: string) => void err.push(text) };
  const directory = join(box.folder(), 'demo');
  expect(await main([directory, '--conflicts', 'safe'], world)).toBe(0);
  expect(out).toEqual([expect.stringMatching(/^made a demonstration in .*2 files in conflict$/)]);
  expect(await main([directory], world)).toBe(2);
  expect(err.join('\n')).toContain('--replace');
  expect(await main([], world)).toBe(2);
  expect(await main(['--conflicts', 'some', directory], world)).toBe(2);
  expect(await main(['--help'], world)).toBe(0);
});
