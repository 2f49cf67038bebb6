import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { forgetUnused } from '../../../src/tools/safe-merge/remembered.js';
import { forgetRunIn } from '../../../src/tools/safe-merge/retention.js';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
let home: string;
beforeEach(() => {
  home = box.folder();
  vi.stubEnv('PLANWRIGHT_HOME', home);
});
afterEach(() => vi.unstubAllEnvs());

const DAY_MS = 24 * 60 * 60 * 1000;
const directoryOf = ({ mine }: Clones, run: string): string =>
  join(mine.path, '.git/planwright/safe_merge', run);
const refsOf = ({ mine }: Clones, run: string): string =>
  mine
    .git('for-each-ref', '--format=%(refname)', 'refs/planwright')
    .split('\n')
    .filter((name) => name.includes(run))
    .join(' ');
const isThere = (made: Clones, run: string): boolean => existsSync(directoryOf(made, run));

/** Makes a run look as if it had begun so many days ago. */
function age(made: Clones, run: string, days: number): void {
  const file = join(directoryOf(made, run), 'env_scan.json');
  const report = JSON.parse(readFileSync(file, 'utf8')) as object;
  const timestamp = new Date(Date.now() - days * DAY_MS).toISOString();
  writeFileSync(file, JSON.stringify({ ...report, timestamp }));
}

/** So many runs that were only begun, this many days ago. */
function begun(made: Clones, count: number, days: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const run = `begun-${days}-${at}`;
    mkdirSync(directoryOf(made, run), { recursive: true });
    writeFileSync(join(directoryOf(made, run), 'env_scan.json'), '{}');
    age(made, run, days);
    return run;
  });
}

/** Clones whose branches parted without a conflict. */
function parted(): Clones {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'mine.txt': 'm\n' });
  made.theirs.commit('theirs', { 'theirs.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  return made;
}

const scan = ({ mine }: Clones) => tool(mine.path, ['env_scan', '--run=next']);
const forget = ({ mine }: Clones, ...args: string[]) => tool(mine.path, ['forget', ...args]);

test('a run that begins forgets one that is old and has landed, and not the newest ones', async () => {
  const made = parted();
  const { runId, state, said } = await drive({ root: made.mine.path });
  expect(state, said).toBe('succeeded');
  expect(refsOf(made, runId)).toContain('refs/planwright/rollback/');
  age(made, runId, 31);
  expect((await scan(made)).code).toBe(0);
  expect(isThere(made, runId)).toBe(true); // among the newest
  begun(made, 20, 1);
  expect((await scan(made)).code).toBe(0);
  expect([isThere(made, runId), refsOf(made, runId)]).toEqual([false, '']);
  expectHealthy(made.mine.path);
});

test('ten at a time: a merge does not wait for the sins of years', async () => {
  const made = parted();
  begun(made, 20, 1);
  const old = begun(made, 15, 40);
  expect((await scan(made)).code).toBe(0);
  expect(old.filter((run) => isThere(made, run))).toHaveLength(5);
});

test('more runs than are kept at most go sooner, but not within two days', async () => {
  const made = parted();
  const [young, older] = [begun(made, 3, 1), begun(made, 3, 3)];
  expect((await forget(made, '--max-runs=2')).stdout).toContain('forgot 3 runs of');
  expect([young, older].map((runs) => runs.filter((run) => isThere(made, run)).length)).toEqual([3, 0]);
});

test('a merge that was never published goes when git alone made it: it can be made again', async () => {
  const made = parted();
  for (const step of ['env_scan', 'git_fetch', 'git_merge'])
    expect((await tool(made.mine.path, [step, '--run=red'])).code).toBe(0);
  expect(refsOf(made, 'red')).toContain('refs/planwright/merge/red');
  const strict = ['--keep-days=0', '--keep-runs=0'];
  // What was fetched is nowhere else yet: the remote may have lost it since.
  expect((await forget(made, ...strict)).stdout).toContain('1 hold work that has not landed');
  made.mine.git('fetch', '--quiet');
  expect((await forget(made, ...strict)).stdout).toContain('forgot 1 run');
  expect(refsOf(made, 'red')).toBe('');
});

test('what somebody has begun to resolve is never forgotten', async () => {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'README.md': 'mine\n' });
  made.theirs.commit('theirs', { 'README.md': 'theirs\n' });
  made.theirs.git('push', '--quiet');
  made.mine.git('fetch', '--quiet');
  const steps = ['env_scan', 'file_classification', 'git_fetch', 'git_merge', 'timestamp_resolver'];
  for (const step of steps) await tool(made.mine.path, [step, '--run=begun']);
  await tool(made.mine.path, ['ai_conflict_resolver', '--run=begun', '--on-unresolved=pause']);
  const [tree = ''] = readdirSync(join(home, 'safe-merge/worktrees'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('begun-conflicts'))
    .map((name) => join(home, 'safe-merge/worktrees', name));
  writeFileSync(join(tree, 'README.md'), 'half of it\n');
  expect((await forget(made, '--keep-days=0', '--keep-runs=0')).stdout).toContain('1 hold work');
  expect(made.mine.git('show', 'refs/planwright/kept/begun:README.md')).toBe('half of it');
});

test('what the engine forgets of a run is forgotten in its repository, too', async () => {
  const made = parted();
  const { runId } = await drive({ root: made.mine.path });
  expect(await forgetRunIn(made.mine.path, 'another-run', home)).toBe(false);
  expect(await forgetRunIn(box.folder(), runId, home)).toBe(false);
  expect(await forgetRunIn(made.mine.path, runId, home)).toBe(true);
  expect([isThere(made, runId), refsOf(made, runId)]).toEqual([false, '']);
});

test('resolutions that nobody used for a year are forgotten', async () => {
  const store = join(home, 'safe-merge/resolutions');
  mkdirSync(store, { recursive: true });
  for (const [name, days] of [
    ['used', 364],
    ['unused', 366],
  ] as const) {
    writeFileSync(join(store, `${name}.json`), '{}');
    const at = new Date(Date.now() - days * DAY_MS);
    utimesSync(join(store, `${name}.json`), at, at);
  }
  expect(await forgetUnused(home, Date.now())).toBe(1);
  expect(readdirSync(store)).toEqual(['used.json']);
});
