/**
 * Search attributes of a run, by which Temporal's lists can be filtered.
 */
import { defineSearchAttributeKey, type TypedSearchAttributes } from '@temporalio/common';

export const PLAN_ID = defineSearchAttributeKey('PlanId', 'KEYWORD');
export const RUN_STATE = defineSearchAttributeKey('RunState', 'KEYWORD');
export const FAILED_STEP = defineSearchAttributeKey('FailedStep', 'KEYWORD');
export const REPOSITORY = defineSearchAttributeKey('Repository', 'KEYWORD');
export const BRANCH = defineSearchAttributeKey('Branch', 'KEYWORD');
export const WORKSTREAM = defineSearchAttributeKey('Workstream', 'KEYWORD');
export const TOOL = defineSearchAttributeKey('Tool', 'KEYWORD');

/** What a run is found by, for what belongs to it. Later legs have no attributes of their own: a list of runs would show them. */
export interface FoundBy {
  readonly plan: string;
  readonly repository?: string;
}

/** Reads it from the attributes of the run's own workflow; undefined where it was given none. */
export function foundBy(attributes: TypedSearchAttributes): FoundBy | undefined {
  const plan = attributes.get(PLAN_ID);
  const repository = attributes.get(REPOSITORY);
  return plan === undefined ? undefined : { plan, ...(repository === undefined ? {} : { repository }) };
}
