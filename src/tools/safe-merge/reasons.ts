/**
 * Why a safe merge stops: the closed list of codes, and how a stop travels.
 */

/** One for each gate; `cause` says what exactly was wrong. */
export type ReasonCode =
  | 'env_scan_failed'
  | 'sync_health_block'
  | 'sync_health_failed'
  | 'nested_repo_block'
  | 'file_classification_failed'
  | 'merge_policy_missing'
  | 'fetch_failed'
  | 'merge_refused'
  | 'conflicts_unresolved'
  | 'unsafe_timestamp_usage'
  | 'gate_failed'
  | 'guarded_push_failed'
  | 'rollback_failed'
  | 'metrics_emit_failed'
  /** Whatever the gate: it was told to end. */
  | 'canceled';

/** One thing that is wrong: what, and how to leave it. */
export interface Problem {
  /** Snake case: programs go by it. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * 2: a gate says no, or the input is bad. 3: guarded_push did not publish, and will not until somebody has put
 * something right. Trying again changes nothing with either. 1: anything else.
 */
export type StopCode = 1 | 2 | 3;

export interface Stop {
  readonly exitCode: StopCode;
  readonly reasonCode: ReasonCode;
  readonly problems: readonly [Problem, ...Problem[]];
}

export type Report = Readonly<Record<string, unknown>>;

/** Thrown where a tool cannot go on. `report` holds what it had found by then. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  constructor(
    readonly stop: Stop,
    readonly report: Report = {},
  ) {
    super(stop.problems.map((problem) => problem.message).join(' '));
  }
}

/** Returns a stop for one problem. */
export function stopped(
  reasonCode: ReasonCode,
  exitCode: StopCode,
  problem: Problem,
  report: Report = {},
): Stopped {
  return new Stopped({ exitCode, reasonCode, problems: [problem] }, report);
}
