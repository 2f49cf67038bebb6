// @ts-check
/**
 * Makes a checkout ready to run: dependencies and build, where they are missing or old. Needs nothing but Node and npm.
 *
 * Quiet and quick when there is nothing to do. Two at once: one does it, the other waits. Everything it says goes to
 * stderr, because stdout belongs to the command.
 */
import { spawn } from 'node:child_process';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from '../src/os/lock.mjs';
import { during } from '../src/os/progress.mjs';
import { isBuilt, isInstalled, writeInstallStamp } from './stamps.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What went wrong, for the person: no stack belongs to it. */
export class BootstrapError extends Error {}

/**
 * @param {string} line
 */
const tell = (line) => process.stderr.write(`planwright: ${line}\n`);

/**
 * Makes dependencies and build ready.
 *
 * @param {string} [root]
 * @returns {Promise<void>}
 * @throws {BootstrapError} with npm's or the compiler's own last words
 */
export async function bootstrap(root = ROOT) {
  if (isInstalled(root) && isBuilt(root)) return;
  /** @param {(pid: number) => void} share */
  const work = async (share) => {
    if (!isInstalled(root))
      await during(tell, 'installing dependencies (npm ci)', () => install(root, share));
    if (!isBuilt(root)) await during(tell, 'building', () => build(root, share));
  };
  const onWait = () => tell('another process is preparing this checkout: waiting for it');
  await withLock(join(root, '.planwright', 'bootstrap'), 'prepare the checkout', work, { onWait });
}

/**
 * @param {string} root
 * @param {(pid: number) => void} share
 */
async function install(root, share) {
  const [program, ...args] = npm();
  const flags = [
    '--ignore-scripts', // nothing that a dependency brings is run
    '--include=dev', // the compiler is one, also where NODE_ENV says production
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await run('npm ci', share, program, [...args, 'ci', ...flags], root);
  writeInstallStamp(root);
}

/**
 * @param {string} root
 * @param {(pid: number) => void} share
 */
async function build(root, share) {
  await run('the build', share, process.execPath, [join(root, 'scripts', 'build.mjs')], root);
}

/**
 * The npm that started us, if one did; else the one on the PATH.
 *
 * @returns {[string, ...string[]]}
 */
function npm() {
  const script = process.env['npm_execpath'];
  return script && basename(script) === 'npm-cli.js' ? [process.execPath, script] : ['npm'];
}

/**
 * Runs a program, and keeps its output to itself unless it fails.
 *
 * @param {string} what
 * @param {(pid: number) => void} share - should we be killed, it goes on: the lock must stay taken until it has ended
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} cwd
 * @returns {Promise<void>}
 */
function run(what, share, program, args, cwd) {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.pid !== undefined) share(child.pid);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-8_000)));
  }
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      reject(
        new BootstrapError(
          `"${program}" could not be started (${error.message}); npm comes with Node: see https://nodejs.org`,
        ),
      );
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new BootstrapError(
            `${what} ended with ${signal ?? `exit code ${code}`}. Its last words:\n${wordsOf(output)}`,
          ),
        );
    });
  });
}

/**
 * What a program said, without the help text that npm adds to some errors: a screenful after the one line that counts.
 *
 * @param {string} output
 */
function wordsOf(output) {
  return output.split(/^npm error\s*\nnpm error (?:Clean install|Usage)/m)[0]?.trim() ?? '';
}
