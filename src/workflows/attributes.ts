/**
 * Search attributes of a run, by which Temporal's lists can be filtered.
 */
import { defineSearchAttributeKey } from '@temporalio/common';

export const PLAN_ID = defineSearchAttributeKey('PlanId', 'KEYWORD');
export const RUN_STATE = defineSearchAttributeKey('RunState', 'KEYWORD');
export const FAILED_STEP = defineSearchAttributeKey('FailedStep', 'KEYWORD');
export const REPOSITORY = defineSearchAttributeKey('Repository', 'KEYWORD');
export const BRANCH = defineSearchAttributeKey('Branch', 'KEYWORD');
export const WORKSTREAM = defineSearchAttributeKey('Workstream', 'KEYWORD');
export const TOOL = defineSearchAttributeKey('Tool', 'KEYWORD');
