/**
 * The files of a step's attempts: `<home>/runs/<run>/steps/<step>/<n>.…`, where `n` counts the starts on this host.
 *
 * While a command runs, an entry in `<home>/running/@<host>` says so: whoever starts the step again, or the next worker
 * of the host, finds there what to kill. When it has ended, `<n>.json` says how. That file is made once and never
 * replaced: of two who want to say how an attempt ended, the first is believed.
 *
 * Nothing is flushed to the disk on purpose: the files must outlive a killed process, which they do; after a failure of
 * the power nothing of the old boot runs, and a missing result means that the step counts as lost.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { runDirectory } from '../home.js';
import { isMissing, readJson } from '../os/json-file.js';
import type { ProcessIdentity } from '../os/process-identity.mjs';
import type { Attempt, LogRef } from '../plan/attempt.js';
import type { Json, StepId } from '../plan/plan.js';
import type { ContainmentMode } from '../tools/process/index.js';

/** A step of a run, and where its files are. */
export interface StepFiles {
  readonly home: string;
  readonly host: string;
  readonly runId: string;
  readonly step: StepId;
  readonly directory: string;
}

/** The files of one start. */
export interface AttemptFiles {
  readonly n: number;
  readonly directory: string;
  readonly stdout: string;
  readonly stderr: string;
  /** What the step may write: `$PLANWRIGHT_OUTPUT`. */
  readonly result: string;
  /** How it ended. */
  readonly ending: string;
  /** There while it runs. */
  readonly running: string;
}

/** The entry of a start that has not ended. */
export interface Opening {
  readonly runId: string;
  readonly step: StepId;
  readonly n: number;
  readonly startedAt: number;
  readonly mark: string;
  /** Who started it. */
  readonly worker: ProcessIdentity;
  /** Null until it is known; with process groups the mark finds it all the same. */
  readonly process: ProcessIdentity | null;
  readonly mode: ContainmentMode;
  readonly schedule: string;
}

/** What `<n>.json` says. */
export interface Closing {
  readonly format: 1;
  /** Tells one scheduling of the step from another: only of the same one are attempts counted together. */
  readonly schedule: string;
  readonly startedAt: number;
  readonly end:
    | { readonly kind: 'ended'; readonly attempt: Attempt; readonly outputs: Readonly<Record<string, Json>> }
    /** Its worker was killed, or thought dead. */
    | { readonly kind: 'lost' }
    /** Stopped by the worker, for another to start anew. */
    | { readonly kind: 'given-back' };
}

const FIRST_NUMBER = /^(\d+)\./;
/** As in plan.ts: it becomes a path. */
const STEP_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * Makes the folder of a step's attempts.
 *
 * @returns the folder, and whether it is new: then no start was before
 * @throws RangeError when an id could lead out of the state directory
 */
export function openStep(
  home: string,
  host: string,
  runId: string,
  step: StepId,
): StepFiles & { isNew: boolean } {
  if (!STEP_ID.test(step)) throw new RangeError(`"${step}" is not a step id`);
  const files = stepFiles(home, host, runId, step);
  const made = mkdirSync(files.directory, { recursive: true, mode: 0o700 });
  return { ...files, isNew: made !== undefined };
}

/** Returns where a step's files are, whether or not they are there. */
export const stepFiles = (home: string, host: string, runId: string, step: StepId): StepFiles => ({
  home,
  host,
  runId,
  step,
  directory: join(runDirectory(home, runId), 'steps', step),
});

/** Where the entries of running attempts are. The host's name is data: it may hold a slash. */
export const runningFolder = (home: string, host: string): string =>
  join(home, 'running', `@${encodeURIComponent(host)}`);

export function attemptFiles(step: StepFiles, n: number): AttemptFiles {
  const file = (name: string): string => join(step.directory, `${n}.${name}`);
  const key = createHash('sha256').update(`${step.runId}\0${step.step}`).digest('hex').slice(0, 32);
  return {
    n,
    directory: step.directory,
    stdout: file('stdout.log'),
    stderr: file('stderr.log'),
    result: file('output.json'),
    ending: file('json'),
    running: join(runningFolder(step.home, step.host), `${key}.${n}.json`),
  };
}

/** Returns the starts of a step, oldest first. */
export function startsOf(step: StepFiles): AttemptFiles[] {
  const numbers = new Set(readdirSync(step.directory).flatMap((name) => FIRST_NUMBER.exec(name)?.[1] ?? []));
  return [...numbers]
    .map(Number)
    .sort((a, b) => a - b)
    .map((n) => attemptFiles(step, n));
}

/** Takes the next number: nobody else gets it, and no file of an earlier start is touched. */
export function claimStart(step: StepFiles, after: number): AttemptFiles {
  for (let n = after + 1; ; n++) {
    const files = attemptFiles(step, n);
    try {
      closeSync(openSync(files.stdout, 'wx', 0o600));
      return files;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

/** Says that a start is about to be: before there is a process. */
export function writeOpening(files: AttemptFiles, opening: Opening): void {
  const write = (): void =>
    writeFileSync(files.running, `${JSON.stringify(opening)}\n`, { flag: 'wx', mode: 0o600 });
  try {
    write();
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(dirname(files.running), { recursive: true, mode: 0o700 }); // the first start of this host
    write();
  }
}

/**
 * Adds what the process is: as a second line, so that no kill finds the file half replaced.
 *
 * @returns false when the entry is gone: somebody took this start for lost and has cleared it away
 */
export function addProcess(files: AttemptFiles, process: ProcessIdentity): boolean {
  let file: number;
  try {
    file = openSync(files.running, constants.O_WRONLY | constants.O_APPEND);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  try {
    writeSync(file, `${JSON.stringify({ process })}\n`);
  } finally {
    closeSync(file);
  }
  return true;
}

/** Returns the entry of a start, or null: it has ended, or was killed before it could begin. */
export function readOpening(running: string): Opening | null {
  let lines: string[];
  try {
    lines = readFileSync(running, 'utf8').split('\n');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const [opening, added] = lines.map(parsed) as [Opening | null, Partial<Opening> | null];
  return opening === null ? null : { ...opening, ...added };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** Says how a start ended, all at once. Returns false, and changes nothing, when that has been said before. */
export function writeClosing(files: AttemptFiles, closing: Closing): boolean {
  const draft = `${files.ending}.${process.pid}.draft`;
  try {
    writeFileSync(draft, `${JSON.stringify(closing)}\n`, { mode: 0o600 });
    linkSync(draft, files.ending);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes the entry of a start of which nothing runs any more. */
export const forgetRunning = (files: AttemptFiles): void => rmSync(files.running, { force: true });

/** Returns how a start ended, or null when nobody has said, or not in a form that is known here. */
export function readClosing(files: AttemptFiles): Closing | null {
  const closing = readJson(files.ending);
  return isClosing(closing) ? closing : null;
}

const isClosing = (value: unknown): value is Closing =>
  typeof value === 'object' && value !== null && 'format' in value && value.format === 1;

/** Returns where a start's output is, relative to the run's directory. */
export function logRef(step: StepFiles, files: AttemptFiles): LogRef {
  const path = (name: string): string => join('steps', step.step, `${files.n}.${name}.log`);
  return {
    host: step.host,
    stdout: path('stdout'),
    stderr: path('stderr'),
    stdoutBytes: sizeOf(files.stdout),
    stderrBytes: sizeOf(files.stderr),
  };
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
