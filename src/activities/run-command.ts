/**
 * Runs a step's command, as many times as its retries allow: each attempt is a start of this activity by Temporal.
 */
import { setMaxListeners } from 'node:events';
import { ApplicationFailure, CancelledFailure, Context, type Info } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { Attempt, StepFailure } from '../plan/attempt.js';
import { describeFailure } from '../plan/view.js';
import type { Containment } from '../tools/process/index.js';
import type { Activities, CommandDone, CommandHeartbeat, CommandTask } from './api.js';
import { carried, carriedBetween, heartbeatOf } from './carried.js';
import { startHeartbeats, type Heartbeats } from './heartbeats.js';
import { prepareJob } from './job/prepare-job.js';
import { reportAttempt } from './job/report-attempt.js';
import { toolGate, type ToolGate } from './job/tool-gate.js';
import { lookBack } from './look-back.js';
import { MachineTrouble } from './machine-trouble.js';
import { retryDelayMs } from '../plan/retry-delay.js';
import { stopOf, type Stop, type Watch } from './supervise.js';
import { FREE_STARTS, freeStarts, tally, withLossesCounted, type Tally } from './tally.js';
import { tryCommand } from './try-command.js';
import { firstBytes } from './utf8-cut.js';

/** What the activity needs of the worker that runs it. */
export interface CommandWorld {
  readonly home: string;
  readonly host: string;
  readonly containment: Containment;
  /** The worker's own environment. */
  readonly env: NodeJS.ProcessEnv;
  /** The folder of our own commands, first on each step's PATH; null for none. */
  readonly bin: string | null;
  /** Aborted when the worker is to finish what it has begun. */
  readonly draining: AbortSignal;
  /** Aborted when it is to end what runs. */
  readonly ending: AbortSignal;
  /** Between TERM and KILL: 5 s. */
  readonly graceMs?: number;
  /** So long a draining worker lets a step go on that another worker may run instead: 10 s. */
  readonly drainMs?: number;
}

/**
 * Returns the activity `runCommand`.
 *
 * May run twice: an attempt that this host knows to have succeeded is not repeated, what a lost one left running is dead
 * before the next begins, and each start is either an attempt, a loss or given back (see `tally.ts`).
 */
export function runCommandIn(world: CommandWorld): Activities['runCommand'] {
  // Each step at work listens; Node would take more than ten for a leak.
  setMaxListeners(0, world.draining, world.ending);
  // A copy: each look into `process.env` asks the system.
  const steady = { ...world, env: { ...world.env } };
  return async (task) => {
    const start = new CommandStart(steady, task);
    try {
      return await start.run();
    } finally {
      start.beats.stop();
    }
  };
}

/** One start of the activity by Temporal. */
class CommandStart {
  readonly #world: CommandWorld;
  readonly #task: CommandTask;
  readonly #info: Info;
  readonly #cancellation: AbortSignal;
  /** What is known of the step's tries; each heartbeat tells it. */
  #known: Tally;
  /** The attempt that has no end yet. It began with its first start: one that was lost or given back is part of it. */
  #running: CommandHeartbeat['running'] | null;
  readonly beats: Heartbeats;
  #gate: ToolGate | null = null;

