/**
 * What can go wrong for somebody who uses Planwright: each with what was asked, what was found and what to do.
 */
import type { Problem } from '../plan/load/diagnostics.js';

export type ErrorCode =
  /** The plan has errors: `PlanError` lists them. */
  | 'bad-plan'
  | 'bad-request'
  | 'no-such-run'
  | 'no-such-job'
  | 'ambiguous-run'
  | 'no-such-step'
  | 'no-such-log'
  /** The run or step is not in a state in which that can be done. */
  | 'refused'
  | 'server-unreachable'
  | 'no-worker'
  | 'unreadable-record';

export class PlanwrightError extends Error {
  override readonly name: string = 'PlanwrightError';

  /** @param remedies - what the person can do, one line each */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly remedies: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A plan that cannot be started. Its message names the first problem; `problems` has them all. */
export class PlanError extends PlanwrightError {
  override readonly name = 'PlanError';

  constructor(
    readonly file: string,
    readonly problems: readonly Problem[],
    what: 'plan' | 'job' = 'plan',
  ) {
    const errors = problems.filter((problem) => problem.severity === 'error');
    const count = errors.length === 1 ? '1 error' : `${errors.length} errors`;
    super('bad-plan', `the ${what} "${file}" has ${count}: ${errors[0]?.message ?? ''}`);
  }
}
