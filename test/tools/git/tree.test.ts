import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withObjects, type Objects } from '../../../src/tools/git/objects.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import {
  binaryChanges,
  changeTree,
  diffTrees,
  isSubmodule,
  lastTouched,
  listTree,
} from '../../../src/tools/git/tree.js';
import { newRepo, sandbox, type Repo } from './support/sandbox.js';

const box = sandbox();

async function on<T>(repo: Repo, work: (objects: Objects) => Promise<T>): Promise<T> {
  return withObjects(await openRepository(repo.path), box.folder(), work);
}

const made = (): Repo => newRepo(join(box.folder(), 'repo'));

test('a path was last touched by the newest commit that only this side has', async () => {
  const repo = made();
  repo.commit('base', { 'a.txt': '0\n' }, 1_700_000_000);
  repo.git('branch', 'side');
  repo.commit('first', { 'a.txt': '1\n' }, 1_700_000_100);
  repo.commit('second', { 'a.txt': '2\n' }, 1_700_000_200);
  repo.commit('other', { 'b.txt': 'b\n' }, 1_700_000_300);
  await on(repo, async (objects) => {
    expect(await lastTouched(objects, 'refs/heads/main', 'side', 'a.txt').catch(() => 'no refs here')).toBe(
      'no refs here',
    );
    const [main, side] = [repo.git('rev-parse', 'main'), repo.git('rev-parse', 'side')];
    expect(await lastTouched(objects, main, side, 'a.txt')).toBe(1_700_000_200);
    expect(await lastTouched(objects, side, main, 'a.txt')).toBeNull();
    expect(await lastTouched(objects, main, side, 'a*')).toBeNull(); // a path, not a pattern
  });
});

test('two trees differ by the paths that came, went, changed or are of another kind', async () => {
  const repo = made();
  const one = repo.commit('one', { 'same.txt': 's\n', 'gone.txt': 'g\n', 'changed.txt': '1\n' });
  const two = repo.commit('two', { 'gone.txt': null, 'changed.txt': '2\n', 'came.bin': Buffer.from([0, 1]) });
  await on(repo, async (objects) => {
    const changes = await diffTrees(objects, one, two);
    expect(
      changes.map(({ path, before, after }) => [path, before?.mode ?? null, after?.mode ?? null]),
    ).toEqual([
      ['came.bin', null, '100644'],
      ['changed.txt', '100644', '100644'],
      ['gone.txt', '100644', null],
    ]);
    expect(await binaryChanges(objects, one, two)).toEqual(new Set(['came.bin']));
  });
});

test('a tree is changed at some paths and kept at all others', async () => {
  const repo = made();
  const one = repo.commit('one', { 'a.txt': 'a\n', 'b/c.txt': 'c\n', 'd.txt': 'd\n' });
  await on(repo, async (objects) => {
    const entries = (await listTree(objects, one)).entries();
    const a = entries.find((entry) => entry.path === 'a.txt');
    const tree = await changeTree(
      objects,
      one,
      new Map([
        ['b/c.txt', a ?? null],
        ['d.txt', null],
      ]),
    );
    expect((await listTree(objects, tree)).entries().map(({ path, id }) => [path, id])).toEqual([
      ['a.txt', a?.id],
      ['b/c.txt', a?.id],
    ]);
  });
});

test.each([
  ['of plain letters', { 'a/b.txt': 'b\n', 'a/.x': 'x\n', '.x': 'y\n', 'a/y.x': 'z\n' }],
  ['of any bytes', { 'a/b.txt': 'b\n', 'a/.x': 'x\n', '.x': 'y\n', 'ä/ö.txt': 'o\n', 'ä/.x': 'x\n' }],
])(
  'files with names %s are those of the tree, without submodules, and some are found by name',
  async (_, files) => {
    const repo = made();
    const base = repo.commit('base', files);
    repo.git('update-index', '--add', '--cacheinfo', `160000,${base},module`);
    const tip = repo.git('commit-tree', '-m', 'module', repo.git('write-tree'));
    await on(repo, async (objects) => {
      const listing = await listTree(objects, tip);
      const all = listing.entries();
      expect(all.map(({ path }) => path)).toContain('module');
      const paths: string[] = [];
      listing.eachFile((path) => paths.push(path));
      expect(paths).toEqual(all.flatMap(({ mode, path }) => (isSubmodule(mode) ? [] : [path])));
      expect(listing.named('.x')).toEqual(all.filter(({ path }) => /(^|\/)\.x$/.test(path)));
      expect(listing.named('module').map(({ mode }) => mode)).toEqual(['160000']);
      expect(listing.named('no')).toEqual([]);
    });
  },
);
