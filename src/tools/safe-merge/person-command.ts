/**
 * Running a command that a person gave: a resolver, a check, a gate. Never one that a file of the repository names.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { shownText } from '../git/call.js';
import { whenToldToEnd } from '../git/ending.js';

export interface PersonCommand {
  /** A line for the shell; or, opening with `[`, a JSON list of the program and its arguments. */
  readonly line: string;
  readonly cwd: string;
  /** Values reach it by the environment only: in the line, a file's name could become a command. */
  readonly env: NodeJS.ProcessEnv;
  readonly maxSeconds: number;
  /** Where its output is kept; an older one is replaced. */
  readonly log: string;
}

export interface CommandEnd {
  readonly kind: 'ended' | 'timed-out' | 'not-started';
  /** Null when a signal ended it, or nothing began. */
  readonly exitCode: number | null;
  readonly seconds: number;
  /** How it ended, in words, with the end of its output. */
  readonly said: string;
}

/** Time to end by itself after it was asked to. */
const GRACE_MS = 2000;

/** Runs the command to its end; nothing that it started is left. Never throws for what the command does. */
export async function runPersonCommand(command: PersonCommand): Promise<CommandEnd> {
  const argv = argvOf(command.line);
  if (argv === null) return notStarted(`"${command.line}" opens like a JSON list of texts, and is none`);
  const [program, ...args] = argv;
  const log = openSync(command.log, 'w', 0o600);
  const start = performance.now();
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: withoutGit(command.env),
    // A group of its own: what it starts in turn ends with it.
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let timedOut = false;
  const end = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // nothing of it is left
    }
  };
  const timers = [
    setTimeout(() => {
      timedOut = true;
      end('SIGTERM');
      timers.push(setTimeout(() => end('SIGKILL'), GRACE_MS));
    }, command.maxSeconds * 1000),
  ];
  // Ours alone may be ended by a signal: then it must not go on for nobody.
  const ended = whenToldToEnd(() => end('SIGKILL'));
  const code = await new Promise<number | null | Error>((resolve) => {
    child.once('error', resolve);
    child.once('exit', (exitCode) => resolve(exitCode));
  });
  timers.forEach(clearTimeout);
  ended();
  end('SIGKILL');
  if (code instanceof Error) return notStarted(code.message);
  const seconds = Math.round(performance.now() - start) / 1000;
  const how = timedOut
    ? `ended after ${command.maxSeconds} s, the most it may take`
    : code === null
      ? 'ended by a signal'
      : `exit code ${code}`;
  const tail = await lastWords(command.log);
  return {
    kind: timedOut ? 'timed-out' : 'ended',
    exitCode: timedOut ? null : code,
    seconds,
    said: tail === '' ? how : `${how}: ${tail}`,
  };
}

const notStarted = (why: string): CommandEnd => ({
  kind: 'not-started',
  exitCode: null,
  seconds: 0,
  said: `it could not be started: ${shownText(why)}`,
});

/** Returns a command's program and arguments, or null for what opens like a list and is none. */
export function argvOf(line: string): [string, ...string[]] | null {
  if (!line.trimStart().startsWith('[')) return ['/bin/sh', '-c', line];
  try {
    const list: unknown = JSON.parse(line);
    return Array.isArray(list) && list.length > 0 && list.every((one) => typeof one === 'string')
      ? (list as [string, ...string[]])
      : null;
  } catch {
    return null;
  }
}

/** Its own gits must find the directory they stand in, whatever led ours here. */
const withoutGit = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR)$/.test(name),
    ),
  );

const LAST_BYTES = 1500;

async function lastWords(log: string): Promise<string> {
  const file = await open(log, 'r');
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - LAST_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return shownText(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}
