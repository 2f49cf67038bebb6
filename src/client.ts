/**
 * The library: `import { connectPlanwright } from 'planwright'`. Described in docs/library.md.
 */
export { connectPlanwright, Planwright } from './client/planwright.js';
export type { FollowedRun, PlanReport, Reason } from './client/planwright.js';
export { JobManager, openJobs } from './client/jobs/job-manager.js';
export type { JobManagerOptions, ManagerStats, SubmitJobOptions } from './client/jobs/job-manager.js';
export type { JobFilter, ListedJob, QueueStats } from './client/jobs/list-jobs.js';
export type { JobPolicy, RetrySettings } from './client/jobs/policy.js';
export type { JobStatus } from './client/jobs/read-job.js';
export type { Submitted, SubmitOptions } from './client/jobs/submit-jobs.js';
export type { WaitOptions } from './client/jobs/workers.js';
export type { EscalationRule, EscalationRules } from './job/escalation.js';
export type { JobState } from './job/job.js';
export type { LinkOptions } from './client/open-link.js';
export type { StartOptions } from './client/start-plan.js';
export type { RetryOptions } from './client/retry-run.js';
export type { ListedRun, ListFilter } from './client/list-runs.js';
export type { LogChoice, LogFile, LogStream } from './client/logs.js';
export type { RunStatus, StepAttempt } from './client/views.js';
export type { Notice } from './client/follow.js';
export { PlanError, PlanwrightError, type ErrorCode } from './client/errors.js';
export { SetupError } from './server/setup-error.js';
export type { Problem } from './plan/load/diagnostics.js';
export type { EventType, RunEvent } from './plan/event.js';
export type { Plan, Step, StepId } from './plan/plan.js';
export type { RunHead, RunRecord, RunState, StepKind, StepRecord } from './plan/record.js';
export type { Attempt, StepFailure } from './plan/attempt.js';
