import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NoRepository, openRepository } from '../../../src/tools/git/repository.js';
import { newRepo, sandbox } from './support/sandbox.js';

const box = sandbox();

test('it is found from any directory of its work tree', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  repo.commit('base', { 'deep/er/a.txt': 'a\n' });
  const found = await openRepository(join(repo.path, 'deep/er'));
  expect(found).toMatchObject({
    workTree: repo.path,
    gitDir: join(repo.path, '.git'),
    commonDir: join(repo.path, '.git'),
    objectFormat: 'sha1',
    shallow: false,
    partial: false,
    lfs: false,
    disarmed: [],
  });
});

test('a linked work tree has a git directory of its own and shares the rest', async () => {
  const folder = box.folder();
  const repo = newRepo(join(folder, 'repo'));
  repo.commit('base', { 'a.txt': 'a\n' });
  repo.git('worktree', 'add', '--quiet', '--detach', join(folder, 'linked'));
  expect(await openRepository(join(folder, 'linked'))).toMatchObject({
    workTree: join(folder, 'linked'),
    gitDir: join(repo.path, '.git/worktrees/linked'),
    commonDir: join(repo.path, '.git'),
  });
});

test('a git directory elsewhere, a bare one, and one of sha256', async () => {
  const folder = box.folder();
  const apart = newRepo(join(folder, 'apart'), '--separate-git-dir', join(folder, 'git'));
  expect(await openRepository(apart.path)).toMatchObject({
    workTree: apart.path,
    gitDir: join(folder, 'git'),
  });
  const bare = newRepo(join(folder, 'bare.git'), '--bare');
  expect(await openRepository(bare.path)).toMatchObject({ workTree: null, gitDir: bare.path });
  const long = newRepo(join(folder, 'long'), '--object-format=sha256');
  expect(await openRepository(long.path)).toMatchObject({ objectFormat: 'sha256' });
});

describe('what is no repository says why', () => {
  test.each<[string, (folder: string) => string, NoRepository['reason']]>([
    ['a directory that is not there', (folder) => join(folder, 'none'), 'no-such-directory'],
    [
      'a file',
      (folder) => (writeFileSync(join(folder, 'file'), ''), join(folder, 'file')),
      'no-such-directory',
    ],
    ['a plain directory', (folder) => folder, 'not-a-repository'],
    [
      'the inside of a git directory',
      (folder) => join(newRepo(join(folder, 'r')).path, '.git'),
      'not-a-repository',
    ],
  ])('%s', async (_, prepare, reason) => {
    const path = prepare(box.folder());
    const error = await openRepository(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NoRepository);
    expect(error).toMatchObject({ reason });
    expect((error as NoRepository).hint).not.toBe('');
  });

  // Only root can give a directory away.
  test.skipIf(process.getuid?.() !== 0)('a repository of another user', async () => {
    const repo = newRepo(join(box.folder(), 'repo'));
    chownSync(join(repo.path, '.git'), 12345, 12345);
    chownSync(repo.path, 12345, 12345);
    await expect(openRepository(repo.path)).rejects.toMatchObject({ reason: 'not-trusted' });
  });
});

test('a path with a line break is refused, not misread', async () => {
  const path = join(box.folder(), 'two\nlines');
  mkdirSync(path);
  newRepo(path);
  await expect(openRepository(path)).rejects.toMatchObject({ reason: 'unusable' });
});

describe('drivers of the configuration are switched off', () => {
  test('filters become none, merge drivers a conflict, whatever their names', async () => {
    const repo = newRepo(join(box.folder(), 'repo'));
    repo.git('config', 'filter.crypt.clean', 'encrypt');
    repo.git('config', 'filter.crypt.required', 'true');
    repo.git('config', 'filter.a=b.smudge', 'evil');
    repo.git('config', 'merge.ours.driver', 'true');
    const { disarmed } = await openRepository(repo.path);
    expect(Object.fromEntries(disarmed)).toEqual({
      'filter.crypt.clean': '',
      'filter.crypt.required': 'false',
      'filter.a=b.smudge': '',
      'merge.ours.driver': 'false',
    });
  });

  test('Git LFS stays, but only with its own commands', async () => {
    const repo = newRepo(join(box.folder(), 'repo'));
    repo.git('config', 'filter.lfs.clean', 'git-lfs clean -- %f');
    repo.git('config', 'filter.lfs.process', 'git-lfs filter-process');
    repo.git('config', 'filter.lfs.required', 'true');
    expect(await openRepository(repo.path)).toMatchObject({ lfs: true, disarmed: [] });
    repo.git('config', 'filter.lfs.process', 'git-lfs filter-process; evil');
    expect((await openRepository(repo.path)).disarmed).toEqual([['filter.lfs.process', '']]);
  });
});

test('clones that lack history or content are known', async () => {
  const folder = box.folder();
  const repo = newRepo(join(folder, 'repo'));
  repo.commit('one', { 'a.txt': 'a\n' });
  repo.commit('two', { 'a.txt': 'b\n' });
  repo.git('config', 'uploadpack.allowFilter', 'true');
  repo.git('clone', '--quiet', '--depth=1', `file://${repo.path}`, join(folder, 'shallow'));
  repo.git('clone', '--quiet', '--filter=blob:none', `file://${repo.path}`, join(folder, 'partial'));
  expect(await openRepository(join(folder, 'shallow'))).toMatchObject({ shallow: true, partial: false });
  expect(await openRepository(join(folder, 'partial'))).toMatchObject({ shallow: false, partial: true });
});
