// @ts-check
/**
 * Runs a small program to its end and keeps what it prints. Plain JavaScript: the helper, which is started as it lies here,
 * uses it too.
 */
import { spawn } from 'node:child_process';

/**
 * @typedef {object} ProgramCall
 * @property {string} program
 * @property {readonly string[]} args
 * @property {string} cwd - an existing directory
 * @property {Readonly<Record<string, string>>} env - all of it
 * @property {Buffer | string | null} input - without, stdin is closed: who asks gets an end of file instead of waiting
 * @property {number} maxBytes - the most that stdout may hold
 * @property {boolean} [discard] - what it prints on stdout is not wanted
 */

/**
 * @typedef {object} ProgramEnd
 * @property {number | null} exitCode
 * @property {NodeJS.Signals | null} signal
 * @property {Buffer} stdout
 * @property {Buffer} stderr - its first bytes
 * @property {boolean} tooMuch - it printed more than `maxBytes`, and was ended
 * @property {{ readonly code: string | null, readonly message: string } | null} error - why it did not begin
 */

/**
 * @typedef {object} RunningProgram
 * @property {Promise<ProgramEnd>} ended - never rejects
 * @property {(signal: NodeJS.Signals) => void} kill
 */

const MAX_MESSAGES = 16 * 1024;

/**
 * Starts a program as a child of this process.
 *
 * @param {ProgramCall} call
 * @returns {RunningProgram}
 */
export function runHere({ program, args, cwd, env, input, maxBytes, discard = false }) {
  /** @type {import('node:child_process').ChildProcess} */
  let child;
  try {
    child = spawn(program, args, {
      ...{ cwd, env },
      stdio: [input === null ? 'ignore' : 'pipe', discard ? 'ignore' : 'pipe', 'pipe'],
    });
  } catch (error) {
    // A list of arguments that is too long, a NUL in one.
    return { ended: Promise.resolve(notBegun(/** @type {NodeJS.ErrnoException} */ (error))), kill: () => {} };
  }
  const stdout = firstBytes(child.stdout, maxBytes, () => child.kill('SIGTERM'));
  // Bounded here: a push must not die because a hook on the other side talks much.
  const stderr = firstBytes(child.stderr, MAX_MESSAGES, () => {});
  child.stdin?.on('error', () => undefined); // it ended without reading: its exit code says what that means
  child.stdin?.end(input);
  /** @type {Promise<ProgramEnd>} */
  const ended = new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(notBegun(error)); // else a signal did not reach it
    });
    child.once('close', (exitCode, signal) => {
      const { bytes, more } = stdout();
      resolve({ exitCode, signal, stdout: bytes, stderr: stderr().bytes, tooMuch: more, error: null });
    });
  });
  return { ended, kill: (signal) => void child.kill(signal) };
}

/**
 * @param {NodeJS.ErrnoException} error
 * @returns {ProgramEnd}
 */
function notBegun({ code, message }) {
  const nothing = Buffer.alloc(0);
  const error = { code: code ?? null, message };
  return { exitCode: null, signal: null, stdout: nothing, stderr: nothing, tooMuch: false, error };
}

/**
 * Drains a stream and keeps its first bytes.
 *
 * @param {NodeJS.ReadableStream | null} stream
 * @param {number} max
 * @param {() => void} whenMore - called with each piece beyond
 */
function firstBytes(stream, max, whenMore) {
  /** @type {Buffer[]} */
  const kept = [];
  let size = 0;
  stream?.on('data', (/** @type {Buffer} */ chunk) => {
    if (size < max) kept.push(chunk.subarray(0, max - size));
    size += chunk.length;
    if (size > max) whenMore();
  });
  return () => ({ bytes: Buffer.concat(kept), more: size > max });
}
