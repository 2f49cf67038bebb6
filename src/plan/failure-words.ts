/**
 * A step's failure and the cause of an early end in words and codes, for events, status and command line.
 */
import type { StepFailure } from './attempt.js';
import { canceledBy } from './cancel-words.js';
import type { Cause } from './record.js';
import { describeFailure } from './view.js';

/** Returns the `error` of an event and of a step's row: what the command said last, else what became of it. */
export function failureText(failure: StepFailure): string {
  switch (failure.reason) {
    case 'exit-code':
      return failure.tail.trim() || `Exit code ${failure.exitCode}`;
    case 'timed-out':
      return `Timeout after ${failure.afterSec}s`;
    default: {
      const tail = 'tail' in failure ? failure.tail.trim() : '';
      return tail ? `${describeFailure(failure)}\n${tail}` : describeFailure(failure);
    }
  }
}

/** Returns the last output of the failed command, or an empty string. */
export const failureTail = (failure: StepFailure): string =>
  'tail' in failure ? failure.tail.trimEnd() : '';

/** Returns the exit code as the status and the events give it: −1 when there is none, null for a signal. */
export function failureExitCode(failure: StepFailure): number | null {
  switch (failure.reason) {
    case 'exit-code':
      return failure.exitCode;
    case 'signal':
      return null; // 137 is a code, SIGKILL is not: the event carries the signal beside it
    case 'bad-output':
      return 0;
    default:
      return -1;
  }
}

/** Returns why a step ended without being run to its end, in one line. */
export function causeText(cause: Cause): string {
  switch (cause.kind) {
    case 'condition':
      return 'its condition is false';
    case 'dependency':
      return `step "${cause.step}" did not succeed`;
    case 'unused-fallback':
      return `step "${cause.step}" needed no fallback`;
    case 'aborted':
      return `the run was aborted by step "${cause.step}"`;
    case 'run-canceled':
      return `the run was ${canceledBy(cause)}`;
    case 'step-canceled':
      return canceledBy(cause);
    case 'engine':
      return cause.message;
    default:
      return unreachable(cause);
  }
}

const unreachable = (value: never): never => {
  throw new Error(`BUG: no such case: ${JSON.stringify(value)}`);
};
