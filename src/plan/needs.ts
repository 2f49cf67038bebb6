/**
 * What a workstream cannot do without, and why one is blocked.
 */
import { causeText } from './failure-words.js';
import type { Step, StepId } from './plan.js';
import { quote } from './quote.js';
import type { Cause, StepKind } from './record.js';

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
const blockersOf = (step: Step, stateOf: (step: StepId) => StepKind | undefined): string[] =>
  needsOf(step).flatMap((on) => {
    const state = stateOf(on);
    return state === undefined || state === 'succeeded' ? [] : [`${quote(on)}, which ${ENDS[state]}`];
  });

/** Says them in a line. */
const needText = (blockers: readonly string[]): string => `needs ${blockers.join('; and ')}`;

/** Returns why a step ended without being run to its end: of a workstream that was held back, what it lacks. */
export function causeOf(step: Step, cause: Cause, stateOf: (step: StepId) => StepKind | undefined): string {
  const blockers = cause.kind === 'condition' ? blockersOf(step, stateOf) : [];
  return blockers.length === 0 ? causeText(cause) : needText(blockers);
}
