/**
 * How the world talks to a landing: names and shapes, shared by the workflow, its activities and the client.
 */
import type {
  Conflict,
  Fate,
  Halt,
  Landable,
  Landing,
  LandingCommand,
  Proof,
  Resolution,
} from '../landing/landing.js';
import type { Policy } from '../landing/policy.js';
import type { ConflictHelp, LandingGate, StepId } from '../plan/plan.js';
import { subRunId } from './api.js';

export type { ConflictHelp, LandingGate } from '../plan/plan.js';

export const LANDING_WORKFLOW = 'landPatches';
/** The workflow id of the landing of a run; the step of a compiled set is called `landing`. */
export const landingId = (runId: string, step = 'landing'): string => subRunId(runId, step as StepId);

/** A patch as the queue is given it: its `id` there is the workstream's, which is what others depend on. */
export interface LandingPatch extends Landable {
  /** Its private ref is `refs/planwright/patches/<patchId>`. */
  readonly patchId: string;
  /** The private commit that holds it. */
  readonly commit: string;
  /** The commit it was made on. */
  readonly base: string;
  readonly sha256: string;
  readonly title: string;
}

/** The argument of `landPatches`. */
export interface LandingInput {
  readonly runId: string;
  /** The step of the run that this landing is. */
  readonly step: StepId;
  /** The repository. */
  readonly root: string;
  /** Full name of the branch; empty: the patches are proven on `base`, and nothing moves. */
  readonly branch: string;
  /** The commit the run was started on. */
  readonly base: string;
  readonly gates: readonly LandingGate[];
  /** Shell lines that make a fresh worktree ready for them. */
  readonly setup: readonly string[];
  /** Of the plan, for gates; what names a secret is not among it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly minFreeBytes: number;
  /** Left out: nobody is asked about conflicts. */
  readonly conflicts?: ConflictHelp;
  readonly policy: Policy;
  /** All workstreams: the queue is closed once each has a patch or is absent. */
  readonly workstreams: readonly string[];
  /** What is known of them when it begins; the rest comes by signal. */
  readonly known: WorkstreamsEnded;
  /** The label of the workers that have the repository, or null. */
  readonly runsOn: string | null;
  /** Events after which it goes on in a new execution; `LANDING_EVENTS` when left out. */
  readonly maxEvents?: number;
  /** Left over from an earlier execution of the same landing. */
  readonly carried?: CarriedLanding;
}

/** The server asks for an end at 4,096 events; what is under way then must fit as well. */
export const LANDING_EVENTS = 4_000;

/** Signal: workstreams that have ended. Telling one twice does no harm. */
export const ENDED_SIGNAL = 'workstreamsEnded';
export interface WorkstreamsEnded {
  readonly patches: readonly LandingPatch[];
  /** Those without a patch. */
  readonly absent: Readonly<Record<string, 'nothing-to-land' | 'failed'>>;
}

export interface CarriedLanding {
  readonly landing: Landing;
  readonly patches: readonly LandingPatch[];
  readonly report: LandingReport;
  /** Decided, and not begun before the execution ended. */
  readonly commands: readonly LandingCommand[];
}

export interface GateRunReport {
  readonly gate: string;
  readonly tree: string;
  /** Those the tree holds above what was approved, by workstream. */
  readonly patches: readonly string[];
  readonly result: 'green' | 'red' | 'error';
  readonly startedAt: number;
  readonly endedAt: number;
  /** Last lines of what it said, when it did not pass. */
  readonly tail: string;
}

/** A patch that conflicted with what was to land before it. `resolved`: with whose help it was merged all the same. */
export interface ConflictReport {
  readonly patch: string;
  readonly conflict: Conflict;
  readonly resolved?: readonly Resolution[];
}

/** What became of the queue, for ledger, record and report. Patches are named by their workstreams. */
export interface LandingReport {
  readonly fates: Record<string, { readonly fate: Fate; readonly at: number }>;
  readonly gateRuns: GateRunReport[];
  /** Older runs that are not in `gateRuns`, because there were too many to carry. */
  gateRunsOmitted: number;
  readonly conflicts: ConflictReport[];
  /** Moves of the branch, oldest first. */
  readonly moves: { readonly from: string; readonly to: string; readonly at: number }[];
  /** Where the branch is, as far as is known; empty before it was looked up. */
  tip: string;
  halt: Halt | null;
  /** Moves of the branch by tools, which were set back; left out: there were none. */
  strays?: StrayReport[];
  /** Canceled before it was done: some patches may be undecided, `waiting` or `approved`. */
  canceled: boolean;
}

/** Query `landing`: how it stands. */
export const LANDING_QUERY = 'landing';
/** Query `landingCounts`: the same in numbers, for who asks often. Null before the queue has begun. */
export const LANDING_COUNTS_QUERY = 'landingCounts';
/** Signal, and update: withdraws a patch that has not landed. The update says when that cannot be. */
export const WITHDRAW_SIGNAL = 'withdraw';
export interface WithdrawRequest {
  /** Its workstream. */
  readonly patch: string;
  readonly reason: string;
}

