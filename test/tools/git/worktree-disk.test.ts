import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { worktreesFolder } from '../../../src/tools/git/own-worktree.js';
import { repoAt, sandbox } from './support/sandbox.js';
import { expectHealthy, snapshot } from './support/snapshot.js';
import { FILES, shopIn } from './support/work.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED: the tests of a full disk need root, to mount a small file system');

const box = sandbox();

describe.runIf(isRoot)('a work tree that the disk has no space for', () => {
  test('is not made, says so, and leaves nothing; with space it is made', async () => {
    const folder = box.folder();
    const disk = join(folder, 'home');
    mkdirSync(disk);
    const given = await shopIn(folder, { ...FILES, 'big.bin': Buffer.alloc(3 * 1024 * 1024, 7) });
    const before = snapshot(given.repo.path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'none', disk]);
    try {
      await expect(given.open({ minFreeBytes: 0 })).rejects.toMatchObject({ reason: 'disk-full' });
      expect(snapshot(given.repo.path)).toEqual(before);
      expectHealthy(given.repo.path);
      const path = worktreesFolder(given.home, given.repository.commonDir);
      expect(readdirSync(path).filter((name) => !name.startsWith('.'))).toEqual([]);
      expect(existsSync(join(path, '.own', 'ws-a'))).toBe(false);
      execFileSync('mount', ['-o', 'remount,size=20m', disk]);
      const worktree = await given.open({ minFreeBytes: 0 });
      expect(repoAt(worktree.path).git('status', '--porcelain')).toBe('');
    } finally {
      execFileSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    }
  });
});
