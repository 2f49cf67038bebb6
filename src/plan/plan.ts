/**
 * A plan as the engine runs it: validated, variables put in, defaults filled.
 *
 * `load-plan.ts` makes it from a plan file; `wire.ts` packs it for its way to the workflow. Everything here is
 * plain JSON, because it crosses a workflow's border.
 */

import type { LateLimit } from './late.js';
import type { BudgetLimits } from './budget.js';

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
  /** Variables of a sub-plan that have a value only when it starts, and what that may be. Left out: none. */
  readonly late?: Readonly<Record<string, LateLimit>>;
  /** What the steps may cost together. Left out: no limit, and nothing is said. */
  readonly budget?: BudgetLimits;
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
export type Work = CommandWork | SubPlanWork | ForEachWork | ApprovalWork | WorkstreamWork | LandingWork;

export interface CommandWork {
  readonly kind: 'command';
  readonly command: string;
  readonly args: readonly string[];
  /** Relative to the run's root, or absolute. */
  readonly cwd: string;
  readonly shell: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly envMode: 'inherit' | 'clean';
  /** Left out: the command is no job's. */
  readonly job?: JobCall;
}

/** What a job's command is given beside its arguments, and where what came of it is written (`src/job`). */
export interface JobCall {
  readonly id: string;
  readonly tool: string;
  readonly workstream: string;
  readonly runName: string;
  /** How often the job was run before under its id. */
  readonly runsBefore: number;
  /** Where its log stands. This and the next two are relative to the run's root, or absolute. */
  readonly folder: string;
  readonly logFile: string;
  readonly errorReport: string;
  /** Put into the environment where neither the job nor the worker has the name. */
  readonly ifUnset: Readonly<Record<string, string>>;
  /** `{root}` in the arguments stands for the run's root. In `ifUnset` it always does. */
  readonly fillsRoot: boolean;
  /** Written to `path` before the command starts; files are relative to its working directory. Null: it gets none. */
  readonly prompt: { readonly path: string; readonly parts: readonly PromptPart[] } | null;
  /** Which argument the prompt is, for tools that take it so; else null. */
  readonly promptAt: number | null;
  /** What its further tries ask the breaker of its tool with: see `src/job/guarded-tool.ts`. Left out: they ask nobody. */
  readonly guard?: { readonly [key: string]: Json };
}

export type PromptPart = { readonly text: string } | { readonly file: string };

export interface SubPlanWork {
  readonly kind: 'plan';
  /** Where the plan was read from, as written. */
  readonly path: string;
  readonly plan: Plan;
  /** The values of its late variables, as templates. Left out: it has none. */
  readonly given?: Readonly<Record<string, string>>;
  /** It is run again until this holds. Left out: once. */
  readonly repeat?: Repeat;
}

/** Rounds of a sub-plan: each is a run of its own. */
export interface Repeat {
  /** A CEL expression over the variables and steps of the sub-plan, asked after each round. */
  readonly until: string;
  /** A round more is a failure. */
  readonly maxRounds: number;
}

/** One step for each item of a list: they make a plan that is run as a part of this run. */
export interface ForEachWork {
  readonly kind: 'for_each';
  /** The items, or a template that comes to a list when the step starts. */
  readonly items: readonly Json[] | string;
  readonly maxItems: number;
  readonly maxParallel: number;
  /** What is done with each: a command with the item's places open. Its id and dependencies mean nothing. */
  readonly template: Step;
  /** The most bytes that `results` may have, and whether a later step reads them. */
  readonly results: { readonly maxBytes: number; readonly isRead: boolean };
  /** Results of an earlier run that are used again, by the step made for the item. Left out: none. */
  readonly done?: Reuse;
}

/** Results of an earlier run that take the place of running a step again, by the step's id. */
export type Reuse = Readonly<
  Record<string, { readonly runId: string; readonly outputs: Readonly<Record<string, Json>> }>
>;

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

/** `ws-` and lower-case letters, digits and `-` in a bundle; in a plan file the id of its step, whatever that is. */
export type WorkstreamId = string & { readonly __brand: 'WorkstreamId' };

