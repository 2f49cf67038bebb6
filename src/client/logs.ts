/**
 * The output of steps: files in the run's directory, on the host that ran them. Those of another host are read there.
 */
import { existsSync } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostName } from '../host.js';
import { isMissing } from '../os/json-file.js';
import type { LogRef } from '../plan/attempt.js';
import type { LiveAttempt } from '../plan/live.js';
import type { StepRecord } from '../plan/record.js';
import { runFiles } from '../record/layout.js';
import { PlanwrightError } from './errors.js';
import type { Link } from './link.js';
import { readRemoteLog } from './remote-log.js';
import { stepNamed } from './step-named.js';
import type { RunView } from './views.js';

export type LogStream = 'stdout' | 'stderr';

/** One stream of one attempt, in a file of this machine or of another host. */
export interface LogFile {
  readonly run: string;
  readonly step: string;
  /** Null while the attempt runs: which one of the step it is, is known when it has ended. */
  readonly attempt: number | null;
  readonly stream: LogStream;
  /** Null: this machine. */
  readonly host: string | null;
  /** Absolute here; on another host relative to the run's directory there. */
  readonly path: string;
  /** How many bytes were written; null while the attempt runs. */
  readonly bytes: number | null;
}

export interface LogChoice {
  readonly step?: string;
  /** `last`: the attempt that runs, else the one that ended last. All attempts unless said. */
  readonly attempt?: number | 'last';
  readonly stream?: LogStream;
}

/**
 * Returns the files that hold the output asked for: in plan order, attempts in theirs, standard output first.
 *
 * @throws PlanwrightError `no-such-step`, or `no-such-log` when a record names a file that cannot be one
 */
export async function logFiles(
  home: string,
  { record, live }: RunView,
  choice: LogChoice,
): Promise<LogFile[]> {
  const { runId } = record.head;
  if (choice.step !== undefined) stepNamed(record, choice.step);
  const at: At = { runId, directory: runFiles(home, runId).directory };
  const steps = record.steps.filter((step) => choice.step === undefined || step.id === choice.step);
  const files: LogFile[] = [];
  for (const step of steps) files.push(...(await filesOf(at, step, live.get(step.id) ?? null, choice)));
  return files.filter((file) => choice.stream === undefined || file.stream === choice.stream);
}

interface At {
  readonly runId: string;
  readonly directory: string;
}

async function filesOf(
  at: At,
  step: StepRecord,
  live: LiveAttempt | null,
  choice: LogChoice,
): Promise<LogFile[]> {
  const all = step.state === 'running' ? (live?.ended ?? []) : step.attempts;
  const ended = all.filter(({ logs }) => logs !== null);
  const known = ended.flatMap(({ logs }) => logs ?? []);
  const running =
    step.state === 'running' && typeof choice.attempt !== 'number'
      ? await runningFiles(at, step, live, known)
      : [];
  if (choice.attempt === 'last' && running.length > 0) return running;
  if (choice.step !== undefined && typeof choice.attempt === 'number') {
    const numbers = all.map(({ number }) => number);
    if (!numbers.includes(choice.attempt)) {
      const found = numbers.length === 0 ? 'it has none' : `it has ${numbers.join(', ')}`;
      throw new PlanwrightError(
        'no-such-log',
        `step "${step.id}" has no attempt ${choice.attempt}: ${found}`,
      );
    }
  }
  const wanted = ended.filter(
    ({ number }, index) =>
      choice.attempt === undefined ||
      number === choice.attempt ||
      (choice.attempt === 'last' && index === ended.length - 1),
  );
  const files = wanted.flatMap(({ number, logs }) =>
    logs === null ? [] : endedFiles(at, step, number, logs),
  );
  return [...files, ...running];
}

function endedFiles({ runId, directory }: At, step: StepRecord, number: number, logs: LogRef): LogFile[] {
  const isHere = logs.host === hostName();
  return STREAMS.map((stream) => ({
    run: runId,
    step: step.id,
    attempt: number,
    stream,
    host: isHere ? null : logs.host,
    path: isHere ? within(directory, logs[stream]) : logs[stream],
    bytes: stream === 'stdout' ? logs.stdoutBytes : logs.stderrBytes,
  }));
}

