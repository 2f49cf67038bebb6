import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { buildSync } from 'esbuild';
import { LockUnavailable, takeLock } from '../../../src/tools/git/process-lock.js';
import { root } from '../../checkout.js';
import { sandbox } from './support/sandbox.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

/** Starts a process that takes the lock, says so, and keeps it until it is killed. */
async function holder(path: string): Promise<ChildProcess> {
  const program = join(box.folder(), 'holder.mjs');
  buildSync({
    stdin: {
      contents: `import { takeLock } from ${JSON.stringify(join(root, 'src/tools/git/process-lock.ts'))};
        await takeLock(${JSON.stringify(path)}, 0); console.log('held'); setInterval(() => {}, 1000);`,
      resolveDir: root,
      loader: 'ts',
    },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

test('one holds it, the next gets it after a release', async () => {
  const path = join(box.folder(), 'locks', 'a.lock');
  const first = await takeLock(path, 0);
  expect(first).not.toBeNull();
  expect(await takeLock(path, 0)).toBeNull();
  await first?.release();
  const second = await takeLock(path, 0);
  expect(second).not.toBeNull();
  await second?.release();
});

test('another process holds it, and its death frees it at once', async () => {
  const path = join(box.folder(), 'a.lock');
  const child = await holder(path);
  expect(await takeLock(path, 0)).toBeNull();
  const waiting = takeLock(path, 30);
  child.kill('SIGKILL');
  const lock = await waiting;
  expect(lock?.waitedMs).toBeGreaterThan(0);
  await lock?.release();
});

test('with perl alone it works the same', async () => {
  const bin = box.folder();
  mkdirSync(bin, { recursive: true });
  symlinkSync('/usr/bin/perl', join(bin, 'perl'));
  vi.stubEnv('PATH', bin);
  const path = join(box.folder(), 'a.lock');
  const first = await takeLock(path, 0);
  expect(first).not.toBeNull();
  expect(await takeLock(path, 0)).toBeNull();
  expect(await takeLock(path, 1)).toBeNull();
  await first?.release();
  const second = await takeLock(path, 60);
  expect(second).not.toBeNull();
  await second?.release();
});

test('without a program that can lock it says which to install', async () => {
  vi.stubEnv('PATH', box.folder());
  await expect(takeLock(join(box.folder(), 'a.lock'), 0)).rejects.toThrow(LockUnavailable);
  await expect(takeLock(join(box.folder(), 'a.lock'), 0)).rejects.toThrow(/flock.*perl/);
});
