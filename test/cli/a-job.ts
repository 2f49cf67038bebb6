/**
 * Job files for tests of the command line.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A job of the full form that runs a script, once; what a test is about is put over it. */
export const jobDocument = (id: string, script: string, over: object = {}): object => ({
  ...{ job_id: id, workstream_id: 'ws-demo', tool: 'mechanical', env: {} },
  command: { exe: 'sh', args: ['-c', script] },
  paths: {
    ...{ repo_root: '.', working_dir: '.' },
    ...{ log_file: `logs/${id}.log`, error_report: `logs/${id}.error.json` },
  },
  metadata: { retry_policy: 'none' },
  ...over,
});

/** Writes a job file and returns its path in the folder. */
export function writeJob(folder: string, id: string, script: string, over: object = {}): string {
  mkdirSync(join(folder, 'jobs'), { recursive: true });
  const path = join('jobs', `${id}.json`);
  writeFileSync(join(folder, path), JSON.stringify(jobDocument(id, script, over)));
  return path;
}
