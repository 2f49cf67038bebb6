/**
 * How the world, jobs and their queue talk to each other: names and shapes. Types and names only.
 */
import type { EscalationRules } from '../job/escalation.js';
import type { FinalJobState, Job, JobState } from '../job/job.js';
import type { JobAsk } from '../job/job-table.js';
import type { PackedQueue } from '../job/pack-queue.js';
import type { Found, JobEnding, QueueState } from '../job/queue.js';
import type { RetryPolicy } from '../job/retry.js';
import type { Priority } from '../plan/plan.js';
import type { BreakerLimits } from '../workstream/breaker.js';
import type { Tool } from '../workstream/tool/registry.js';

/** The workflow of one job, from its submission to its end. What it runs is a run of its own (`runPlan`), its child. */
export const JOB_WORKFLOW = 'runJob';
/** Workflow ids of jobs. The name of a queue has no "~", so the ids of one queue are those with this beginning. */
export const jobPrefix = (queue: string): string => `job~${queue}~`;
export const jobWorkflowId = (queue: string, id: string): string => `${jobPrefix(queue)}${id}`;

/** The id of a run of a job. Nothing of it may lead elsewhere as a path, and no two executions have one name. */
export const jobRunId = (queue: string, id: string, number: number, execution: string): string => {
  const safe = id.replace(/\.{2,}/g, '.').replace(/^[^A-Za-z0-9]+/, '');
  return `${jobPrefix(queue)}${safe.slice(0, 100) || 'job'}~${number}.${execution.slice(0, 8)}`;
};

/** Says whether an id is that of a job's run: a run of its own, though its id has parts. */
export const isJobRun = (runId: string): boolean => /^job~[^~]+~[^~]+~\d+\.[^~]+$/.test(runId);

export interface JobInput {
  readonly queue: string;
  readonly job: Job;
  readonly priority: Priority;
  /** All that it waits for: of its file and of its submission. */
  readonly dependsOn: readonly string[];
  /** When it was submitted. */
  readonly queuedAt: number;
  /** How often the job ran before under this id. */
  readonly runsBefore: number;
  /** Whoever submitted it asks the queue for its place, together with others: it asks only when nothing comes of that. */
  readonly isAnnounced?: boolean;
  /** How many jobs of its queue had not ended then, and were submitted with it: so much longer it leaves it to them. */
  readonly announcedWith?: number;
  /** Absolute: where it runs. */
  readonly root: string;
  readonly actor: string;
  readonly engineVersion: string;
  readonly retry: RetryPolicy;
  readonly rules: EscalationRules;
  /** The tools that may come to work on it, by name. */
  readonly tools: Readonly<Record<string, Tool>>;
  /** When the breakers of its tools open. */
  readonly breaker?: BreakerLimits;
}

/** What lists read of a job without asking anybody: the memo of its workflow. */
export interface JobMemo {
  readonly priority: Priority;
  readonly dependsOn: readonly string[];
  readonly queuedAt: number;
  /** Of its content: the same id with the same hash is the same job. */
  readonly hash: string;
  readonly tool: string;
  readonly workstream: string;
  readonly runsBefore: number;
  /** The id of its newest run; null before the first. */
  readonly run: string | null;
  /** What became of a job that was cancelled; of others the result says it. */
  readonly end?: JobEnd;
}

/** A change of a job's state, for its history. */
export interface JobChange {
  readonly at: number;
  readonly state: JobState;
  /** Why, where that is not plain. */
  readonly reason: string | null;
}

/** All that is known of a job. What its workflow returns, or fails with, and answers to the query. */
export interface JobView {
  readonly id: string;
  readonly state: JobState;
  readonly priority: Priority;
  readonly dependsOn: readonly string[];
  readonly queuedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Of its newest run, where it is known: see `src/job/exit-code.ts`. */
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly retries: number;
  readonly run: string | null;
  readonly escalatedTo: string | null;
  readonly changes: readonly JobChange[];
}

export interface JobEnd extends JobView {
  readonly state: FinalJobState;
}

/** The type of the failure of a job that failed; its one detail is the `JobEnd`. */
export const JOB_FAILED = 'JobFailed';

export const JOB_QUERY = 'job';
/** Signal to a job: cancel it. All fields may be missing. A native cancel means the same. */
export const CANCEL_JOB_SIGNAL = 'cancel';
/** Signal of its queue to a job. */
export const NEWS_SIGNAL = 'news';
/** Signal to a job at work: stop, and queue up again. */
export const GIVE_BACK_SIGNAL = 'giveBack';
/** Signal to a job: ask the queue for a place again; its queue was ended by hand. */
export const ASK_AGAIN_SIGNAL = 'askAgain';

/** The workflow that keeps the queue. It is there while it has something to remember: jobs, or workers that were started. */
export const QUEUE_WORKFLOW = 'keepJobs';
export const queueWorkflowId = (queue: string): string => `jobs~${queue}`;
export interface QueueInput {
  /** Packed: of a successor. Those of before were handed on as they were. */
  readonly state: QueueState | PackedQueue;
  /** Who asks first; null for a successor, or when the workers are started. */
  readonly ask: JobAsk | null;
}

/** Signals of jobs to their queue. Each may come twice. */
export const ASK_PLACE_SIGNAL = 'ask';
/** Signal of who submits: the same for many jobs at once. Its argument is a list of `JobAsk`. */
export const ASK_PLACES_SIGNAL = 'askMany';
export const JOB_ENDED_SIGNAL = 'ended';
export interface JobEndedRequest {
  readonly id: string;
  readonly execution: string;
  /** Null: it gave its place back, and asks again. */
  readonly how: JobEnding | null;
}

/** Signal of a job that has a place: its tool is out of order, and it waits for it without one; or it may be used again. */
export const HOLD_SIGNAL = 'hold';
export interface HoldRequest {
  readonly id: string;
  readonly execution: string;
  readonly isHeld: boolean;
}

/** Update: how many jobs run at once from now on; 0 stops. Returns the queue as it is then. */
export const SET_WORKERS_UPDATE = 'setWorkers';
export interface SetWorkersRequest {
  readonly places: number;
  /** False: jobs at work stop and queue up again where there are more of them than places. */
  readonly graceful: boolean;
  readonly ageingMs?: number;
  readonly unknownMs?: number;
}
/** Update: nothing more comes; who waits for a job that nobody submitted fails. */
export const SEAL_UPDATE = 'seal';
/** Update: somebody has waited for all of it, and was told of what ended until this time. */
export const WAITED_UPDATE = 'waited';

export const QUEUE_QUERY = 'queue';
export interface QueueView {
  readonly name: string;
  readonly places: number;
  readonly ageingMs: number;
  readonly waiting: number;
  readonly queued: number;
  readonly running: readonly string[];
}

/** Query: those that come first by priority and time. Arguments: how many at most, and of which states (of all when empty). */
export const FIRST_QUERY = 'first';
export interface QueueFirst {
  readonly ids: readonly string[];
  /** How many the queue knows in these states, named or not. */
  readonly known: number;
}

/** The memo of a queue's workflow: what can be read when no worker is there. */
export interface QueueMemo {
  readonly places: number;
  /** Until when somebody has waited for all of it, in milliseconds since 1970. */
  readonly waitedUntil?: number;
}

/** Activity: what jobs of these ids are, by the server. */
export interface FindJobsTask {
  readonly queue: string;
  readonly ids: readonly string[];
}
export interface JobActivities {
  /** Returns what became of jobs, each of an id. Safe to run twice: it only reads. */
  findJobs(task: FindJobsTask): Promise<Readonly<Record<string, Found>>>;
}
