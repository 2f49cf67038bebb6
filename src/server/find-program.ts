/**
 * Finds the program of the embedded Temporal server: the Temporal CLI.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheHome } from '../home.js';
import { withLock } from '../os/lock.mjs';
import type { Tell } from '../os/progress.mjs';
import { isExecutable, which } from '../os/which.js';
import { buildProgram } from './build-program.js';
import { downloadProgram } from './download-program.js';
import { checkProgram, CLI_RELEASE, WORKSHOP } from './program-version.js';
import { SetupError } from './setup-error.js';

export interface Program {
  readonly path: string;
  readonly serverVersion: string;
  readonly foundBy: 'TEMPORAL_CLI_PATH' | 'PATH' | 'cache' | 'download' | 'build';
}

/**
 * Returns the program, making it where it is not there: `TEMPORAL_CLI_PATH` or `temporal` on the PATH, the cache, a
 * download, a build by Go.
 *
 * @throws SetupError when no way led to it: with what each way met
 */
export async function findProgram(env: NodeJS.ProcessEnv, tell: Tell): Promise<Program> {
  const present = await presentProgram(env, tell);
  if (present !== null) return present;
  const folder = join(cacheHome(env), 'bin');
  const waiting = (): void => tell('another process is fetching the Temporal server program: waiting for it');
  return withLock(
    join(folder, 'fetch.lock'),
    'fetch the Temporal server program',
    () => fetchProgram(env, folder, tell),
    { onWait: waiting },
  );
}

/**
 * Returns the program if it is on this machine already, else null. Changes nothing.
 *
 * @throws SetupError when `TEMPORAL_CLI_PATH` names something else
 */
export async function presentProgram(env: NodeJS.ProcessEnv, tell: Tell = () => {}): Promise<Program | null> {
  const named = env['TEMPORAL_CLI_PATH'];
  if (named) {
    const checked = await checkProgram(named);
    if (checked.kind === 'good')
      return { path: named, serverVersion: checked.serverVersion, foundBy: 'TEMPORAL_CLI_PATH' };
    throw new SetupError(`TEMPORAL_CLI_PATH is set, but ${checked.found}.`, [
      `point it at the Temporal CLI, release ${CLI_RELEASE} or newer`,
      'or unset it: Planwright then finds or fetches the program itself',
    ]);
  }
  const onPath = which('temporal', env);
  if (onPath !== null) {
    const checked = await checkProgram(onPath);
    if (checked.kind === 'good')
      return { path: onPath, serverVersion: checked.serverVersion, foundBy: 'PATH' };
    tell(`not used: ${checked.found}`);
  }
  return cachedProgram(join(cacheHome(env), 'bin'));
}

async function cachedProgram(folder: string): Promise<Program | null> {
  for (const path of [cachedPath(folder), join(folder, 'temporal')]) {
    if (!isExecutable(path)) continue;
    const checked = await checkProgram(path);
    if (checked.kind === 'good') return { path, serverVersion: checked.serverVersion, foundBy: 'cache' };
  }
  return null;
}

async function fetchProgram(env: NodeJS.ProcessEnv, folder: string, tell: Tell): Promise<Program> {
  const meanwhile = await cachedProgram(folder); // whoever held the lock before has made it
  if (meanwhile !== null) return meanwhile;
  removeLeftovers(folder);
  const target = cachedPath(folder);
  const failures: string[] = [];
  for (const [foundBy, make] of [
    ['download', downloadProgram],
    ['build', buildProgram],
  ] as const) {
    try {
      await make(env, folder, target, tell);
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      tell(`no ${foundBy}: ${failure.split('\n', 1)[0]}`);
      failures.push(`${foundBy}: ${failure}`);
      continue;
    }
    const checked = await checkProgram(target);
    if (checked.kind === 'good') return { path: target, serverVersion: checked.serverVersion, foundBy };
    failures.push(`${foundBy}: ${checked.found}`);
  }
  throw new SetupError(
    `The embedded Temporal server needs the Temporal CLI (release ${CLI_RELEASE} or newer), and it could not be had.\n` +
      failures.map((failure) => `  ${failure}`).join('\n') +
      '\nAny of these helps:',
    [
      'put the Temporal CLI on the PATH as "temporal"',
      'or set TEMPORAL_CLI_PATH to it',
      `or let this machine reach https://temporal.download, or install Go (then it is built by "go install", once)`,
      'or use a Temporal server elsewhere: set TEMPORAL_ADDRESS',
    ],
  );
}

/** What a killed fetch left: nobody works on it, because we hold the lock. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(WORKSHOP)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

const cachedPath = (folder: string): string => join(folder, `temporal-${CLI_RELEASE}`);
