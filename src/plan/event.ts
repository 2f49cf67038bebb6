/**
 * One event of a run, and how its parts are named and written.
 */
import type { Json, Step } from './plan.js';

export type EventType =
  | 'run_created'
  | 'run_started'
  /** A lease that somebody else had when it was asked for. */
  | 'lease_wait'
  | 'lease_granted'
  /** Taken away by force. */
  | 'lease_lost'
  /** A workstream's tool was out of order when its turn came. */
  | 'tool_wait'
  /** A person let nothing more start, and let it again. */
  | 'run_paused'
  | 'run_resumed'
  /** A person moved a workstream. */
  | 'manual_action'
  | 'budget_warning'
  | 'budget_exceeded'
  | 'step_started'
  | 'step_succeeded'
  | 'step_failed'
  | 'step_timeout'
  | 'step_retry'
  | 'step_skipped'
  | 'step_canceled'
  | 'plan_aborted'
  | 'run_completed'
  | 'run_canceled'
  | 'run_quarantined';

/** One event. Its names are those that programs have read since before this engine. */
export interface RunEvent {
  /** 26 characters: the ids of one run sort in the order of its events. */
  readonly id: string;
  readonly run_id: string;
  /** RFC 3339, UTC. */
  readonly timestamp: string;
  readonly event_type: EventType;
  readonly data: Readonly<Record<string, Json>>;
}

/** Milliseconds since 1970 as RFC 3339 in UTC. A worker with a mad clock must not make a status unreadable. */
export const rfc3339 = (at: number): string => new Date(Math.min(Math.max(at, 0), LAST_DATE)).toISOString();
const LAST_DATE = Date.UTC(9999, 11, 31); // years of five digits are not RFC 3339

/** Returns the id of an attempt: unique over all runs and the same whenever it is asked for. */
export const attemptId = (runId: string, step: string, attempt: number): string =>
  `${runId}/${step}/${attempt}`;

/** Returns what a step runs, as its attempts name it: its command, its tool, or its type. */
export function toolOf({ work }: { readonly work: Step['work'] }): string {
  if (work.kind === 'command') return work.command;
  return work.kind === 'workstream' ? (work.tools[0] ?? work.kind) : work.kind;
}
