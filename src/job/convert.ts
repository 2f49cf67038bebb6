/**
 * From a workstream to the jobs that do it: one for its tool, and one for its acceptance tests behind that.
 */
import type { Json } from '../plan/plan.js';
import { executableTests } from '../workstream/acceptance.js';
import type { Workstream } from '../workstream/workstream.js';

export type JobDocumentOut = Readonly<Record<string, Json>>;

/** The id of the n-th job of a workstream. */
export const jobIdOf = (workstream: string, n = 1): string => `${workstream}-${String(n).padStart(3, '0')}`;

/** Returns the jobs of a workstream, as job files have them. What it waits for are jobs, not workstreams. */
export function jobsOf(workstream: Workstream): JobDocumentOut[] {
  const { id, acceptanceTests } = workstream;
  const { executable: commands } = executableTests(acceptanceTests);
  return commands.length === 0 ? [toolJob(workstream)] : [toolJob(workstream), testJob(id, commands)];
}

function toolJob(workstream: Workstream): JobDocumentOut {
  const { id, tool, filesScope, filesCreate, tasks, dependsOn, capabilityPayload, circuitBreaker } =
    workstream;
  const { timeoutMs, maxRetries, prompt } = capabilityPayload;
  const { maxAttempts } = circuitBreaker;
  return {
    job_id: jobIdOf(id),
    workstream_id: id,
    tool,
    files: [...filesScope],
    instructions: [...tasks, ...(prompt === null ? [] : [prompt])].join('\n'),
    dependencies: dependsOn.map((other) => jobIdOf(other)),
    config: { auto_commit: false },
    metadata: {
      ...(filesCreate.length === 0 ? {} : { files_create: [...filesCreate] }),
      ...(timeoutMs === null ? {} : { timeout_seconds: Math.max(1, Math.ceil(timeoutMs / 1000)) }),
      ...(maxRetries === null ? {} : { max_retries: maxRetries }),
      ...(maxAttempts === null ? {} : { circuit_breaker: { max_attempts: maxAttempts } }),
      ...(workstream.maxCostUsd === null ? {} : { max_cost_usd: workstream.maxCostUsd }),
    },
  };
}

/** One after the other, the first that fails ends it: that one is the news. */
function testJob(workstream: string, commands: readonly string[]): JobDocumentOut {
  const id = jobIdOf(workstream, 2);
  const folder = `logs/${workstream}`;
  return {
    job_id: id,
    workstream_id: workstream,
    tool: 'tests',
    command: { exe: 'sh', args: ['-ec', commands.join('\n')] },
    env: {},
    paths: {
      repo_root: '.',
      working_dir: '.',
      log_file: `${folder}/${id}.log`,
      error_report: `${folder}/${id}.error.json`,
    },
    dependencies: [jobIdOf(workstream)],
    metadata: { retry_policy: 'none' },
  };
}