  constructor(world: CommandWorld, task: CommandTask) {
    this.#world = world;
    this.#task = task;
    const context = Context.current();
    this.#info = context.info;
    this.#cancellation = context.cancellationSignal;
    const beat = this.#lastBeat();
    this.#known = tally(this.#info.attempt, beat, []);
    this.#running = beat?.running ?? null;
    this.beats = startHeartbeats(
      (details) => context.heartbeat(details),
      () => heartbeatOf(this.#known, this.#running),
    );
  }

  async run(): Promise<CommandDone> {
    try {
      return await this.#attempt();
    } catch (error) {
      if (!(error instanceof MachineTrouble)) throw error;
      return this.#machineFailed(error);
    }
  }

  async #attempt(): Promise<CommandDone> {
    const { home, host, containment, env, bin } = this.#world;
    const task = this.#task;
    const schedule = scheduleOf(this.#info);
    const past = await lookBack({ home, host, task, schedule });
    const { attempt: start } = this.#info;
    const before = tally(start, this.#lastBeat(), past.ended);
    // What was begun then has ended since, as this host knows.
    if (before.endings > (this.#lastBeat()?.endings ?? 0)) this.#running = null;
    if (past.success !== null) {
      const { attempt, outputs } = past.success;
      this.#known = {
        ...before,
        attempts: withOne(before.attempts, this.#whole(attempt)),
        endings: Math.max(before.endings, attempt.number),
      };
      return { ...carried(this.#known), outputs };
    }
    this.#known = task.idempotent
      ? before
      : withLossesCounted(
          before,
          task.retry.maxAttempts,
          past.lost,
          this.#running?.startedAt ?? null,
          Date.now(),
        );
    if (this.#known.endings > before.endings) this.#running = null; // it is one of the losses
    this.#throwIfOver();
    this.#throwIfStopped();
    await this.#passTool();
    const tried = await tryCommand({
      ...{ task: this.#ready(), schedule, containment, env, bin, step: past.step, lastStart: past.lastStart },
      number: this.#known.endings + 1,
      watch: this.#watch(),
      onBegin: (now) =>
        (this.#running = { start: this.#info.attempt, startedAt: this.#running?.startedAt ?? now }),
    });
    if (tried.kind === 'stopped') throw this.#givenBack(tried.stop);
    this.#count(tried.attempt);
    await this.#gate?.used(tried.attempt);
    await this.#reportJob(tried.attempt);
    switch (tried.kind) {
      case 'succeeded':
        return { ...carried(this.#known), outputs: tried.outputs };
      case 'canceled':
        throw this.#canceled();
      case 'failed':
        throw this.#failed(tried.permanent);
      default:
        return tried satisfies never;
    }
  }

  /** A further try of a job asks whether its tool may be used: the first has asked before the run began. */
  async #passTool(): Promise<void> {
    const number = this.#known.endings + 1;
    this.#gate = number > 1 ? toolGate(this.#task, number) : null;
    const turn = (await this.#gate?.pass()) ?? 'start';
    if (turn === 'start') return;
    if ('refused' in turn) {
      this.#countFailure({ reason: 'not-started', message: turn.refused });
      throw this.#failed(true);
    }
    const { gated } = this.#known;
    this.#excuse();
    this.#known = { ...this.#known, gated: gated + 1 };
    this.beats.now();
    throw ApplicationFailure.create({
      type: 'ToolOutOfOrder',
      message: turn.why,
      nextRetryDelay: turn.againInMs,
      category: ApplicationFailureCategory.BENIGN,
    });
  }

  /** Returns the task as it is tried: a job's is made ready first. */
  #ready(): CommandTask {
    const { job } = this.#task.work;
    if (job === undefined) return this.#task;
    const prepared = prepareJob(this.#task, job, this.#world.env);
    if (prepared.kind === 'ready') return prepared.task;
    this.#countFailure({ reason: 'not-started', message: firstBytes(prepared.message, 1000) });
    throw this.#failed(true);
  }

  /** Writes what the attempt of a job leaves at the job's paths. */
  async #reportJob(attempt: Attempt): Promise<void> {
    const { job } = this.#task.work;
    if (job === undefined) return;
    // What it came to is known whatever the disk says, and the run's own logs have its output.
    await reportAttempt(this.#world.home, this.#task, job, attempt).catch((error: unknown) =>
      process.emitWarning(`the log of job "${job.id}" was not written: ${String(error)}`),
    );
  }

  #watch(): Watch {
    const { draining, ending, graceMs = 5_000, drainMs = 10_000 } = this.#world;
    const { timeoutSec, idempotent } = this.#task;
    return {
      ...{ timeoutMs: timeoutSec * 1000, graceMs, drainMs, ending },
      cancellation: this.#cancellation,
      // A step that must not be run twice goes on: its own limit bounds the wait.
      draining: idempotent ? draining : null,
    };
  }

  /** Ends the step when what came before leaves it no attempt. */
  #throwIfOver(): void {
    const { attempts, endings } = this.#known;
    const { retry } = this.#task;
    const last = attempts.at(-1);
    const code =
      last?.end.kind === 'failed' && last.end.failure.reason === 'exit-code'
        ? last.end.failure.exitCode
        : null;
    // Its worker was killed between the end of the last attempt and its report.
    if (endings >= retry.maxAttempts || (code !== null && retry.nonRetryableExitCodes.includes(code)))
      throw this.#failed(true);
    const free = freeStarts(this.#known);
    if (free <= FREE_STARTS) return;
    const times = `it was started ${free} times without an end`;
    this.#countFailure({
      reason: 'worker-lost',
      message: `worker lost: ${times}; the last worker that was lost may say why`,
    });
    throw this.#failed(true);
  }

  /** Starts nothing when it would have to be ended at once. */
  #throwIfStopped(): void {
    if (this.#cancellation.aborted) {
      const stop = stopOf(this.#cancellation);
      throw stop === 'canceled' ? this.#canceled() : this.#givenBack(stop);
    }
    if (this.#world.ending.aborted) throw this.#givenBack('ending');
    if (this.#world.draining.aborted) throw this.#givenBack('draining');
  }

  #count(attempt: Attempt): void {
    const { attempts, endings, ...rest } = this.#known;
    this.#known = { ...rest, attempts: [...attempts, this.#whole(attempt)], endings: endings + 1 };
    this.#running = null;
  }

  #whole(attempt: Attempt): Attempt {
    return { ...attempt, startedAt: Math.min(attempt.startedAt, this.#running?.startedAt ?? Infinity) };
  }

  /** Counts a failure that no process of the command caused. */
  #countFailure(failure: StepFailure): void {
    const now = Date.now();
    const number = this.#known.endings + 1;
    this.#count({ number, startedAt: now, endedAt: now, end: { kind: 'failed', failure }, logs: null });
  }

  /** Returns the failure of the last attempt, for the server to try again, or not. */
  #failed(isLast: boolean): ApplicationFailure {
    const { retry } = this.#task;
    const last = this.#known.attempts.at(-1);
    const failure = last?.end.kind === 'failed' ? last.end.failure : null;
    const nonRetryable = isLast || this.#known.endings >= retry.maxAttempts;
    if (!nonRetryable) this.beats.now(); // the counts must be there when the next start looks for them
    return ApplicationFailure.create({
      type: 'StepFailed',
      message: failure === null ? 'failed' : firstBytes(describeFailure(failure), 500),
      nonRetryable,
      details: [nonRetryable ? carried(this.#known) : carriedBetween(this.#known)],
      category: ApplicationFailureCategory.BENIGN,
      ...(nonRetryable ? {} : { nextRetryDelay: retryDelayMs(retry, this.#known.endings) }),
    });
  }

  #canceled(): CancelledFailure {
    return new CancelledFailure('CANCELLED', [carried(this.#known)]);
  }

  /** Returns what makes the server start the step again, here or elsewhere, without counting this start. */
  #givenBack(stop: Stop): Error {
    this.#excuse();
    if (this.#cancellation.aborted) return this.#cancellation.reason as Error;
    return ApplicationFailure.create({
      type: stop === 'forsaken' ? 'Superseded' : 'WorkerStopping',
      message:
        stop === 'forsaken'
          ? 'another start of this step has taken its place'
          : 'the worker stops; the step is given back',
      nextRetryDelay: 1,
      category: ApplicationFailureCategory.BENIGN,
    });
  }

  #machineFailed({ message }: MachineTrouble): never {
    if (freeStarts(this.#known) >= FREE_STARTS) {
      this.#countFailure({ reason: 'infrastructure', message: firstBytes(message, 1000) });
      throw this.#failed(true);
    }
    this.#excuse();
    throw ApplicationFailure.create({
      type: 'MachineTrouble',
      message: firstBytes(message, 500),
      nextRetryDelay: Math.min(1000 * 2 ** this.#known.excused, 30_000),
    });
  }

  #excuse(): void {
    this.#known = { ...this.#known, excused: this.#known.excused + 1 };
    this.beats.now();
  }

  #lastBeat(): CommandHeartbeat | undefined {
    return this.#info.heartbeatDetails as CommandHeartbeat | undefined;
  }
}

const scheduleOf = ({ workflowExecution, activityId, scheduledTimestampMs }: Info): string =>
  `${workflowExecution?.runId}/${activityId}/${scheduledTimestampMs}`;

const withOne = (attempts: readonly Attempt[], attempt: Attempt): Attempt[] => [
  ...attempts.filter(({ number }) => number < attempt.number),
  attempt,
];
