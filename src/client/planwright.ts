/**
 * The library: what a program can do with plans and runs.
 */
import type { RunEvent } from '../plan/event.js';
import { eventsOf } from '../plan/events.js';
import { diskFullAt } from '../activities/machine-trouble.js';
import { graphOf, levelsOf } from '../plan/graph.js';
import type { Problem } from '../plan/load/diagnostics.js';
import type { RunRecord } from '../plan/record.js';
import { readQuarantine } from '../record/notes.js';
import {
  approveStep,
  cancelRun,
  cancelStep,
  pauseRun,
  quarantineRun,
  resumeRun,
  type Because,
} from './control.js';
import { EventTail } from './event-tail.js';
import { follow, type FollowWorld, type Notice, type RunUpdate } from './follow.js';
import type { Link } from './link.js';
import { findRun, listRuns, type ListedRun, type ListFilter } from './list-runs.js';
import { loadPlanFile, type LoadOptions } from './load.js';
import { logFiles, readLog, type LogChoice, type LogFile } from './logs.js';
import { openLink, type LinkOptions } from './open-link.js';
import { finalRecord, readRun, recordOnDisk } from './read-run.js';
import { retryRun, type RetryOptions } from './retry-run.js';
import { currentActor, preparePlan, startPrepared, type StartOptions } from './start-plan.js';
import { runStatus, stepAttempts, type RunStatus, type StepAttempt } from './views.js';
import { webUiOf } from './web-ui.js';

/** What a look at a plan found. */
export interface PlanReport {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  /** Ids of the steps that can run side by side, level by level. Empty when the plan has errors. */
  readonly levels: readonly (readonly string[])[];
}

/** One look at a run that is followed. */
export interface FollowedRun {
  /** Null until the run has told anything. */
  readonly run: RunStatus | null;
  /** What happened since the look before. */
  readonly events: readonly RunEvent[];
  /** Why nothing is heard, or null. */
  readonly notice: Notice | null;
  readonly isFinal: boolean;
}

/** Reason and person; both may be left out. */
export type Reason = Partial<Because>;

/** Everywhere a run is named by its id, a unique beginning or ending of it, or `last`. */
export class Planwright {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Checks a plan file and reports every problem. Starts nothing and needs no server. */
  async validatePlan(path: string, options: Partial<LoadOptions> = {}): Promise<PlanReport> {
    const { plan, problems } = await loadPlanFile(path, { cwd: process.cwd(), ...options });
    if (plan === null) return { ok: false, problems, levels: [] };
    const levels = levelsOf(graphOf(plan.steps)).map((level) => level.map((index) => plan.steps[index]!.id));
    return { ok: true, problems, levels };
  }

