import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openJournal, takeIndex } from '../../../src/tools/git/checkout-journal.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { clonesIn, newRepo, repoAt, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

interface Scan {
  readonly code: number;
  readonly abort_reasons: readonly string[];
  readonly checks: Readonly<Record<string, boolean>>;
  readonly notes: readonly string[];
  readonly recovered: readonly string[];
  readonly hint: string;
}

async function scan(path: string, ...args: string[]): Promise<Scan> {
  const ran = await tool(path, ['env_scan', '--json', ...args]);
  return { ...(JSON.parse(ran.stdout) as Scan), code: ran.code };
}

test('a clean clone is ready, every check true', async () => {
  const { mine } = clonesIn(box.folder());
  const found = await scan(mine.path);
  expect(found).toMatchObject({ code: 0, status: 'ready', abort_reasons: [] });
  expect(new Set(Object.values(found.checks))).toEqual(new Set([true]));
});

test('files in conflict are told from changed ones', async () => {
  const { mine } = clonesIn(box.folder());
  const blob = mine.git('hash-object', '-w', 'README.md');
  const entries = [1, 2, 3].map((stage) => `100644 ${blob} ${stage}\tREADME.md`).join('\n');
  mine.git('rm', '--quiet', '--cached', 'README.md');
  execFileSync('git', ['update-index', '--index-info'], { cwd: mine.path, input: `${entries}\n` });
  expect((await scan(mine.path)).abort_reasons).toEqual(['unmerged_paths']);
});

test('a submodule with changes of its own', async () => {
  const { mine } = clonesIn(box.folder());
  const library = newRepo(join(box.folder(), 'library'));
  library.commit('lib', { 'l.txt': 'l\n' });
  mine.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.path, 'lib');
  mine.commit('submodule', {});
  expect((await scan(mine.path)).code).toBe(0);
  repoAt(join(mine.path, 'lib')).write({ 'l.txt': 'changed\n' });
  mine.git('config', 'diff.ignoreSubmodules', 'all');
  const found = await scan(mine.path);
  expect(found).toMatchObject({
    code: 1,
    abort_reasons: ['dirty_submodules'],
    checks: { no_dirty_submodules: false },
  });
});

test('a partial clone', async () => {
  const { remote } = clonesIn(box.folder());
  remote.git('config', 'uploadpack.allowFilter', 'true');
  const path = join(box.folder(), 'partial');
  remote.git('clone', '--quiet', '--filter=blob:none', `file://${remote.path}`, path);
  expect(await scan(path)).toMatchObject({ code: 1, abort_reasons: ['partial_clone'] });
});

test('a branch that only stands for another', async () => {
  const { mine } = clonesIn(box.folder());
  mine.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
  expect((await scan(mine.path, '--branch', 'alias')).abort_reasons).toContain('branch_is_symbolic');
});

test('a source that is not there', async () => {
  const { mine } = clonesIn(box.folder());
  const found = await scan(mine.path, '--source', 'topic');
  expect(found).toMatchObject({
    abort_reasons: ['source_missing'],
    hint: expect.stringContaining('origin/topic') as string,
  });
});

test('a work tree that cannot be reached, but may come back', async () => {
  const { mine } = clonesIn(box.folder());
  const linked = join(box.folder(), 'linked');
  mine.git('switch', '--quiet', '--create', 'other');
  mine.git('worktree', 'add', '--quiet', '--lock', linked, 'main');
  rmSync(linked, { recursive: true });
  expect((await scan(mine.path, '--branch', 'main')).abort_reasons).toEqual(['checkout_unreachable']);
  mine.git('worktree', 'unlock', linked);
  expect((await scan(mine.path, '--branch', 'main')).code).toBe(0); // gone for good: nothing to leave behind
});

test('work on another branch here is noted, and stops nothing', async () => {
  const { mine } = clonesIn(box.folder());
  mine.git('switch', '--quiet', '--create', 'other');
  mine.write({ 'README.md': 'at work\n' });
  const found = await scan(mine.path, '--branch', 'main');
  expect(found).toMatchObject({ code: 0, notes: [expect.stringContaining('1 file not committed')] });
});

