// @ts-check
/**
 * The programs of others that are proved with the real thing, in a cache of their own: they are no dependencies of ours.
 *
 * `<user's cache>/planwright/real-tools/<name>-<version>`; made once, and again when it was not made whole.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * @typedef {object} RealTool
 * @property {string} name
 * @property {string} version
 * @property {(folder: string) => string[][]} install commands, one after the other
 * @property {string} needs what these commands need
 * @property {string} program in the folder
 */

/** @type {readonly RealTool[]} */
export const REAL_TOOLS = [
  {
    name: 'aider',
    version: '0.86.2',
    install: (folder) => [
      ['python3', '-m', 'venv', folder],
      [join(folder, 'bin/pip'), 'install', '--no-input', '--disable-pip-version-check', 'aider-chat==0.86.2'],
    ],
    needs: 'Python 3.10 to 3.12 and PyPI',
    program: 'bin/aider',
  },
  {
    name: 'codex',
    version: '0.169.0',
    install: (folder) => [
      [
        ...['npm', 'install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts'],
        ...['--no-package-lock', '@openai/codex@0.169.0'],
      ],
    ],
    needs: 'npm and its registry',
    program: 'node_modules/.bin/codex',
  },
  {
    name: 'git-lfs',
    version: '3.7.1',
    install: (folder) => [
      ['env', `GOBIN=${folder}`, 'go', 'install', 'github.com/git-lfs/git-lfs/v3@v3.7.1'],
    ],
    needs: 'Go and its module proxy',
    program: 'git-lfs',
  },
];

/** A folder with this in it was made whole. */
const WHOLE = '.whole';
const PATIENCE_MS = 20 * 60_000;

/**
 * Returns the path of a tool's program, which is installed if need be.
 *
 * @param {RealTool} tool
 * @param {(line: string) => void} tell
 * @returns {Promise<string>}
 * @throws {Error} that says what was tried and what came of it
 */
export async function realTool({ name, version, install, needs, program }, tell) {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const folder = join(cache, 'planwright', 'real-tools', `${name}-${version}`);
  const path = join(folder, program);
  if (existsSync(join(folder, WHOLE)) && existsSync(path)) return path;
  tell(`${name} ${version} is installed in ${folder}; that takes a minute or two`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [command = '', ...args] of install(folder)) {
    try {
      await promisify(execFile)(command, args, { timeout: PATIENCE_MS, maxBuffer: 64 * 1024 * 1024 });
    } catch (error) {
      const { code, stderr = '' } = /** @type {{ code?: unknown, stderr?: string }} */ (error);
      const said = stderr.trim().split('\n').slice(-3).join('\n  ');
      throw new Error(
        `${name} ${version} cannot be installed: "${[command, ...args].join(' ')}" ended with ${String(code)}\n  ${said}\n` +
          `  It takes ${needs}, once; then no network is needed.`,
        { cause: error },
      );
    }
  }
  writeFileSync(join(folder, WHOLE), '');
  return path;
}
