import { chmodSync, existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clonesIn, repoAt, sandbox, type Clones, type Files } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive, safeMergePlan, type Drive, type RunOutcome } from './support/driver.js';

const box = sandbox();
const clones = (files?: Files): Clones => clonesIn(box.folder(), files);

/** Plays the plan in `mine`, expects it to fail in `step` with these words, and both repositories to be as they were. */
async function expectUntouched(
  { mine, remote }: Pick<Clones, 'mine' | 'remote'>,
  step: string,
  words: readonly (string | RegExp)[],
  options: Partial<Drive> = {},
): Promise<RunOutcome> {
  const before = [snapshot(mine.path), snapshot(remote.path)];
  const outcome = await drive({ root: mine.path, ...options });
  expect(outcome.state, outcome.said).toBe('failed');
  expect(Object.keys(outcome.steps).at(-1)).toBe(step);
  for (const word of words) expect(outcome.steps[step]?.stderr).toMatch(word);
  expect(outcome.steps[step]?.stderr).toContain('→'); // a way out
  expect([snapshot(mine.path), snapshot(remote.path)]).toEqual(before);
  return outcome;
}

async function expectDone(root: string, options: Partial<Drive> = {}): Promise<RunOutcome> {
  const outcome = await drive({ root, ...options });
  expect(outcome.state, outcome.said).toBe('succeeded');
  // Steps with a condition are for conflicts that are left.
  const always = safeMergePlan().steps.filter((step) => step.condition === undefined);
  expect(Object.keys(outcome.steps)).toEqual(always.map((step) => step.id));
  return outcome;
}

const tip = (repo: { git(...args: string[]): string }, ref = 'refs/heads/main'): string =>
  repo.git('rev-parse', ref);

