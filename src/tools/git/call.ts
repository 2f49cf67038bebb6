/**
 * The one way a git process of ours is started.
 */
import { runProgram, type ProgramEnd } from '../process/run-program.js';
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
  /** Whether it works counts, not what it prints. */
  readonly discard?: boolean;
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

interface End extends Omit<ProgramEnd, 'stderr'> {
  readonly stderr: string;
}

/** Runs git to its end. By Node's own means: a library for it takes longer to load than most of these calls to run. */
async function run(call: GitCall): Promise<End> {
  const { cwd, args, env, settings = [], input = null, maxBytes = DEFAULT_MAX_BYTES, discard = false } = call;
  const fixed = OVERRIDES.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = runProgram({
    ...{ program: 'git', args: [...fixed, ...args], cwd, input, maxBytes, discard },
    env: { ...gitEnvironment(), ...env, ...settingsEnvironment(settings) },
  });
  // git removes its lock files when it is asked to end.
  const ended = whenToldToEnd(() => child.kill('SIGTERM'));
  const end = await child.ended.finally(ended);
  return { ...end, stderr: shownText(end.stderr.toString('utf8')) };
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
