import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mergeBases, mergeTrees, type Merged } from '../../../src/tools/git/merge-tree.js';
import { withObjects } from '../../../src/tools/git/objects.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { newRepo, sandbox, type Files, type Repo } from './support/sandbox.js';
import { snapshot } from './support/snapshot.js';

const box = sandbox();

/** A repository whose branches `main` and `side` changed `base` in their own ways; `main` is checked out. */
function forked(base: Files, ours: Files, theirs: Files): Repo {
  const repo = newRepo(join(box.folder(), 'repo'));
  repo.commit('base', base);
  repo.git('switch', '--quiet', '--create', 'side');
  repo.commit('theirs', theirs);
  repo.git('switch', '--quiet', 'main');
  repo.commit('ours', ours);
  return repo;
}

async function merged(repo: Repo, ours = 'main', theirs = 'side'): Promise<Merged> {
  const repository = await openRepository(repo.path);
  const [a, b] = [repo.git('rev-parse', ours), repo.git('rev-parse', theirs)];
  return withObjects(repository, box.folder(), async (objects) =>
    mergeTrees(objects, await mergeBases(objects, a, b), a, b),
  );
}

/** Path → kind. */
async function conflicts(repo: Repo): Promise<Record<string, string>> {
  const result = await merged(repo);
  if (result.kind === 'clean') return {};
  return Object.fromEntries(result.conflicts.map((conflict) => [conflict.path, conflict.kind]));
}

test('a clean merge gives the tree that git merge gives, and touches nothing', async () => {
  const repo = forked(
    { 'a.txt': '1\n2\n3\n4\n5\n', 'old/name.txt': 'kept\ncontent\n', 'gone.txt': 'x\n' },
    { 'a.txt': 'one\n2\n3\n4\n5\n', 'old/name.txt': null, 'new/name.txt': 'kept\ncontent\n' },
    { 'a.txt': '1\n2\n3\n4\nfive\n', 'old/name.txt': 'kept\ncontent\nmore\n', 'gone.txt': null },
  );
  const before = snapshot(repo.path);
  const result = await merged(repo);
  expect(snapshot(repo.path)).toEqual(before);
  repo.git('merge', '--quiet', '--no-edit', 'side');
  expect(result).toEqual({ kind: 'clean', tree: repo.git('rev-parse', 'HEAD^{tree}') });
});

describe('each kind of conflict has its name', () => {
  const text = { 'f.txt': '1\n2\n3\n' };
  test.each<[string, Files, Files, Files, Record<string, string>]>([
    ['both changed a line', text, { 'f.txt': '1\nA\n3\n' }, { 'f.txt': '1\nB\n3\n' }, { 'f.txt': 'content' }],
    ['both added a file', {}, { 'n.txt': 'A\n' }, { 'n.txt': 'B\n' }, { 'n.txt': 'add/add' }],
    ['we deleted it', text, { 'f.txt': null }, { 'f.txt': 'B\n' }, { 'f.txt': 'modify/delete' }],
    ['they deleted it', text, { 'f.txt': 'A\n' }, { 'f.txt': null }, { 'f.txt': 'modify/delete' }],
    [
      'both changed a binary file',
      { 'b.bin': Buffer.from([0, 1]) },
      { 'b.bin': Buffer.from([0, 2]) },
      { 'b.bin': Buffer.from([0, 3]) },
      { 'b.bin': 'binary' },
    ],
    [
      'both renamed it',
      { 'f.txt': 'some\nlines\nof\ntext\n' },
      { 'f.txt': null, 'a.txt': 'some\nlines\nof\ntext\n' },
      { 'f.txt': null, 'b.txt': 'some\nlines\nof\ntext\n' },
      { 'a.txt': 'rename/rename', 'b.txt': 'rename/rename', 'f.txt': 'rename/rename' },
    ],
    [
      'one renamed what the other deleted',
      { 'f.txt': 'some\nlines\nof\ntext\n' },
      { 'f.txt': null, 'a.txt': 'some\nlines\nof\ntext\n' },
      { 'f.txt': null },
      { 'a.txt': 'rename/delete' },
    ],
  ])('%s', async (_, base, ours, theirs, expected) => {
    expect(await conflicts(forked({ 'keep.txt': 'k\n', ...base }, ours, theirs))).toEqual(expected);
  });

  test('a file here, a directory there', async () => {
    const repo = forked({ 'd.txt': 'x\n' }, { d: 'file\n' }, { 'd/inside.txt': 'x\n' });
    expect(Object.values(await conflicts(repo))).toEqual(['file/directory']);
  });

  test('a link that both sent elsewhere', async () => {
    const repo = newRepo(join(box.folder(), 'repo'));
    const link = (to: string): void => {
      execFileSync('ln', ['-sfn', to, join(repo.path, 'link')]);
      repo.commit(`to ${to}`, {});
    };
    link('a');
    repo.git('switch', '--quiet', '--create', 'side');
    link('b');
    repo.git('switch', '--quiet', 'main');
    link('c');
    expect(await conflicts(repo)).toEqual({ link: 'link' });
  });

  test('a submodule that both moved', async () => {
    const repo = newRepo(join(box.folder(), 'repo'));
    const at = (digit: string): void => {
      repo.git('update-index', '--add', '--cacheinfo', `160000,${digit.repeat(40)},sub`);
      repo.git('commit', '--quiet', '-m', digit);
    };
    at('1');
    repo.git('switch', '--quiet', '--create', 'side');
    at('2');
    repo.git('switch', '--quiet', 'main');
    at('3');
    expect(await conflicts(repo)).toEqual({ sub: 'submodule' });
  });
});

