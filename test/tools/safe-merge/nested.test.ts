import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newRepo, sandbox, type Repo } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { buildProgram, tool } from './support/program.js';

const box = sandbox();

function outer(): Repo {
  const repo = newRepo(join(box.folder(), 'outer'));
  repo.commit('base', { 'a.txt': 'a\n', '.gitignore': 'node_modules/\n' });
  return repo;
}

/** A repository inside `repo`, with a commit and, if asked, a remote that has it. */
function inner(repo: Repo, path: string, pushed = false): Repo {
  const made = newRepo(join(repo.path, path));
  made.commit('inner', { 'inner.txt': 'i\n' });
  if (pushed) {
    const remote = newRepo(join(box.folder(), 'inner.git'), '--bare');
    made.git('remote', 'add', 'origin', remote.path);
    made.git('push', '--quiet', '--set-upstream', 'origin', 'main');
  }
  return made;
}

interface DetectReport {
  readonly nested_repos: readonly { path: string; type: string; is_file: boolean }[];
  readonly summary: Readonly<Record<string, number>>;
  readonly unreadable: readonly string[];
}

async function detected(
  repo: Repo,
  ...args: string[]
): Promise<DetectReport & { code: number; types: Record<string, string> }> {
  const ran = await tool(repo.path, ['nested_repos_detect', '--json', ...args]);
  const report = JSON.parse(ran.stdout) as DetectReport;
  return {
    ...report,
    code: ran.code,
    types: Object.fromEntries(report.nested_repos.map((found) => [found.path, found.type])),
  };
}

