/**
 * Chooses how commands are held, by what this machine allows.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from '../../os/which.js';
import type { Containment, ContainmentMode } from './containment.js';
import { openGroups } from './group.js';
import { NoNamespaces, openNamespaces } from './namespace.js';

export type { Containment, ContainmentMode, Ending, ProcessTree, Refusal } from './containment.js';
export { startCommand, stopTree, type CommandSpec } from './start-command.js';

/** The variable that forces a mode. */
export const CONTAINMENT = 'PLANWRIGHT_CONTAINMENT';

/** A forced mode that this machine does not offer, or a value that is no mode. The message says what to do. */
export class ContainmentError extends Error {}

/**
 * Returns the best containment that works here, proved by starting a command in it.
 *
 * @throws ContainmentError when `PLANWRIGHT_CONTAINMENT` asks for what is not there
 */
export async function openContainment(env: NodeJS.ProcessEnv = process.env): Promise<Containment> {
  const forced = forcedMode(env);
  if (forced === 'group') return openGroups(`${CONTAINMENT}=group asks for process groups. ${LIMITS}`);
  try {
    return await openProved(env);
  } catch (error) {
    if (!(error instanceof NoNamespaces)) throw error;
    if (forced === 'namespace') {
      throw new ContainmentError(
        `${CONTAINMENT}=namespace, but PID namespaces do not work here: ${error.message}. ` +
          `${remedy()} Or unset ${CONTAINMENT}: process groups are used then`,
      );
    }
    return openGroups(
      `process groups, because PID namespaces do not work here: ${error.message}. ${LIMITS} ${remedy()}`,
    );
  }
}

/** Returns what `openContainment` would choose, and why, for `doctor`. */
export async function probe(
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly mode: ContainmentMode; readonly why: string }> {
  const containment = await openContainment(env);
  await containment.close();
  return { mode: containment.mode, why: containment.why };
}

const LIMITS =
  process.platform === 'linux'
    ? 'A process that leaves its group and replaces its environment can escape; a killed worker leaves its commands to the next one.'
    : 'A process that leaves its group escapes; a killed worker leaves its commands to the next one.';

function forcedMode(env: NodeJS.ProcessEnv): ContainmentMode | null {
  const value = env[CONTAINMENT];
  if (value === undefined || value === '') return null;
  if (value === 'namespace' || value === 'group') return value;
  throw new ContainmentError(`${CONTAINMENT} is "${value}"; it can be "namespace" or "group", or unset`);
}

async function openProved(env: NodeJS.ProcessEnv): Promise<Containment> {
  if (process.platform !== 'linux') throw new NoNamespaces(`${process.platform} has none`);
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    throw new NoNamespaces(`the system calls of ${process.arch} are not known to Planwright`);
  }
  const perl = which('perl', env);
  if (perl === null)
    throw new NoNamespaces('there is no perl on the PATH (Debian: apt-get install perl-base)');
  const containment = await openNamespaces(perl);
  try {
    await prove(containment, perl);
    return containment;
  } catch (error) {
    await containment.close();
    throw error;
  }
}

/** A kernel may allow the namespace and refuse what must be done in it: only a command that ran is proof. */
async function prove(containment: Containment, perl: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-probe-'));
  try {
    const log = join(folder, 'log');
    const started = await containment.launch({
      program: perl,
      argv: ['perl', '-e', 'exit($$ == 2 && readlink("/proc/self") == 2 ? 42 : 1)'],
      cwd: '/',
      env: {},
      stdout: log,
      stderr: log,
      mark: 'probe',
    });
    if (started.kind !== 'started') throw new NoNamespaces(started.message);
    const ending = await started.ended;
    if (ending.kind !== 'exit' || ending.code !== 42) {
      throw new NoNamespaces(
        `a command in one did not work: ${JSON.stringify(ending)} ${readFileSync(log, 'utf8')}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function remedy(): string {
  if (process.platform !== 'linux') return 'They need Linux.';
  return process.getuid?.() === 0
    ? 'In a container, allow it CAP_SYS_ADMIN and an unmasked /proc (docs/running-commands.md says what that costs).'
    : 'Unprivileged user namespaces may be switched off: see the sysctls user.max_user_namespaces, ' +
        'kernel.unprivileged_userns_clone (Debian) and kernel.apparmor_restrict_unprivileged_userns (Ubuntu).';
}