const STREAMS: readonly LogStream[] = ['stdout', 'stderr'];

/** A record may come from elsewhere: what it says is not followed out of the run's directory. */
function within(directory: string, path: string): string {
  const full = resolve(directory, path);
  const inside = relative(directory, full);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw new PlanwrightError('no-such-log', `the record names a log outside the run's directory: "${path}"`);
  }
  return full;
}

const LOG_NAME = /^(\d+)\.(stdout|stderr)\.log$/;

/** The attempt that runs has no entry in the record yet: its files are those that no ended attempt has. */
async function runningFiles(
  { runId, directory }: At,
  step: StepRecord,
  live: LiveAttempt | null,
  ended: readonly LogRef[],
): Promise<LogFile[]> {
  const own = hostName();
  const host = live?.state === 'running' ? hostOf(live.worker) : null;
  if (host !== null && host !== own) {
    return STREAMS.map((stream) => ({
      ...{ run: runId, step: step.id, attempt: null, stream, host },
      path: `steps/${step.id}/*.${stream}.log`,
      bytes: null,
    }));
  }
  const folder = join(directory, 'steps', step.id);
  const known = new Set(
    ended
      .filter((logs) => logs.host === own)
      .flatMap((logs) => [within(directory, logs.stdout), within(directory, logs.stderr)]),
  );
  const found = (await names(folder)).flatMap((name) => {
    const match = LOG_NAME.exec(name);
    return match === null
      ? []
      : [{ start: Number(match[1]), stream: match[2] as LogStream, path: join(folder, name) }];
  });
  const newest = Math.max(0, ...found.map(({ start }) => start));
  return found
    .filter(({ start, path }) => start === newest && !known.has(path))
    .sort((a, b) => STREAMS.indexOf(a.stream) - STREAMS.indexOf(b.stream))
    .map(({ stream, path }) => ({
      run: runId,
      step: step.id,
      attempt: null,
      stream,
      host: null,
      path,
      bytes: null,
    }));
}

/** A worker is called `planwright@<host>:<process>`. */
const hostOf = (worker: string | null): string | null =>
  /^planwright@(.+):\d+$/.exec(worker ?? '')?.[1] ?? null;

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return []; // nothing was started yet
    throw error;
  }
}

const PIECE = 64 * 1024;
const LOOK_MS = 150;

export interface ReadLogOptions {
  /** Where to begin, in bytes; below 0: that many before the end. */
  readonly from?: number;
  /** While this says true, more may come: the end of the file is waited at. */
  readonly goesOn?: () => boolean;
  readonly signal?: AbortSignal;
  /** Called with the path of the log, if it was not known before: of an attempt that runs on another host. */
  readonly onFound?: (path: string) => void;
}

/**
 * Yields the bytes of a log, as they are.
 *
 * @throws PlanwrightError `no-such-log` when it is on another host that has it no more or does not answer
 */
export async function* readLog(
  link: Pick<Link, 'client'>,
  { run, step, host, path, bytes }: LogFile,
  options: ReadLogOptions = {},
): AsyncGenerator<Buffer> {
  if (host === null && bytes !== null && bytes > 0 && !existsSync(path)) {
    throw new PlanwrightError('no-such-log', `the output of step "${step}" is not here any more: "${path}"`, [
      'it was pruned, or the run\u2019s directory was removed',
    ]);
  }
  if (host === null) yield* readHere(path, options);
  else yield* readRemoteLog(await link.client(), { host, runId: run, path }, options);
}

async function* readHere(path: string, { from = 0, goesOn, signal }: ReadLogOptions): AsyncGenerator<Buffer> {
  const file = await openIfThere(path);
  if (file === null) return;
  try {
    const { size } = await file.stat();
    let at = from >= 0 ? from : Math.max(0, size + from);
    const buffer = Buffer.alloc(PIECE);
    while (!signal?.aborted) {
      const more = goesOn?.() ?? false; // asked before the read: what was written until the end is read after it
      const { bytesRead } = await file.read(buffer, 0, PIECE, at);
      if (bytesRead > 0) {
        at += bytesRead;
        yield Buffer.from(buffer.subarray(0, bytesRead));
      } else if (!more) return;
      else await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return null; // pruned, or a process that never came to be
    throw error;
  }
}
