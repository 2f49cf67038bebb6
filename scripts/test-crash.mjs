// @ts-check
/**
 * `npm run test:crash`: kills the tools of the safe merge at every system call that changes something, and runs each
 * again. Takes the better part of an hour; arguments go to the test runner (`-t guarded_push`).
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';

if (spawnSync('strace', ['-V']).status !== 0) {
  process.stderr.write('npm run test:crash needs strace: apt-get install strace\n');
  process.exit(1);
}
await bootstrap();
const manifest = createRequire(import.meta.url).resolve('vitest/package.json');
const files = ['test/tools/safe-merge/crash', 'test/tools/git/checkout-move.test.ts'];
const { status } = spawnSync(
  process.execPath,
  [join(dirname(manifest), 'vitest.mjs'), 'run', '--project', 'plain', ...files, ...process.argv.slice(2)],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, CRASH_TESTS: 'all' } },
);
process.exit(status ?? 1);
