/**
 * What a workflow asks of the activities of workstreams: types only, so that a workflow can import them.
 */
import type { CommandHeartbeat } from '../api.js';
import type { Attempt } from '../../plan/attempt.js';
import type { ConflictHelp, StepId } from '../../plan/plan.js';
import type { Checkpoint } from '../../tools/git/checkpoint.js';
import type { PatchConflict, PatchToMerge } from '../../tools/git/integrate-patch.js';
import type { Difference } from '../../tools/git/shared-state.js';
import type { WorkstreamWork } from '../../workstream/compile.js';
import type { PatchConstraints } from '../../workstream/constraints.js';
import type { CheckError, CheckStep, FixState, GiveUp } from '../../workstream/fix-loop.js';
import type { LedgerEntry } from '../../workstream/ledger.js';
import type { Refusal, Validation } from '../../workstream/patch-rules.js';
import type { WorkstreamCheck } from '../../workstream/means.js';
import type { ExitMeaning } from '../../workstream/tool/adapters.js';
import type { ToolCost } from '../../workstream/tool/outcome.js';
import type { Tool } from '../../workstream/tool/registry.js';

export type { PatchToMerge } from '../../tools/git/integrate-patch.js';

/** The argument of `runWorkstream`: one attempt of a workstream. */
export interface WorkstreamTask {
  readonly runId: string;
  readonly step: StepId;
  /** Which attempt of the workstream this is, from 1: with run and step the key under which its result is kept. */
  readonly attempt: number;
  /** The repository: a directory in it. */
  readonly root: string;
  readonly project: string;
  readonly work: WorkstreamWork;
  /** The one of `work.tools` whose turn it is. */
  readonly tool: Tool;
  /** The run's base commit. */
  readonly base: string;
  /** Patches of `work.startsWith` and of those of `work.after` that have one, in this order. */
  readonly startsWith: readonly PatchToMerge[];
  readonly isolation: 'worktree' | 'clone';
  /** Shell lines that make a fresh work tree ready: dependencies. */
  readonly setup: readonly string[];
  /** Of the plan, for tools and checks; what names a secret is not among it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Beside the acceptance tests, which are checks of the kind `runtime`. */
  readonly checks: readonly CheckTask[];
  readonly checkTimeoutSec: number;
  readonly constraints: PatchConstraints;
  /** Who is asked when what it starts from is in conflict; left out: nobody, and only what is remembered helps. */
  readonly help?: ConflictHelp;
  /** So much must be left on the disk. */
  readonly minFreeBytes: number;
  /** What its calls may cost before they are ended, as far as tools say it while they run; left out: nothing ends them. */
  readonly maxUsd?: number;
  /** How often what the tool writes is kept, for a start that goes on from there; left out: a further start begins again. */
  readonly checkpointSec?: number;
}

export type CheckTask = WorkstreamCheck;

export interface CheckResult {
  readonly name: string;
  readonly step: CheckStep;
  readonly result: 'passed' | 'failed' | 'error';
  readonly blocking: boolean;
  /** In which round of the fix loop, from 1. */
  readonly round: number;
  readonly errors: readonly CheckError[];
  readonly attempt: Attempt;
}

/** One call of the tool. */
export interface ToolCall {
  readonly tool: string;
  readonly round: number;
  readonly attempt: Attempt;
  readonly meaning: ExitMeaning;
  /** The line by which its output says that it failed, of a tool whose exit code does not; null for none. */
  readonly failure: string | null;
  readonly cost: ToolCost;
  /** It was ended because it had cost more than was left. */
  readonly isOverBudget?: boolean;
}

/** A captured patch, as far as a history can hold it; the whole list is in `details`. */
export interface PatchSummary {
  readonly id: string;
  /** Null: nothing was changed that a patch can hold. */
  readonly commit: string | null;
  readonly ref: string | null;
  /** The commit it was made for, and what the work tree was at the end. */
  readonly base: string;
  readonly tree: string;
  /** The `.patch` file on the host that made it. */
  readonly file: string | null;
  readonly sha256: string | null;
  readonly bytes: number;
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
  readonly hunks: number;
  /** The first of the paths it changes. */
  readonly paths: readonly string[];
  /** Where what the patch leaves out is kept, and how many paths that are. */
  readonly evidence: { readonly ref: string; readonly commit: string } | null;
  readonly leftOut: number;
  /** Of those, paths whose bytes were not kept, in words. */
  readonly dropped: readonly string[];
  /** What the patch does not hold, in words: where it is, and whether it is kept. Left out in summaries of before. */
  readonly left?: readonly string[];
  /** A file on the host with everything. */
  readonly details: string;
}

