// @ts-check
/**
 * Tells a process from a later one with the same number. Plain JavaScript: it also serves before anything is built.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/**
 * A process of this machine. A number alone proves nothing: it is given again, after a restart at the latest.
 *
 * @typedef {object} ProcessIdentity
 * @property {number} pid
 * @property {string} startedAt - clock ticks since boot on Linux, a date elsewhere: only compared, never read
 * @property {string} boot - the running of the machine it belongs to
 * @property {string} namespace - the PID namespace in which `pid` is its number
 */

/**
 * Returns the identity of a living process, or null when there is none (a zombie is none).
 *
 * @param {number} pid
 * @returns {ProcessIdentity | null}
 */
export function identityOf(pid) {
  const startedAt = startOf(pid);
  return startedAt === null ? null : { pid, startedAt, boot: bootId(), namespace: pidNamespace() };
}

/**
 * Returns the identity of this process.
 *
 * @returns {ProcessIdentity}
 */
export function ownIdentity() {
  const identity = identityOf(process.pid);
  if (identity === null) throw new Error(`BUG: process ${process.pid} does not find itself`);
  return identity;
}

/**
 * Says whether exactly this process lives. `unknown`: its number belongs to a PID namespace that is not ours, so that
 * nobody here can tell.
 *
 * @param {ProcessIdentity} identity
 * @returns {'alive' | 'dead' | 'unknown'}
 */
export function lifeOf(identity) {
  if (identity.boot !== bootId()) return 'dead';
  if (identity.namespace !== pidNamespace()) return 'unknown';
  return startOf(identity.pid) === identity.startedAt ? 'alive' : 'dead';
}

/**
 * Sends a signal to exactly this process.
 *
 * @param {ProcessIdentity} identity
 * @param {NodeJS.Signals} signal
 * @returns {boolean} false when it is not there (any more) or not ours to signal
 */
export function signalTo(identity, signal) {
  if (lifeOf(identity) !== 'alive') return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false; // it ended in between, or belongs to somebody else
  }
}

/**
 * @param {number} pid
 * @returns {string | null}
 */
function startOf(pid) {
  if (process.platform !== 'linux') return startByPs(pid);
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The name, in parentheses, may hold blanks and parentheses itself: fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]]; // fields 3 and 22 of proc(5)
  return state === 'Z' || state === 'X' || start === undefined ? null : start;
}

/**
 * @param {number} pid
 * @returns {string | null}
 */
function startByPs(pid) {
  try {
    const [state = 'Z', ...start] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}

/** @type {string | undefined} */
let knownBoot;
function bootId() {
  knownBoot ??= readOr('/proc/sys/kernel/random/boot_id', () => '');
  return knownBoot;
}

/** @type {string | undefined} */
let knownNamespace;
function pidNamespace() {
  try {
    knownNamespace ??= readlinkSync('/proc/self/ns/pid');
  } catch {
    knownNamespace = '';
  }
  return knownNamespace;
}

/**
 * @param {string} file
 * @param {() => string} otherwise
 */
function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return otherwise();
  }
}
