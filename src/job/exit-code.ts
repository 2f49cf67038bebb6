/**
 * Exit codes of jobs: what records say, and what a process can end with.
 */
import type { StepFailure } from '../plan/attempt.js';

/** In records: below 0 is what is no code of the tool's. */
export const TIMED_OUT = -1;
export const NOT_STARTED = -2;

/** Returns the code of a failure as job records have it; null when a signal or the machine ended it. */
export function exitCodeOf(failure: StepFailure): number | null {
  switch (failure.reason) {
    case 'exit-code':
      return failure.exitCode;
    case 'timed-out':
      return TIMED_OUT;
    case 'not-started':
      return NOT_STARTED;
    default:
      return null;
  }
}

/** Returns the code with which `job run` ends: as `timeout` and shells have it where the job's is no code of a process. */
export function processCode(code: number | null): number {
  if (code === null) return 1;
  if (code === TIMED_OUT) return 124;
  if (code === NOT_STARTED) return 127;
  return code >= 0 && code <= 255 ? code : 1;
}
