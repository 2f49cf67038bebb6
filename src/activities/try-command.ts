/**
 * One try of a step's command: from its environment to what it came to.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { ownIdentity } from '../os/process-identity.mjs';
import type { Attempt, StepFailure } from '../plan/attempt.js';
import type { Json } from '../plan/plan.js';
import { maskText } from '../tools/process/masker.js';
import {
  startCommand,
  type Containment,
  type Ending,
  type ProcessTree,
  type Refusal,
} from '../tools/process/index.js';
import type { CommandTask } from './api.js';
import {
  addProcess,
  claimStart,
  forgetRunning,
  logRef,
  writeClosing,
  writeOpening,
  type AttemptFiles,
  type Closing,
  type StepFiles,
} from './attempt-files.js';
import { attemptClock } from './clock.js';
import { secretsIn, stepEnvironment } from './environment.js';
import { maskedIn } from './job/prepare-job.js';
import { diskFullAt, isSystemError, MachineTrouble, onMachine } from './machine-trouble.js';
import { readOutputs } from './outputs.js';
import { findSecrets } from './secrets.js';
import { supervise, type Stop, type Watch } from './supervise.js';
import { tailOf } from './tail.js';

/** What a try needs to know beside its task. */
export interface Try {
  readonly task: CommandTask;
  readonly step: StepFiles;
  /** The number of this attempt. */
  readonly number: number;
  /** The number of the last start on this host; 0 when there was none. */
  readonly lastStart: number;
  readonly schedule: string;
  readonly watch: Watch;
  readonly containment: Containment;
  /** The worker's environment, and the folder of our own commands. */
  readonly env: NodeJS.ProcessEnv;
  readonly bin: string | null;
  /** Called when the attempt begins, with its time of start. */
  readonly onBegin?: (startedAt: number) => void;
}

export type Outputs = Readonly<Record<string, Json>>;

export type Tried =
  | { readonly kind: 'succeeded'; readonly attempt: Attempt; readonly outputs: Outputs }
  /** `permanent`: no further attempt can do better. */
  | { readonly kind: 'failed'; readonly attempt: Attempt; readonly permanent: boolean }
  | { readonly kind: 'canceled'; readonly attempt: Attempt }
  /** Ended by us, and not to be counted as an attempt. */
  | { readonly kind: 'stopped'; readonly stop: Stop };

/** How the try ended, as its attempt will say. */
type End =
  | { readonly end: { readonly kind: 'succeeded'; readonly exitCode: 0 }; readonly outputs: Outputs }
  | { readonly end: { readonly kind: 'failed'; readonly failure: StepFailure }; readonly permanent: boolean }
  | { readonly end: { readonly kind: 'canceled' } };

/**
 * Tries a command once, and keeps what it came to.
 *
 * @throws MachineTrouble when nothing could be started, and it was not the command's fault
 */
export async function tryCommand(given: Try): Promise<Tried> {
  const { task, step, number, schedule } = given;
  const clock = attemptClock();
  const files = onMachine(() => claimStart(step, given.lastStart));
  given.onBegin?.(clock.startedAt);
  const close = (end: Closing['end']): boolean =>
    closed(files, { format: 1, schedule, startedAt: clock.startedAt, end });
  const conclude = (how: End, wasStarted: boolean): Tried => {
    const logs = wasStarted ? logRef(step, files) : null;
    const attempt = { number, startedAt: clock.startedAt, endedAt: clock.now(), end: how.end, logs };
    const outputs = 'outputs' in how ? how.outputs : {};
    if (!close({ kind: 'ended', attempt, outputs })) return { kind: 'stopped', stop: 'forsaken' };
    if ('permanent' in how) return { kind: 'failed', attempt, permanent: how.permanent };
    return 'outputs' in how ? { kind: 'succeeded', attempt, outputs } : { kind: 'canceled', attempt };
  };

  const started = await start(given, files, clock.startedAt);
  if (started.kind === 'no-resources') {
    forgetRunning(files);
    throw new MachineTrouble(started.message);
  }
  if (started.kind === 'not-started') {
    const failure: StepFailure = { reason: 'not-started', message: started.message };
    return conclude({ end: { kind: 'failed', failure }, permanent: started.permanent }, false);
  }
  const { tree, secrets } = started;
  if (!named(files, tree)) {
    tree.kill();
    await tree.ended;
    return { kind: 'stopped', stop: 'forsaken' };
  }
  const { ending, stop } = await supervise(tree, given.watch);
  const how = stop === null ? byItself(ending, task, files, secrets) : byUs(stop, task, files);
  if (secrets.length > 0) rmSync(files.result, { force: true }); // they may be in it
  if (how !== null) return conclude(how, true);
  close({ kind: 'given-back' });
  return { kind: 'stopped', stop: stop ?? 'forsaken' };
}

