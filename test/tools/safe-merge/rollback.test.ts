import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { clonesIn, sandbox, type Clones, type Files } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
beforeEach(() => {
  process.env['PLANWRIGHT_HOME'] = box.folder();
});

interface Published extends Clones {
  readonly runId: string;
  readonly before: { readonly mine: string; readonly remote: string };
}

/** Clones whose branches parted, merged and published. */
async function published(theirs: Files = { 'theirs.txt': 't\n' }): Promise<Published> {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'mine.txt': 'm\n', 'src/code.py': 'mine\n' });
  if (Object.keys(theirs).length > 0) {
    made.theirs.commit('theirs', theirs);
    made.theirs.git('push', '--quiet');
  }
  const before = { mine: made.mine.git('rev-parse', 'main'), remote: made.remote.git('rev-parse', 'main') };
  const { state, runId, said } = await drive({ root: made.mine.path });
  expect(state, said).toBe('succeeded');
  return { ...made, runId, before };
}

const back = ({ mine, runId }: Published, ...args: string[]) => tool(mine.path, ['rollback', runId, ...args]);

describe('after publication', () => {
  test('a new commit brings the remote back to what it had, and history stays', async () => {
    const made = await published();
    const merge = made.remote.git('rev-parse', 'main');
    const ran = await back(made);
    expect(ran.code, ran.stderr).toBe(0);
    expect(made.remote.git('rev-parse', 'main^')).toBe(merge);
    expect(made.remote.git('rev-parse', 'main^{tree}')).toBe(
      made.remote.git('rev-parse', `${made.before.remote}^{tree}`),
    );
    expect(made.mine.git('rev-parse', 'main')).toBe(made.remote.git('rev-parse', 'main'));
    expect(made.mine.git('status', '--porcelain')).toBe('');
    expect(made.remote.git('log', '-1', '--format=%B', 'main')).toContain(
      `Planwright-Rollback: ${made.runId}`,
    );
    expectHealthy(made.mine.path);
  });

  test('again it does nothing', async () => {
    const made = await published();
    expect((await back(made)).code).toBe(0);
    const there = made.remote.git('rev-parse', 'main');
    const again = await back(made);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('already taken back')]);
    const third = await back(made);
    expect([third.code, made.remote.git('rev-parse', 'main')]).toEqual([0, there]);
  });

  test('what others pushed since stays', async () => {
    const made = await published();
    made.theirs.git('pull', '--quiet');
    made.theirs.commit('since', { 'since.txt': 's\n' });
    made.theirs.git('push', '--quiet');
    const ran = await back(made);
    expect(ran.code, ran.stderr).toBe(0);
    const files = made.remote.git('ls-tree', '-r', '--name-only', 'main').split('\n');
    expect(files).toContain('since.txt');
    expect(files).not.toContain('mine.txt');
    expect(made.mine.git('rev-parse', 'main')).toBe(made.remote.git('rev-parse', 'main'));
  });

  test('what others built on it is not torn down: they are named, and nothing is changed', async () => {
    const made = await published();
    made.theirs.git('pull', '--quiet');
    made.theirs.commit('since', { 'src/code.py': 'mine, and more\n' });
    made.theirs.git('push', '--quiet');
    const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    const ran = await back(made);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('"src/code.py"')]);
    expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
  });

  test('commits that were only pushed are taken back, too', async () => {
    const made = await published({});
    expect((await back(made)).code).toBe(0);
    expect(made.remote.git('rev-parse', 'main^{tree}')).toBe(
      made.remote.git('rev-parse', `${made.before.remote}^{tree}`),
    );
  });

  test('a dry run says so, and does nothing', async () => {
    const made = await published();
    const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    const ran = await back(made, '--dry-run');
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('would push')]);
    expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
  });
});

test('a run that published nothing has nothing to take back', async () => {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'README.md': 'm\n' });
  made.theirs.commit('theirs', { 'README.md': 't\n' });
  made.theirs.git('push', '--quiet');
  const { state, runId } = await drive({ root: made.mine.path });
  expect(state).toBe('failed');
  const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
  const ran = await tool(made.mine.path, ['rollback', runId]);
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('nothing to take back')]);
  expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
  expect((await tool(made.mine.path, ['rollback', 'no-such-run'])).code).toBe(2);
});

test('when the remote was set back since, the branch here is reset', async () => {
  const made = await published();
  made.remote.git('update-ref', 'refs/heads/main', made.before.remote);
  const ran = await back(made);
  expect(ran.code, ran.stderr).toBe(0);
  expect(made.mine.git('rev-parse', 'main')).toBe(made.before.mine);
  expect(made.mine.git('status', '--porcelain')).toBe('');
  expect((await back(made)).stdout).toContain('as before the run');
});

