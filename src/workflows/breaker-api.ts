/**
 * How runs, people and the breakers of tools talk to each other: names and shapes. Types and names only.
 */
import type { Breaker, BreakerLimits, ByHand, OpenReason, ToolOutcome } from '../workstream/breaker.js';

/** The workflow that keeps the breaker of one tool, from its first failure to the next success. Its id is `breakerId(tool)`. */
export const BREAKER_WORKFLOW = 'keepBreaker';
/** No two tools have the same, and no run's id begins like it. */
export const breakerId = (tool: string): string => `breaker~${encodeURI(tool)}`;

/** An attempt at a workstream, and the workflow that waits for the answer. */
export interface BreakerAsker {
  /** Known again when it ends: the id of the run, its step, and the number of the attempt. */
  readonly attempt: string;
  readonly run: string;
  readonly step: string;
  readonly workflow: string;
  readonly execution: string;
}

export interface BreakerInput {
  readonly tool: string;
  readonly limits: BreakerLimits;
  readonly breaker: Breaker;
  readonly changes: readonly BreakerChange[];
  readonly waiting: readonly BreakerAsker[];
  /** Who tries it while it is half-open. */
  readonly probe: BreakerAsker | null;
  /** What it was started for: one of the two, or neither for the successor of a breaker's workflow. */
  readonly ended: ToolEnded | null;
  readonly moved: BreakerMove | null;
}

/** One change of a breaker: by an attempt, by the clock, or by a person. */
export interface BreakerChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly from: Breaker['kind'];
  readonly to: Breaker['kind'];
  readonly why: string;
  readonly run: string | null;
  readonly step: string | null;
  /** Null: nobody, it came about. */
  readonly actor: string | null;
}

/** Signal: may this attempt start? Asking again does no harm. */
export const ASK_BREAKER_SIGNAL = 'ask';
export interface BreakerQuestion {
  readonly asker: BreakerAsker;
  readonly limits: BreakerLimits;
}
/** Signal: how an attempt ended, or that it asks no more. */
export const TOOL_ENDED_SIGNAL = 'ended';
export interface ToolEnded {
  readonly asker: BreakerAsker;
  readonly outcome: ToolOutcome;
}

/** Update: a person moves it. Returns how it stands then. */
export const MOVE_BREAKER_UPDATE = 'move';
export interface BreakerMove {
  readonly what: ByHand;
  readonly reason: string;
  readonly actor: string;
}

/** Query: how it stands, who waits, what changed. */
export const BREAKER_QUERY = 'breaker';
export interface BreakerView {
  readonly tool: string;
  readonly breaker: Breaker;
  readonly waiting: readonly BreakerAsker[];
  /** Oldest first; of those only the last are remembered. */
  readonly changes: readonly BreakerChange[];
}

/** Signal to the workflow that asked. */
export const BREAKER_SIGNAL = 'breaker';
export type BreakerNews = { readonly tool: string; readonly attempt: string } & (
  | { readonly may: 'start' }
  /** `until` is null when only a person can change it. */
  | { readonly may: 'wait'; readonly why: OpenReason | 'probe'; readonly until: number | null }
);
