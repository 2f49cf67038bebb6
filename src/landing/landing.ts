/**
 * The state of a landing queue: patches on their way onto a branch, each through gates on exactly the tree that lands.
 *
 * Plain JSON, changed only by `take` (`take.ts`). Ids of commits and trees are opaque texts.
 */
import type { Policy } from './policy.js';

export type PatchId = string;
export type CommitId = string;
export type TreeId = string;

/** A patch as it comes into the queue. */
export interface Landable {
  readonly id: PatchId;
  /** Patches that must have landed before; ids that are in no queue yet are waited for. */
  readonly dependsOn: readonly PatchId[];
  readonly priority: 'foreground' | 'background';
  /** Dependency level. */
  readonly level: number;
  /** When it was made; the older first. */
  readonly createdAt: number;
}

/** What a patch came to, or where it stands. */
export type Fate =
  | { readonly kind: 'waiting' }
  /** Its tree was green; the branch has not moved yet. */
  | { readonly kind: 'approved'; readonly proof: Proof }
  | { readonly kind: 'landed'; readonly proof: Proof }
  | { readonly kind: 'quarantined'; readonly why: Quarantine }
  /** A patch it depends on did not land. */
  | { readonly kind: 'blocked'; readonly by: PatchId }
  /** The queue stopped before its turn: nothing is said against it. */
  | { readonly kind: 'held'; readonly why: Halt }
  | { readonly kind: 'withdrawn'; readonly reason: string };

/** Why a tree could land: what it was made of, and what it passed. */
export interface Proof {
  /** All patches this tree was gated with; more than one in a batch. */
  readonly together: readonly PatchId[];
  readonly onto: CommitId;
  readonly commit: CommitId;
  readonly tree: TreeId;
  readonly gates: Readonly<Record<string, GateRecord>>;
  /** Files of it that were in conflict, and who resolved them; left out when none was. */
  readonly resolved?: readonly Resolution[];
}

/** A file in conflict whose text is not git's. */
export interface Resolution {
  readonly path: string;
  /** `memory`: the same lines met before, and the result of then landed. */
  readonly by: 'memory' | 'resolver';
  /** From 0 to 1, as the resolver says. */
  readonly confidence: number | null;
  readonly note: string | null;
  readonly seconds: number | null;
  /** The file is gone: one side had deleted it. */
  readonly deleted: boolean;
  /** Names what is to be remembered of it once it has landed. */
  readonly lesson: string | null;
}

export type Quarantine =
  | { readonly reason: 'conflict'; readonly conflict: Conflict }
  | { readonly reason: 'gate-red'; readonly gate: string; readonly reds: number; readonly tree: TreeId };

/** Why a merge could not be made, as the one who tried says. */
export interface Conflict {
  readonly kind: 'content' | 'delete' | 'rename' | 'mode' | 'binary' | 'submodule' | 'failed';
  readonly files: readonly string[];
  /** Patches it conflicts with, where that is known. */
  readonly with: readonly PatchId[];
  readonly detail: string;
}

export type Halt =
  /** The branch itself fails a gate, without any patch: nobody can be blamed, and nothing can be proved. */
  | { readonly reason: 'base-red'; readonly gate: string; readonly commit: CommitId }
  /** The branch may not be moved. */
  | { readonly reason: 'landing-refused'; readonly detail: string };

/** What was seen of one gate on one tree. */
export interface GateRecord {
  green: boolean;
  /** Times it was red, or could not be run. */
  reds: number;
}

/** A unit of the line: patches that are merged and gated together. */
export interface Unit {
  readonly id: number;
  readonly patches: readonly PatchId[];
}

/** One way things may go: a tree with a unit merged onto another candidate. */
export interface Candidate {
  readonly id: number;
  /** Null for the root: the tip as far as it is approved. */
  parent: number | null;
  /** The root's was decided already. */
  readonly unit: number;
  readonly patches: readonly PatchId[];
  state:
    | { readonly kind: 'merging' }
    | {
        readonly kind: 'merged';
        readonly commit: CommitId;
        readonly tree: TreeId;
        readonly resolved?: readonly Resolution[];
      }
    /** `isFinal`: whoever resolves conflicts was asked, and could not. */
    | {
        readonly kind: 'conflicted';
        readonly patch: PatchId;
        readonly conflict: Conflict;
        readonly isFinal?: boolean;
      }
    | { readonly kind: 'resolving'; readonly patch: PatchId; readonly conflict: Conflict };
}

/** Says in a few words who resolved a file. */
export const resolvedText = ({ path, by, confidence, deleted }: Resolution): string =>
  `${path} by ${by}${confidence === null ? '' : `, confidence ${confidence}`}${deleted ? ', deleted' : ''}`;

export interface Landing {
  readonly policy: Policy;
  /** Where the branch is, as far as is known. */
  base: { readonly commit: CommitId; readonly tree: TreeId };
  root: number;
  candidates: Record<number, Candidate>;
  /** Undecided units, in landing order. */
  line: Unit[];
  /** Undecided patches behind the line, in landing order. */
  waiting: PatchId[];
  patches: Record<PatchId, Landable & { fate: Fate }>;
  /** Ids that dependencies may name and that will not come: whether they count as met. */
  absent: Record<PatchId, 'nothing-to-land' | 'failed'>;
  trees: Record<TreeId, Record<string, GateRecord>>;
  /** Gate runs under way. */
  runs: Record<number, { readonly tree: TreeId; readonly gates: readonly string[]; readonly round: number }>;
  /** Candidates whose conflicts somebody is resolving; left out before there was the first. */
  resolving?: number[];
  round: number;
  /** None of this round's runs has ended: more may join it. */
  isRoundOpen: boolean;
  /** Approved patches, in order; the branch has not moved to them yet. */
  approved: PatchId[];
  /** A move of the branch under way. */
  move: { readonly to: CommitId; readonly tree: TreeId; readonly patches: readonly PatchId[] } | null;
  /** Something came to light since it was last asked who waits in vain: looking through all that wait costs too much for every event. */
  mayBlock: boolean;
  /** No more patches will come. */
  closed: boolean;
  halt: Halt | null;
  /** For the odds: patches decided by gates, and those that were bad. */
  decided: number;
  bad: number;
  nextId: number;
  gateRuns: number;
}

