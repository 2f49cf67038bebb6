/**
 * Repositories and changes that are not the everyday ones: what a tool wrote is in the patch or beside it, all the same.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { bundleProgram } from '../../support/bundled-program.js';
import { carry, type Carried } from './support/carry.js';
import { FAKE_LFS } from './support/fake-lfs.js';
import { newRepo, sandbox } from './support/sandbox.js';
import { snapshot } from './support/snapshot.js';
import { FILES, shopIn, type Shop } from './support/work.js';

const box = sandbox();
const shop = (files?: Parameters<typeof shopIn>[1]): Promise<Shop> => shopIn(box.folder(), files);
const carried = (given: Shop, work: (path: string) => void): Promise<Carried> =>
  carry(given, box.folder(), work);

const changes = ({ patch }: Carried): string[] =>
  patch.entries.map(({ path, change, newMode }) => `${change} ${path}${newMode === '120000' ? ' link' : ''}`);
const leftOut = ({ patch }: Carried): string[] =>
  patch.leftOut.map(({ path, reason }) => `${reason} ${path}`);

const { PATH } = process.env;
afterEach(() => void (process.env['PATH'] = PATH));

describe('what was one thing and is another now', () => {
  test('a file that became a folder, and a folder that became a file', async () => {
    const done = await carried(await shop(), (path) => {
      rmSync(join(path, 'README.md'));
      mkdirSync(join(path, 'README.md'));
      writeFileSync(join(path, 'README.md/part.md'), 'part\n');
      rmSync(join(path, 'src/lib'), { recursive: true });
      writeFileSync(join(path, 'src/lib'), 'one file\n');
    });
    expect(changes(done)).toEqual([
      'deleted README.md',
      'added README.md/part.md',
      'added src/lib',
      'deleted src/lib/util.py',
    ]);
  });

  test('a folder that became a link, and a link that became a folder', async () => {
    const given = await shop();
    symlinkSync('src', join(given.repo.path, 'way'));
    const base = given.repo.commit('link', {});
    const done = await carry(
      { ...given, base },
      box.folder(),
      (path) => {
        rmSync(join(path, 'way'));
        mkdirSync(join(path, 'way'));
        writeFileSync(join(path, 'way/x.py'), 'x\n');
        renameSync(join(path, 'src/lib'), join(path, 'lib'));
        symlinkSync('../lib', join(path, 'src/lib'));
      },
      { commit: base },
    );
    expect(changes(done)).toEqual([
      'added lib/util.py',
      'added src/lib link',
      'deleted src/lib/util.py',
      'deleted way',
      'added way/x.py',
    ]);
  });

  test('a name in other letters', async () => {
    const done = await carried(await shop(), (path) => {
      renameSync(join(path, 'README.md'), join(path, 'readme.md'));
      renameSync(join(path, 'src'), join(path, 'Src'));
    });
    expect(changes(done)).toEqual([
      'deleted README.md',
      'added Src/app.py',
      'added Src/lib/util.py',
      'added readme.md',
      'deleted src/app.py',
      'deleted src/lib/util.py',
    ]);
  });

  test('links: to nowhere, to a folder, with an odd target', async () => {
    const done = await carried(await shop(), (path) => {
      symlinkSync('nowhere', join(path, 'dangling'));
      symlinkSync('src/lib', join(path, 'folder'));
      symlinkSync('a b"c\nd', join(path, 'odd'));
    });
    expect(changes(done)).toEqual(['added dangling link', 'added folder link', 'added odd link']);
    expect(done.patch.entries.map(({ linkTarget }) => linkTarget)).toEqual([
      'nowhere',
      'src/lib',
      'a b"c\nd',
    ]);
  });
});

test('files and folders that not even their owner may read are taken in, ignored ones too', async () => {
  const program = await bundleProgram(fileURLToPath(new URL('support/shut-capture.ts', import.meta.url)));
  onTestFinished(program.remove);
  const folder = mkdtempSync(join(tmpdir(), 'planwright-shut-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o777);
  // Root may read everything: it must become somebody.
  const isRoot = process.getuid?.() === 0;
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const [file, ...args] = [...(isRoot ? ['setpriv', ...nobody] : []), process.execPath, program.file, folder];
  const env = { PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const told = JSON.parse(execFileSync(file, args, { cwd: '/', env, encoding: 'utf8' })) as object;
  expect(told).toEqual({
    isRoot: false,
    entries: ['added closed.txt', 'modified known.txt', 'added shut/inside.txt'],
    leftOut: [{ path: 'closed.log', reason: 'ignored' }],
    back: ['shut/inside.txt', 'closed.txt', 'closed.log', 'known.txt'].map((name) => `${name} has this\n`),
  });
});

describe('line ends', () => {
  test.each(['true', 'input'])(
    'with autocrlf=%s: the patch holds what git holds, and the bytes come back',
    async (autocrlf) => {
      const given = await shop();
      given.repo.git('config', 'core.autocrlf', autocrlf);
      const done = await carried(given, (path) => {
        writeFileSync(join(path, 'dos.txt'), 'a\r\nb\r\n');
        writeFileSync(join(path, 'unix.txt'), 'a\nb\n');
        writeFileSync(join(path, 'binary'), Buffer.from([0, 13, 10, 1]));
      });
      expect(changes(done)).toEqual(['added binary', 'added dos.txt', 'added unix.txt']);
      expect(given.repo.git('show', `${done.patch.ref}:dos.txt`)).toBe('a\nb');
      expect(readFileSync(join(done.back, 'dos.txt'), 'latin1')).toBe('a\r\nb\r\n');
      expect(readFileSync(join(done.back, 'unix.txt'), 'latin1')).toBe('a\nb\n');
    },
  );
});

describe('filters', () => {
  test('of the repository are not run: files are as git holds them, and stay so', async () => {
    const given = await shop({ ...FILES, '.gitattributes': '*.key filter=crypt\n', 'a.key': 'uryyb\n' });
    const proof = join(box.folder(), 'ran');
    given.repo.git('config', 'filter.crypt.clean', `touch ${proof}; tr a-z n-za-m`);
    given.repo.git('config', 'filter.crypt.smudge', `touch ${proof}; tr a-z n-za-m`);
    given.repo.git('config', 'filter.crypt.required', 'true');
    const repository = await openRepository(given.repo.path);
    const done = await carry({ ...given, repository }, box.folder(), (path) => {
      expect(readFileSync(join(path, 'a.key'), 'utf8')).toBe('uryyb\n');
      writeFileSync(join(path, 'b.key'), 'plain\n');
    });
    expect(changes(done)).toEqual(['added b.key']);
    expect(given.repo.git('show', `${done.patch.ref}:b.key`)).toBe('plain');
    expect(existsSync(proof)).toBe(false);
  });

  test('of Git LFS: the patch holds pointers, and the bytes are kept beside it', async () => {
    const bin = box.folder();
    const store = box.folder();
    writeFileSync(join(bin, 'git-lfs'), FAKE_LFS.replace('STORE', store), { mode: 0o755 });
    process.env['PATH'] = `${bin}:${PATH}`;
    const repo = newRepo(join(box.folder(), 'with-lfs'));
    repo.git('config', 'filter.lfs.process', 'git-lfs filter-process');
    repo.git('config', 'filter.lfs.clean', 'git-lfs clean -- %f');
    repo.git('config', 'filter.lfs.smudge', 'git-lfs smudge -- %f');
    repo.git('config', 'filter.lfs.required', 'true');
    const base = repo.commit('base', { '.gitattributes': '*.bin filter=lfs -text\n', 'a.bin': 'large one' });
    expect(repo.git('show', 'HEAD:a.bin')).toMatch(/^pointer /);
    const given = await shopIn(box.folder());
    const mine = { ...given, repo, base, repository: await openRepository(repo.path) };
    const { openOwnWorktree } = await import('../../../src/tools/git/own-worktree.js');
    const { capturePatch } = await import('../../../src/tools/git/capture-patch.js');
    const owner = { run: 'run', step: 'ws-a', attempt: 1 };
    const worktree = await openOwnWorktree(mine.repository, {
      home: given.home,
      id: 'ws-a',
      commit: base,
      owner,
    });
    expect(readFileSync(join(worktree.path, 'a.bin'), 'utf8')).toBe('large one');
    writeFileSync(join(worktree.path, 'a.bin'), 'another large one');
    const request = { id: 'run/ws-a-1', file: join(box.folder(), 'p.patch'), message: 'ws-a', atSec: 1 };
    const patch = await capturePatch(worktree, request);
    expect(patch.entries).toMatchObject([{ path: 'a.bin', change: 'modified' }]);
    expect(repo.git('show', `${patch.ref}:a.bin`)).toMatch(/^pointer /);
    expect(patch.leftOut).toEqual([{ path: 'a.bin', reason: 'converted' }]);
    const back = join(box.folder(), 'back');
    rmSync(store, { recursive: true }); // elsewhere there is only the pointer
    await restorePatch(mine.repository, patch.id, back);
    expect(readFileSync(join(back, 'a.bin'), 'utf8')).toBe('another large one');
  });
});

describe('repositories of other kinds', () => {
  test('with objects by sha256', async () => {
    const folder = box.folder();
    const repo = newRepo(join(folder, 'sha256'), '--object-format=sha256');
    const base = repo.commit('base', FILES);
    const given = await shopIn(box.folder());
    const repository = await openRepository(repo.path);
    const { openOwnWorktree } = await import('../../../src/tools/git/own-worktree.js');
    const { capturePatch } = await import('../../../src/tools/git/capture-patch.js');
    const owner = { run: 'run', step: 'ws-a', attempt: 1 };
    const mine: Shop = {
      ...{ repo, repository, home: given.home, base },
      open: (more = {}) =>
        openOwnWorktree(repository, { home: given.home, id: 'ws-a', commit: base, owner, ...more }),
      capture: (worktree, more = {}) =>
        capturePatch(worktree, {
          id: 'run/x',
          file: join(folder, 'x.patch'),
          message: 'x',
          atSec: 1,
          ...more,
        }),
    };
    const done = await carry(mine, box.folder(), (path) => {
      writeFileSync(join(path, 'new.txt'), 'new\n');
      mkdirSync(join(path, 'empty'));
    });
    expect(done.patch.commit).toMatch(/^[0-9a-f]{64}$/);
    expect(changes(done)).toEqual(['added new.txt']);
    expect(leftOut(done)).toEqual(['empty-directory empty']);
  });

  test('where the person sees only a part: a work tree has all of it, and the part stays as it was', async () => {
    const given = await shop();
    given.repo.git('sparse-checkout', 'set', '--no-cone', '/README.md');
    expect(existsSync(join(given.repo.path, 'src'))).toBe(false);
    const before = snapshot(given.repo.path);
    const done = await carried(given, (path) => {
      expect(existsSync(join(path, 'src/app.py'))).toBe(true);
      writeFileSync(join(path, 'src/app.py'), 'changed\n');
    });
    expect(changes(done)).toEqual(['modified src/app.py']);
    expect(snapshot(given.repo.path).files).toEqual(before.files);
  });

  test('with submodules: their folders are empty, what is written there is kept, their pin cannot be moved by it', async () => {
    const inner = newRepo(join(box.folder(), 'inner'));
    inner.commit('inner', { 'lib.c': 'int x;\n' });
    const given = await shop();
    given.repo.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'add',
      inner.path,
      'vendor/inner',
    );
    const base = given.repo.commit('with a submodule', {});
    const done = await carry(
      given,
      box.folder(),
      (path) => {
        const made = newRepo(join(path, 'vendor/inner'));
        made.commit('mine', { 'lib.c': 'int y;\n' });
        writeFileSync(join(path, 'new.txt'), 'new\n');
      },
      { commit: base },
    ).catch((error: unknown) => error as Error);
    if (done instanceof Error) throw done;
    expect(changes(done)).toEqual(['added new.txt']);
    expect(leftOut(done)).toContain('submodule vendor/inner/lib.c');
    expect(leftOut(done)).toContain('submodule vendor/inner/.git/HEAD');
  });

  test('with a large history of ignored output: what fits is kept, the rest named with its size', async () => {
    const given = await shop({ ...FILES, '.gitignore': 'out/\n' });
    const worktree = await given.open();
    mkdirSync(join(worktree.path, 'out'));
    for (let at = 0; at < 20; at += 1)
      writeFileSync(join(worktree.path, 'out', `f${10 + at}`), Buffer.alloc(100, at));
    const patch = await given.capture(worktree, { limits: { maxBytes: 1_000, maxFiles: 5 } });
    expect(patch.evidence).toMatchObject({ files: 5, bytes: 500 });
    expect(patch.dropped).toEqual([
      {
        reason: 'too-many',
        count: 15,
        bytes: 1_500,
        paths: Array.from({ length: 15 }, (_, at) => `out/f${15 + at}`),
      },
    ]);
    const back = join(box.folder(), 'back');
    const restored = await restorePatch(given.repository, patch.id, back);
    expect(restored.kept).toHaveLength(5);
    expect(execFileSync('du', ['-ab', '--', 'out/f14'], { cwd: back, encoding: 'utf8' })).toBe(
      '100\tout/f14\n',
    );
  });
});
