import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clonesIn, newRepo, repoAt, sandbox, type Clones, type Repo } from '../git/support/sandbox.js';
import { expectHealthy } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';

const box = sandbox();

/** Clones that parted: both sides have something the other lacks. */
function parted(): Clones {
  const made = clonesIn(box.folder(), { 'in/a.txt': 'a\n', 'out/b.txt': 'b\n', 'c.txt': 'one\ntwo\n' });
  made.theirs.commit('theirs', { 'in/new.txt': 'n\n', 'out/b.txt': 'B\n', 'c.txt': 'one\ntwo\nthree\n' });
  made.theirs.git('push', '--quiet');
  made.mine.commit('mine', { 'm.txt': 'm\n' });
  return made;
}

async function expectMerged({ remote }: Clones, root: Repo): Promise<void> {
  const outcome = await drive({ root: root.path });
  expect(outcome.state, outcome.said).toBe('succeeded');
  expect(root.git('rev-parse', 'main')).toBe(remote.git('rev-parse', 'main'));
  expect(root.git('status', '--porcelain')).toBe('');
  expectHealthy(root.path);
}

test('a sparse checkout stays sparse', async () => {
  const made = parted();
  made.mine.git('sparse-checkout', 'set', 'in');
  await expectMerged(made, made.mine);
  expect(made.mine.read('in/new.txt')).toBe('n\n');
  expect(existsSync(join(made.mine.path, 'out'))).toBe(false);
});

test('so does one whose index is sparse, too', async () => {
  const made = parted();
  made.mine.git('sparse-checkout', 'set', '--cone', '--sparse-index', 'in');
  await expectMerged(made, made.mine);
  expect(made.mine.git('ls-files', '--sparse')).toContain('out/');
  expect(existsSync(join(made.mine.path, 'out'))).toBe(false);
});

test('a split index, an untracked cache, and settings that make git remember more', async () => {
  const made = parted();
  made.mine.git('config', 'core.splitIndex', 'true');
  made.mine.git('config', 'core.untrackedCache', 'true');
  made.mine.git('config', 'index.version', '4');
  made.mine.git('update-index', '--split-index', '--untracked-cache', '--index-version', '4');
  await expectMerged(made, made.mine);
});

test('line ends as the person wants them', async () => {
  const made = parted();
  made.mine.git('config', 'core.autocrlf', 'true');
  made.mine.git('rm', '--quiet', '-r', '--cached', '.');
  made.mine.git('reset', '--quiet', '--hard');
  expect(made.mine.read('c.txt')).toBe('one\r\ntwo\r\n');
  await expectMerged(made, made.mine);
  expect(made.mine.read('c.txt')).toBe('one\r\ntwo\r\nthree\r\n');
  expect(made.remote.git('cat-file', '-s', 'main:c.txt')).toBe('14'); // no carriage returns there
});

test('packed refs, packed objects, and a reflog of everything', async () => {
  const made = parted();
  made.mine.git('config', 'core.logAllRefUpdates', 'always');
  made.mine.git('pack-refs', '--all', '--prune');
  made.mine.git('gc', '--quiet');
  await expectMerged(made, made.mine);
});

test('objects that are borrowed from another repository', async () => {
  const made = parted();
  const path = join(box.folder(), 'borrower');
  made.mine.git('clone', '--quiet', '--shared', made.mine.path, path);
  const borrower = repoAt(path);
  borrower.git('remote', 'set-url', 'origin', made.remote.path);
  borrower.git('config', 'user.name', 'Tester');
  borrower.git('config', 'user.email', 'tester@example.invalid');
  await expectMerged(made, borrower);
});

test('a git directory elsewhere', async () => {
  const made = parted();
  const folder = box.folder();
  const path = join(folder, 'files');
  made.mine.git('clone', '--quiet', `--separate-git-dir=${join(folder, 'git')}`, made.mine.path, path);
  const apart = repoAt(path);
  apart.git('remote', 'set-url', 'origin', made.remote.path);
  apart.git('config', 'user.name', 'Tester');
  apart.git('config', 'user.email', 'tester@example.invalid');
  await expectMerged(made, apart);
});