test('a branch that follows another remote is noted, and said', async () => {
  const { mine } = clonesIn(box.folder());
  mine.git('remote', 'add', 'upstream', mine.git('remote', 'get-url', 'origin'));
  expect((await scan(mine.path, '--remote', 'origin')).notes).toEqual([]);
  const found = await scan(mine.path, '--remote', 'upstream');
  const note = expect.stringContaining('"main" follows the remote "origin"') as string;
  expect(found).toMatchObject({ code: 0, notes: [note] });
  expect((await tool(mine.path, ['env_scan', '--remote', 'upstream'])).stderr).toEqual(note);
});

test('a lock that goes away in time stops nothing', async () => {
  const { mine } = clonesIn(box.folder());
  const lock = join(mine.path, '.git/index.lock');
  writeFileSync(lock, '');
  // Another git ends shortly after the scan has come to the work trees: it looks for locks next.
  const real = process.env['PATH'] ?? '';
  const bin = box.folder();
  const ends = `case " $* " in *" remote --verbose "*) (sleep 0.5; rm -f ${lock}) >/dev/null 2>&1 & ;; esac`;
  writeFileSync(join(bin, 'git'), `#!/bin/sh\n${ends}\nPATH=${real} exec git "$@"\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${real}`);
  expect((await scan(mine.path)).code).toBe(0);
});

describe('a run that was killed while it wrote files', () => {
  /** A clone behind its remote whose files are half-way there. */
  async function brokenOff(
    before: (made: Clones) => Promise<void> = () => Promise.resolve(),
  ): Promise<Clones> {
    const made = clonesIn(box.folder());
    const to = made.theirs.commit('theirs', { 'README.md': 'new\n'.repeat(100), 't.txt': 't\n' });
    made.theirs.git('push', '--quiet');
    made.mine.git('fetch', '--quiet');
    await before(made);
    const repository = await openRepository(made.mine.path);
    const from = made.mine.git('rev-parse', 'main');
    const journal = await openJournal(repository, { branch: 'main', from, to, owner: 'run-1' });
    await takeIndex(repository, journal);
    made.mine.write({ 'README.md': 'new\n'.repeat(7), 't.txt': 't\n' });
    return made;
  }

  test('is put right by the next one, which then succeeds', async () => {
    const { mine, remote } = await brokenOff();
    const outcome = await drive({ root: mine.path });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(mine.git('rev-parse', 'main')).toBe(remote.git('rev-parse', 'main'));
    expect(mine.git('status', '--porcelain')).toBe('');
    const report = JSON.parse(mine.read(`.git/planwright/safe_merge/${outcome.runId}/env_scan.json`)) as Scan;
    expect(report.recovered).toEqual([expect.stringMatching(/\(run-1\) was killed.*undone\.$/)]);
    expectHealthy(mine.path);
  });

  test('is put right by its own step, when that is begun again', async () => {
    let runId = '';
    const { mine, remote } = await brokenOff(async (made) => {
      runId = (await drive({ root: made.mine.path, until: 'guarded_push' })).runId;
    });
    const ran = await tool(mine.path, ['guarded_push', `--run=${runId}`]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(mine.git('rev-parse', 'main')).toBe(remote.git('rev-parse', 'main'));
    expect(mine.git('status', '--porcelain')).toBe('');
    expectHealthy(mine.path);
  });

  test('and in which somebody went on working is left to them, with the way out', async () => {
    const { mine } = await brokenOff();
    mine.write({ 'README.md': 'my own work\n' });
    const before = snapshot(mine.path);
    const found = await scan(mine.path);
    expect(found.abort_reasons).toContain('interrupted_fast_forward');
    expect(found.hint).toContain('git reset --hard main');
    expect(snapshot(mine.path)).toEqual(before);
  });
});
