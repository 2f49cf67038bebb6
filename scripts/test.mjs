// @ts-check
/**
 * `npm test`: makes ready what the tests need, runs them, and says last how many there were.
 *
 * The last line is the runner's own count alone. The exit code is the runner's.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap, ROOT } from './bootstrap.mjs';

const folder = mkdtempSync(join(tmpdir(), 'planwright-test-count-'));
const countFile = join(folder, 'count.json');
let exitCode = 1;
try {
  await bootstrap();
  exitCode = await vitest(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
const { passed, failed, skipped } = count();
rmSync(folder, { recursive: true, force: true });
// A runner that fails without a failed test (it crashed, a hook threw) has failed all the same.
const counted = exitCode !== 0 && failed === 0 ? 1 : failed;
process.stdout.write(`${passed} passed, ${counted} failed, ${skipped} skipped\n`);
process.exitCode = exitCode;

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
function vitest(args) {
  const manifest = createRequire(import.meta.url).resolve('vitest/package.json');
  const reporter = fileURLToPath(new URL('count-reporter.mjs', import.meta.url));
  const child = spawn(
    process.execPath,
    [join(dirname(manifest), 'vitest.mjs'), 'run', '--reporter=default', `--reporter=${reporter}`, ...args],
    {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PLANWRIGHT_TEST_COUNT: countFile },
    },
  );
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
    process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** @returns {{ passed: number, failed: number, skipped: number }} */
function count() {
  try {
    return JSON.parse(readFileSync(countFile, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }; // not one file came to its end
  }
}
