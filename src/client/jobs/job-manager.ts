/**
 * The library's way to a queue of jobs: every program that opens it, and the command line, sees the one queue.
 */
import { DEFAULT_QUEUE } from '../../job/job.js';
import type { RetryPolicy } from '../../job/retry.js';
import type { Priority } from '../../plan/plan.js';
import type { QueueView } from '../../workflows/job-api.js';
import { PlanwrightError } from '../errors.js';
import { currentActor } from '../start-plan.js';
import { openLink, type LinkOptions } from '../open-link.js';
import type { Link } from '../link.js';
import { cancelJob } from './cancel-job.js';
import { listJobs, queueStats, type JobFilter, type ListedJob, type QueueStats } from './list-jobs.js';
import { retryPolicyOf, type JobPolicy } from './policy.js';
import { idle } from './idle.js';
import { assertQueue, prepareFiles, prepareObject, type PreparedJobs } from './prepare-jobs.js';
import { readJob, type JobStatus } from './read-job.js';
import { submitJobs, type SubmitOptions, type Submitted } from './submit-jobs.js';
import { isEmpty, sealQueue, setWorkers, waitUntilEmpty, type WaitOptions } from './workers.js';

export interface JobManagerOptions extends LinkOptions, JobPolicy {
  /** Jobs of different queues know nothing of each other; `default` unless said. */
  readonly queue?: string;
  /** How many jobs run at once: 3 unless said. */
  readonly workerCount?: number;
  /** Relative names start here; `process.cwd()` unless said. */
  readonly cwd?: string;
  /** A configuration with tools of one's own. */
  readonly config?: string;
}

export interface SubmitJobOptions extends SubmitOptions {
  /** `normal` unless said. */
  readonly priority?: Priority;
  /** Waited for beside what the file says. */
  readonly dependsOn?: readonly string[];
  /** Where it runs, whatever it says itself. */
  readonly root?: string;
}

export interface ManagerStats extends QueueStats {
  readonly retry_policy: RetryPolicy;
}

const DEFAULT_WORKERS = 3;

/** A queue of jobs. Opening it starts nothing: `start` does. */
export class JobManager implements AsyncDisposable {
  readonly queue: string;
  readonly #link: Link;
  readonly #options: JobManagerOptions;
  readonly #retry: RetryPolicy;
  /** Ids submitted here: lists of the server are a moment behind. */
  readonly #submitted = new Set<string>();
  #isStarted = false;

  /** @throws PlanwrightError `bad-request` for a retry policy, number or name that cannot be */
  constructor(options: JobManagerOptions = {}) {
    this.queue = options.queue ?? DEFAULT_QUEUE;
    assertQueue(this.queue);
    assertCount(options.workerCount ?? DEFAULT_WORKERS);
    this.#retry = retryPolicyOf(options.retryPolicy);
    this.#options = options;
    this.#link = openLink(options);
  }