  /**
   * Starts a plan and returns the id of its run, which goes on whatever becomes of this program.
   *
   * @throws PlanError with all problems of the plan
   */
  async startRun(options: StartOptions): Promise<string> {
    const prepared = await preparePlan(options);
    const [started] = await Promise.all([startPrepared(this.#link, prepared), this.#link.ensureWorker()]);
    return started.runId;
  }

  /** Runs a closed run's plan again, using what succeeded. Returns the new run's id. */
  async retryRun(run: string, options: RetryOptions = {}): Promise<string> {
    const id = await this.#find(run);
    const [retried] = await Promise.all([retryRun(this.#link, id, options), this.#link.ensureWorker()]);
    return retried.runId;
  }

  async getRun(run: string): Promise<RunStatus> {
    return runStatus(await readRun(this.#link, await this.#find(run)));
  }

  /** Returns a row for each attempt, by step and then by number; a step without any has one row. */
  async getRunSteps(run: string): Promise<StepAttempt[]> {
    return stepAttempts(await readRun(this.#link, await this.#find(run)));
  }

  /** Returns what happened, oldest first. */
  async getRunEvents(run: string): Promise<RunEvent[]> {
    const view = await readRun(this.#link, await this.#find(run));
    return eventsOf(view.record, view);
  }

  /** Returns everything that is known of a run, in the engine's own shape. */
  async getRecord(run: string): Promise<RunRecord> {
    return (await readRun(this.#link, await this.#find(run))).record;
  }

  /** Newest first; 100 unless a limit is given. */
  async listRuns(filter: ListFilter = {}): Promise<readonly ListedRun[]> {
    return (await listRuns(this.#link, filter)).runs;
  }

  /** Asks a run to end; `waitRun` waits until it has. */
  async cancelRun(run: string, reason: Reason = {}): Promise<void> {
    await cancelRun(this.#link, await this.#find(run), because(reason));
  }

  /** Cancels one step: that counts as its failure, and its policy applies. */
  async cancelStep(run: string, step: string, reason: Reason = {}): Promise<void> {
    await cancelStep(this.#link, await this.#find(run), step, because(reason));
  }

  /** Launches no further step until `resumeRun`; running ones go on. */
  async pauseRun(run: string, reason: Reason = {}): Promise<void> {
    await pauseRun(this.#link, await this.#find(run), because(reason));
  }

  async resumeRun(run: string, reason: Reason = {}): Promise<void> {
    await resumeRun(this.#link, await this.#find(run), because(reason));
  }

  /**
   * Answers an approval step. A step with choices takes a yes only with one of them.
   *
   * @throws PlanwrightError `refused` when it does not wait now, or has no such choice
   */
  async approveStep(
    run: string,
    step: string,
    approved: boolean,
    { choice, ...reason }: Reason & { readonly choice?: string } = {},
  ): Promise<void> {
    const answer = { approved, ...(choice === undefined ? {} : { choice }) };
    await approveStep(this.#link, await this.#find(run), step, answer, because(reason, ''));
  }

  /** Marks a failed or open run as not to be trusted; an open one is canceled. */
  async quarantineRun(run: string, reason: Reason = {}): Promise<void> {
    await quarantineRun(this.#link, await this.#find(run), because(reason, 'Quarantined by user'));
  }

  /** Yields the run each time something happened, until it has ended. Leaving the loop does not touch the run. */
  async *followRun(run: string, signal?: AbortSignal): AsyncGenerator<FollowedRun> {
    const tail = new EventTail();
    for await (const update of await followed(this.#link, await this.#find(run), signal)) {
      const { record, live, notice, isFinal } = update;
      const quarantine = record === null ? null : readQuarantine(this.#link.home, record.head.runId);
      const status = record === null ? null : runStatus({ record, live, quarantine });
      yield { run: status, events: tail.take(update, quarantine), notice, isFinal };
    }
  }

  /** Waits for the end of a run and returns how it ended. */
  async waitRun(run: string): Promise<RunStatus> {
    for await (const { run: status, isFinal } of this.followRun(run))
      if (isFinal && status !== null) return status;
    throw new Error('BUG: a run that is followed ended without an end');
  }

  /** Returns the files that hold the output of a run's steps, here or on another host. */
  async logFiles(run: string, choice: LogChoice = {}): Promise<LogFile[]> {
    return logFiles(this.#link.home, await readRun(this.#link, await this.#find(run)), choice);
  }

  /** Yields the output of a step as it was written, bytes and all: of its last attempt unless said. */
  async *readLog(run: string, choice: LogChoice & { readonly step: string }): AsyncGenerator<Buffer> {
    const files = await this.logFiles(run, { stream: 'stdout', ...choice });
    const last = files.at(-1);
    if (last !== undefined) yield* readLog(this.#link, last);
  }

  /** Returns the address of a run's page in the Web UI, or null when there is none that is known. */
  async webUi(run: string): Promise<string | null> {
    return webUiOf(await this.#link.target(), await this.#find(run));
  }

  /** Lets go of the connection. Runs go on. */
  close(): Promise<void> {
    return this.#link.close();
  }

  #find(run: string): Promise<string> {
    return findRun(this.#link, run);
  }
}

const because = ({ reason, actor }: Reason, otherwise = 'Canceled by user'): Because => ({
  reason: reason ?? otherwise,
  actor: actor ?? currentActor(),
});

/** Follows a run that may be closed already: then its record on this machine is all there is to see. */
export async function followed(
  link: Link,
  runId: string,
  signal?: AbortSignal,
): Promise<AsyncIterable<RunUpdate>> {
  const record = await recordOnDisk(link, runId);
  if (record !== null)
    return once({ record, changed: record.steps, live: new Map(), notice: null, isFinal: true });
  const client = await link.client();
  const world: FollowWorld = {
    client,
    finalRecord: () => finalRecord(link, client, runId),
    // What cannot be started now may be later: the silence goes on, and is shown.
    onSilence: () => {
      const full = diskFullAt(link.home);
      if (full !== null) link.tell(`${full}: make room, then it goes on`);
      return link
        .revive()
        .catch((error: unknown) => link.tell(error instanceof Error ? error.message : String(error)));
    },
    ...(signal ? { signal } : {}),
  };
  return follow(world, runId);
}

async function* once(update: RunUpdate): AsyncGenerator<RunUpdate> {
  yield update;
}

/**
 * Opens the way to the runs of this machine, or of the cluster that Temporal's environment configuration names.
 *
 * Nothing is connected or started before it is needed.
 */
export const connectPlanwright = (options: LinkOptions = {}): Planwright => new Planwright(openLink(options));
