/**
 * The work trees of a repository at the command line.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { aWorld } from './a-world.js';
import type { Answer } from './a-shop.js';

let folder: string;
let repository: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'planwright-worktrees-')));
  repository = join(folder, 'shop');
  mkdirSync(repository);
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'T');
  git('config', 'user.email', 't@example.org');
  commit(repository, 'a.txt', 'one\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

const gitAt = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
const git = (...args: string[]): string => gitAt(repository, ...args);
function commit(where: string, file: string, text: string): void {
  writeFileSync(join(where, file), text);
  gitAt(where, 'add', '-A');
  gitAt(where, 'commit', '-qm', `write ${file}`);
}

async function worktree(...argv: string[]): Promise<Answer> {
  const world = aWorld({
    env: { PLANWRIGHT_HOME: join(folder, 'home'), NO_COLOR: '1', LANG: 'C.UTF-8' },
    cwd: repository,
  });
  const code = await main(['worktree', ...argv], world);
  return { code, out: world.out.text(), err: world.err.text() };
}

test('one is made beside the repository, listed, looked at and removed; its branch stays', async () => {
  const made = await worktree('create', 'feature/x');
  const path = JSON.parse((await worktree('list', '--json')).out) as {
    path: string;
    branch: string;
    kind: string;
  }[];
  expect(made.code, made.err).toBe(0);
  expect(path.map(({ branch, kind }) => [branch, kind])).toEqual([
    ['main', 'main'],
    ['feature/x', 'person'],
  ]);
  const tree = path[1]!.path;
  expect(tree.startsWith(`${repository}.worktrees/`)).toBe(true);
  writeFileSync(join(tree, 'new.txt'), 'new\n');
  expect((await worktree('status')).out).toMatch(/shop {2}clean\n.*0 changed files, 1 new one/);
  const kept = await worktree('remove', 'feature/x');
  expect([kept.code, kept.err]).toEqual([2, expect.stringContaining('1 new files that are not committed')]);
  rmSync(join(tree, 'new.txt'));
  expect(await worktree('remove', 'feature/x')).toMatchObject({ code: 0 });
  expect(existsSync(tree)).toBe(false);
  expect(git('branch', '--list', 'feature/x')).toContain('feature/x');
  expect((await worktree('remove', '.')).err).toContain('is the repository itself');
  expect((await worktree('status', 'nowhere')).err).toContain('there is no work tree "nowhere"');
});

test('a merge makes a commit of its own and brings the files along; with conflicts nothing changes', async () => {
  await worktree('create', 'x');
  const tree = `${repository}.worktrees/x`;
  commit(tree, 'b.txt', 'of x\n');
  const merged = await worktree('merge', 'x', '--into', 'main');
  expect(merged.code, merged.out + merged.err).toBe(0);
  expect(git('log', '-1', '--format=%p').split(' ')).toHaveLength(2);
  expect(readFileSync(join(repository, 'b.txt'), 'utf8')).toBe('of x\n');
  expect((await worktree('merge', 'x', '--into', 'main')).out).toContain('has it already');
  commit(tree, 'a.txt', 'theirs\n');
  commit(repository, 'a.txt', 'ours\n');
  const before = git('rev-parse', 'HEAD');
  const conflict = await worktree('merge', 'x', '--into', 'main');
  expect([conflict.code, conflict.out]).toEqual([1, expect.stringContaining('a.txt (content)')]);
  expect([git('rev-parse', 'HEAD'), git('status', '--porcelain')]).toEqual([before, '']);
  expect((await worktree('merge', 'y', '--into', 'main')).code).toBe(2);
});

test('clean removes old ones without changes, and those alone', async () => {
  for (const name of ['old', 'dirty', 'young']) await worktree('create', name);
  const tree = (name: string): string => `${repository}.worktrees/${name}`;
  writeFileSync(join(tree('dirty'), 'new.txt'), 'new\n');
  const yesterday = new Date(Date.now() - 25 * 3600e3);
  for (const name of ['old', 'dirty']) utimesSync(join(tree(name), '.git'), yesterday, yesterday);
  const dry = await worktree('clean', '--dry-run');
  expect(dry.out).toContain(`would remove ${tree('old')}`);
  expect(existsSync(tree('old'))).toBe(true);
  const { out } = await worktree('clean');
  expect(out).toContain(`${tree('dirty')} stays: it has files that are not committed`);
  expect(['old', 'dirty', 'young'].map((name) => existsSync(tree(name)))).toEqual([false, true, true]);
});