/** What the queue's activities take and give. All may run twice: objects are made again, the branch moves by compare-and-swap. */
export interface LandingActivities {
  /** Looks up where a branch is, and sets it back first if a tool moved it. Throws `NoSuchBranch`, not to be tried again. */
  findTip(task: FindTipTask): Promise<Tip>;
  /** Merges patches one after the other onto a commit, one commit each; objects are written, and a ref of ours that holds them. */
  mergeForLanding(task: MergeTask): Promise<MergeDone>;
  /**
   * Merges one patch onto a commit as above, its conflicts resolved by what is remembered and by the person's resolver. May run
   * twice: an answer that was taken is taken again, without asking.
   */
  resolveForLanding(task: ResolveTask): Promise<ResolveDone>;
  /** Runs gates on exactly one tree, in a worktree of the engine's own, until the first blocking one that does not pass. */
  runGates(task: GatesTask): Promise<GatesDone>;
  /** Lets go of all that the merges of a landing held, and sets the branch back once more if a tool moved it at the last moment. */
  releaseMerges(task: ReleaseTask): Promise<BranchLook | void>;
  /** Moves the branch, if it is where it is thought to be, and the checkout behind it if that is clean. */
  moveBranch(task: MoveTask): Promise<MoveDone>;
}

export interface Tip extends BranchLook {
  readonly commit: string;
  readonly tree: string;
}

/** What tools did to the branch itself; both left out: nothing. */
export interface BranchLook {
  readonly stray?: StrayReport;
  /** Why nothing may land on it before a person has decided. */
  readonly held?: string;
}

/** A branch that a tool moved and that was set back. */
export interface StrayReport {
  /** Where the tool had put it, and where it is again. */
  readonly from: string;
  readonly to: string;
  /** Whose tool it was, for a person. */
  readonly by: string;
  /** The ref that keeps what the tool had made of it. */
  readonly keptAs: string;
}

export interface FindTipTask {
  readonly runId: string;
  readonly root: string;
  /** Full name of a branch, or a commit. */
  readonly at: string;
  /** Where the branch was when the run began; left out: it is not asked who moved it. */
  readonly since?: string;
}

export interface MergeTask {
  readonly runId: string;
  readonly step: StepId;
  readonly root: string;
  readonly onto: string;
  readonly patches: readonly LandingPatch[];
  /** To be merged on top of that, one after the other; left out: none. */
  readonly above?: readonly (readonly LandingPatch[])[];
  /** Seconds since 1970, for the commits: the same each time the task is tried. */
  readonly atSec: number;
}
export type MergeOutcome =
  | { readonly kind: 'merged'; readonly commit: string; readonly tree: string }
  | { readonly kind: 'conflicted'; readonly patch: string; readonly conflict: Conflict };
/** `above`: what came of those on top, up to the first that conflicted. */
export type MergeDone = MergeOutcome & { readonly above?: readonly MergeOutcome[] };

export interface ResolveTask {
  readonly runId: string;
  readonly step: StepId;
  readonly root: string;
  /** Full name of the branch, for the resolver to know; empty: none. */
  readonly branch: string;
  readonly onto: string;
  readonly patch: LandingPatch;
  readonly atSec: number;
  readonly help: ConflictHelp;
  readonly env?: Readonly<Record<string, string>>;
}
export type ResolveDone =
  /** `conflict`: what git could not do. */
  | {
      readonly kind: 'merged';
      readonly commit: string;
      readonly tree: string;
      readonly conflict: Conflict;
      readonly resolved: readonly Resolution[];
    }
  | { readonly kind: 'conflicted'; readonly conflict: Conflict };

export interface GatesTask {
  readonly runId: string;
  readonly step: StepId;
  readonly root: string;
  readonly commit: string;
  readonly tree: string;
  readonly gates: readonly LandingGate[];
  readonly setup: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly minFreeBytes: number;
}
export interface GatesDone {
  readonly results: readonly Omit<GateRunReport, 'tree' | 'patches'>[];
}

export interface ReleaseTask {
  readonly runId: string;
  readonly step: StepId;
  readonly root: string;
  /** Full name, and where it is as far as the landing knows; left out: it is not looked at. */
  readonly branch?: string;
  readonly tip?: string;
}

export interface MoveTask {
  readonly runId: string;
  readonly step: StepId;
  readonly root: string;
  readonly branch: string;
  /** Where the branch is thought to be. */
  readonly from: string;
  /**
   * The merges of the queue from here (not included) up to `to`, one commit each, in the order of `patches`: made on what
   * was thought to be the tip, so that `onto` has the tree of `from`, not always its name.
   */
  readonly onto: string;
  readonly to: string;
  /** Of `to`: what the branch is to hold. */
  readonly tree: string;
  readonly patches: readonly ProvenPatch[];
  /** Seconds since 1970, for the commits that land: the same each time the task is tried. */
  readonly atSec: number;
}
export interface ProvenPatch extends LandingPatch {
  readonly proof: Proof;
}
export type MoveDone =
  /** The branch is at a commit with exactly the tree: `to` itself, or one that carries the proof beside it. */
  (
    | { readonly kind: 'landed'; readonly commit: string }
    /** The branch is somewhere else. */
    | { readonly kind: 'land-lost'; readonly commit: string; readonly tree: string }
    | { readonly kind: 'land-refused'; readonly detail: string }
  ) & { readonly strays?: readonly StrayReport[] };
