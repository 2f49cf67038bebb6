/**
 * What a workstream cannot do without, and why one is blocked.
 */
import type { Step, StepId } from './plan.js';
import { quote } from './quote.js';
import type { StepKind } from './record.js';

/** Returns the steps without whose success a workstream is blocked; of other steps none. */
export const needsOf = ({ work, dependsOn }: Step): StepId[] => {
  const above = new Set<string>(work.kind === 'workstream' ? work.startsWith : []);
  return dependsOn.filter((on) => above.has(on));
};

/** How what a workstream needs came not to succeed. */
const ENDS: Readonly<Record<Exclude<StepKind, 'succeeded'>, string>> = {
  pending: 'waits',
  running: 'runs',
  failed: 'failed',
  skipped: 'is blocked itself',
  canceled: 'was canceled',
};

/** Returns in words what a workstream needs and has not got. */
export const blockersOf = (step: Step, stateOf: (step: StepId) => StepKind | undefined): string[] =>
  needsOf(step).flatMap((on) => {
    const state = stateOf(on);
    return state === undefined || state === 'succeeded' ? [] : [`${quote(on)}, which ${ENDS[state]}`];
  });

/** Says them in a line. */
export const needText = (blockers: readonly string[]): string => `needs ${blockers.join('; and ')}`;
