import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { openJournal, takeIndex } from '../../../src/tools/git/checkout-journal.js';
import { moveCheckout, type CheckoutMoved } from '../../../src/tools/git/checkout-move.js';
import { isMoving, settle, type Settled } from '../../../src/tools/git/checkout-recovery.js';
import { withObjects } from '../../../src/tools/git/objects.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { root } from '../../checkout.js';
import { newRepo, repoAt, sandbox, type Repo } from './support/sandbox.js';
import { expectHealthy, snapshot } from './support/snapshot.js';

const box = sandbox();

interface Prepared {
  readonly repo: Repo;
  readonly from: string;
  readonly to: string;
}

/** `main` is checked out at `from`; `to` changes it in every way a file can change. */
function prepared(): Prepared {
  const repo = newRepo(join(box.folder(), 'repo'));
  repo.write({
    'same.txt': 'same\n',
    'changed.txt': 'old\n',
    'gone/deep/file.txt': 'gone\n',
    'file-then-dir': 'file\n',
    'dir-then-file/a.txt': 'a\n',
    'run.sh': '#!/bin/sh\n',
    '.gitignore': '*.log\n',
  });
  symlinkSync('same.txt', join(repo.path, 'link'));
  const from = repo.commit('from', {});
  repo.git('switch', '--quiet', '--create', 'next');
  repo.write({ 'file-then-dir': null, 'dir-then-file': null, link: null, 'gone/deep/file.txt': null });
  repo.write({
    'changed.txt': 'new and longer\n'.repeat(200),
    'added/deep/er/file.txt': 'added\n',
    'file-then-dir/inside.txt': 'inside\n',
    'dir-then-file': 'a file now\n',
    'größe.txt': 'ü\n',
  });
  symlinkSync('changed.txt', join(repo.path, 'link'));
  chmodSync(join(repo.path, 'run.sh'), 0o755);
  const to = repo.commit('to', {});
  repo.git('switch', '--quiet', 'main');
  return { repo, from, to };
}

async function move({ repo, from, to }: Prepared): Promise<CheckoutMoved> {
  const repository = await openRepository(repo.path);
  const others = [{ ref: 'refs/remotes/origin/main', from: null, to }];
  return withObjects(repository, box.folder(), (objects) =>
    moveCheckout(repository, objects, { branch: 'main', from, to }, others, 'test'),
  );
}

async function settled(repo: Repo): Promise<Settled> {
  const repository = await openRepository(repo.path);
  return withObjects(repository, box.folder(), (objects) => settle(repository, objects));
}

/** The work tree as a fresh checkout of `commit` has it: names, content, modes. */
function expectAt({ repo }: Prepared, commit: string): void {
  expect(repo.git('rev-parse', 'refs/heads/main', 'HEAD')).toBe(`${commit}\n${commit}`);
  expect(repo.git('status', '--porcelain', '--ignored')).toBe('');
  const fresh = join(box.folder(), 'fresh');
  repo.git('worktree', 'add', '--quiet', '--detach', fresh, commit);
  const plain = (path: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(snapshot(path).files).map(([name, facts]) => [
        name,
        facts.startsWith('file') ? facts.split(' ').slice(0, 3).join(' ') : facts,
      ]),
    );
  expect(plain(repo.path)).toEqual(plain(fresh));
  repo.git('worktree', 'remove', '--force', fresh);
  repo.git('worktree', 'prune');
  expectHealthy(repo.path);
}

test('files, index, branch and further refs arrive together', async () => {
  const made = prepared();
  expect(await move(made)).toEqual({ kind: 'moved' });
  expectAt(made, made.to);
  expect(made.repo.git('rev-parse', 'refs/remotes/origin/main')).toBe(made.to);
  expect(made.repo.git('reflog', '-1', '--format=%gs', 'HEAD')).toBe('planwright: fast-forward (test)');
  expect(await isMoving(await openRepository(made.repo.path))).toBe(false);
});

test('what is written is the commit itself, not what somebody replaced it by', async () => {
  const made = prepared();
  const { repo, from, to } = made;
  repo.git('replace', to, repo.git('commit-tree', '-p', from, '-m', 'another', `${from}^{tree}`));
  expect(await move(made)).toEqual({ kind: 'moved' });
  repo.git('replace', '--delete', to);
  expectAt(made, to);
});

