/**
 * What is known of the tries of a step. Made by the worker that ran them, kept by the workflow, written to the record.
 */

/** One try of a step's command, ended. Times are milliseconds since 1970 on the worker's clock. */
export interface Attempt {
  /** 1 or more. Losses of an idempotent step have no number of their own and no record. */
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly end: AttemptEnd;
  /** Where the output is; null when no process was started. */
  readonly logs: LogRef | null;
}

/** How an attempt ended. `exitCode` is null when a signal ended the process or none was started. */
export type AttemptEnd =
  | { readonly kind: 'succeeded'; readonly exitCode: 0 }
  | { readonly kind: 'failed'; readonly failure: StepFailure }
  | { readonly kind: 'canceled' };

/** Output of one attempt, on the host that ran it. Paths are relative to the run's directory. */
export interface LogRef {
  readonly host: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/** Why a step failed. `tail` is the end of its output, at most 4 KB, secrets masked. */
export type StepFailure =
  | { readonly reason: 'exit-code'; readonly exitCode: number; readonly tail: string }
  | { readonly reason: 'signal'; readonly signal: string; readonly tail: string }
  | { readonly reason: 'timed-out'; readonly afterSec: number; readonly tail: string }
  /** No process came to be: no such command, not executable, no such directory … `message` says which. */
  | { readonly reason: 'not-started'; readonly message: string }
  /** The command ended well, but a declared output is missing or too large. */
  | { readonly reason: 'bad-output'; readonly message: string }
  | { readonly reason: 'worker-lost'; readonly message: string }
  /** `condition` could not be evaluated. */
  | { readonly reason: 'condition-error'; readonly message: string }
  | { readonly reason: 'rejected'; readonly message: string }
  | { readonly reason: 'sub-plan-failed'; readonly message: string }
  /** A tool's work was not taken, or came to no end. `message` says why; the patch is kept. */
  | { readonly reason: 'workstream-failed'; readonly message: string }
  /** Patches did not land. `message` counts them. */
  | { readonly reason: 'landing-failed'; readonly message: string }
  /** The machinery: disk full, no memory for a process … with its cause. */
  | { readonly reason: 'infrastructure'; readonly message: string };