/** One worktree, one tool, checks with a fix loop, one patch. Its step id is the workstream's id. */
export interface WorkstreamWork {
  readonly kind: 'workstream';
  readonly workstream: WorkstreamId;
  /**
   * Where it starts from: the run's base commit plus the patches of all these, merged in this order (their transitive
   * dependencies, in landing order). One of them without a patch (nothing to change) adds nothing.
   */
  readonly startsWith: readonly WorkstreamId[];
  /**
   * Not dependencies, but they have ended before this one starts. The patch of one that succeeded is merged as well, after
   * those of `startsWith`, because both want the same files; one that failed is left out.
   */
  readonly after: readonly WorkstreamId[];
  /** The first that can be used does the work; later ones take over where the breaker of one before is open. */
  readonly tools: readonly string[];
  /** How the first was chosen (`workstream/tool/routing.ts`): for the record and the report. */
  readonly route: {
    readonly tool: string;
    readonly by: 'capability' | 'tool' | 'rules' | 'default';
    readonly note: string | null;
  };
  /** What the tool is told, as one text. Delivered as the tool's adapter says (`workstream/tool/adapters.ts`). */
  readonly prompt: string;
  /** Files named to the tool, for tools that want them named. */
  readonly files: readonly string[];
  /** What the patch may touch (`workstream/scope.ts`, `workstream/patch-rules.ts`). */
  readonly filesScope: readonly string[];
  readonly filesCreate: readonly string[];
  /** Shell lines that must end with 0 in the worktree; the texts that are none are in `notExecutable`. */
  readonly acceptanceTests: readonly string[];
  readonly notExecutable: readonly string[];
  /** Gates by type; the configuration says which command each type is. */
  readonly testGates: readonly {
    readonly type: 'GATE_LINT' | 'GATE_UNIT' | 'GATE_INTEGRATION' | 'GATE_SECURITY';
    readonly required: boolean;
    readonly blocking: boolean;
  }[];
  readonly toolTimeoutSec: number;
  /** Bounds of the fix loop (`workstream/fix-loop.ts`). */
  readonly fix: CheckLimits & {
    readonly maxErrorRepeats: number;
    readonly oscillationThreshold: number;
    readonly oscillationWindow: number;
    readonly fixes: readonly ('static' | 'runtime')[];
    readonly perStep: Readonly<Partial<Record<'static' | 'runtime', CheckLimits>>>;
  };
  readonly maxCostUsd: number | null;
  /** No tool is called; every stage says what it would do. */
  readonly dryRun: boolean;
  /** What the configuration said of the tools and their worktrees when the plan was made (`workstream/means.ts`). */
  readonly means: Readonly<Record<string, Json>>;
  /** For records and reports. */
  readonly metadata: Readonly<Record<string, Json>>;
}

interface CheckLimits {
  readonly maxAttempts: number;
  readonly maxFixes: number;
}

/** A queue of patches onto a branch (`src/landing`). */
export interface LandingWork {
  readonly kind: 'landing';
  /** Full name of the branch that moves, such as `refs/heads/main`; empty when the run only proves its patches. */
  readonly branch: string;
  readonly patches: readonly LandingEntry[];
  /** In the order in which they are run on a tree. */
  readonly gates: readonly LandingGate[];
  /** Trees gated at the same time. */
  readonly slots: number;
  /** The most patches one gate run stands for; 1: every commit's own tree is gated. */
  readonly maxBatch: number;
  /**
   * `when-all-ended`: the step depends on all workstreams. `at-once`: it depends on none, runs beside them, is told of each
   * patch when its workstream has one, and ends when all have ended: then the others' waiting is landing's working time.
   */
  readonly begins: 'when-all-ended' | 'at-once';
  /** Shell lines that make a fresh worktree ready for the gates. */
  readonly setup: readonly string[];
  /** So much must be left on the disk. */
  readonly minFreeBytes: number;
  /** Left out by plans of before: a patch in conflict is quarantined at once. */
  readonly conflicts?: ConflictHelp;
}

/** Who resolves a patch's conflicts with what landed before it, and within which limits: the words are the safe merge's. */
export interface ConflictHelp {
  /** A line for the shell, or a JSON list of program and arguments; empty: only what is remembered. */
  readonly resolver: string;
  /** A command that must accept each resolved file; empty: none. */
  readonly check: string;
  /** More files in conflict than this are not asked about. */
  readonly maxFiles: number;
  /** For one file. */
  readonly maxSeconds: number;
  /** From 0 to 1; an answer that is less sure is not taken. */
  readonly minConfidence: number;
  /** Names in the worker's environment that the resolver gets: its keys. */
  readonly needs: readonly string[];
}

export interface LandingEntry {
  readonly workstream: WorkstreamId;
  /** A patch lands after those of its dependencies, and not without them. */
  readonly dependsOn: readonly WorkstreamId[];
  readonly priority: 'foreground' | 'background';
  /** Dependency level, from 0. */
  readonly level: number;
}

export interface LandingGate {
  readonly name: string;
  /** One shell line; its exit code decides. */
  readonly command: string;
  readonly timeoutSec: number;
  /** False: it is told of, and stops nothing. */
  readonly blocking: boolean;
}

export interface Retry {
  /** First attempt included; 1 or more. */
  readonly maxAttempts: number;
  readonly initialIntervalSec: number;
  /** 1 keeps the wait fixed. */
  readonly backoffCoefficient: number;
  readonly maxIntervalSec: number;
  readonly nonRetryableExitCodes: readonly number[];
  /** How the wait grows from the first interval on, where it is not by the coefficient: ×1, ×2, ×3 … or ×1, ×1, ×2, ×3, ×5 … */
  readonly growth?: 'linear' | 'fibonacci';
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
  /** True: nothing but the items of a `for_each` is made of it, so it may be larger. Left out: false. */
  readonly isList?: boolean;
}

export type Priority = 'critical' | 'high' | 'normal' | 'low';