test('a bare repository with linked work trees only', async () => {
  const made = parted();
  const folder = box.folder();
  const bare = join(folder, 'bare.git');
  made.mine.git('clone', '--quiet', '--bare', made.mine.path, bare);
  const center = repoAt(bare);
  center.git('remote', 'set-url', 'origin', made.remote.path);
  center.git('config', 'user.name', 'Tester');
  center.git('config', 'user.email', 'tester@example.invalid');
  center.git('worktree', 'add', '--quiet', join(folder, 'main'), 'main');
  const linked = repoAt(join(folder, 'main'));
  await expectMerged(made, linked);
  expect(linked.read('in/new.txt')).toBe('n\n');
});

test('a repository of sha256', async () => {
  const folder = box.folder();
  const remote = newRepo(join(folder, 'remote.git'), '--bare', '--object-format=sha256');
  const mine = newRepo(join(folder, 'mine'), '--object-format=sha256');
  mine.git('remote', 'add', 'origin', remote.path);
  mine.commit('base', { 'a.txt': 'a\n', 'x.map': '0\n' });
  mine.git('push', '--quiet', 'origin', 'main');
  remote.git('clone', '--quiet', remote.path, join(folder, 'theirs'));
  const theirs = repoAt(join(folder, 'theirs'));
  theirs.git('config', 'user.name', 'Colleague');
  theirs.git('config', 'user.email', 'colleague@example.invalid');
  mine.commit('mine', { 'm.txt': 'm\n', 'x.map': 'm\n' });
  theirs.commit('theirs', { 't.txt': 't\n', 'x.map': 't\n' });
  theirs.git('push', '--quiet');
  await expectMerged({ remote, mine, theirs }, mine);
  expect(mine.read('x.map')).toBe('t\n');
});

test('a submodule whose repository has the root: the merge is its own', async () => {
  const made = parted();
  const outer = newRepo(join(box.folder(), 'outer'));
  outer.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', made.remote.path, 'sub');
  outer.commit('submodule', {});
  const sub = repoAt(join(outer.path, 'sub'));
  sub.git('config', 'user.name', 'Tester');
  sub.git('config', 'user.email', 'tester@example.invalid');
  sub.git('reset', '--quiet', '--hard', 'HEAD~1');
  sub.commit('in the submodule', { 's.txt': 's\n' });
  await expectMerged(made, sub);
  expect(outer.git('log', '--format=%s')).toBe('submodule');
});

test('a submodule that they moved is left as it is, and the last words say how to bring it along', async () => {
  const made = clonesIn(box.folder());
  const lib = newRepo(join(box.folder(), 'lib'));
  const [first, second] = [lib.commit('one', { 'l.txt': '1\n' }), lib.commit('two', { 'l.txt': '2\n' })];
  const at = (repo: Repo, commit: string): void => {
    repo.git('-C', 'lib', 'checkout', '--quiet', commit);
    repo.commit(`lib at ${commit}`, {});
    repo.git('push', '--quiet');
  };
  const local = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet'];
  made.mine.git(...local, 'add', lib.path, 'lib');
  at(made.mine, first);
  made.theirs.git('pull', '--quiet');
  made.theirs.git(...local, 'update', '--init');
  at(made.theirs, second);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.state, outcome.said).toBe('succeeded');
  expect(outcome.steps['guarded_push']?.stdout).toContain('"lib" follows by: git submodule update');
  expect(made.mine.read('lib/l.txt')).toBe('1\n');
  made.mine.git(...local, 'update'); // the way out
  expect(made.mine.git('status', '--porcelain')).toBe('');
  const again = await drive({ root: made.mine.path });
  expect(again.steps['guarded_push']?.stdout).toMatch(/up to date: .{0,80}\n$/);
});
