/**
 * A plan as the engine runs it: validated, variables put in, defaults filled.
 *
 * `load-plan.ts` makes it from a plan file; `wire.ts` packs it for its way to the workflow. Everything here is
 * plain JSON, because it crosses a workflow's border.
 */

/** Letters, digits, `_`, `.` and `-`, opening with a letter or digit; at most 128 characters. It becomes a path. */
export type StepId = string & { readonly __brand: 'StepId' };

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One execution's graph of steps. `steps` keeps the order of the file: ties are broken by it. */
export interface Plan {
  readonly planId: string;
  readonly version: string;
  readonly description: string;
  /** `metadata.project`, else `unknown`. */
  readonly project: string;
  /** `metadata.phase_id`, else `ORCHESTRATED`. */
  readonly phaseId: string;
  readonly maxConcurrency: number;
  /** Added to the environment of every command. */
  readonly env: Readonly<Record<string, string>>;
  /** Values put in at load; conditions read them. Secrets are never among them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Names of secret variables: the worker finds the values when it starts a command. */
  readonly secrets: readonly string[];
  /** Names of leases that the run holds from before its first step to its end. Left out: none. */
  readonly exclusive?: readonly string[];
  readonly steps: readonly Step[];
}

export interface Step {
  readonly id: StepId;
  readonly name: string;
  readonly work: Work;
  readonly dependsOn: readonly StepId[];
  /** Seconds for one attempt, without the wait before a retry. */
  readonly timeoutSec: number;
  readonly retry: Retry;
  /** True: a lost worker costs no attempt. False: a loss is a failed attempt. */
  readonly idempotent: boolean;
  readonly critical: boolean;
  readonly onFailure: OnFailure;
  /** A CEL expression over `vars` and `steps`, or null. */
  readonly condition: string | null;
  readonly outputs: Readonly<Record<string, OutputSource>>;
  readonly provides: readonly string[];
  readonly consumes: readonly string[];
  readonly tags: readonly string[];
  readonly group: string | null;
  readonly weight: number | null;
  /** A worker's label: only workers started with it take the step. */
  readonly runsOn: string | null;
  readonly priority: Priority;
  /** Names of leases that the step holds while it runs. Left out: none. */
  readonly exclusive?: readonly string[];
}

/** What a step does. One kind for each step type (`uses`). */
export type Work = CommandWork | SubPlanWork | ApprovalWork;

export interface CommandWork {
  readonly kind: 'command';
  readonly command: string;
  readonly args: readonly string[];
  /** Relative to the run's root, or absolute. */
  readonly cwd: string;
  readonly shell: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly envMode: 'inherit' | 'clean';
}

export interface SubPlanWork {
  readonly kind: 'plan';
  /** Where the plan was read from, as written. */
  readonly path: string;
  readonly plan: Plan;
}

export interface ApprovalWork {
  readonly kind: 'approval';
  /** What the person is asked: a template, in which outputs of earlier steps stand as references. */
  readonly message: string;
  /** What they choose from, two or more; left out: yes or no. */
  readonly choices?: readonly Choice[];
  /** The choice that silence stands for; left out: silence is a no. */
  readonly defaultOnTimeout?: string;
}

/** One answer to an approval. */
export interface Choice {
  /** What is typed, and what later steps read. */
  readonly value: string;
  /** What people see beside it. */
  readonly label: string;
}

export interface Retry {
  /** First attempt included; 1 or more. */
  readonly maxAttempts: number;
  readonly initialIntervalSec: number;
  /** 1 keeps the wait fixed. */
  readonly backoffCoefficient: number;
  readonly maxIntervalSec: number;
  readonly nonRetryableExitCodes: readonly number[];
}

/** What a failed step means for the others, when no attempt is left. */
export type OnFailure =
  | { readonly kind: 'abort' }
  | { readonly kind: 'skip_dependents' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'fallback'; readonly step: StepId };

/** Where the value of an output comes from: the step's result file or its standard output, both JSON. */
export interface OutputSource {
  readonly from: 'result' | 'stdout';
  /** A JSON pointer (RFC 6901); `""` is the whole document. */
  readonly pointer: string;
}

export type Priority = 'critical' | 'high' | 'normal' | 'low';
