// @ts-check
/**
 * A lock between processes, held by whoever made the newest of a row of numbered files. Plain JavaScript: it also
 * serves before anything is built.
 *
 * Node has no `flock`, and the usual lock file cannot be taken from a dead owner safely: between "its owner is dead"
 * and "remove it" somebody else may have done the same and taken the lock. Here nothing is removed to take it. The
 * newest file says who holds the lock; when that owner is gone (or has written that it is done), the next number is
 * made with O_EXCL, so only one can. The newest file is never removed, hence a slow rival, who makes a number that
 * has had its time, finds a newer one and steps back.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, lifeOf, ownIdentity } from './process-identity.mjs';

/** How often a waiting process looks again. */
const LOOK_MS = 50;
/** A shorter wait is not worth a word. */
const WORTH_TELLING_MS = 1_000;
/** How often the owner shows that it lives, for those who cannot see its process. */
const BEAT_MS = 5_000;
/** Without a sign for so long, an owner in another PID namespace counts as gone. */
const SILENCE_MS = 4 * BEAT_MS;
/** An empty file is one whose owner was killed before it could write its name, or is about to. */
const NAMELESS_MS = 2_000;

/**
 * @typedef {object} Owner
 * @property {import('./process-identity.mjs').ProcessIdentity} process
 * @property {import('./process-identity.mjs').ProcessIdentity | null} helper - see `share`
 * @property {string} purpose
 * @property {boolean} done
 */

/**
 * Does `work` while no other process does it under the same lock, and returns what it returns.
 *
 * @template T
 * @param {string} path - the lock's files are `<path>.<number>`; the folder is made
 * @param {string} purpose - what the holder does, for those who wait
 * @param {(share: (pid: number) => void) => T | Promise<T>} work - may share the lock with a process that it starts: when
 *   the holder is killed, the lock stays taken until that one has ended, too
 * @param {{ onWait?: (owner: Owner) => void, signal?: AbortSignal }} [options] - `onWait` is called once, when another keeps it for long
 * @returns {Promise<T>}
 */
export async function withLock(path, purpose, work, { onWait, signal } = {}) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const start = performance.now();
  let told = false;
  for (;;) {
    const newest = newestOf(path);
    const owner = newest === 0 ? null : ownerOf(`${path}.${newest}`);
    if (owner === null) {
      const taken = take(path, newest + 1, purpose);
      if (taken === null) continue;
      try {
        return await work(taken.share);
      } finally {
        taken.release();
      }
    }
    if (!told && owner !== 'unnamed' && performance.now() - start > WORTH_TELLING_MS) {
      told = true;
      onWait?.(owner);
    }
    await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/**
 * The same for work that frees what others need: on a full or read-only disk, where no lock can be made, it is done
 * without one.
 *
 * @template T
 * @param {string} path
 * @param {string} purpose
 * @param {() => T | Promise<T>} work
 * @param {{ onWait?: (owner: Owner) => void, signal?: AbortSignal }} [options]
 * @returns {Promise<T>}
 */
export async function withLockIfRoom(path, purpose, work, options) {
  let begun = false;
  try {
    return await withLock(
      path,
      purpose,
      () => {
        begun = true;
        return work();
      },
      options,
    );
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (begun || !['ENOSPC', 'EDQUOT', 'EROFS'].includes(code)) throw error;
    return work();
  }
}

/**
 * Makes the file of this number; null when somebody else was faster.
 *
 * @param {string} path
 * @param {number} number
 * @param {string} purpose
 * @returns {{ share: (pid: number) => void, release: () => void } | null}
 */
function take(path, number, purpose) {
  const file = `${path}.${number}`;
  /** @type {Owner} */
  let owner = { process: ownIdentity(), helper: null, purpose, done: false };
  let descriptor;
  try {
    descriptor = openSync(file, 'wx', 0o600);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return null;
    throw error;
  }
  const write = () => {
    // Whoever reads at this moment finds the old text, the new one, or a mixture: that counts as just being named.
    const text = JSON.stringify(owner);
    writeSync(descriptor, text, 0);
    ftruncateSync(descriptor, Buffer.byteLength(text));
  };
  write();
  if (newestOf(path) !== number) {
    closeSync(descriptor);
    rmSync(file, { force: true });
    return null;
  }
  for (const old of numbersOf(path)) if (old < number) rmSync(`${path}.${old}`, { force: true });
  const beat = setInterval(() => touch(file), BEAT_MS);
  beat.unref();
  return {
    share: (pid) => {
      owner = { ...owner, helper: identityOf(pid) };
      write();
    },
    release: () => {
      clearInterval(beat);
      owner = { ...owner, done: true };
      write();
      closeSync(descriptor);
    },
  };
}

/** @param {string} file */
function touch(file) {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Its folder was removed: there is nobody left to show it to.
  }
}

/**
 * Returns who holds the lock by this file, or null when nobody does.
 *
 * @param {string} file
 * @returns {Owner | 'unnamed' | null}
 */
function ownerOf(file) {
  let text;
  let silentMs;
  try {
    text = readFileSync(file, 'utf8');
    silentMs = Date.now() - statSync(file).mtimeMs;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null; // a newer one is there
    throw error;
  }
  /** @type {Owner} */
  let owner;
  try {
    owner = JSON.parse(text);
  } catch {
    return silentMs < NAMELESS_MS ? 'unnamed' : null;
  }
  if (owner.done) return null;
  const lives = [owner.process, owner.helper].map((holder) => (holder === null ? 'dead' : lifeOf(holder)));
  return lives.includes('alive') || (lives.includes('unknown') && silentMs < SILENCE_MS) ? owner : null;
}

/** @param {string} path */
function newestOf(path) {
  return Math.max(0, ...numbersOf(path));
}

/**
 * @param {string} path
 * @returns {number[]}
 */
function numbersOf(path) {
  const prefix = `${basename(path)}.`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
}
