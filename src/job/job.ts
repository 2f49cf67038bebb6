/**
 * A job: one call of a tool, queued with a priority.
 *
 * `load/` makes it from a job file. Everything here is plain JSON, because it crosses a workflow's border.
 */
import type { Json, Priority } from '../plan/plan.js';

/** Letters, digits, `.`, `_` and `-`; unique within its queue. */
export type JobId = string & { readonly __brand: 'JobId' };

/** The queue of those who name none. */
export const DEFAULT_QUEUE = 'default';

/** Says whether a queue can be called so: it is part of the ids of workflows. */
export const isQueueName = (text: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/.test(text) && !text.includes('..');

export const PRIORITIES = ['critical', 'high', 'normal', 'low'] as const satisfies readonly Priority[];

/** 0 goes first. */
export const rankOf = (priority: Priority): number => PRIORITIES.indexOf(priority);

/**
 * Where a job stands, in the words of job files and of those who wrote scripts around them. `retry` is a job at work whose
 * last attempt failed and whose next one waits for its delay.
 */
export const JOB_STATES = [
  'waiting',
  'queued',
  'running',
  'retry',
  'completed',
  'failed',
  'escalated',
  'cancelled',
] as const;
export type JobState = (typeof JOB_STATES)[number];

/** States that nothing follows. */
export type FinalJobState = 'completed' | 'failed' | 'escalated' | 'cancelled';
export const FINAL_STATES = [
  'completed',
  'failed',
  'escalated',
  'cancelled',
] as const satisfies readonly FinalJobState[];
export const isFinal = (state: JobState): state is FinalJobState =>
  (FINAL_STATES as readonly string[]).includes(state);

export interface JobPaths {
  /** Absolute, or relative to where the job was submitted. */
  readonly repoRoot: string;
  /** As `repoRoot`, or relative to it. */
  readonly workingDir: string;
  /** Relative to the repository, or absolute. */
  readonly logFile: string;
  readonly errorReport: string;
}

export interface Job {
  readonly id: JobId;
  readonly workstream: string;
  readonly tool: string;
  /** The name of the run it is part of, for people. */
  readonly runName: string;
  /** Null: the tool's adapter makes the command from files, instructions and options. */
  readonly command: { readonly exe: string; readonly args: readonly string[] } | null;
  readonly env: Readonly<Record<string, string>>;
  readonly paths: JobPaths;
  readonly files: readonly string[];
  readonly instructions: string | null;
  /** A file whose text is the instructions, relative to the working directory. */
  readonly messageFile: string | null;
  /** Options of the tool. `model` is read, all else is kept. */
  readonly config: Readonly<Record<string, Json>>;
  /** Each once. */
  readonly dependsOn: readonly string[];
  /** Null: as the queue has it. */
  readonly retryPolicy: RetryChoice | null;
  readonly maxRetries: number | null;
  readonly timeoutSec: number | null;
  /** As written, and what escalations add. */
  readonly metadata: Readonly<Record<string, Json>>;
}

/** What a job says of its own failures. `tool`: whom to hand it to when retries do not help. */
export type RetryChoice =
  | { readonly kind: 'none' }
  | { readonly kind: 'retry-same' }
  | { readonly kind: 'escalate'; readonly tool: string };

/** The names of the old schema that no adapter was ever written for: they run the command that the job brings. */
export const TOOLS_WITHOUT_ADAPTER = ['error_pipeline', 'mechanical'] as const;

/** Returns a name as a part of a path: nothing in it can lead elsewhere. */
export function pathPart(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, '-');
  return /^\.*$/.test(safe) ? 'unnamed' : safe;
}
