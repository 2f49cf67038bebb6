import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OwnGit } from '../../../src/tools/git/own-git.js';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import { until } from '../../support/processes.js';
import { newRepo, repoAt, sandbox } from './support/sandbox.js';
import { carry } from './support/carry.js';
import { snapshot } from './support/snapshot.js';
import { contentOf, FILES, shopIn, type Shop } from './support/work.js';

const box = sandbox();
const shop = (files?: Parameters<typeof shopIn>[1]): Promise<Shop> => shopIn(box.folder(), files);

const carried = (given: Shop, work: (path: string) => void): ReturnType<typeof carry> =>
  carry(given, box.folder(), work);

const changes = (patch: { entries: readonly { path: string; change: string }[] }) =>
  patch.entries.map(({ path, change }) => `${change} ${path}`);

describe('a patch holds', () => {
  test('new, changed and deleted files', async () => {
    const { patch } = await carried(await shop(), (path) => {
      writeFileSync(join(path, 'new.txt'), 'new\n');
      writeFileSync(join(path, 'README.md'), 'one\nTWO\nthree\nfour\n');
      rmSync(join(path, 'src/app.py'));
    });
    expect(changes(patch)).toEqual(['modified README.md', 'added new.txt', 'deleted src/app.py']);
    expect(patch).toMatchObject({ insertions: 3, deletions: 2, hunks: 3 });
    expect(patch.entries[1]).toMatchObject({ bytes: 4, addedLines: 1, newMode: '100644', oldMode: '000000' });
    const bytes = readFileSync(patch.file!);
    expect(patch.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(patch.bytes).toBe(bytes.length);
  });

  test('both sides of a rename', async () => {
    const { patch } = await carried(await shop(), (path) =>
      renameSync(join(path, 'src/app.py'), join(path, 'src/main.py')),
    );
    expect(changes(patch)).toEqual(['deleted src/app.py', 'added src/main.py']);
  });

  test('a file that may be run, and a link, with where it points', async () => {
    const { patch } = await carried(await shop(), (path) => {
      chmodSync(join(path, 'run.sh'), 0o755);
      symlinkSync('../README.md', join(path, 'src/link'));
      rmSync(join(path, 'src/app.py'));
      symlinkSync('lib/util.py', join(path, 'src/app.py'));
    });
    expect(patch.entries).toMatchObject([
      { path: 'run.sh', oldMode: '100644', newMode: '100755', linkTarget: null },
      { path: 'src/app.py', change: 'modified', newMode: '120000', linkTarget: 'lib/util.py' },
      { path: 'src/link', linkTarget: '../README.md' },
    ]);
  });

  test('binary content', async () => {
    const { patch } = await carried(await shop(), (path) =>
      writeFileSync(join(path, 'logo.png'), Buffer.from([0x89, 0, 1, 0xff, 0, 10, 13])),
    );
    expect(patch.entries).toMatchObject([{ path: 'logo.png', isBinary: true, bytes: 7, addedLines: 0 }]);
  });

  test('line ends, blanks and a missing last line end as they are', async () => {
    const { patch } = await carried(await shop({ ...FILES, 'dos.txt': 'a\r\nb\r\n' }), (path) => {
      writeFileSync(join(path, 'dos.txt'), 'a\r\nB\r\n');
      writeFileSync(join(path, 'mixed.txt'), 'a\r\nb\n c \t \nd');
      writeFileSync(join(path, 'latin1.txt'), Buffer.from('caf\xe9\n', 'latin1'));
    });
    expect(patch.leftOut).toEqual([]);
  });

  test('names with blanks, quotes, line ends and bytes that are no UTF-8', async () => {
    const { patch } = await carried(await shop(), (path) => {
      for (const name of [
        'a b.txt',
        'q"uo\'te.txt',
        'tab\there',
        'line\nend',
        ' lead',
        '-dash',
        'täst.txt',
        '[x]*?.md',
        ':(top)y',
      ])
        writeFileSync(join(path, name), name);
      writeFileSync(
        Buffer.concat([Buffer.from(`${path}/b`), Buffer.from([0xe9]), Buffer.from('d')]),
        'bytes',
      );
    });
    expect(patch.entries).toHaveLength(10);
    expect(patch.entries.map(({ path }) => path)).toContain('b\udce9d');
  });

  test('what a tool committed, and what it only staged', async () => {
    const { patch, worktree } = await carried(await shop(), (path) => {
      const tree = repoAt(path);
      tree.commit('mine', { 'committed.txt': 'c\n' });
      tree.write({ 'staged.txt': 's\n', 'loose.txt': 'l\n' });
      tree.git('add', 'staged.txt');
      tree.git('rm', '--quiet', '--cached', 'README.md');
    });
    expect(changes(patch)).toEqual(['added committed.txt', 'added loose.txt', 'added staged.txt']);
    expect(patch.toolCommit).toBe(repoAt(worktree.path).git('rev-parse', 'HEAD'));
  });

  test('a whole tree deleted', async () => {
    const given = await shop();
    const { patch } = await carried(given, (path) => {
      for (const name of ['README.md', 'src', 'run.sh']) rmSync(join(path, name), { recursive: true });
    });
    expect(patch.entries).toHaveLength(4);
  });

  test('a change that hides: same size, time set back', async () => {
    const given = await shop();
    const worktree = await given.open();
    const file = join(worktree.path, 'src/app.py');
    const { atime, mtime, ctimeMs } = statSync(file);
    // Else git looks into the file because it is as young as the index.
    const later = new Date(Date.now() + 60_000);
    utimesSync(worktree.git.index, later, later);
    // git compares whole seconds; within the first the index, as young as the file, would have given it away. The clock of
    // files is a little behind.
    const next = (Math.floor(ctimeMs / 1000) + 1) * 1000 + 100;
    await until('the second has passed', () => Date.now() > next);
    writeFileSync(file, 'print("b")\n');
    utimesSync(file, atime, mtime);
    expect(changes(await given.capture(worktree))).toEqual(['modified src/app.py']);
  });
});

describe('nothing is lost beside the patch', () => {
  test('ignored files come back', async () => {
    const given = await shop({ ...FILES, '.gitignore': '*.log\nbuild/\n' });
    const { patch } = await carried(given, (path) => {
      mkdirSync(join(path, 'build/deep'), { recursive: true });
      writeFileSync(join(path, 'build/deep/out.bin'), Buffer.from([0, 1, 2]));
      writeFileSync(join(path, 'x.log'), 'log\n');
      chmodSync(join(path, 'x.log'), 0o755);
    });
    expect(patch.commit).toBeNull();
    expect(patch.leftOut).toEqual([
      { path: 'build/deep/out.bin', reason: 'ignored' },
      { path: 'x.log', reason: 'ignored' },
    ]);
    expect(patch.evidence).toMatchObject({ files: 2, bytes: 7 });
  });

  test('what is too much is named, with its size', async () => {
    const given = await shop({ ...FILES, '.gitignore': 'cache/\n' });
    const worktree = await given.open();
    mkdirSync(join(worktree.path, 'cache'));
    writeFileSync(join(worktree.path, 'cache/big'), Buffer.alloc(2000));
    writeFileSync(join(worktree.path, 'cache/small'), 'small');
    const patch = await given.capture(worktree, { limits: { maxBytes: 1000, maxFiles: 10 } });
    expect(patch.dropped).toEqual([{ reason: 'too-large', count: 1, bytes: 2000, paths: ['cache/big'] }]);
    const back = join(box.folder(), 'back');
    const restored = await restorePatch(given.repository, patch.id, back);
    expect(restored.dropped).toEqual(patch.dropped);
    expect(readFileSync(join(back, 'cache/small'), 'utf8')).toBe('small');
  });

  test('repositories inside, with their .git, and empty directories', async () => {
    const { patch } = await carried(await shop(), (path) => {
      newRepo(join(path, 'vendor/inner')).commit('inner', { 'a.txt': 'a\n' });
      newRepo(join(path, 'unborn'));
      mkdirSync(join(path, 'empty/er'), { recursive: true });
    });
    expect(patch.commit).toBeNull();
    expect(new Set(patch.leftOut.map(({ reason }) => reason))).toEqual(
      new Set(['nested-repository', 'empty-directory']),
    );
    expect(patch.leftOut.map(({ path }) => path)).toContain('vendor/inner/.git/HEAD');
  });

  test('pipes are named', async () => {
    const given = await shop();
    const worktree = await given.open();
    execFileSync('mkfifo', [join(worktree.path, 'src/pipe')]);
    const patch = await given.capture(worktree);
    expect(patch.leftOut).toEqual([{ path: 'src/pipe', reason: 'special-file' }]);
    expect(patch.dropped).toEqual([{ reason: 'special-file', count: 1, bytes: 0, paths: ['src/pipe'] }]);
  });

  test('files in the folder of a submodule', async () => {
    const given = await shop();
    given.repo.git('update-index', '--add', '--cacheinfo', `160000,${given.base},sub`);
    given.repo.git('commit', '--quiet', '-m', 'sub');
    const worktree = await given.open({ commit: given.repo.git('rev-parse', 'HEAD') });
    writeFileSync(join(worktree.path, 'sub/inside.txt'), 'in\n');
    const patch = await given.capture(worktree);
    expect(patch.entries).toEqual([]);
    expect(patch.leftOut).toEqual([{ path: 'sub/inside.txt', reason: 'submodule' }]);
  });

  test('bytes that git converts on the way in', async () => {
    const given = await shop({ ...FILES, '.gitattributes': '*.txt text\n' });
    const { patch } = await carried(given, (path) => writeFileSync(join(path, 'n.txt'), 'a\r\nb\r\n'));
    expect(changes(patch)).toEqual(['added n.txt']);
    expect(patch.leftOut).toEqual([{ path: 'n.txt', reason: 'converted' }]);
  });

  test('litter stays out of the patch and comes back all the same', async () => {
    const given = await shop();
    const worktree = await given.open();
    writeFileSync(join(worktree.path, '.chat.md'), 'chat');
    writeFileSync(join(worktree.path, 'new.py'), 'new');
    const before = contentOf(worktree.path);
    const patch = await given.capture(worktree, { isLitter: (path) => path.startsWith('.chat') });
    expect(changes(patch)).toEqual(['added new.py']);
    expect(patch.leftOut).toEqual([{ path: '.chat.md', reason: 'litter' }]);
    const back = join(box.folder(), 'back');
    await restorePatch(given.repository, patch.id, back);
    expect(contentOf(back)).toEqual(before);
  });
});

describe('a capture', () => {
  test('of nothing is no patch', async () => {
    const given = await shop();
    const patch = await given.capture(await given.open());
    expect(patch).toMatchObject({
      commit: null,
      ref: null,
      file: null,
      evidence: null,
      entries: [],
      leftOut: [],
    });
    expect(given.repo.git('for-each-ref', 'refs/planwright')).toBe('');
  });

  test('leaves the repository as it was, but for its own refs', async () => {
    const given = await shop();
    const before = snapshot(given.repo.path);
    const worktree = await given.open();
    const opened = snapshot(given.repo.path);
    writeFileSync(join(worktree.path, 'new.txt'), 'new\n');
    await given.capture(worktree);
    expect(snapshot(given.repo.path)).toEqual(opened);
    expect(opened.files).toEqual(before.files);
    expect(opened.refs).toEqual(before.refs);
    expect(given.repo.git('for-each-ref', '--format=%(refname)', 'refs/planwright')).toBe(
      'refs/planwright/patches/run/ws-a-1',
    );
  });

  test('made again gives the same commit; another one of the same name is refused', async () => {
    const given = await shop();
    const worktree = await given.open();
    writeFileSync(join(worktree.path, 'new.txt'), 'new\n');
    const first = await given.capture(worktree);
    expect((await given.capture(worktree)).commit).toBe(first.commit);
    writeFileSync(join(worktree.path, 'new.txt'), 'newer\n');
    await expect(given.capture(worktree)).rejects.toMatchObject({
      name: 'CaptureFailed',
      reason: 'id-taken',
    });
  });

  test.each([
    ['does-not-apply', '-two', '-2'],
    ['other-tree', '+TWO', '+two and a half'],
  ])('whose patch file does not make the tree is refused: %s', async (reason, line, instead) => {
    const given = await shop();
    const worktree = await given.open();
    repoAt(worktree.path).write({ 'README.md': 'one\nTWO\nthree\n' });
    const { git } = worktree;
    // As a git would that writes its patches wrong.
    const run: OwnGit['run'] = async (args, options) => {
      const answer = await git.run(args, options);
      const file = args.find((arg) => arg.startsWith('--output='))?.slice('--output='.length);
      if (file !== undefined)
        writeFileSync(file, readFileSync(file, 'utf8').replace(`\n${line}\n`, `\n${instead}\n`));
      return answer;
    };
    await expect(given.capture({ ...worktree, git: { ...git, run } })).rejects.toMatchObject({
      name: 'CaptureFailed',
      reason,
    });
    expect(given.repo.git('for-each-ref', 'refs/planwright')).toBe('');
    expect((await given.capture(worktree)).entries).toHaveLength(1);
  });

  test('runs no program that the tool put into the configuration', async () => {
    const given = await shop();
    const worktree = await given.open();
    const proof = join(box.folder(), 'ran');
    const tree = repoAt(worktree.path);
    tree.git('config', 'filter.evil.clean', `touch ${proof}; cat`);
    tree.git('config', 'diff.evil.command', `touch ${proof}`);
    tree.git('config', 'core.fsmonitor', `touch ${proof}; false`);
    tree.write({ '.gitattributes': '* filter=evil diff=evil\n', 'new.txt': 'new\n' });
    const patch = await given.capture(worktree);
    expect(changes(patch)).toEqual(['added .gitattributes', 'added new.txt']);
    expect(() => readFileSync(proof)).toThrow('ENOENT');
  });
});
