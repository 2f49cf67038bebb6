/**
 * A job as its author wrote it, turned into a job.
 */
import type { Json } from '../../plan/plan.js';
import { pathPart, type Job, type JobId, type JobPaths, type RetryChoice } from '../job.js';
import type { JobDocument } from './schema.js';

/** Returns the job of a document that its schema has read. */
export function jobOf(document: JobDocument, raw: Readonly<Record<string, unknown>>): Job {
  const { metadata } = document;
  return {
    id: document.job_id as JobId,
    workstream: document.workstream_id,
    tool: document.tool,
    runName: document.run_id,
    command:
      document.command === undefined ? null : { exe: document.command.exe, args: document.command.args },
    env: document.env ?? {},
    paths: pathsOf(document),
    files: document.files.length > 0 ? document.files : metadata.files_scope,
    instructions: document.instructions,
    messageFile: metadata.message_file,
    config: document.config as Record<string, Json>,
    dependsOn: [...new Set(document.dependencies)],
    retryPolicy: choiceOf(metadata.retry_policy),
    maxRetries: metadata.max_retries,
    timeoutSec: metadata.timeout_seconds,
    metadata: (raw['metadata'] ?? {}) as Record<string, Json>,
  };
}

function pathsOf({ paths, workstream_id: workstream, job_id: id }: JobDocument): JobPaths {
  if (paths !== undefined) {
    const { repo_root: repoRoot, working_dir: workingDir, log_file: logFile } = paths;
    return { repoRoot, workingDir, logFile, errorReport: paths.error_report };
  }
  const folder = `logs/${pathPart(workstream)}`;
  return {
    repoRoot: '.',
    workingDir: '.',
    logFile: `${folder}/${id}.log`,
    errorReport: `${folder}/${id}.error.json`,
  };
}

const ESCALATE = 'escalate_to_';

function choiceOf(policy: string | null): RetryChoice | null {
  if (policy === null) return null;
  if (policy === 'none') return { kind: 'none' };
  if (policy === 'retry_same') return { kind: 'retry-same' };
  return { kind: 'escalate', tool: policy.slice(ESCALATE.length) };
}