describe('a safe merge ends well', () => {
  test('up to date: nothing moves', async () => {
    const { mine, remote } = clones();
    const before = [snapshot(mine.path), snapshot(remote.path)];
    await expectDone(mine.path);
    expect([snapshot(mine.path), snapshot(remote.path)]).toEqual(before);
  });

  test('a file that was only touched is clean, and the index is not even refreshed', async () => {
    const { mine } = clones();
    const soon = new Date(Date.now() + 5000);
    utimesSync(join(mine.path, 'README.md'), soon, soon);
    const before = snapshot(mine.path);
    await expectDone(mine.path);
    expect(snapshot(mine.path)).toEqual(before);
  });

  test('behind: the branch and its files follow, and nothing is pushed', async () => {
    const { mine, theirs, remote } = clones();
    const there = theirs.commit('theirs', {
      'README.md': 'new\n',
      'src/deep/new.py': 'x = 1\n',
      'logo.png': null,
    });
    theirs.git('push', '--quiet');
    const before = snapshot(remote.path);
    await expectDone(mine.path);
    expect([tip(mine), tip(mine, 'refs/remotes/origin/main')]).toEqual([there, there]);
    expect(mine.read('src/deep/new.py')).toBe('x = 1\n');
    expect(existsSync(join(mine.path, 'logo.png'))).toBe(false);
    expect(mine.git('status', '--porcelain')).toBe('');
    expect(snapshot(remote.path)).toEqual(before);
    expectHealthy(mine.path);
  });

  test('ahead: the branch is pushed as it is', async () => {
    const { mine, remote } = clones();
    const here = mine.commit('mine', { 'a.txt': 'a\n' });
    const before = snapshot(mine.path);
    await expectDone(mine.path);
    expect([tip(remote), tip(mine), tip(mine, 'refs/remotes/origin/main')]).toEqual([here, here, here]);
    expect(snapshot(mine.path).files).toEqual(before.files);
  });

  test('diverged: the merge of both sides is on the remote, on the branch and in the files', async () => {
    const { mine, theirs, remote } = clones();
    const there = theirs.commit('theirs', {
      'README.md': 'ONE\ntwo\nthree\nfour\nfive\n',
      'theirs.txt': 't\n',
    });
    theirs.git('push', '--quiet');
    const here = mine.commit('mine', { 'README.md': 'one\ntwo\nthree\nfour\nFIVE\n', 'mine.txt': 'm\n' });
    const outcome = await expectDone(mine.path);
    const merged = tip(remote);
    expect(mine.git('log', '-1', '--format=%P', merged)).toBe(`${here} ${there}`);
    expect([tip(mine), tip(mine, 'refs/remotes/origin/main')]).toEqual([merged, merged]);
    expect(mine.read('README.md')).toBe('ONE\ntwo\nthree\nfour\nFIVE\n');
    expect([mine.read('mine.txt'), mine.read('theirs.txt')]).toEqual(['m\n', 't\n']);
    expect(mine.git('status', '--porcelain')).toBe('');
    expect(mine.git('log', '-1', '--format=%an <%ae>')).toBe('Tester <tester@example.invalid>');
    expect(tip(mine, `refs/planwright/rollback/${outcome.runId}`)).toBe(here);
    expectHealthy(mine.path);
    expectHealthy(remote.path);
  });

  test('the merge is the one that git itself would make', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 'src/code.py': 'a = 1\n\n\nb = 3\n', 'x/y/z.txt': 'z\n', 'README.md': null });
    theirs.git('mv', 'logo.png', 'sign.png');
    theirs.commit('rename', {});
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'src/code.py': 'a = 2\n\n\nb = 2\n', 'dist/bundle.map': 'm\n' });
    const copy = join(box.folder(), 'copy');
    mine.git('clone', '--quiet', mine.path, copy);
    const other = repoAt(copy);
    other.git('fetch', '--quiet', remote.path, 'main');
    other.git(
      '-c',
      'user.name=x',
      '-c',
      'user.email=x@y',
      'merge',
      '--quiet',
      '--no-ff',
      '--no-edit',
      'FETCH_HEAD',
    );
    await expectDone(mine.path);
    expect(tip(remote, 'main^{tree}')).toBe(tip(other, 'HEAD^{tree}'));
  });

  test('it does not matter what is checked out', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'm.txt': 'm\n' });
    mine.git('switch', '--quiet', '--create', 'other', 'HEAD^');
    mine.write({ 'README.md': 'at work here\n', 'new.txt': 'n\n' });
    const before = snapshot(mine.path);
    await expectDone(mine.path, { variables: { BRANCH: 'main' } });
    const after = snapshot(mine.path);
    expect(tip(mine)).toBe(tip(remote));
    expect(after.files).toEqual(before.files);
    expect([after.head, after.git['index']]).toEqual([before.head, before.git['index']]);
  });

  test('a detached HEAD is left alone', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    mine.git('switch', '--quiet', '--detach');
    const before = snapshot(mine.path);
    await expectDone(mine.path, { variables: { BRANCH: 'main' } });
    expect(tip(mine)).toBe(tip(remote));
    expect(snapshot(mine.path)).toMatchObject({ files: before.files, head: before.head });
  });

  test('the files of a linked work tree follow when the branch is checked out there', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    mine.git('switch', '--quiet', '--create', 'other');
    const linked = join(box.folder(), 'linked');
    mine.git('worktree', 'add', '--quiet', linked, 'main');
    const before = snapshot(mine.path);
    await expectDone(mine.path, { variables: { BRANCH: 'main' } });
    expect(readFileSync(join(linked, 't.txt'), 'utf8')).toBe('t\n');
    expect(repoAt(linked).git('status', '--porcelain')).toBe('');
    expect([tip(mine), snapshot(mine.path).files]).toEqual([tip(remote), before.files]);
    expectHealthy(linked);
  });

  test('it runs from a linked work tree', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    const linked = join(box.folder(), 'linked');
    mine.git('worktree', 'add', '--quiet', '-b', 'other', linked);
    repoAt(linked).commit('work', { 'w.txt': 'w\n' });
    mine.git('push', '--quiet', 'origin', 'main:other');
    await expectDone(linked);
    expect(tip(remote, 'refs/heads/other')).toBe(tip(mine, 'refs/heads/other'));
    expect(tip(mine)).not.toBe(tip(remote)); // main was not asked for
  });

  test('another branch of the remote is merged with a commit of its own', async () => {
    const { mine, theirs, remote } = clones();
    theirs.git('switch', '--quiet', '--create', 'feature/login');
    const feature = theirs.commit('feature', { 'login.py': 'l = 1\n' });
    theirs.git('push', '--quiet', 'origin', 'feature/login');
    const here = tip(mine);
    await expectDone(mine.path, { variables: { BRANCH: 'main', SOURCE: 'origin/feature/login' } });
    expect(mine.git('log', '-1', '--format=%P', 'main')).toBe(`${here} ${feature}`);
    expect(tip(remote)).toBe(tip(mine));
    expect(mine.git('log', '-1', '--format=%s', 'main')).toBe(
      "Merge remote-tracking branch 'origin/feature/login' into main",
    );
    expect(mine.read('login.py')).toBe('l = 1\n');
  });

  test('a local branch is merged, also onto a remote that is ahead', async () => {
    const { mine, theirs, remote } = clones();
    mine.git('switch', '--quiet', '--create', 'topic');
    const topic = mine.commit('topic', { 'topic.py': 't = 1\n' });
    mine.git('switch', '--quiet', 'main');
    const there = theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    await expectDone(mine.path, { variables: { SOURCE: 'topic' } });
    expect(mine.git('log', '-1', '--format=%P', 'main')).toBe(`${there} ${topic}`);
    expect(tip(remote)).toBe(tip(mine));
    expect([mine.read('topic.py'), mine.read('t.txt')]).toEqual(['t = 1\n', 't\n']);
  });

  test('conflicts in generated and binary files go to the side that changed last', async () => {
    const { mine, theirs, remote } = clones();
    const mineFirst = { 'dist/bundle.map': 'mine\n', 'logo.png': Buffer.from([0x89, 0, 2]) };
    mine.commit('mine', mineFirst);
    theirs.commit('theirs', { 'dist/bundle.map': 'theirs\n', 'logo.png': Buffer.from([0x89, 0, 3]) });
    theirs.git('push', '--quiet');
    const outcome = await expectDone(mine.path);
    expect(outcome.steps['git_merge']).toMatchObject({ state: 'tolerated', code: 1 });
    expect(mine.read('dist/bundle.map')).toBe('theirs\n');
    expect(readFileSync(join(mine.path, 'logo.png'))).toEqual(Buffer.from([0x89, 0, 3]));
    expect(tip(remote)).toBe(tip(mine));
    expect(mine.git('log', '-1', '--format=%P').split(' ')).toHaveLength(2);
    const report = mine.read(`.git/planwright/safe_merge/${outcome.runId}/SAFE_MERGE_REPORT.md`);
    expect(report).toMatch(
      /: success\n[\s\S]*## What came up on the way\n\n- `git_merge`: 2 files in conflict/,
    );
    expectHealthy(mine.path);
  });

  test('a bare repository: its branch follows', async () => {
    const { mine, theirs, remote } = clones();
    const bare = join(box.folder(), 'bare.git');
    mine.git('clone', '--quiet', '--bare', remote.path, bare);
    const there = theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    await expectDone(bare);
    expect(tip(repoAt(bare))).toBe(there);
  });
});

