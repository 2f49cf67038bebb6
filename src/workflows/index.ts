/** The workflow bundle: everything exported here is a workflow type. */
export { continuePlan, runPlan } from './run-plan.js';