test('a conflict has the content of all three sides', async () => {
  const repo = forked({ 'f.txt': 'base\n' }, { 'f.txt': 'ours\n' }, { 'f.txt': 'theirs\n' });
  const result = await merged(repo);
  if (result.kind === 'clean') throw new Error('no conflict');
  const [conflict] = result.conflicts;
  const ids = [conflict?.base, conflict?.ours, conflict?.theirs].map((stage) =>
    repo.git('cat-file', 'blob', stage?.id ?? ''),
  );
  expect(ids).toEqual(['base', 'ours', 'theirs']);
});

test('a path of any bytes comes through', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  const name = Buffer.from([0x61, 0xe9, 0x0a, 0x62]);
  const put = (content: string): void => {
    const id = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: repo.path, input: content })
      .toString()
      .trim();
    const entry = Buffer.concat([Buffer.from(`100644 blob ${id}\t`), name, Buffer.from([0])]);
    const tree = execFileSync('git', ['mktree', '-z'], { cwd: repo.path, input: entry }).toString().trim();
    const parents = repo.tryGit('rev-parse', '--verify', 'HEAD');
    const args = parents.code === 0 ? ['-p', parents.output] : [];
    repo.git('update-ref', 'HEAD', repo.git('commit-tree', ...args, '-m', content, tree));
  };
  put('base');
  repo.git('branch', 'side');
  put('ours');
  repo.git('symbolic-ref', 'HEAD', 'refs/heads/side');
  put('theirs');
  expect(await conflicts(repo)).toEqual({ 'a\udce9\nb': 'content' });
});

describe('attributes', () => {
  const drivers = (to: string): Files => ({
    '.gitattributes': `*.lock merge=${to}\n`,
    'x.lock': '1\n2\n3\n4\n5\n',
  });

  test('count as the target has them, whatever is checked out', async () => {
    const repo = forked(drivers('union'), { 'x.lock': 'A\n2\n3\n4\n5\n' }, { 'x.lock': 'B\n2\n3\n4\n5\n' });
    repo.git('switch', '--quiet', '--orphan', 'nothing');
    expect(existsSync(join(repo.path, '.gitattributes'))).toBe(false);
    const result = await merged(repo);
    expect(result.kind).toBe('clean');
    expect(repo.git('cat-file', 'blob', `${result.tree}:x.lock`)).toBe('A\nB\n2\n3\n4\n5');
  });

  test('count where a directory that one side renamed brings a file of the other to one of its own', async () => {
    const base = { ...drivers('union'), 'a/1.txt': '1\n', 'a/2.txt': '2\n' };
    const moved = { 'a/1.txt': null, 'a/2.txt': null, 'b/1.txt': '1\n', 'b/2.txt': '2\n' };
    const repo = forked(base, { ...moved, 'b/new.lock': 'A\n' }, { 'a/new.lock': 'B\n' });
    const { tree } = await merged(repo);
    expect(repo.git('cat-file', 'blob', `${tree}:b/new.lock`)).toBe('A\nB');
  });

  test('that name a merge driver make a conflict of what both changed: no program is run', async () => {
    const repo = forked(drivers('mine'), { 'x.lock': 'A\n2\n3\n4\n5\n' }, { 'x.lock': '1\n2\n3\n4\nB\n' });
    const proof = join(box.folder(), 'proof');
    repo.git('config', 'merge.mine.driver', `touch ${proof}`);
    expect(await conflicts(repo)).toEqual({ 'x.lock': 'merge-driver' });
    expect(existsSync(proof)).toBe(false);
  });

  test('of a driver nobody changed on both sides stop nothing', async () => {
    const repo = forked(drivers('mine'), { 'x.lock': 'A\n' }, { 'other.txt': 'o\n' });
    expect(await conflicts(repo)).toEqual({});
  });
});

test('a replaced object does not change what is merged', async () => {
  const repo = forked({ 'f.txt': 'base\n' }, { 'a.txt': 'a\n' }, { 'b.txt': 'b\n' });
  const honest = await merged(repo);
  repo.git('replace', 'side', 'main');
  expect(await merged(repo)).toEqual(honest);
});

test('a repository of sha256 merges as well', async () => {
  const repo = newRepo(join(box.folder(), 'repo'), '--object-format=sha256');
  repo.commit('base', { 'f.txt': 'base\n' });
  repo.git('switch', '--quiet', '--create', 'side');
  repo.commit('theirs', { 'b.txt': 'b\n' });
  repo.git('switch', '--quiet', 'main');
  repo.commit('ours', { 'a.txt': 'a\n' });
  const result = await merged(repo);
  expect(repo.git('ls-tree', '--name-only', result.tree)).toBe('a.txt\nb.txt\nf.txt');
});