describe('old runs', () => {
  const refs = ({ mine }: Clones): string =>
    mine.git('for-each-ref', '--format=%(refname)', 'refs/planwright');

  test('are forgotten by age and number, with their refs and reports', async () => {
    const made = await published();
    expect(refs(made)).toContain(made.runId);
    expect((await tool(made.mine.path, ['forget'])).stdout).toContain('forgot 0 runs');
    expect((await tool(made.mine.path, ['forget', '--keep-days=0'])).stdout).toContain('forgot 0 runs');
    expect(
      (await tool(made.mine.path, ['forget', '--keep-days=0', '--keep-runs=0', '--dry-run'])).stdout,
    ).toContain('would forget 1 run');
    expect(refs(made)).toContain(made.runId);
    expect((await tool(made.mine.path, ['forget', '--keep-days=0', '--keep-runs=0'])).stdout).toContain(
      'forgot 1 run',
    );
    expect(refs(made)).toBe('');
    expectHealthy(made.mine.path);
  });

  test('that alone hold a merge that has not landed stay', async () => {
    const made = clonesIn(box.folder());
    made.mine.commit('mine', { 'README.md': 'm\n' });
    made.theirs.commit('theirs', { 'README.md': 't\n' });
    made.theirs.git('push', '--quiet');
    const resolver = 'cat ours theirs > merged; echo \'{"text":"merged","confidence":1}\' > result.json';
    const variables = { RESOLVER: resolver };
    const { runId } = await drive({ root: made.mine.path, variables, until: 'guarded_push' });
    const ran = await tool(made.mine.path, ['forget', '--keep-days=0', '--keep-runs=0']);
    expect(ran.stdout).toContain('1 hold work that has not landed');
    expect(refs(made)).toContain(`refs/planwright/merge/${runId}`);
  });
});

describe('a dry run', () => {
  test('goes through all steps, says what it would do, and changes nothing but refs and reports of ours', async () => {
    const made = clonesIn(box.folder());
    made.mine.commit('mine', { 'mine.txt': 'm\n' });
    made.theirs.commit('theirs', { 'theirs.txt': 't\n' });
    made.theirs.git('push', '--quiet');
    const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    const outcome = await drive({ root: made.mine.path, variables: { DRY_RUN: '1' } });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(outcome.steps['guarded_push']?.stdout).toMatch(
      /would push [0-9a-f]{10} to origin\/main and bring main here/,
    );
    expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
    expect(() => made.mine.read('.git/planwright/safe_merge/merge_events.jsonl')).toThrow(/ENOENT/);
  });

  test('names what would stop it', async () => {
    const made = clonesIn(box.folder());
    made.mine.write({ 'new.txt': 'n\n' });
    const ran = await tool(made.mine.path, ['env_scan', '--dry-run']);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('dirty_working_tree')]);
  });

  test('asks no resolver and no person', async () => {
    const made = clonesIn(box.folder());
    made.mine.commit('mine', { 'README.md': 'm\n' });
    made.theirs.commit('theirs', { 'README.md': 't\n' });
    made.theirs.git('push', '--quiet');
    const variables = { DRY_RUN: '1', RESOLVER: 'touch asked; exit 1', ON_UNRESOLVED: 'pause' };
    const outcome = await drive({ root: made.mine.path, variables });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(outcome.steps['ai_conflict_resolver']?.stdout).toContain(
      'the resolver would be asked about 1 file',
    );
    expect(outcome.steps['guarded_push']?.stdout).toContain(
      'would push nothing before the conflicts are decided',
    );
  });
});

test('the report of a run sums it up for people and for programs', async () => {
  const made = await published();
  const to = box.folder();
  const ran = await tool(made.mine.path, ['report', '--run', made.runId, '--to', to, '--json']);
  expect(ran.code, ran.stderr).toBe(0);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    outcome: 'success',
    action: 'merged',
    pushed: true,
    outcome_reason: null,
  });
  const markdown = readFileSync(`${to}/SAFE_MERGE_REPORT.md`, 'utf8');
  expect(markdown).toMatch(
    /^# Safe merge safe-merge-\S+: success\n[\s\S]*\| `guarded_push` \| ok \| [0-9.]+ \|/,
  );
  expect(JSON.parse(readFileSync(`${to}/safe_merge_report.json`, 'utf8'))).toMatchObject({
    pattern_id: 'MERGE-004',
  });
});
