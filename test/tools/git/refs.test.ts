import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { moveRefs, readRef, readRefs } from '../../../src/tools/git/refs.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { newRepo, sandbox } from './support/sandbox.js';

const box = sandbox();

async function made() {
  const repo = newRepo(join(box.folder(), 'repo'));
  const one = repo.commit('one', { 'a.txt': '1\n' });
  const two = repo.commit('two', { 'a.txt': '2\n' });
  return { repo, one, two, repository: await openRepository(repo.path) };
}

test('several refs move together, each from where it was seen', async () => {
  const { repo, one, two, repository } = await made();
  const moves = [
    { ref: 'refs/heads/main', from: two, to: one },
    { ref: 'refs/planwright/merge/r1', from: null, to: two },
  ];
  expect(await moveRefs(repository, moves, 'a reason')).toEqual({ kind: 'moved' });
  expect(await readRef(repository, 'refs/heads/main')).toBe(one);
  expect(await readRef(repository, 'refs/planwright/merge/r1')).toBe(two);
  expect(repo.git('reflog', '-1', '--format=%gs', 'main')).toBe('a reason');
});

test('when one has moved, none moves', async () => {
  const { one, two, repository } = await made();
  const moves = [
    { ref: 'refs/planwright/merge/r1', from: null, to: two },
    { ref: 'refs/heads/main', from: one, to: two },
  ];
  expect(await moveRefs(repository, moves, 'x')).toEqual({
    kind: 'stale',
    ref: 'refs/heads/main',
    expected: one,
    found: two,
  });
  expect(await readRef(repository, 'refs/planwright/merge/r1')).toBeNull();
});

test('a ref that must be new, and is not', async () => {
  const { one, two, repository } = await made();
  expect(await moveRefs(repository, [{ ref: 'refs/heads/main', from: null, to: one }], 'x')).toMatchObject({
    kind: 'stale',
    expected: null,
    found: two,
  });
});

test('a lock file is named', async () => {
  const { repo, one, two, repository } = await made();
  const lock = join(repo.path, '.git/refs/heads/main.lock');
  writeFileSync(lock, '');
  expect(await moveRefs(repository, [{ ref: 'refs/heads/main', from: two, to: one }], 'x')).toEqual({
    kind: 'locked',
    lock,
  });
});

test('a ref of ours is set and deleted whatever it was', async () => {
  const { one, two, repository } = await made();
  const ref = 'refs/planwright/merge/r1';
  for (const to of [one, two, null]) {
    expect(await moveRefs(repository, [{ ref, from: 'any', to }], 'x')).toEqual({ kind: 'moved' });
    expect(await readRef(repository, ref)).toBe(to);
  }
});

test('only the refs that were asked for are read, and what they stand for is said', async () => {
  const { repo, two, repository } = await made();
  repo.git('branch', 'topic/a');
  repo.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
  const found = await readRefs(repository, ['refs/heads/topic', 'refs/heads/alias', 'refs/heads/none']);
  expect(Object.fromEntries(found)).toEqual({
    'refs/heads/alias': { id: two, symbolicFor: 'refs/heads/main' },
  });
});
