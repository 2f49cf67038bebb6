/**
 * The one way a git process of ours is started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mustEnd, whenToldToEnd } from './ending.js';
import { gitEnvironment } from './environment.js';
import { OVERRIDES, type Setting } from './overrides.js';

export interface GitCall {
  /** An existing directory. */
  readonly cwd: string;
  readonly args: readonly string[];
  /** Added to the controlled environment: places (`GIT_INDEX_FILE`), people (`GIT_AUTHOR_NAME`). */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings beside the fixed ones. They travel by environment, because a name may hold `=`. */
  readonly settings?: readonly Setting[];
  readonly input?: Buffer | string;
  /** Exit codes that are answers rather than failures; default 0 alone. */
  readonly accept?: readonly number[];
  /** The most that stdout may hold; default 64 MiB. */
  readonly maxBytes?: number;
}

export interface GitAnswer {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** Safe to show: bounded, without control characters and credentials. */
  readonly stderr: string;
}

export type GitFailureReason = 'not-installed' | 'exit-code' | 'signal' | 'too-much-output' | 'not-started';

/** A git call that gave no answer. `stderr` is safe to show. */
export class GitFailure extends Error {
  override readonly name = 'GitFailure';
  constructor(
    readonly reason: GitFailureReason,
    /** The git command (`fetch`), for messages. */
    readonly command: string,
    readonly exitCode: number | null,
    readonly stderr: string,
    detail: string,
  ) {
    super(`git ${command}: ${detail}${stderr === '' ? '' : `\n${stderr}`}`);
  }
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Runs git with the fixed settings and environment, and returns its bytes.
 *
 * @throws GitFailure when git cannot be started, ends by a signal, prints too much or exits with a code not in `accept`
 */
export async function git(call: GitCall): Promise<GitAnswer> {
  const command = call.args.find((arg) => !arg.startsWith('-')) ?? '';
  if (mustEnd())
    throw new GitFailure('signal', command, null, '', 'not started: the process was told to end');
  const end = await run(call);
  const fail = (reason: GitFailureReason, detail: string): GitFailure =>
    new GitFailure(reason, command, end.exitCode, end.stderr, detail);
  if (end.error !== null) {
    if (end.error.code === 'ENOENT') {
      throw fail('not-installed', 'there is no program "git" on the PATH; install git 2.38 or newer');
    }
    throw fail('not-started', end.error.message);
  }
  if (end.tooMuch) throw fail('too-much-output', 'it printed more than can be taken in');
  if (end.exitCode === null) throw fail('signal', `it was ended by ${end.signal ?? 'a signal'}`);
  if (!(call.accept ?? [0]).includes(end.exitCode)) {
    throw fail('exit-code', `it ended with exit code ${end.exitCode}`);
  }
  return { exitCode: end.exitCode, stdout: end.stdout, stderr: end.stderr };
}

interface End {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly tooMuch: boolean;
  /** Why it did not begin. */
  readonly error: NodeJS.ErrnoException | null;
}

/** Runs git to its end. By Node's own means: a library for it takes longer to load than most of these calls to run. */
function run({ cwd, args, env, settings = [], input, maxBytes = DEFAULT_MAX_BYTES }: GitCall): Promise<End> {
  const fixed = OVERRIDES.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      resolve({ exitCode: null, signal: null, stdout: Buffer.alloc(0), stderr: '', tooMuch: false, error });
    let child: ChildProcess;
    try {
      child = spawn('git', [...fixed, ...args], {
        cwd,
        env: { ...gitEnvironment(), ...env, ...settingsEnvironment(settings) },
        // Without input stdin is closed: a git or ssh that asks gets an end of file instead of waiting.
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      });
    } catch (error) {
      return failed(error as NodeJS.ErrnoException); // a list of arguments that is too long, a NUL in one
    }
    // git removes its lock files when it is asked to end.
    const ended = whenToldToEnd(() => void child.kill('SIGTERM'));
    const kept: Buffer[] = [];
    let size = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) kept.push(chunk);
      else child.kill('SIGTERM');
    });
    // Bounded here: a push must not die because a hook on the other side talks much.
    const messages = boundedText(child.stderr);
    child.stdin?.on('error', () => undefined); // it ended without reading: its exit code says what that means
    child.stdin?.end(input);
    child.once('error', (error) => {
      if (child.pid !== undefined) return; // a signal that did not reach it
      ended();
      failed(error);
    });
    child.once('close', (exitCode, signal) => {
      ended();
      const stderr = shownText(messages());
      resolve({
        exitCode,
        signal,
        stdout: Buffer.concat(kept),
        stderr,
        tooMuch: size > maxBytes,
        error: null,
      });
    });
  });
}

const MAX_MESSAGES = 16 * 1024;

/** Drains a stream and keeps its first bytes. */
function boundedText(stream: NodeJS.ReadableStream | null): () => string {
  const kept: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    if (size < MAX_MESSAGES) kept.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(kept).toString('utf8', 0, MAX_MESSAGES);
}

function settingsEnvironment(settings: readonly Setting[]): Record<string, string> {
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  settings.forEach(([name, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = name;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}

const MAX_SHOWN = 2000;

/** Returns text from git or from a remote for a person: no control characters, no credentials in addresses, bounded. */
export function shownText(text: string): string {
  const clean = text

    .replace(/\u001b(\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)?|[@-Z\\-_])/g, '')
    .replace(/\r\n?/g, '\n')

    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/:\/\/[^\s/@]+@/g, '://***@')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
  return clean.length <= MAX_SHOWN ? clean : `${clean.slice(0, MAX_SHOWN)} …`;
}
