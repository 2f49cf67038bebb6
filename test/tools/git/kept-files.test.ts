import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { closeOwnWorktree, sweepWorktrees } from '../../../src/tools/git/close-worktree.js';
import { worktreesFolder, type OwnWorktree } from '../../../src/tools/git/own-worktree.js';
import { newRepo, repoAt, sandbox } from './support/sandbox.js';
import { expectHealthy } from './support/snapshot.js';
import { contentOf, FILES, shopIn, type Shop } from './support/work.js';

const box = sandbox();
let serial = 0;

const open = (given: Shop, commit = given.base): Promise<OwnWorktree> => {
  serial += 1;
  return given.open({ id: `ws-${serial}`, commit, reuses: true });
};
const close = async (given: Shop, worktree: OwnWorktree): Promise<void> => {
  const captured = await given.capture(worktree, { id: `run/${worktree.id}` });
  await closeOwnWorktree(worktree, { captured, file: join(box.folder(), 'x.patch'), atSec: 1 });
};
const keptIn = (given: Shop): string[] => {
  const folder = join(worktreesFolder(given.home, given.repository.commonDir), '.kept');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
};
/** Of a file that nobody touches: the same file, the same inode. */
const witness = ({ path }: OwnWorktree): number => statSync(join(path, 'src/lib/util.py')).ino;

const IGNORING = { ...FILES, '.gitignore': '*.log\nbuild/\n', link: 'x' };

/** What a tool may leave behind. */
const tricks: Readonly<Record<string, (path: string, outside: string) => void>> = {
  'a new file': (path) => writeFileSync(join(path, 'new.txt'), 'n'),
  'a changed file': (path) => writeFileSync(join(path, 'README.md'), 'changed\n'),
  'a deleted folder': (path) => rmSync(join(path, 'src/app.py')),
  'ignored files': (path) => {
    mkdirSync(join(path, 'build/deep'), { recursive: true });
    writeFileSync(join(path, 'build/deep/x'), 'x');
    writeFileSync(join(path, 'src/y.log'), 'y');
  },
  'empty folders': (path) => mkdirSync(join(path, 'src/empty/er'), { recursive: true }),
  'other permissions of a file': (path) => chmodSync(join(path, 'README.md'), 0o600),
  'a change that hides: the same size, the time set back': (path) => {
    const file = join(path, 'src/app.py');
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'print("b")\n');
    utimesSync(file, atime, mtime);
  },
  'a second name of a file, outside': (path, outside) =>
    linkSync(join(path, 'README.md'), join(outside, 'hold')),
  'a folder in the place of a file': (path) => {
    rmSync(join(path, 'README.md'));
    mkdirSync(join(path, 'README.md'));
    writeFileSync(join(path, 'README.md/x'), 'x');
  },
  'a file in the place of a folder': (path) => {
    renameSync(join(path, 'src/lib'), join(path, 'lib'));
    writeFileSync(join(path, 'src/lib'), 'x');
  },
  'a link in the place of a folder, to one with files of the same names': (path, outside) => {
    rmSync(join(path, 'src/lib'), { recursive: true });
    symlinkSync(outside, join(path, 'src/lib'));
  },
  attributes: (path) => writeFileSync(join(path, '.gitattributes'), '* text eol=crlf\n'),
  'other permissions of a folder': (path) => chmodSync(join(path, 'src'), 0o777),
  'a pipe': (path) => void execFileSync('mkfifo', [join(path, 'src/pipe')]),
  'a repository inside': (path) => void newRepo(join(path, 'vendor')).commit('x', { a: 'a' }),
  'a repository in a folder with files of ours': (path) => void newRepo(join(path, 'src')),
  'its .git gone': (path) => rmSync(join(path, '.git')),
};

