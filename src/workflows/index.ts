/** The workflow bundle: everything exported here is a workflow type. */
export { readHostLog } from './read-log.js';
export { continuePlan, runPlan } from './run-plan.js';