  /** Lets jobs run, `workerCount` at once. They go on whatever becomes of this program. */
  async start(): Promise<QueueView> {
    this.#isStarted = true;
    const places = this.#options.workerCount ?? DEFAULT_WORKERS;
    return setWorkers(this.#link, this.queue, { places, graceful: true });
  }

  /**
   * Starts no further job. Jobs at work go on to their end, which is waited for; or, not `graceful`, they are ended and
   * return to the queue.
   */
  async stop({ graceful = true }: { readonly graceful?: boolean } = {}): Promise<void> {
    this.#isStarted = false;
    await setWorkers(this.#link, this.queue, { places: 0, graceful });
    const client = await this.#link.client();
    await idle(client, this.queue);
  }

  /** Submits the job of a file and returns its id. */
  async submitJob(file: string, options: SubmitJobOptions = {}): Promise<string> {
    const [first] = await this.submitJobs([file], options);
    return first!.id;
  }

  /** Submits the jobs of files and folders; all of them are checked before the first is submitted. */
  async submitJobs(files: readonly string[], options: SubmitJobOptions = {}): Promise<Submitted[]> {
    return this.#submit(await prepareFiles(files, this.#preparing(options)), options);
  }

  /** Submits a job that is an object and returns its id. */
  async submitJobDict(job: unknown, options: SubmitJobOptions = {}): Promise<string> {
    const [first] = await this.#submit(await prepareObject(job, this.#preparing(options)), options);
    return first!.id;
  }

  /** Cancels a job wherever it stands, and waits until it has ended. False when it had ended before, or there is none. */
  async cancelJob(id: string, reason = 'canceled'): Promise<boolean> {
    try {
      return (await cancelJob(this.#link, this.queue, id, { reason, actor: currentActor() })).canceled;
    } catch (error) {
      if (error instanceof PlanwrightError && error.code === 'no-such-job') return false;
      throw error;
    }
  }

  /** Returns all that is known of a job, or null. */
  getJobStatus(id: string): Promise<JobStatus | null> {
    return readJob(this.#link, this.queue, id);
  }

  async getQueueStats(): Promise<ManagerStats> {
    return { ...(await queueStats(this.#link, this.queue)), retry_policy: this.#retry };
  }

  /** Returns how many jobs there are in each state. */
  async getStatus(): Promise<QueueStats['queue']> {
    return (await queueStats(this.#link, this.queue)).queue;
  }

  /** By priority, then by the time of submission; 100 unless a limit is given. */
  async listJobs(filter: JobFilter = {}): Promise<readonly ListedJob[]> {
    return (await listJobs(this.#link, this.queue, filter)).jobs;
  }

  /** Nothing more is submitted: jobs that wait for one that is not there fail. */
  async seal(): Promise<void> {
    await sealQueue(this.#link, this.queue);
  }

  /** True when no job is waiting, queued, at work or between two tries. */
  isEmpty(): Promise<boolean> {
    return isEmpty(this.#link, this.queue, this.#submitted);
  }

  /** Waits until the queue is empty, however its jobs end. */
  async waitUntilEmpty(options: Omit<WaitOptions, 'submitted'> = {}): Promise<void> {
    await waitUntilEmpty(this.#link, this.queue, { ...options, submitted: this.#submitted });
  }

  /** Waits until every job is final: completed, failed, escalated or cancelled. */
  waitAll(options: Omit<WaitOptions, 'submitted'> = {}): Promise<void> {
    return this.waitUntilEmpty(options);
  }

  /** Lets go of the connection. Jobs go on. */
  close(): Promise<void> {
    return this.#link.close();
  }

  /** At the end of `await using`: stops what `start` started, and lets go. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#isStarted) await this.stop();
    } finally {
      await this.close();
    }
  }

  async #submit(prepared: PreparedJobs, options: SubmitJobOptions): Promise<Submitted[]> {
    const submitted = await submitJobs(this.#link, prepared, options);
    for (const { id } of submitted) this.#submitted.add(id);
    return submitted;
  }

  #preparing({ priority, dependsOn, root }: SubmitJobOptions): Parameters<typeof prepareFiles>[1] {
    const { cwd = process.cwd(), config, retryPolicy, escalation } = this.#options;
    return {
      ...{ home: this.#link.home, cwd, queue: this.queue },
      ...(config === undefined ? {} : { config }),
      ...(retryPolicy === undefined ? {} : { retryPolicy }),
      ...(escalation === undefined ? {} : { escalation }),
      ...(priority === undefined ? {} : { priority }),
      ...(dependsOn === undefined ? {} : { dependsOn }),
      ...(root === undefined ? {} : { root }),
    };
  }
}

function assertCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= 1_000) return;
  throw new PlanwrightError(
    'bad-request',
    `"workerCount" must be a whole number from 1 to 1000, found ${count}`,
  );
}

/** Opens a queue of jobs. */
export const openJobs = (options: JobManagerOptions = {}): JobManager => new JobManager(options);