/** Why an attempt did not come to a patch that may land. */
export type WorkstreamTrouble =
  /** The patch breaks the rules: each with its own reason. */
  | { readonly reason: 'refused-patch'; readonly refusals: readonly Refusal[]; readonly omitted: number }
  /** The tool changed what it must not. `together`: others that were at work then, so that it may have been one of them. */
  | {
      readonly reason: 'shared-state-changed';
      readonly differences: readonly Difference[];
      readonly omitted: number;
      readonly together: readonly string[];
    }
  /** The work tree itself was moved, replaced, or cut off from its repository. */
  | {
      readonly reason: 'worktree-replaced';
      readonly detail: string;
      /** Steps at work at the same time: it may have been one of them. */
      readonly together?: readonly string[];
    }
  /** The work tree of another was removed, and it was this one: `alone`: nobody else was at work; `log`: its output speaks of it. */
  | {
      readonly reason: 'neighbour-harmed';
      readonly harmed: readonly { readonly step: string; readonly detail: string }[];
      readonly proof: 'alone' | 'log';
    }
  | { readonly reason: 'tool-failed'; readonly meaning: ExitMeaning; readonly detail: string }
  /** Its calls cost more than was left: the one that did was ended, or another is not begun. */
  | { readonly reason: 'over-budget'; readonly spentUsd: number; readonly maxUsd: number }
  | { readonly reason: 'tool-not-configured'; readonly detail: string }
  /** It said it was done, changed nothing, and the checks say otherwise. */
  | { readonly reason: 'empty-patch'; readonly errors: readonly CheckError[] }
  | { readonly reason: 'checks-failed'; readonly gaveUp: GiveUp; readonly errors: readonly CheckError[] }
  | { readonly reason: 'setup-failed'; readonly detail: string }
  /** The patches it starts from cannot be put together. */
  | {
      readonly reason: 'base-conflict';
      readonly patch: string;
      /** Those before it that changed the same paths. */
      readonly others: readonly string[];
      readonly conflict: PatchConflict;
      /** Why nobody could resolve it. */
      readonly why: string;
    }
  | { readonly reason: 'capture-failed'; readonly detail: string }
  | { readonly reason: 'no-worktree'; readonly refusal: string; readonly detail: string }
  | { readonly reason: 'canceled' };

export interface WorkstreamEnded {
  /**
   * `patched`: a patch that is valid and passed its checks. `nothing`: nothing had to be changed; what can be checked passed.
   * `quarantined`: there is a patch that must not land. `failed`: there is none, or only as evidence.
   */
  readonly outcome: 'patched' | 'nothing' | 'quarantined' | 'failed' | 'dry-run';
  readonly trouble: WorkstreamTrouble | null;
  /** The trouble in a line, or what would be done, for a person. */
  readonly text: string;
  readonly patch: PatchSummary | null;
  readonly ledger: LedgerEntry | null;
  readonly validation: Validation | null;
  readonly calls: readonly ToolCall[];
  readonly checks: readonly CheckResult[];
  readonly fix: FixState;
  /** Where it started: the base, or the base with patches. */
  readonly startedFrom: string | null;
  /** What attempts left that were lost with their worker, kept as evidence. */
  readonly lost: readonly PatchSummary[];
  /** What calls cost in starts whose work tree was removed; left out: there were none, or they did not say. */
  readonly lostUsd?: number;
  /** What is to be known and stopped nothing. */
  readonly notes: readonly string[];
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Heartbeat details: what it is at. */
export interface WorkstreamHeartbeat extends CommandHeartbeat {
  readonly stage: string;
  readonly since: number;
  /** What the tool had written, for the start that follows should this one be lost. */
  readonly checkpoint?: CarriedCheckpoint;
}

/** The newest checkpoint of an attempt, as its heartbeat has it. */
export interface CarriedCheckpoint extends Omit<Checkpoint, 'pack'> {
  /** Which start of the attempt took it, and on which host. */
  readonly start: number;
  readonly host: string;
  /** Its objects, in Base64; null: too many to travel. */
  readonly pack: string | null;
}

/** The activities, by the names a workflow calls them; those of landing are in `workflows/landing-api.ts`. */
export interface WorkstreamActivities {
  /**
   * Does one attempt of a workstream. Safe to run twice: a result that was reached is returned again; of a start that was lost
   * all processes are ended and what it wrote is kept before it is begun anew, or gone on from there. Throws `CancelledFailure` with a `WorkstreamEnded`.
   */
  runWorkstream(task: WorkstreamTask): Promise<WorkstreamEnded>;
}
