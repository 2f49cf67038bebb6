/**
 * The ledger of patches: which states a patch goes through, and the one door all its moves pass.
 */
import type { WorkstreamId } from './workstream.js';

export type PatchState =
  | 'created'
  | 'validated'
  | 'queued'
  | 'applied'
  | 'apply_failed'
  | 'verified'
  | 'committed'
  | 'quarantined'
  | 'rolled_back'
  | 'dropped';

const next: Readonly<Record<PatchState, readonly PatchState[]>> = {
  created: ['validated', 'quarantined', 'dropped'],
  validated: ['queued', 'quarantined', 'dropped'], // never straight to applied: the queue step is taken when the merge starts
  queued: ['applied', 'apply_failed', 'quarantined', 'dropped'],
  applied: ['verified', 'rolled_back', 'quarantined'],
  apply_failed: ['queued', 'quarantined', 'dropped'],
  verified: ['committed', 'rolled_back', 'quarantined'],
  committed: ['rolled_back'], // only with a compensation plan
  quarantined: ['dropped'],
  rolled_back: [],
  dropped: [],
};

/** After so many failed applications a patch is quarantined. */
export const MAX_APPLY_ATTEMPTS = 3;

export interface LedgerEntry {
  readonly ledgerId: string;
  readonly patchId: string;
  readonly projectId: string;
  readonly phaseId: string;
  readonly workstream: WorkstreamId;
  /** The run and attempt that made it. */
  readonly executionRequestId: string;
  readonly state: PatchState;
  /** Rises with each move: who moves must have seen the last. */
  readonly revision: number;
  /** In order; never shortened. */
  readonly history: readonly PatchMove[];
  readonly apply: {
    readonly attempts: number;
    readonly lastAttemptAt: number | null;
    readonly workspacePath: string | null;
    readonly appliedFiles: readonly string[];
    readonly lastErrorCode: string | null;
    readonly lastErrorMessage: string | null;
  };
  readonly quarantine: { readonly reason: string; readonly path: string | null; readonly at: number } | null;
  readonly relations: {
    readonly replacesPatchId: string | null;
    readonly rollbackOfPatchId: string | null;
    readonly chainId: string | null;
  };
  /** The commit it became. */
  readonly commit: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface PatchMove {
  readonly from: PatchState | null;
  readonly to: PatchState;
  readonly at: number;
  /** Who or what moved it. */
  readonly actor: string;
  readonly reason: string | null;
}

/** One move as it is asked for. */
export interface MoveRequest {
  readonly to: PatchState;
  readonly at: number;
  readonly actor: string;
  readonly reason?: string | null;
  /** The revision that was seen when this was decided. */
  readonly expected: number;
  /** For a committed patch: how its effects are undone. */
  readonly compensation?: readonly string[];
  readonly workspacePath?: string;
  readonly appliedFiles?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly quarantinePath?: string;
  readonly commit?: string;
}

export type MoveRefusal =
  | { readonly reason: 'illegal-move'; readonly from: PatchState; readonly to: PatchState }
  | { readonly reason: 'stale'; readonly expected: number; readonly found: number }
  | { readonly reason: 'no-reason-given'; readonly to: PatchState }
  | { readonly reason: 'no-compensation' }
  | { readonly reason: 'no-commit' };

export type MoveResult =
  { readonly ok: true; readonly entry: LedgerEntry } | { readonly ok: false; readonly refusal: MoveRefusal };

export type NewEntry = Pick<
  LedgerEntry,
  'ledgerId' | 'patchId' | 'projectId' | 'phaseId' | 'workstream' | 'executionRequestId'
> &
  Partial<Pick<LedgerEntry, 'relations'>>;

/** Opens the ledger of a patch that was captured. */
export function openEntry(what: NewEntry, at: number, actor: string): LedgerEntry {
  return {
    relations: { replacesPatchId: null, rollbackOfPatchId: null, chainId: null },
    ...what,
    state: 'created',
    revision: 1,
    history: [{ from: null, to: 'created', at, actor, reason: null }],
    apply: {
      attempts: 0,
      lastAttemptAt: null,
      workspacePath: null,
      appliedFiles: [],
      lastErrorCode: null,
      lastErrorMessage: null,
    },
    quarantine: null,
    commit: null,
    createdAt: at,
    updatedAt: at,
  };
}

/** States whose reason must be said. */
const NEED_REASON: ReadonlySet<PatchState> = new Set(['quarantined', 'rolled_back', 'dropped']);

/** Moves a patch, or says why not. Every change of a ledger entry passes through here; of two actors at once the second is stale. */
export function movePatch(entry: LedgerEntry, request: MoveRequest): MoveResult {
  const refused = refusal(entry, request);
  if (refused !== null) return { ok: false, refusal: refused };
  const { to, at, actor, reason = null } = request;
  const isAttempt = to === 'applied' || to === 'apply_failed';
  const moved: LedgerEntry = {
    ...entry,
    state: to,
    revision: entry.revision + 1,
    history: [...entry.history, { from: entry.state, to, at, actor, reason }],
    apply: isAttempt ? attemptOf(entry, request) : entry.apply,
    quarantine:
      to === 'quarantined' ? { reason: reason!, path: request.quarantinePath ?? null, at } : entry.quarantine,
    commit: request.commit ?? entry.commit,
    updatedAt: at,
  };
  if (to !== 'apply_failed' || moved.apply.attempts < MAX_APPLY_ATTEMPTS) return { ok: true, entry: moved };
  return movePatch(moved, {
    to: 'quarantined',
    at,
    actor,
    expected: moved.revision,
    reason: `could not be applied in ${MAX_APPLY_ATTEMPTS} attempts: ${request.error?.message ?? 'no reason was given'}`,
  });
}

function refusal(
  entry: LedgerEntry,
  { to, expected, reason, compensation, commit }: MoveRequest,
): MoveRefusal | null {
  if (expected !== entry.revision) return { reason: 'stale', expected, found: entry.revision };
  if (!next[entry.state].includes(to)) return { reason: 'illegal-move', from: entry.state, to };
  if (NEED_REASON.has(to) && !reason?.trim()) return { reason: 'no-reason-given', to };
  if (to === 'committed' && commit === undefined) return { reason: 'no-commit' };
  const isUndone = entry.state === 'committed' && to === 'rolled_back';
  return isUndone && (compensation ?? []).length === 0 ? { reason: 'no-compensation' } : null;
}

function attemptOf(entry: LedgerEntry, request: MoveRequest): LedgerEntry['apply'] {
  const { at, workspacePath, appliedFiles, error } = request;
  return {
    attempts: entry.apply.attempts + 1,
    lastAttemptAt: at,
    workspacePath: workspacePath ?? entry.apply.workspacePath,
    appliedFiles: request.to === 'applied' ? (appliedFiles ?? []) : entry.apply.appliedFiles,
    lastErrorCode: error?.code ?? null,
    lastErrorMessage: error?.message ?? null,
  };
}

/** Says in words why a move was refused. */
export function refusalMessage(patch: string, refused: MoveRefusal): string {
  switch (refused.reason) {
    case 'illegal-move':
      return `patch "${patch}" cannot go from ${refused.from} to ${refused.to}; it can go to ${next[refused.from].join(', ') || 'no other state'}`;
    case 'stale':
      return `patch "${patch}" was moved by someone else meanwhile (revision ${refused.found}, seen was ${refused.expected}); look at it again`;
    case 'no-reason-given':
      return `patch "${patch}" goes to ${refused.to} only with a reason`;
    case 'no-compensation':
      return `patch "${patch}" is committed: rolling it back needs a compensation plan`;
    case 'no-commit':
      return `patch "${patch}" is committed only with the commit it became`;
  }
}

/** Says whether no further move is expected; a committed patch can still be rolled back, a quarantined one dropped. */
export const isSettled = (state: PatchState): boolean =>
  state === 'committed' || state === 'quarantined' || next[state].length === 0;
