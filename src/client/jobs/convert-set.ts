/**
 * Writes the jobs of workstreams: a file for each. What is wrong with one does not stop the others.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { jobsOf } from '../../job/convert.js';
import { prepareSet } from '../workstreams/prepare-set.js';

export interface ConvertOptions {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** A folder of bundles or one bundle file; the repository's own folder unless said. */
  readonly path?: string;
  /** The folder for the job files. */
  readonly out: string;
  readonly root?: string;
  readonly config?: string;
}

/** What became of one workstream, or of a file that is none. */
export interface Conversion {
  readonly id: string;
  /** The bundle's file. */
  readonly from: string;
  readonly status: 'converted' | 'unchanged' | 'failed';
  /** Null for one that failed. */
  readonly to: string | null;
  readonly jobs: number;
  /** Why it failed, or why its jobs can never run. */
  readonly reason: string | null;
}

/** Converts a set, in order of id, those that failed last. */
export async function convertSet({ out, ...options }: ConvertOptions): Promise<Conversion[]> {
  const { set } = await prepareSet(options);
  const folder = resolve(options.cwd, out);
  if (set.bundles.length > 0) mkdirSync(folder, { recursive: true });
  const blocked = new Map(set.blocked.map(({ id, reason }) => [id, reason]));
  const converted = set.bundles.map(({ workstream, file }): Conversion => {
    const { id } = workstream;
    const jobs = jobsOf(workstream);
    const path = join(folder, `${id}.json`);
    const text = `${JSON.stringify(jobs.length === 1 ? jobs[0] : jobs, null, 2)}\n`;
    const status = writeIfOther(path, text) ? 'converted' : 'unchanged';
    const to = relative(options.cwd, path);
    return { id, from: file, status, to, jobs: jobs.length, reason: blocked.get(id) ?? null };
  });
  const failed = set.malformed.map(({ id, file, line, column, reason }): Conversion => ({
    ...{ id, from: `${file}:${line}:${column}`, status: 'failed', to: null, jobs: 0, reason },
  }));
  return [...converted, ...failed];
}

/** Writes a file whole; false when it is there with this content. */
function writeIfOther(path: string, text: string): boolean {
  try {
    if (readFileSync(path, 'utf8') === text) return false;
  } catch {
    // not there, or not to be read: writing says which
  }
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
  return true;
}