describe('an obstacle keeps everything as it is', () => {
  test.each<[string, (made: Prepared) => void, object]>([
    [
      'a changed file',
      ({ repo }) => repo.write({ 'changed.txt': 'my work\n' }),
      { kind: 'changed', paths: ['changed.txt'] },
    ],
    [
      'a changed file the move leaves alone',
      ({ repo }) => repo.write({ 'same.txt': 'my work\n' }),
      { kind: 'changed' },
    ],
    [
      'a staged file',
      ({ repo }) => (repo.write({ 'staged.txt': 's\n' }), repo.git('add', 'staged.txt')),
      { kind: 'changed', paths: ['staged.txt'] },
    ],
    [
      'an untracked file in the way',
      ({ repo }) => repo.write({ 'added/deep/er/file.txt': 'mine\n' }),
      { kind: 'in-the-way', paths: ['added/deep/er/file.txt'] },
    ],
    [
      'a file where a directory is needed',
      ({ repo }) => repo.write({ added: 'mine\n' }),
      { kind: 'in-the-way', paths: ['added'] },
    ],
    [
      'a link where a directory is needed',
      ({ repo }) => symlinkSync('gone', join(repo.path, 'added')),
      { kind: 'in-the-way', paths: ['added'] },
    ],
    [
      'an ignored file in a directory that becomes a file',
      ({ repo }) => repo.write({ 'dir-then-file/debug.log': 'mine\n' }),
      { kind: 'in-the-way', paths: ['dir-then-file/debug.log'] },
    ],
    ['a lock of the index', ({ repo }) => repo.write({ '.git/index.lock': 'mine' }), { kind: 'locked' }],
    [
      'another branch',
      ({ repo }) => repo.git('switch', '--quiet', '--create', 'other'),
      { kind: 'other-branch', found: 'other' },
    ],
    [
      'a content filter',
      ({ repo }) => {
        repo.git('config', 'filter.crypt.smudge', 'cat');
        repo.write({ '.git/info/attributes': 'changed.txt filter=crypt\n' });
      },
      { kind: 'filter', filter: 'crypt', paths: ['changed.txt'] },
    ],
  ])('%s', async (_, prepare, obstacle) => {
    const made = prepared();
    prepare(made);
    const before = snapshot(made.repo.path);
    expect(await move(made)).toMatchObject({ kind: 'obstacle', obstacle });
    expect(snapshot(made.repo.path)).toEqual(before);
    expect(await isMoving(await openRepository(made.repo.path))).toBe(false);
  });

  test('a branch that moved while the files were written', async () => {
    const made = prepared();
    const { repo, from, to } = made;
    repo.write({ '.git/refs/remotes/origin/main.lock': '' });
    expect(await move(made)).toMatchObject({ kind: 'locked' });
    repo.write({ '.git/refs/remotes/origin/main.lock': null });
    expectAt(made, from);
    expect(await move({ repo, from, to })).toEqual({ kind: 'moved' });
  });
});

