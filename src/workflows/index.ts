/** The workflow bundle: everything exported here is a workflow type. */
export { keepLease } from './lease.js';
export { readHostLog } from './read-log.js';
export { continuePlan, runPlan } from './run-plan.js';
export { watchLeases } from './warden.js';
