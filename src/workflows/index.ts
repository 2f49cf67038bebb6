/** The workflow bundle: everything exported here is a workflow type. */
export { runJob } from './job.js';
export { keepJobs } from './job-queue.js';
export { keepBreaker } from './breaker.js';
export { landPatches } from './landing.js';
export { keepLease } from './lease.js';
export { orderWorker } from './order-worker.js';
export { readHostLog } from './read-log.js';
export { continuePlan, runPlan } from './run-plan.js';
export { watchLeases } from './warden.js';