describe('detection', () => {
  test('a stray repository stops the merge, and is named', async () => {
    const repo = outer();
    inner(repo, 'lib/inner');
    const ran = await tool(repo.path, ['nested_repos_detect']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/nested_repo_block[\s\S]*"lib\/inner"/);
    expect(await detected(repo, '--max-stray=1')).toMatchObject({ code: 0, summary: { stray_count: 1 } });
    expect(await detected(repo, '--report-only')).toMatchObject({
      code: 0,
      types: { 'lib/inner': 'stray_nested_repo' },
    });
  });

  test('env_scan leaves strays to this gate', async () => {
    const repo = outer();
    repo.git('remote', 'add', 'origin', repo.path);
    inner(repo, 'inner');
    expect((await tool(repo.path, ['env_scan'])).code).toBe(0);
  });

  test('a submodule is one by its path, not by a part of it', async () => {
    const repo = outer();
    const library = newRepo(join(box.folder(), 'library'));
    library.commit('lib', { 'l.txt': 'l\n' });
    repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.path, 'mylib');
    repo.commit('submodule', {});
    inner(repo, 'lib');
    expect((await detected(repo)).types).toEqual({ mylib: 'submodule', lib: 'stray_nested_repo' });
  });

  test('an entry of the index without one in .gitmodules is of a third kind', async () => {
    const repo = outer();
    repo.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},ghost`);
    expect(await detected(repo)).toMatchObject({ code: 0, types: { ghost: 'gitlink_without_entry' } });
  });

  test('a linked work tree is known', async () => {
    const repo = outer();
    repo.git('worktree', 'add', '--quiet', '--detach', join(repo.path, '.worktrees/one'));
    const found = await detected(repo);
    expect(found).toMatchObject({ code: 0, types: { '.worktrees/one': 'worktree' } });
    expect(found.nested_repos[0]).toMatchObject({ is_file: true });
  });

  test('clones in ignored directories are somebody else’s business', async () => {
    const repo = outer();
    inner(repo, 'node_modules');
    inner(repo, 'packages/a/node_modules');
    mkdirSync(join(repo.path, 'packages/a/src'));
    expect(await detected(repo)).toMatchObject({ code: 0, summary: { stray_count: 0, ignored_count: 2 } });
  });

  test('a directory is ignored by its name, not for what else is in it', async () => {
    const repo = outer();
    repo.commit('patterns', { '.gitignore': 'cache/\n*.log\n', 'src/a.ts': 'a\n' });
    inner(repo, 'logs/deep/inner'); // beside ignored files only
    repo.write({ 'logs/a.log': 'l\n', 'venv/.gitignore': '*\n', 'src/cache/kept.ts': 'k\n' });
    inner(repo, 'venv/src/inner'); // its .gitignore says it of all in it
    inner(repo, 'src/cache/inner');
    inner(repo, ':(top)*/inner'); // names like patterns are names
    repo.git('add', '--force', 'src/cache/kept.ts');
    expect((await detected(repo)).types).toEqual({
      ':(top)*/inner': 'stray_nested_repo',
      'logs/deep/inner': 'stray_nested_repo',
      'src/cache/inner': 'ignored',
    });
  });

  test('links are not followed, and a circle of them ends', async () => {
    const repo = outer();
    const far = newRepo(join(box.folder(), 'far'));
    symlinkSync(far.path, join(repo.path, 'far'));
    symlinkSync('.', join(repo.path, 'circle'));
    expect(await detected(repo)).toMatchObject({ code: 0, types: {} });
  });

  test('what looks like a bare repository is said', async () => {
    const repo = outer();
    newRepo(join(repo.path, 'fixtures/bare.git'), '--bare');
    expect(await detected(repo)).toMatchObject({
      code: 0,
      types: { 'fixtures/bare.git': 'bare_repository' },
    });
  });

  test('a repository without a work tree has nothing inside', async () => {
    const bare = newRepo(join(box.folder(), 'bare.git'), '--bare');
    const made = outer();
    made.git('push', '--quiet', bare.path, 'main');
    expect(await detected(bare)).toMatchObject({ code: 0, types: {} });
  });
});

interface NormalizeReport {
  readonly actions: readonly {
    action: string;
    path: string;
    success: boolean;
    error?: string;
    backup?: string;
    remote?: string;
  }[];
  readonly count: number;
  readonly successful: number;
}

async function normalized(repo: Repo, ...args: string[]): Promise<NormalizeReport & { code: number }> {
  const ran = await tool(repo.path, ['nested_repos_normalize', '--json', ...args]);
  return { ...(JSON.parse(ran.stdout) as NormalizeReport), code: ran.code };
}

describe('normalisation', () => {
  test('without strays there is nothing to do', async () => {
    expect(await normalized(outer())).toMatchObject({ code: 0, actions: [] });
  });

  test('without --apply it says what it would do, and does nothing', async () => {
    const repo = outer();
    inner(repo, 'inner');
    const before = snapshot(repo.path);
    const ran = await normalized(repo, '--keep=inner');
    expect(ran).toMatchObject({ code: 1, count: 1, successful: 0 });
    expect(ran.actions).toEqual([
      { action: 'dry_run', path: 'inner', success: false, would: 'keep_as_submodule' },
    ]);
    expect(snapshot(repo.path)).toEqual(before);
  });

  test('absorbing tracks the files in one commit and keeps the history beside', async () => {
    const repo = outer();
    const nested = inner(repo, 'lib/inner', true);
    const commit = nested.git('rev-parse', 'HEAD');
    const ran = await normalized(repo, '--apply');
    expect(ran).toMatchObject({
      code: 0,
      successful: 1,
      actions: [{ action: 'absorbed', path: 'lib/inner' }],
    });
    expect(existsSync(join(repo.path, 'lib/inner/.git'))).toBe(false);
    expect(repo.git('show', 'HEAD:lib/inner/inner.txt')).toBe('i');
    expect(repo.git('log', '--format=%s')).toBe('Take nested repositories in\nbase');
    expect(repo.git('status', '--porcelain')).toBe('');
    const backup = ran.actions[0]?.backup ?? '';
    expect(repo.git(`--git-dir=${backup}`, 'rev-parse', 'HEAD')).toBe(commit);
    expect(await normalized(repo, '--apply')).toMatchObject({ code: 0, actions: [] }); // again: nothing left to do
    expectHealthy(repo.path);
  });

  test('keeping as a submodule registers where it comes from', async () => {
    const repo = outer();
    const nested = inner(repo, 'lib/inner', true);
    const ran = await normalized(repo, '--apply', '--default=keep_as_submodule');
    expect(ran).toMatchObject({ code: 0, successful: 1, actions: [{ action: 'added_submodule' }] });
    expect(repo.git('ls-tree', 'HEAD', 'lib/inner')).toBe(
      `160000 commit ${nested.git('rev-parse', 'HEAD')}\tlib/inner`,
    );
    expect(repo.git('config', '--file', '.gitmodules', 'submodule.lib/inner.url')).toBe(
      nested.git('remote', 'get-url', 'origin'),
    );
    expect(repo.git('status', '--porcelain')).toBe('');
    expect((await detected(repo)).types).toEqual({ 'lib/inner': 'submodule' });
  });

  test('a submodule without a remote cannot be', async () => {
    const repo = outer();
    inner(repo, 'inner');
    const ran = await normalized(repo, '--apply', '--policy=keep_as_submodule', '--force');
    expect(ran).toMatchObject({ code: 1, actions: [{ action: 'no_remote', success: false }] });
    expect(repo.git('log', '--format=%s')).toBe('base');
  });

  test.each<[string, (nested: Repo) => void, string]>([
    ['work that is not committed', (nested) => nested.write({ 'new.txt': 'n\n' }), 'not committed'],
    [
      'commits that are on no remote',
      (nested) => nested.commit('more', { 'more.txt': 'm\n' }),
      'on no remote',
    ],
    [
      'stashed work',
      (nested) => (nested.write({ 'inner.txt': 'changed\n' }), nested.git('stash', '--quiet')),
      'stashed',
    ],
  ])('%s is not left behind unless forced', async (_, prepare, words) => {
    const repo = outer();
    const nested = inner(repo, 'inner', true);
    prepare(nested);
    const before = snapshot(repo.path);
    const ran = await normalized(repo, '--apply');
    expect(ran).toMatchObject({
      code: 1,
      actions: [{ action: 'failed', error: expect.stringContaining(words) as string }],
    });
    expect(snapshot(repo.path)).toEqual(before);
    expect(await normalized(repo, '--apply', '--force')).toMatchObject({ code: 0, successful: 1 });
  });

  test('somebody’s other changes do not get into the commit', async () => {
    const repo = outer();
    inner(repo, 'inner', true);
    repo.write({ 'a.txt': 'changed\n' });
    const ran = await tool(repo.path, ['nested_repos_normalize', '--apply']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('dirty_working_tree');
    expect(existsSync(join(repo.path, 'inner/.git'))).toBe(true);
  });

  test('a report that was named and is not there', async () => {
    const ran = await tool(outer().path, ['nested_repos_normalize', '--input=none.json']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('input_missing');
  });
});

describe('a directory that cannot be looked into', () => {
  // Root may look everywhere: then the program runs as somebody else.
  const isRoot = process.getuid?.() === 0;
  const NOBODY = 65534;

  /** Runs a tool as whoever may not look into everything. */
  async function detectedByOther(repo: Repo): Promise<{ code: number; said: string; unreadable: string[] }> {
    const program = await buildProgram();
    onTestFinished(program.remove);
    for (const path of [join(program.bin, '../..'), join(repo.path, '../..'), join(repo.path, '..')])
      chmodSync(path, 0o755);
    if (isRoot) execFileSync('chown', ['-R', String(NOBODY), join(repo.path, '..')]);
    const command = [
      process.execPath,
      join(program.bin, 'planwright-merge'),
      'nested_repos_detect',
      '--json',
    ];
    const as = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    const [file = '', ...args] = isRoot ? [...as, ...command] : command;
    const home = join(repo.path, '..');
    const ran = spawnSync(file, args, {
      cwd: repo.path,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: home, PLANWRIGHT_HOME: join(home, 'state') },
    });
    expect(ran.error, 'setpriv (util-linux) is needed to run this as another user').toBeUndefined();
    const { unreadable } = JSON.parse(ran.stdout) as DetectReport;
    return { code: ran.status ?? -1, said: ran.stderr, unreadable: [...unreadable] };
  }

  /** Closes a directory for the length of a test. */
  function close(path: string): void {
    chmodSync(path, 0o000);
    onTestFinished(() => chmodSync(path, 0o755));
  }

  test('stops the merge when files of the repository are in it', async () => {
    const repo = outer();
    repo.commit('more', { 'src/deep/code.txt': 'c\n' });
    close(join(repo.path, 'src/deep'));
    const { code, said, unreadable } = await detectedByOther(repo);
    expect([code, unreadable]).toEqual([2, ['src/deep']]);
    expect(said).toMatch(/unreadable_directory: 1 directory .*"src\/deep"/);
  });

  test('is named, and stops nothing, when there are none', async () => {
    const repo = outer();
    for (const path of ['data', 'node_modules']) {
      mkdirSync(join(repo.path, path));
      close(join(repo.path, path));
    }
    expect(await detectedByOther(repo)).toMatchObject({ code: 0, unreadable: ['data', 'node_modules'] });
  });
});
