/**
 * What an ended step means for the steps that wait for it.
 */
import type { Step } from './plan.js';
import type { StepState } from './step-state.js';

/**
 * - `satisfied`: those that depend on it may run
 * - `blocked`: those that depend on it, directly or not, are skipped
 * - `undecided`: its fallback decides
 * - `stop`: the run is aborted
 */
export type Stand = 'satisfied' | 'blocked' | 'undecided' | 'stop';

/** Returns what a step's own end means; `stepEnded` in `schedule.ts` adds what its fallback came to. */
export function standOf(step: Step, state: StepState): Stand {
  switch (state.kind) {
    case 'succeeded':
      return 'satisfied';
    case 'skipped':
      return state.cause.kind === 'condition' ? 'satisfied' : 'blocked';
    case 'failed':
    case 'canceled':
      return standOfFailure(step);
    case 'pending':
    case 'running':
      throw new Error(`BUG: step "${step.id}" is ${state.kind}: it has not ended`);
    default:
      return unreachable(state);
  }
}

/** Returns what the failure of a step means: its policy, no attempt being left. */
export function standOfFailure(step: Step): Stand {
  switch (step.onFailure.kind) {
    case 'continue':
      return 'satisfied';
    case 'skip_dependents':
      return 'blocked';
    case 'abort':
      return step.critical ? 'stop' : 'blocked'; // not critical: it may stop its own branch, not the plan
    case 'fallback':
      return 'undecided';
    default:
      return unreachable(step.onFailure);
  }
}

const unreachable = (value: never): never => {
  throw new Error(`BUG: no such case: ${JSON.stringify(value)}`);
};
