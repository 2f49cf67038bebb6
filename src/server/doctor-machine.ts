/**
 * This machine, as `doctor` sees it: programs, folders, space.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { cacheHome } from '../home.js';
import { hostName } from '../host.js';
import { which } from '../os/which.js';
import { buildId, compiled, packageRoot, packageVersion } from '../package.js';
import { probe } from '../tools/process/index.js';
import { failure, ok, warning, type Finding } from './finding.js';
import { logFolder } from './paths.js';

/** `git merge-tree --write-tree` came with it. */
const OLDEST_GIT = [2, 38] as const;
const OLDEST_NODE = [20, 20] as const;
const LITTLE_SPACE = 1e9;
const NO_SPACE = 1e8;

export async function examineMachine(env: NodeJS.ProcessEnv, home: string): Promise<readonly Finding[]> {
  return [
    ...examineProgram(),
    nodeVersion(),
    await gitVersion(env),
    await containment(env),
    ...helpers(env),
    ok('machine', 'host name', hostName(env)),
    stateFolder(home),
    ok('paths', 'cache', cacheHome(env)),
    ok('paths', 'logs', logFolder(home)),
    await space(home),
  ];
}

function examineProgram(): readonly Finding[] {
  const at = `${packageVersion()} in ${packageRoot()}`;
  if (!existsSync(compiled('workflow-bundle.js'))) {
    return [failure('program', 'planwright', `${at}, not built`, 'npm run build')];
  }
  return [ok('program', 'planwright', `${at}, build ${buildId()}`)];
}

function nodeVersion(): Finding {
  const found = `${process.version} (${process.execPath})`;
  return isAtLeast(process.versions.node, OLDEST_NODE)
    ? ok('machine', 'Node', found)
    : failure('machine', 'Node', found, `install Node ${OLDEST_NODE.join('.')} or newer`);
}

async function gitVersion(env: NodeJS.ProcessEnv): Promise<Finding> {
  const wanted = `install git ${OLDEST_GIT.join('.')} or newer`;
  const path = which('git', env);
  if (path === null) return failure('machine', 'git', 'there is no git on the PATH', wanted);
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
    const version = /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? '';
    const found = `${version} (${path})`;
    return isAtLeast(version, OLDEST_GIT)
      ? ok('machine', 'git', found)
      : failure('machine', 'git', found, wanted);
  } catch (error) {
    return failure('machine', 'git', `"${path} --version" failed: ${String(error)}`, wanted);
  }
}

const isAtLeast = (version: string, [wantedMajor, wantedMinor]: readonly [number, number]): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
};

async function containment(env: NodeJS.ProcessEnv): Promise<Finding> {
  const what = 'how commands are held';
  try {
    const { mode, why } = await probe(env);
    if (mode === 'namespace') return ok('machine', what, why);
    return warning('machine', what, why, 'see docs/running-commands.md');
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return failure('machine', what, found, 'unset PLANWRIGHT_CONTAINMENT: what works here is used then');
  }
}

/** Programs that some of our ways need: missing ones matter only where a finding above says so. */
function helpers(env: NodeJS.ProcessEnv): readonly Finding[] {
  return ['perl', 'unshare', 'go'].map((name) => ok('machine', name, which(name, env) ?? 'not on the PATH'));
}

export function stateFolder(home: string): Finding {
  const what = 'state directory';
  if (!existsSync(home)) return ok('paths', what, `${home} (made when it is needed)`);
  try {
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return failure(
      'paths',
      what,
      `${home} cannot be written`,
      'see to its permissions, or set PLANWRIGHT_HOME to another folder',
    );
  }
  const open = (statSync(home).mode & 0o077) !== 0;
  return open
    ? warning('paths', what, `${home} can be entered by others`, `chmod 700 ${home}`)
    : ok('paths', what, home);
}

async function space(home: string): Promise<Finding> {
  let folder = home;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${(free / 1e9).toFixed(1)} GB free where the state directory is`;
  const remedy =
    'make room there, or set PLANWRIGHT_HOME to a folder on another disk; "planwright prune" removes old runs';
  if (free < NO_SPACE) return failure('paths', 'space', found, remedy);
  return free < LITTLE_SPACE ? warning('paths', 'space', found, remedy) : ok('paths', 'space', found);
}