describe('killed on the way, the next run finds everything before or everything after', () => {
  let program = '';
  let template: Prepared;
  beforeAll(() => {
    program = join(box.folder(), 'mover.mjs');
    buildSync({
      entryPoints: [join(root, 'test/tools/git/support/mover.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
    template = prepared();
  });

  /** Runs the mover on a copy of the template with a `git` of ours first on the PATH. */
  function killed(script: string): { made: Prepared; calls: number; finished: boolean } {
    const folder = box.folder();
    const made = { ...template, repo: repoAt(join(folder, 'repo')) };
    cpSync(template.repo.path, made.repo.path, { recursive: true, verbatimSymlinks: true });
    made.repo.git('update-index', '--refresh'); // the copy has new inodes
    const count = join(folder, 'count');
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    const lines = ['#!/bin/bash', `n=$(( $(cat ${count} 2>/dev/null || echo 0) + 1 )); echo $n > ${count}`];
    writeFileSync(join(bin, 'git'), [...lines, script, ''].join('\n'), { mode: 0o755 });
    const ran = spawnSync(process.execPath, [program, made.repo.path, 'main', made.from, made.to, folder], {
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
      encoding: 'utf8',
    });
    return { made, calls: Number(readFileSync(count, 'utf8')), finished: ran.stdout === 'moved' };
  }

  async function expectWhole(made: Prepared): Promise<void> {
    await settled(made.repo);
    const at = made.repo.git('rev-parse', 'main');
    expectAt(made, at);
    if (at === made.from) expect(await move(made)).toEqual({ kind: 'moved' });
    expectAt(made, made.to);
  }

  const git = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();

  test('before each call of git, and after those that write', async () => {
    const { calls, finished } = killed(`exec ${git} "$@"`);
    expect(finished).toBe(true);
    expect(calls).toBeGreaterThan(6);
    for (let call = 1; call <= calls; call += 1) {
      const before = killed(`[ $n = ${call} ] && kill -9 $PPID && exit 1; exec ${git} "$@"`);
      expect(before.finished).toBe(false);
      await expectWhole(before.made);
    }
    for (const command of ['read-tree', 'update-ref']) {
      const dies = `case " $* " in *" ${command} "*) kill -9 $PPID;; esac`;
      const after = killed(`${git} "$@"; code=$?; ${dies}; exit $code`);
      expect(after.finished).toBe(false);
      await expectWhole(after.made);
    }
  });

  const traced = spawnSync('strace', ['-V']).status === 0;
  test.skipIf(!traced)(
    'inside git, while it writes the files (needs strace)',
    async () => {
      // At its n-th opening, renaming, unlinking … git is killed, and we with it.
      const calls = 'openat,write,rename,unlink,rmdir,mkdir,symlink,fchmod,chmod';
      const step = process.env['CRASH_TESTS'] === 'all' ? 1 : 7;
      let inside = 0;
      for (let at = 1; ; at += step) {
        const strace = `strace -qq -o /dev/null -e trace=${calls} -e inject=${calls}:signal=KILL:when=${at}`;
        const script = `case " $* " in *" read-tree "*) ${strace} ${git} "$@"; code=$?; [ $code -gt 128 ] && kill -9 $PPID; exit $code;; esac; exec ${git} "$@"`;
        const { made, finished } = killed(script);
        if (finished) break;
        inside += 1;
        await expectWhole(made);
      }
      expect(inside).toBeGreaterThan(60 / step);
    },
    600_000,
  );
});

describe('what somebody did since is not touched', () => {
  /** A move that died after it had written some files. */
  async function brokenOff(): Promise<Prepared> {
    const made = prepared();
    const repository = await openRepository(made.repo.path);
    const journal = await openJournal(repository, {
      branch: 'main',
      from: made.from,
      to: made.to,
      owner: 'killed',
    });
    expect(await takeIndex(repository, journal)).toBe(true);
    made.repo.write({ 'changed.txt': 'new and longer\n'.repeat(3) }); // a write that was cut short
    return made;
  }

  test('without it the half-written file is put back', async () => {
    const made = await brokenOff();
    expect(await settled(made.repo)).toMatchObject({ kind: 'undone', journal: { owner: 'killed' } });
    expectAt(made, made.from);
  });

  test('a directory that was made and is still empty goes again', async () => {
    const made = prepared();
    const repository = await openRepository(made.repo.path);
    const journal = await openJournal(repository, {
      branch: 'main',
      from: made.from,
      to: made.to,
      owner: 'killed',
    });
    await takeIndex(repository, journal);
    mkdirSync(join(made.repo.path, 'added/deep/er'), { recursive: true });
    expect(await settled(made.repo)).toMatchObject({ kind: 'undone' });
    expectAt(made, made.from);
  });

  test('a file that was worked on keeps everything as it is', async () => {
    const made = await brokenOff();
    made.repo.write({ 'run.sh': 'my work\n' });
    const before = snapshot(made.repo.path);
    expect(await settled(made.repo)).toMatchObject({
      kind: 'foreign',
      paths: ['run.sh'],
      lock: join(made.repo.path, '.git/index.lock'),
    });
    expect(snapshot(made.repo.path)).toEqual(before);
  });

  test('a file in a directory that would have to go keeps everything as it is', async () => {
    const made = await brokenOff();
    made.repo.write({ 'file-then-dir': null });
    made.repo.write({ 'file-then-dir/mine.txt': 'my work\n' });
    expect(await settled(made.repo)).toMatchObject({ kind: 'foreign', paths: ['file-then-dir/mine.txt'] });
    expect(made.repo.read('file-then-dir/mine.txt')).toBe('my work\n');
  });

  test('a lock that is not ours is not taken for ours', async () => {
    const made = await brokenOff();
    made.repo.write({ '.git/index.lock': 'a git at work' });
    expect(await settled(made.repo)).toMatchObject({ kind: 'foreign', paths: [] });
    expect(readFileSync(join(made.repo.path, '.git/index.lock'), 'utf8')).toBe('a git at work');
  });

  test('a branch that was moved elsewhere keeps everything as it is', async () => {
    const made = await brokenOff();
    made.repo.git('update-ref', 'refs/heads/main', made.repo.git('commit-tree', '-m', 'x', 'HEAD^{tree}'));
    const before = snapshot(made.repo.path);
    expect(await settled(made.repo)).toMatchObject({
      kind: 'foreign',
      lock: expect.stringContaining('index.lock') as string,
    });
    expect(snapshot(made.repo.path)).toEqual(before);
    expect(await isMoving(await openRepository(made.repo.path))).toBe(true);
  });

  test('when the person cleared it up and went on, only the note goes', async () => {
    const made = await brokenOff();
    made.repo.write({ '.git/index.lock': null });
    made.repo.git('reset', '--quiet', '--hard');
    const on = made.repo.commit('went on', { 'changed.txt': 'mine\n' });
    expect(await settled(made.repo)).toMatchObject({ kind: 'obsolete' });
    expectAt(made, on);
    expect(await settled(made.repo)).toEqual({ kind: 'nothing' });
  });
});

test('a file mode alone is put back, too', async () => {
  const made = prepared();
  const repository = await openRepository(made.repo.path);
  const journal = await openJournal(repository, {
    branch: 'main',
    from: made.from,
    to: made.to,
    owner: 'killed',
  });
  await takeIndex(repository, journal);
  chmodSync(join(made.repo.path, 'run.sh'), 0o755);
  expect(await settled(made.repo)).toMatchObject({ kind: 'undone' });
  expectAt(made, made.from);
  expect(existsSync(join(made.repo.path, '.git/index.lock'))).toBe(false);
});