describe('a safe merge that cannot be ends with a reason, and everything is as it was', () => {
  test('a content conflict', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 'README.md': 'THEIRS\ntwo\nthree\nfour\nfive\n' });
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'README.md': 'MINE\ntwo\nthree\nfour\nfive\n' });
    await expectUntouched({ mine, remote }, 'ai_conflict_resolver', [
      'conflicts_unresolved',
      /"README\.md": content conflict, class human_text/,
    ]);
    expectHealthy(mine.path);
  });

  test('a file changed here and deleted there', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 'src/code.py': null });
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'src/code.py': 'a = 5\n' });
    await expectUntouched({ mine, remote }, 'ai_conflict_resolver', [
      /"src\/code\.py": modify\/delete conflict/,
    ]);
  });

  test('one conflict that time decides does not hide one that it may not', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 'README.md': 'T\n', 'dist/bundle.map': 't\n' });
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'README.md': 'M\n', 'dist/bundle.map': 'm\n' });
    const outcome = await expectUntouched({ mine, remote }, 'ai_conflict_resolver', ['1 file of main']);
    expect(outcome.steps['timestamp_resolver']?.stdout).toContain('1 conflict decided by time, 1 left');
    expect(outcome.steps['ai_conflict_resolver']?.stderr).not.toContain('bundle.map');
  });

  test.each<[name: string, code: string, prepare: (made: Clones) => void]>([
    ['a changed file', 'dirty_working_tree', ({ mine }) => mine.write({ 'README.md': 'changed\n' })],
    [
      'a staged file',
      'dirty_working_tree',
      ({ mine }) => (mine.write({ 'README.md': 'x\n' }), mine.git('add', '.')),
    ],
    ['a new file', 'dirty_working_tree', ({ mine }) => mine.write({ 'new.txt': 'n\n' })],
    ['no remote', 'remote_missing', ({ mine }) => mine.git('remote', 'remove', 'origin')],
    ['an index.lock', 'lock_file_present', ({ mine }) => mine.write({ '.git/index.lock': '' })],
    [
      'a lock of the branch',
      'lock_file_present',
      ({ mine }) => mine.write({ '.git/refs/heads/main.lock': '' }),
    ],
    [
      'a detached HEAD and no BRANCH',
      'detached_head',
      ({ mine }) => mine.git('switch', '--quiet', '--detach'),
    ],
    ['a merge in progress', 'merge_in_progress', (made) => beginConflict(made, ['merge', 'side'])],
    ['a rebase in progress', 'rebase_in_progress', (made) => beginConflict(made, ['rebase', 'side'])],
    [
      'a cherry-pick in progress',
      'cherry_pick_in_progress',
      (made) => beginConflict(made, ['cherry-pick', 'side']),
    ],
    ['a revert in progress', 'revert_in_progress', (made) => beginConflict(made, ['revert', 'HEAD~1'])],
    ['patches being applied', 'am_in_progress', beginAm],
    ['a bisection in progress', 'bisect_in_progress', ({ mine }) => mine.git('bisect', 'start')],
  ])('%s: %s', async (_, code, prepare) => {
    const made = clones();
    made.theirs.commit('theirs', { 't.txt': 't\n' });
    made.theirs.git('push', '--quiet');
    prepare(made);
    const outcome = await expectUntouched(made, 'env_scan', ['env_scan_failed', code]);
    expect(outcome.steps['env_scan']?.code).toBe(1);
  });

  test('an unborn branch', async () => {
    const { mine, remote } = clones();
    mine.git('switch', '--quiet', '--orphan', 'fresh');
    await expectUntouched({ mine, remote }, 'env_scan', ['unborn_branch']);
  });

  test('no such branch here', async () => {
    const made = clones();
    await expectUntouched(made, 'env_scan', ['branch_missing'], { variables: { BRANCH: 'nowhere' } });
  });

  test('no such branch on the remote: asked once', async () => {
    const { mine, remote } = clones();
    mine.git('branch', 'only-here');
    const outcome = await expectUntouched(
      { mine, remote },
      'git_fetch',
      ['fetch_failed', 'remote_branch_missing'],
      {
        variables: { BRANCH: 'only-here' },
      },
    );
    expect(outcome.steps['git_fetch']).toMatchObject({ code: 2, attempts: 1 });
  });

  test('a branch that has another name on the remote: the message has both ways out', async () => {
    const { mine, remote } = clones();
    remote.git('branch', '--move', 'main', 'trunk');
    mine.git('config', 'branch.main.merge', 'refs/heads/trunk');
    await expectUntouched({ mine, remote }, 'git_fetch', [
      'remote_branch_missing',
      /"main" here follows "origin\/trunk"[\s\S]*git branch -m main trunk[\s\S]*git push origin main/,
    ]);
    mine.git('config', '--unset', 'branch.main.merge');
    await expectUntouched({ mine, remote }, 'git_fetch', [/the one that "origin" opens with is "trunk"/]);
    mine.git('branch', '--move', 'main', 'trunk'); // the way out
    expect((await drive({ root: mine.path })).state).toBe('succeeded');
  });

  test('a remote that is not there', async () => {
    const { mine, remote } = clones();
    mine.git('remote', 'set-url', 'origin', `${remote.path}-gone`);
    await expectUntouched({ mine, remote }, 'git_fetch', ['remote_repository_missing', /set-url/]);
  });

  test('a network that is down is tried again', async () => {
    const { mine, remote } = clones();
    mine.git('remote', 'set-url', 'origin', 'http://127.0.0.1:9/none.git');
    const outcome = await expectUntouched({ mine, remote }, 'git_fetch', ['remote_unreachable']);
    expect(outcome.steps['git_fetch']).toMatchObject({ code: 1, attempts: 3 });
  });

  test('a shallow clone', async () => {
    const { mine, remote } = clones();
    mine.commit('two', { 'a.txt': 'a\n' });
    mine.git('push', '--quiet');
    const shallow = join(box.folder(), 'shallow');
    mine.git('clone', '--quiet', '--depth=1', `file://${remote.path}`, shallow);
    await expectUntouched({ mine: repoAt(shallow), remote }, 'env_scan', ['shallow_clone', /--unshallow/]);
  });

  test('unrelated histories', async () => {
    const { mine, theirs, remote } = clones();
    theirs.git('switch', '--quiet', '--orphan', 'other');
    theirs.commit('other root', { 'o.txt': 'o\n' });
    theirs.git('push', '--quiet', '--force', 'origin', 'other:main');
    const outcome = await expectUntouched({ mine, remote }, 'timestamp_resolver', ['unrelated_histories']);
    expect(outcome.steps['git_merge']).toMatchObject({ code: 2, state: 'tolerated' });
  });

  test('nobody to make the merge commit', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'm.txt': 'm\n' });
    mine.git('config', '--unset', 'user.email');
    mine.git('config', '--unset', 'user.name');
    await expectUntouched({ mine, remote }, 'timestamp_resolver', ['merge_refused', 'identity_missing']);
  });

  test('a remote that refuses: asked once, and nothing is left of it', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'm.txt': 'm\n' });
    const hook = join(remote.path, 'hooks/pre-receive');
    remote.write({ 'hooks/pre-receive': '#!/bin/sh\necho "the branch is frozen" >&2\nexit 1\n' });
    chmodSync(hook, 0o755);
    const outcome = await expectUntouched({ mine, remote }, 'guarded_push', [
      'guarded_push_failed',
      'push_rejected',
      'the branch is frozen',
    ]);
    expect(outcome.steps['guarded_push']).toMatchObject({ code: 2, attempts: 1 });
    expectHealthy(mine.path);
    expectHealthy(remote.path);
  });

  test('the branch and its counterpart have parted, and something else is to be merged', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 't.txt': 't\n' });
    theirs.git('push', '--quiet');
    mine.git('branch', 'topic');
    mine.commit('mine', { 'm.txt': 'm\n' });
    await expectUntouched({ mine, remote }, 'timestamp_resolver', ['target_diverged'], {
      variables: { SOURCE: 'topic' },
    });
  });

  test('an ignored file where the merge brings its own', async () => {
    const { mine, theirs, remote } = clones({ '.gitignore': 'secret.txt\n', 'a.txt': 'a\n' });
    theirs.write({ 'secret.txt': 'from the remote\n' });
    theirs.git('add', '--force', 'secret.txt');
    theirs.commit('theirs', {});
    theirs.git('push', '--quiet');
    mine.commit('mine', { 'm.txt': 'm\n' }); // something to push: it must not be
    mine.write({ 'secret.txt': 'mine alone\n' });
    await expectUntouched({ mine, remote }, 'guarded_push', ['files_in_the_way', '"secret.txt"']);
  });

  test('a change hidden by assume-unchanged', async () => {
    const { mine, theirs, remote } = clones();
    theirs.commit('theirs', { 'README.md': 'new\n' });
    theirs.git('push', '--quiet');
    mine.git('update-index', '--assume-unchanged', 'README.md');
    mine.write({ 'README.md': 'hidden work\n' });
    await expectUntouched({ mine, remote }, 'guarded_push', ['hidden_changes', '"README.md"']);
  });

  test('a branch that a rebase elsewhere will set back', async () => {
    const { mine, remote } = clones();
    const linked = join(box.folder(), 'linked');
    mine.git('switch', '--quiet', '--create', 'side');
    mine.commit('side', { 'README.md': 'side\n' });
    mine.git('switch', '--quiet', 'main');
    mine.commit('mine', { 'README.md': 'mine\n' });
    mine.git('switch', '--quiet', '--create', 'elsewhere');
    mine.git('worktree', 'add', '--quiet', linked, 'main');
    expect(repoAt(linked).tryGit('rebase', 'side').code).toBe(1);
    await expectUntouched({ mine, remote }, 'env_scan', ['branch_in_use'], { variables: { BRANCH: 'main' } });
  });

  test.each(['-x', 'a$(id)', '+x', 'refs/heads/main', 'HEAD', '--upload-pack=touch pwned', 'a..b', 'a.lock'])(
    'the branch name %s',
    async (name) => {
      const made = clones();
      const outcome = await expectUntouched(made, 'env_scan', ['bad_branch_name'], {
        variables: { BRANCH: name },
      });
      expect(outcome.steps['env_scan']?.code).toBe(2);
      expect(existsSync(join(made.mine.path, 'pwned'))).toBe(false);
    },
  );
});

/** Leaves an operation in `mine` that stopped at a conflict. */
function beginAm({ mine }: Clones): void {
  mine.git('switch', '--quiet', '--create', 'side');
  mine.commit('side', { 'README.md': 'side\n' });
  const patch = mine.git('format-patch', '-1', '--stdout');
  mine.git('switch', '--quiet', 'main');
  mine.commit('mine', { 'README.md': 'mine\n' });
  mine.write({ '.git/side.patch': `${patch}\n` });
  expect(mine.tryGit('am', '.git/side.patch').code).not.toBe(0);
}

function beginConflict({ mine }: Clones, args: readonly string[]): void {
  mine.git('switch', '--quiet', '--create', 'side');
  mine.commit('side', { 'README.md': 'side\n' });
  mine.git('switch', '--quiet', 'main');
  mine.commit('first', { 'README.md': 'first\n' });
  mine.commit('second', { 'README.md': 'second\n' });
  expect(mine.tryGit(...args).code).not.toBe(0);
}
