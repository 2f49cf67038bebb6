/**
 * The names of leases: what they may be, and which of them a run or a step takes at once.
 */
import type { Plan, Step } from './plan.js';

/** Characters of a name. */
const MAX_NAME = 200;
/** Bytes of the id of a lease's workflow; the server takes 1,000. */
const MAX_ID_BYTES = 900;

/** Says what is wrong with a name, as the end of "it must be …", or null. */
export function whyNotLeaseName(name: string): string | null {
  const isPlain = name.length > 0 && name.length <= MAX_NAME && name === name.trim();
  if (isPlain && !/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(name) && leaseId(name).length <= MAX_ID_BYTES)
    return null;
  return `a text of 1 to ${MAX_NAME} characters, without line ends and without blanks around it`;
}

/** The workflow id of a lease: no two names have the same. No run's id begins like it. */
export const leaseId = (name: string): string => `lease~${encodeURI(name)}`;

/**
 * Returns what the run takes before its first step, in the order in which it is taken.
 *
 * Everybody takes leases in the order of their names, so nobody can wait in a circle. A step inside that wants a name
 * which stands before one that is held by then would break that: such a name is taken here already.
 */
export const runLeases = (plan: Plan): readonly string[] =>
  inOrder(plan.exclusive ?? [], () => plan.steps.flatMap(namesBelow));

/** The same for a step. */
export const stepLeases = (step: Step): readonly string[] =>
  inOrder(step.exclusive ?? [], () => (step.work.kind === 'plan' ? namesIn(step.work.plan) : []));

/** Every lease that a run of this plan may ask for in its own name; what its sub-plans ask for is theirs. */
export const leasesOf = (plan: Plan): readonly string[] => [
  ...new Set([...runLeases(plan), ...plan.steps.flatMap(stepLeases)]),
];

function inOrder(own: readonly string[], below: () => readonly string[]): readonly string[] {
  if (own.length === 0) return own;
  const last = own.reduce((most, name) => (isBefore(most, name) ? name : most));
  const early = below().filter((name) => isBefore(name, last));
  return [...new Set([...own, ...early])].sort((a, b) => (isBefore(a, b) ? -1 : 1));
}

/** By code unit: the same on every machine, whatever its language. */
const isBefore = (a: string, b: string): boolean => a < b;

const namesBelow = (step: Step): readonly string[] => [
  ...(step.exclusive ?? []),
  ...(step.work.kind === 'plan' ? namesIn(step.work.plan) : []),
];

const namesIn = (plan: Plan): readonly string[] => [
  ...(plan.exclusive ?? []),
  ...plan.steps.flatMap(namesBelow),
];
