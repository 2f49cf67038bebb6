/**
 * How runs, people and leases talk to each other: names and shapes. Types and names only.
 */
import type { Asker, Lease, Position } from '../plan/lease.js';

/** The workflow that keeps one lease, for as long as somebody has it or waits for it. Its id is `leaseId(name)`. */
export const LEASE_WORKFLOW = 'keepLease';

export interface LeaseInput {
  readonly lease: Lease;
  /** Who asks; null for the successor of a lease's workflow. */
  readonly asker: Asker | null;
  readonly forced: readonly ForcedRelease[];
}

/** A lease that somebody took away from its holder. */
export interface ForcedRelease {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly run: string;
  readonly step: string | null;
  readonly reason: string;
  readonly actor: string;
}

/** Signals to a lease. Each may come twice. */
export const ASK_SIGNAL = 'ask';
export const LEAVE_SIGNAL = 'leave';
/** An execution is over: all that it had or waited for. */
export const FORGET_SIGNAL = 'forget';

/** Update: takes the lease away from whoever has it. Refused when nobody has. Returns how many had it. */
export const RELEASE_UPDATE = 'release';
export interface ReleaseRequest {
  readonly reason: string;
  readonly actor: string;
}

/** Query: who has it, who waits. */
export const LEASE_QUERY = 'lease';
export interface LeaseView {
  readonly lease: Lease;
  readonly forced: readonly ForcedRelease[];
}

/** Signal to a run: what became of its request, or of its step's. */
export const LEASE_SIGNAL = 'lease';
export type LeaseNews = {
  readonly name: string;
  readonly step: string | null;
} & (
  | { readonly kind: 'granted'; readonly token: number; readonly at: number }
  | ({ readonly kind: 'waiting' } & Position)
  | { readonly kind: 'taken'; readonly at: number; readonly reason: string; readonly actor: string }
);

/** The child of a run that outlives it by a moment, to give back what it held, however it ended. */
export const WARDEN_WORKFLOW = 'watchLeases';
/** `~~` cannot stand in a step's id. */
export const wardenId = (runId: string): string => `${runId}~~leases`;
export interface WardenInput {
  readonly run: string;
  readonly execution: string;
  /** Every lease that the run may ask for. */
  readonly names: readonly string[];
}
