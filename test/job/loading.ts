/**
 * Job files for tests: objects in memory, what is wrong as short lines.
 */
import { formatProblem } from '../../src/plan/load/diagnostics.js';
import type { Job } from '../../src/job/job.js';
import { loadJobs, type LoadedJobs } from '../../src/job/load/load-jobs.js';
import { toolsOf, type Tools } from '../../src/workstream/tool/registry.js';

export const TOOLS: Tools = toolsOf({}, null);

/** A job of the full form; what a test is about is put over it. */
export const fullForm = (over: object = {}): Record<string, unknown> => ({
  job_id: 'paint-1',
  workstream_id: 'ws-paint',
  tool: 'git',
  command: { exe: 'git', args: ['status', '--short'] },
  env: {},
  paths: {
    repo_root: '.',
    working_dir: '.',
    log_file: 'logs/ws-paint/paint-1.log',
    error_report: 'logs/ws-paint/paint-1.error.json',
  },
  ...over,
});

/** A job of the short form. */
export const shortForm = (over: object = {}): Record<string, unknown> => ({
  job_id: 'ws-paint-001',
  workstream_id: 'ws-paint',
  tool: 'aider',
  files: ['src/door.ts'],
  instructions: 'Paint the door.',
  ...over,
});

/** Loads one file; a text is the file itself. */
export const load = (document: unknown, tools: Tools = TOOLS): Promise<LoadedJobs> =>
  loadJobs({
    files: ['job.json'],
    readText: () => (typeof document === 'string' ? document : JSON.stringify(document)),
    tools,
  });

/** Loads a job that must be right. */
export async function loaded(document: unknown, tools: Tools = TOOLS): Promise<Job> {
  const { jobs, problems } = await load(document, tools);
  if (jobs.length !== 1) throw new Error(problems.map(formatProblem).join('\n'));
  return jobs[0]!.job;
}

export const lines = ({ problems }: LoadedJobs): string[] => problems.map(formatProblem);
