import { existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { clonesIn, sandbox, type Clones, type Files } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

const pointer = (of: number): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${String(of).repeat(64)}\nsize ${of}\n`;
const FILES: Files = {
  '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
  'a.txt': 'a\n',
  'b.bin': pointer(1),
  'c.txt': 'c\n',
};

/** As `git lfs install` does it, in a clone whose index is sure of its files: git asks the filter for nothing yet. */
function install({ mine }: Clones): void {
  for (const name of Object.keys(FILES)) utimesSync(join(mine.path, name), 1_000_000, 1_000_000);
  mine.git('update-index', '--refresh');
  mine.git('config', 'filter.lfs.clean', 'git-lfs clean -- %f');
  mine.git('config', 'filter.lfs.smudge', 'git-lfs smudge -- %f');
  mine.git('config', 'filter.lfs.required', 'true');
}

function behind(): Clones {
  const made = clonesIn(box.folder(), FILES);
  made.theirs.commit('theirs', { 'a.txt': 'A\n', 'b.bin': pointer(2), 'c.txt': 'C\n' });
  made.theirs.git('push', '--quiet');
  install(made);
  return made;
}

describe('where Git LFS is not configured', () => {
  test('pointers are files as others are, and in conflict the newer one is taken whole', async () => {
    const made = clonesIn(box.folder(), FILES);
    made.mine.commit('mine', { 'b.bin': pointer(3), 'm.txt': 'm\n' });
    made.theirs.commit('theirs', { 'b.bin': pointer(2) });
    made.theirs.git('push', '--quiet');
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(made.mine.read('b.bin')).toBe(pointer(2));
    expect(made.remote.git('show', 'main:m.txt')).toBe('m');
  });
});

describe('where it is configured, and not there', () => {
  test('the merge stops before anything is published or written, and says so each time', async () => {
    const made = behind();
    made.mine.commit('mine', { 'm.txt': 'm\n' });
    const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    for (let time = 1; time <= 2; time += 1) {
      const outcome = await drive({ root: made.mine.path });
      expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 3, attempts: 1 });
      expect(outcome.said).toMatch(/lfs_failed: [\s\S]*"b\.bin"[\s\S]*git-lfs[\s\S]*→ Put git-lfs/);
      expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
    }
  });

  test('a look at the files that needs it says so, too', async () => {
    const made = behind();
    utimesSync(join(made.mine.path, 'b.bin'), 2_000_000, 2_000_000);
    const ran = await tool(made.mine.path, ['env_scan']);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(/lfs_failed: [\s\S]*→ Put git-lfs/)]);
  });

  test('files that it does not keep are merged without it', async () => {
    const made = clonesIn(box.folder(), FILES);
    made.theirs.commit('theirs', { 'a.txt': 'A\n' });
    made.theirs.git('push', '--quiet');
    install(made);
    expect((await drive({ root: made.mine.path })).state).toBe('succeeded');
    expect(made.mine.read('a.txt')).toBe('A\n');
  });
});

describe('where it cannot get at a content', () => {
  /** Writes what it is given, unless the file `WHEN` is there. */
  const LFS = `#!/bin/sh\ncase "$1" in smudge) if [ -e "$WHEN" ]; then echo 'not on the server' >&2; exit 2; fi; cat;; *) cat;; esac\n`;
  beforeEach(() => {
    const bin = box.folder();
    writeFileSync(join(bin, 'git-lfs'), LFS, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  });

  test('that is found out before anything is written', async () => {
    const made = behind();
    const broken = join(box.folder(), 'broken');
    writeFileSync(broken, '');
    vi.stubEnv('WHEN', broken);
    const before = snapshot(made.mine.path);
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.said).toMatch(/lfs_failed: [\s\S]*"b\.bin"[\s\S]*not on the server/);
    expect(snapshot(made.mine.path)).toEqual(before);
    rmSync(broken);
    expect((await drive({ root: made.mine.path })).state).toBe('succeeded');
    expect(made.mine.read('b.bin')).toBe(pointer(2));
  });

  test('and loses it only while files are written: what is half-way waits for it, and is then put right', async () => {
    const made = behind();
    const { path } = made.mine;
    // There exactly while git writes the new files.
    vi.stubEnv('WHEN', join(path, '.git/planwright/index.lock'));
    const outcome = await drive({ root: path });
    expect(outcome.said).toMatch(/lfs_failed: [\s\S]*half-done[\s\S]*→ Put git-lfs/);
    expect(outcome.said).not.toContain('rm "'); // the lock is ours to remove
    expect(existsSync(join(path, '.git/index.lock'))).toBe(true);
    vi.stubEnv('WHEN', '/nowhere');
    const again = await drive({ root: path });
    expect(again.state, again.said).toBe('succeeded');
    expect([made.mine.read('a.txt'), made.mine.read('b.bin')]).toEqual(['A\n', pointer(2)]);
    expect(made.mine.git('status', '--porcelain')).toBe('');
    expectHealthy(path);
  });
});

describe('contents that only this side has are not on its server', () => {
  beforeEach(() => {
    const bin = box.folder();
    writeFileSync(join(bin, 'git-lfs'), '#!/bin/sh\ncat\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  });

  /** Here a content was added in one commit and taken out again in the next: only the history has it. */
  function passing(): Clones {
    const made = behind();
    made.mine.commit('mine', { 'm.bin': pointer(3), 'm.txt': 'm\n' });
    made.mine.commit('not after all', { 'm.bin': null });
    return made;
  }

  test('even if the last commit has them no more, they are not pushed', async () => {
    const made = passing();
    const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 2 });
    expect(outcome.said).toMatch(/lfs_not_pushed: [\s\S]*"m\.bin"[\s\S]*git pull --no-rebase origin main/);
    expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
  });

  test('a dry run says so, too', async () => {
    const made = passing();
    const outcome = await drive({ root: made.mine.path, variables: { DRY_RUN: '1' } });
    expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 2 });
    expect(outcome.said).toContain('lfs_not_pushed');
  });

  test('what is only of the other side is followed, and other files are pushed', async () => {
    const made = behind();
    made.mine.commit('mine', { 'm.txt': 'version https://somewhere.else/\n' });
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(made.mine.read('b.bin')).toBe(pointer(2));
    expect(made.remote.git('show', 'main:m.txt')).toBe('version https://somewhere.else/');
  });
});