export type MergeAnswer =
  | {
      readonly kind: 'merged';
      readonly candidate: number;
      readonly commit: CommitId;
      readonly tree: TreeId;
      readonly resolved?: readonly Resolution[];
    }
  | {
      readonly kind: 'conflicted';
      readonly candidate: number;
      readonly patch: PatchId;
      readonly conflict: Conflict;
    };

/** What a landing queue is told. */
export type LandingEvent =
  | { readonly kind: 'enqueued'; readonly patches: readonly Landable[] }
  /** A workstream has ended without a patch. */
  | { readonly kind: 'absent'; readonly patch: PatchId; readonly outcome: 'nothing-to-land' | 'failed' }
  | { readonly kind: 'closed' }
  | MergeAnswer
  /** Of merges one on top of the other, from the lowest up to the first that conflicted. */
  | { readonly kind: 'merged-in-a-row'; readonly answers: readonly MergeAnswer[] }
  /** `error`: the gate could not be run or did not end in time. Gates that are not named were not run. */
  | {
      readonly kind: 'gated';
      readonly run: number;
      readonly results: Readonly<Record<string, 'green' | 'red' | 'error'>>;
    }
  /** The branch was moved by compare-and-swap, and is where `land` said. */
  | { readonly kind: 'landed' }
  /** The branch could not be moved, because it is somewhere else. Where ours is among its ancestors, say `landed`, then `base-moved`. */
  | { readonly kind: 'land-lost'; readonly commit: CommitId; readonly tree: TreeId }
  /** News: the branch is somewhere else. Passed over while a move of ours is under way, whose answer says who was first. */
  | { readonly kind: 'base-moved'; readonly commit: CommitId; readonly tree: TreeId }
  | { readonly kind: 'land-refused'; readonly detail: string }
  | { readonly kind: 'withdrawn'; readonly patch: PatchId; readonly reason: string };

/** What a landing queue wants done. Each is answered by one event, but for `stop-…` and `decided`. */
export type LandingCommand =
  /** Merge these patches, one commit each, in this order, onto a commit. */
  | {
      readonly kind: 'merge';
      readonly candidate: number;
      readonly onto: CommitId;
      readonly patches: readonly PatchId[];
      /** Each on top of the one before, the first on that of the command itself; left out: none. */
      readonly above?: readonly { readonly candidate: number; readonly patches: readonly PatchId[] }[];
    }
  /** Merge this patch all the same: its conflicts are to be resolved. Asked of the first in line alone. */
  | {
      readonly kind: 'resolve';
      readonly candidate: number;
      readonly onto: CommitId;
      readonly patch: PatchId;
    }
  /** Nobody waits for what this one's conflicts are resolved to. */
  | { readonly kind: 'stop-resolve'; readonly candidate: number }
  /** Run these gates on this tree; `commit` is one that has it. */
  | {
      readonly kind: 'run-gates';
      readonly run: number;
      readonly commit: CommitId;
      readonly tree: TreeId;
      readonly gates: readonly string[];
    }
  /** Nobody waits for this run any more. Its answer, if one comes, is passed over. */
  | { readonly kind: 'stop-gates'; readonly run: number }
  /** Move the branch from one commit to another, if it is still there. */
  | {
      readonly kind: 'land';
      readonly from: CommitId;
      readonly to: CommitId;
      readonly tree: TreeId;
      readonly patches: readonly PatchId[];
    }
  /** A patch came to its end, or was approved: for ledger and record. */
  | { readonly kind: 'decided'; readonly patch: PatchId; readonly fate: Fate };

/** Begins a queue on a branch's tip. `isGreen`: its tree is known to pass all gates. */
export function newLanding(
  policy: Policy,
  tip: { commit: CommitId; tree: TreeId },
  isGreen: boolean,
): Landing {
  const greens = Object.fromEntries(policy.gates.map((gate) => [gate, { green: true, reds: 0 }]));
  return {
    policy,
    base: tip,
    root: 0,
    candidates: { 0: rootCandidate(0, tip) },
    line: [],
    waiting: [],
    patches: {},
    absent: {},
    trees: { [tip.tree]: isGreen ? greens : {} },
    runs: {},
    round: 1,
    isRoundOpen: true,
    approved: [],
    move: null,
    mayBlock: false,
    closed: false,
    halt: null,
    decided: 0,
    bad: 0,
    nextId: 1,
    gateRuns: 0,
  };
}

export const rootCandidate = (
  id: number,
  { commit, tree }: { commit: CommitId; tree: TreeId },
): Candidate => ({
  id,
  parent: null,
  unit: -1,
  patches: [],
  state: { kind: 'merged', commit, tree },
});

/** Says whether every patch has come to its end and none can come any more. */
export const isLandingOver = ({ closed, halt, line, waiting, approved, move }: Landing): boolean =>
  move === null &&
  (halt !== null || (closed && line.length === 0 && waiting.length === 0 && approved.length === 0));