test.each(Object.entries(tricks))('of %s nothing is left for the next', async (_, leave) => {
  const given = await shopIn(box.folder(), IGNORING);
  const outside = box.folder();
  writeFileSync(join(outside, 'util.py'), 'precious\n');
  const first = await open(given);
  const laidOut = contentOf(first.path);
  const modes = execFileSync('find', ['.', '-name', '.git', '-prune', '-o', '-printf', '%p %m %n\n'], {
    cwd: first.path,
    encoding: 'utf8',
  });
  leave(first.path, outside);
  await close(given, first);
  expect(keptIn(given)).toHaveLength(1);

  const second = await open(given);
  expect(contentOf(second.path)).toEqual(laidOut);
  expect(
    execFileSync('find', ['.', '-name', '.git', '-prune', '-o', '-printf', '%p %m %n\n'], {
      cwd: second.path,
      encoding: 'utf8',
    })
      .split('\n')
      .sort(),
  ).toEqual(modes.split('\n').sort());
  expect(repoAt(second.path).git('status', '--porcelain', '--ignored')).toBe('');
  expect(readFileSync(join(outside, 'util.py'), 'utf8')).toBe('precious\n');
  // What the second does is its own, and all of it.
  writeFileSync(join(second.path, 'README.md'), 'second\n');
  const patch = await given.capture(second, { id: 'run/second' });
  expect(patch.entries.map(({ path }) => path)).toEqual(['README.md']);
  expect(patch.leftOut).toEqual([]);
  expectHealthy(given.repo.path);
});

test('files are used again: those that are the same stay where they are', async () => {
  const given = await shopIn(box.folder());
  const next = given.repo.commit('next', { 'README.md': 'next\n', 'src/more.py': 'm\n', 'run.sh': null });
  const first = await open(given);
  const was = witness(first);
  await close(given, first);
  const second = await open(given, next);
  expect(witness(second)).toBe(was);
  expect(contentOf(second.path)).toMatchObject({ 'README.md': 'next\n', 'src/more.py': 'm\n' });
  expect(existsSync(join(second.path, 'run.sh'))).toBe(false);
  expect(repoAt(second.path).git('status', '--porcelain')).toBe('');
  expect(repoAt(second.path).git('rev-parse', 'HEAD')).toBe(next);
});

test('an index that somebody has written anew makes the files worthless', async () => {
  const given = await shopIn(box.folder());
  const first = await open(given);
  // So would a tool hide a file it has poisoned: with an index that takes it for clean.
  writeFileSync(join(first.path, 'src/app.py'), 'poison\n');
  await first.git.run(['update-index', '--add', 'src/app.py']);
  await close(given, first);
  const second = await open(given);
  expect(readFileSync(join(second.path, 'src/app.py'), 'utf8')).toBe(FILES['src/app.py']);
});

test('what was written to after it was kept is laid out as it should be', async () => {
  const given = await shopIn(box.folder());
  await close(given, await open(given));
  const [place] = keptIn(given);
  writeFileSync(join(place!, 'files/src/app.py'), 'late\n');
  writeFileSync(join(place!, 'files/late.txt'), 'late\n');
  const second = await open(given);
  expect(contentOf(second.path)).toEqual(contentOf((await given.open({ id: 'fresh' })).path));
});

test('where attributes differ, each file is laid out anew: git would not see what they change', async () => {
  const given = await shopIn(box.folder());
  const dos = given.repo.commit('dos', { '.gitattributes': '*.md text eol=crlf\n' });
  await close(given, await open(given));
  const second = await open(given, dos);
  expect(readFileSync(join(second.path, 'README.md'), 'utf8')).toBe('one\r\ntwo\r\nthree\r\n');
});

test('nothing is kept of a clone, of a commit with submodules, or where nobody asked for it', async () => {
  const given = await shopIn(box.folder());
  given.repo.git('update-index', '--add', '--cacheinfo', `160000,${given.base},sub`);
  given.repo.git('commit', '--quiet', '-m', 'sub');
  await close(given, await open(given, given.repo.git('rev-parse', 'HEAD')));
  await close(given, await given.open({ id: 'plain' }));
  await close(given, await given.open({ id: 'clone', isolation: 'clone', reuses: true }));
  expect(keptIn(given)).toEqual([]);
});

test('a sweep removes what a process that has died had kept, and leaves that of others', async () => {
  const given = await shopIn(box.folder());
  await close(given, await open(given));
  const [ours] = keptIn(given);
  const dead = join(ours!, '..', 'of-the-dead');
  mkdirSync(join(dead, 'files'), { recursive: true });
  const owner = JSON.parse(readFileSync(join(ours!, 'owner.json'), 'utf8')) as object;
  writeFileSync(join(dead, 'owner.json'), JSON.stringify({ ...owner, pid: 4_194_303, startedAt: '1' }));
  await sweepWorktrees(given.home, 1_000, Date.now(), ({ id }) => join(given.home, `${id}.patch`));
  expect(keptIn(given)).toEqual([ours]);
  expect(lstatSync(join(ours!, 'files')).isDirectory()).toBe(true);
});