type Started =
  { readonly kind: 'started'; readonly tree: ProcessTree; readonly secrets: readonly string[] } | Refusal;

async function start(given: Try, files: AttemptFiles, startedAt: number): Promise<Started> {
  const { task, step, env, bin, containment, number, schedule } = given;
  const { work, runId } = task;
  const found = findSecrets(secretsIn(work.env, task.secrets), { home: step.home, runId, env });
  if (found.kind === 'problem') return { kind: 'not-started', message: found.message, permanent: false };
  const secrets = [...found.values.values(), ...maskedIn(work)].filter((value) => value !== '');
  const mark = randomBytes(16).toString('hex');
  onMachine(() =>
    writeOpening(files, {
      ...{ runId, step: task.step, n: files.n, startedAt, mark, schedule },
      ...{ worker: ownIdentity(), process: null, mode: containment.mode },
    }),
  );
  const tree = await startCommand(containment, {
    command: work.command,
    args: work.args,
    shell: work.shell,
    cwd: resolve(task.root, work.cwd),
    env: stepEnvironment({
      ...{ worker: env, bin, work, secrets: found.values },
      ...{ runId, step: task.step, attempt: number, output: files.result },
    }),
    ...{ stdout: files.stdout, stderr: files.stderr, secrets, mark },
  });
  if (tree.kind === 'started') return { kind: 'started', tree, secrets };
  return { ...tree, message: maskText(tree.message, secrets) };
}

/** Notes which process it is. False when somebody has taken this start for lost meanwhile. */
function named(files: AttemptFiles, { identity }: ProcessTree): boolean {
  try {
    return addProcess(files, identity);
  } catch (error) {
    // The disk is full now. The command runs, and must not be blamed: its mark, noted before, finds it too.
    if (isSystemError(error)) return true;
    throw error;
  }
}

/** Says how the start ended. False when that has been said before: this worker was taken for dead. */
function closed(files: AttemptFiles, closing: Closing): boolean {
  try {
    return writeClosing(files, closing);
  } catch (error) {
    // The server will know all the same; this host only cannot spare it the question.
    if (isSystemError(error)) return true;
    throw error;
  } finally {
    forgetRunning(files);
  }
}

function byItself(ending: Ending, task: CommandTask, files: AttemptFiles, secrets: readonly string[]): End {
  const failed = (failure: StepFailure, permanent = false): End => ({
    end: { kind: 'failed', failure },
    permanent,
  });
  if (ending.kind === 'exit' && ending.code === 0) {
    const read = readOutputs(task.outputs, files, secrets);
    return read.kind === 'bad'
      ? failed({ reason: 'bad-output', message: read.message })
      : { end: { kind: 'succeeded', exitCode: 0 }, outputs: read.values };
  }
  const full = diskFullAt(files.directory);
  if (full !== null) return failed({ reason: 'infrastructure', message: `${full}; ${inWords(ending)}` });
  const tail = tailOf(files.stderr, files.stdout);
  if (ending.kind === 'signal') return failed({ reason: 'signal', signal: ending.signal, tail });
  const permanent = task.retry.nonRetryableExitCodes.includes(ending.code);
  return failed({ reason: 'exit-code', exitCode: ending.code, tail }, permanent);
}

const inWords = (ending: Ending): string =>
  ending.kind === 'exit'
    ? `the command ended with exit code ${ending.code}`
    : `the command was ended by ${ending.signal}`;

/** Returns what a command that we ended came to; null when it is to be started anew, as if it had not been. */
function byUs(stop: Stop, task: CommandTask, files: AttemptFiles): End | null {
  const failed = (failure: StepFailure): End => ({ end: { kind: 'failed', failure }, permanent: false });
  switch (stop) {
    case 'deadline':
      return failed({
        reason: 'timed-out',
        afterSec: task.timeoutSec,
        tail: tailOf(files.stderr, files.stdout),
      });
    case 'canceled':
      return { end: { kind: 'canceled' } };
    case 'ending':
      return task.idempotent ? null : failed({ reason: 'worker-lost', message: ENDED });
    case 'draining':
    case 'forsaken':
    case 'interrupted':
      return null;
    default:
      return stop satisfies never;
  }
}

const ENDED = 'worker lost: the worker was made to end while the command ran, and had to kill it';
