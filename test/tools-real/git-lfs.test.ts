/**
 * A safe merge in clones that keep files in the real Git LFS; their contents lie beside the remote.
 */
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { clonesIn, type Clones, sandbox } from '../tools/git/support/sandbox.js';
import { expectHealthy, snapshot } from '../tools/git/support/snapshot.js';
import { drive } from '../tools/safe-merge/support/driver.js';
import { PROGRAMS } from './programs.js';

const program = PROGRAMS['git-lfs'];
const box = sandbox();

/** Longer than any pointer. */
const content = (of: string): string => `${of}\n`.repeat(500);
const POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\n/;

let made: Clones;
beforeEach(() => {
  vi.stubEnv('PATH', `${dirname(program ?? '')}:${process.env['PATH']}`);
  made = clonesIn(box.folder(), { 'a.txt': 'a\n' });
  for (const clone of [made.mine, made.theirs]) clone.git('lfs', 'install', '--local');
  made.theirs.git('lfs', 'track', '*.bin');
  made.theirs.commit('kept elsewhere', { 'b.bin': content('one') });
  made.theirs.git('push', '--quiet');
  made.mine.git('pull', '--quiet');
});
afterEach(() => vi.unstubAllEnvs());

/** Both sides, but for Git LFS's own store and logs. */
const bothSides = (): unknown[] =>
  [made.mine, made.remote].map(({ path }) => {
    const { git, ...rest } = snapshot(path);
    return { ...rest, git: Object.entries(git).filter(([name]) => !/^lfs(\/|$)/.test(name)) };
  });

/** Contents of which no clone has a copy: the next who needs them asks the remote. */
const forgetContents = (path: string): void =>
  rmSync(join(path, 'lfs/objects'), { recursive: true, force: true });

describe.skipIf(program === undefined)('with the real Git LFS', () => {
  test('a file that the other side changed arrives with its content, and what this side has is pushed', async () => {
    expect([made.remote.git('show', 'main:b.bin'), made.mine.read('b.bin')]).toEqual([
      expect.stringMatching(POINTER),
      content('one'),
    ]);
    made.theirs.commit('theirs', { 'b.bin': content('two'), 'c.bin': content('three') });
    made.theirs.git('push', '--quiet');
    made.mine.commit('mine', { 'a.txt': 'A\n' });
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect([made.mine.read('b.bin'), made.mine.read('c.bin')]).toEqual([content('two'), content('three')]);
    expect(made.remote.git('show', 'main:a.txt')).toBe('A');
    expect(made.mine.git('status', '--porcelain')).toBe('');
    expect(made.mine.git('lfs', 'fsck')).toContain('Git LFS fsck OK');
    expectHealthy(made.mine.path);
  });

  test('a content that is lost stops it before anything is published or written', async () => {
    made.theirs.commit('theirs', { 'b.bin': content('two') });
    made.theirs.git('push', '--quiet');
    forgetContents(made.remote.path);
    made.mine.commit('mine', { 'a.txt': 'A\n' });
    const before = bothSides();
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.said).toMatch(/lfs_failed: [\s\S]*"b\.bin"[\s\S]*→ Put git-lfs/);
    expect(bothSides()).toEqual(before);
    made.theirs.git('lfs', 'push', '--all', 'origin', 'main');
    expect((await drive({ root: made.mine.path })).state).toBe('succeeded');
    expect(made.mine.read('b.bin')).toBe(content('two'));
  });

  test('a content that only this side has is pushed by git itself, as the hint says, and then the merge goes', async () => {
    made.mine.commit('mine', { 'm.bin': content('mine') });
    made.theirs.commit('theirs', { 'a.txt': 'A\n' });
    made.theirs.git('push', '--quiet');
    const before = bothSides();
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.said).toMatch(/lfs_not_pushed: [\s\S]*"m\.bin"[\s\S]*git pull --no-rebase origin main/);
    expect(bothSides()).toEqual(before);
    made.mine.git('pull', '--quiet', '--no-rebase', '--no-edit', 'origin', 'main');
    made.mine.git('push', '--quiet', 'origin', 'main');
    made.theirs.git('pull', '--quiet');
    expect(made.theirs.read('m.bin')).toBe(content('mine'));
    made.mine.commit('more', { 'a.txt': 'more\n' });
    expect((await drive({ root: made.mine.path })).state).toBe('succeeded');
    expect(existsSync(join(made.mine.path, '.git/index.lock'))).toBe(false);
  });
});
