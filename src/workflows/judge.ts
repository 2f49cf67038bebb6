/**
 * Who answers conditions in a run: CEL, taken in only where a plan has any.
 */
import { openConditions } from '../plan/condition.js';
import type { Plan } from '../plan/plan.js';
import type { Judge } from '../plan/run.js';

const NO_CONDITIONS: Judge = (condition) => {
  throw new Error(`BUG: the condition "${condition}" was not seen when the run was opened`);
};

/** Returns who answers expressions that are no step's condition. */
export const openJudge = async (): Promise<Judge> => (await openConditions()).evaluate;

export async function judgeFor(plan: Plan): Promise<Judge> {
  return plan.steps.some((step) => step.condition !== null)
    ? (await openConditions()).evaluate
    : NO_CONDITIONS;
}
