/**
 * What the workflow asks of the activities: types only, so that a workflow can import them.
 */
import type { Attempt } from '../plan/attempt.js';
import type { CommandWork, Json, OutputSource, Retry, StepId } from '../plan/plan.js';

/** The argument of `runCommand`: one step, ready to be tried. At most 128 KB of JSON. */
export interface CommandTask {
  /** Workflow id of the run: with `step` the key under which results are kept. */
  readonly runId: string;
  readonly step: StepId;
  /** Absolute path; `work.cwd` is relative to it. */
  readonly root: string;
  /** `work.env` already holds the plan's `globals.env`; outputs of earlier steps are put in. */
  readonly work: CommandWork;
  readonly secrets: readonly string[];
  readonly timeoutSec: number;
  readonly retry: Retry;
  readonly idempotent: boolean;
  readonly outputs: Readonly<Record<string, OutputSource>>;
}

/** What `runCommand` returns when the command succeeded. */
export interface CommandDone {
  readonly attempts: readonly Attempt[];
  readonly attemptsOmitted: number;
  readonly outputs: Readonly<Record<string, Json>>;
}

/**
 * The one entry of `details` when `runCommand` throws: an `ApplicationFailure` of type `StepFailed`, whose
 * last attempt says why, or a `CancelledFailure`.
 */
export interface CommandEnded {
  readonly attempts: readonly Attempt[];
  readonly attemptsOmitted: number;
}

/** Heartbeat details of `runCommand`, at most 1 KB: they outlive an attempt and a worker. */
export interface CommandHeartbeat {
  /** Ended attempts of the command, all of them: what is missing to Temporal's attempt number was lost. */
  readonly endings: number;
  /** Temporal's attempts that gave the step back before or without a try of the command: no disk space, a deploy. */
  readonly excused: number;
  /** How many of those waited for a tool that is out of order. */
  readonly gated?: number;
  /** The newest few of them. */
  readonly attempts: readonly Attempt[];
  /**
   * The attempt that has begun and not ended: when it first did, by the worker's clock, and under which of Temporal's
   * numbers it last did.
   */
  readonly running?: { readonly start: number; readonly startedAt: number };
}

export interface WriteRecordTask {
  readonly runId: string;
  /** Which leg of the run: 0 is the run's own workflow. */
  readonly leg: number;
}

export interface CancelRunTask {
  readonly runId: string;
  readonly temporalRunId: string;
}

/** One execution of a run's workflow. */
export interface Execution {
  readonly run: string;
  readonly execution: string;
}

export interface FindEndedTask {
  readonly askers: readonly Execution[];
}

/** A part of a step's output, wanted from the host that has it. */
export interface ReadLogTask {
  readonly runId: string;
  /** As in `LogRef`: relative to the run's directory. A star for the number stands for the newest one there is. */
  readonly path: string;
  /** In bytes; below 0: so many before the end. */
  readonly from: number;
  /** At most 512 KB come at once. */
  readonly maxBytes: number;
}

export interface LogPiece {
  /** The bytes, compressed by gzip, then base64. */
  readonly gzip: string;
  /** How many bytes that are. */
  readonly length: number;
  /** The log they are from, as in `LogRef`. */
  readonly path: string;
  /** Where the piece begins. */
  readonly from: number;
  /** Of the whole log, now: it may grow. */
  readonly size: number;
}

/** What people tell a worker. */
export interface WorkerOrder {
  /** `drain`: finish and end. `pause`: take no more steps, until `resume`. */
  readonly kind: 'drain' | 'pause' | 'resume';
  readonly reason: string;
  readonly actor: string;
}

/** Activities that only one host can do: they are called on its own queue (`hostQueue`). */
export interface HostActivities {
  /** Reads a part of a log. Throws `NoSuchLog`, not to be tried again. Safe to run twice: it only reads. */
  readLog(task: ReadLogTask): Promise<LogPiece>;
  /** Does as it is told; false when it did so already. Called on the worker's own queue. Safe to run twice. */
  obeyOrder(order: WorkerOrder): Promise<boolean>;
}

/** Every activity, by the name the workflow calls it. */
export interface Activities {
  /** Runs a step's command to its end. Safe to run twice: attempts are counted, an old one's processes are dead first. */
  runCommand(task: CommandTask): Promise<CommandDone>;
  /** Writes a leg's part of the record; for leg 0 the whole of it. Safe to run twice: it replaces the file. */
  writeRecord(task: WriteRecordTask): Promise<void>;
  /** Asks the server to cancel the run, so that a signalled cancel ends as native ones do. Safe to run twice. */
  requestCancel(task: CancelRunTask): Promise<void>;
  /** Returns which of several runs are over: those that hold a lease must be there. Safe to run twice: it only reads. */
  findEnded(task: FindEndedTask): Promise<readonly Execution[]>;
}
