/**
 * Where a safe merge keeps what its steps hand on: in the git directory, beside no file of the user's.
 *
 * `<common git dir>/planwright/safe_merge/<run>/` holds the reports, `refs/planwright/<what>/<run>` the commits. All
 * work trees of the repository share both; nothing of it shows in `git status` or is pushed.
 */
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../git/atomic-file.js';
import { fileNameOf } from '../git/names.js';
import type { Repository } from '../git/repository.js';
import type { Report } from './reasons.js';
import { isComplete, reportOf, textOfReport } from './report-text.js';

/** A run's name in paths and refs. */
export type RunKey = string & { readonly __brand: 'RunKey' };

/** Returns the key of a run: its id where that can be a file and a ref. */
export function runKey(id: string): RunKey {
  return (/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(id) ? id : fileNameOf(id)) as RunKey;
}

/** Returns the key for tools called by hand: one for each target branch. */
export const byHandKey = (branch: string): RunKey => `by-hand_${fileNameOf(branch)}` as RunKey;

const stateDirectory = (repository: Repository): string =>
  join(repository.commonDir, 'planwright', 'safe_merge');

export const runDirectory = (repository: Repository, run: RunKey): string =>
  join(stateDirectory(repository), run);

/** Every run of the repository adds to the same file. */
export const eventsFile = (repository: Repository): string =>
  join(stateDirectory(repository), 'merge_events.jsonl');

/** The lock that everyone holds who moves `branch`. */
export const lockFile = (repository: Repository, branch: string): string =>
  join(repository.commonDir, 'planwright', 'locks', `${fileNameOf(branch)}.lock`);

/** Makes and returns the run's directory. */
export async function makeRunDirectory(repository: Repository, run: RunKey): Promise<string> {
  const directory = runDirectory(repository, run);
  await mkdir(directory, { recursive: true });
  return directory;
}

/** A file that is there when the merge of the run met conflicts: for scripts that only look for it. */
export const conflictFlag = (directory: string, branch: string): string =>
  join(directory, `conflicts_${fileNameOf(branch)}.flag`);

/** Refs of a run. `merge` only ever names a finished commit, free of conflicts: nothing else can be pushed. */
export const runRefs = (run: RunKey) =>
  ({
    target: `refs/planwright/fetch/${run}/target`,
    source: `refs/planwright/fetch/${run}/source`,
    rollback: `refs/planwright/rollback/${run}`,
    conflicts: `refs/planwright/conflicts/${run}`,
    merge: `refs/planwright/merge/${run}`,
    kept: `refs/planwright/kept/${run}`,
  }) as const;

/** The first part of their names, below `refs/planwright/`. */
export const OWN_REF_KINDS = ['fetch', 'rollback', 'conflicts', 'merge', 'kept'] as const;

/** The reports, by the tool that writes them. */
export const REPORT_FILES = {
  env_scan: 'env_scan.json',
  sync_health_check: 'sync_health.json',
  nested_repos_detect: 'nested_repos.json',
  nested_repos_normalize: 'nested_repos_normalized.json',
  file_classification: 'file_classes.json',
  git_fetch: 'fetch.json',
  git_merge: 'merge.json',
  timestamp_resolver: 'timestamp.json',
  ai_conflict_resolver: 'conflicts.json',
  conflict_settle: 'settled.json',
  merge_gate: 'gate.json',
  guarded_push: 'push.json',
  emit_success_event: 'event.json',
  rollback: 'rollback.json',
  report: 'report.json',
  forget: 'forget.json',
} as const;

/** What is about to be pushed, from right before on. */
export const PUSHING = 'pushing.json';

export type ToolName = keyof typeof REPORT_FILES;

/** Writes a report whole or not at all. */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writeAtomically(path, textOfReport(report));
}

/** Returns a report but for its listing, or null when there is none. A file that is not a JSON object counts as none. */
export async function readReport(path: string): Promise<Report | null> {
  try {
    const beginning = await beginningOf(path);
    return reportOf(isComplete(beginning) ? beginning : await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What is before the listing is short, and the listing may be long. */
const BEGINNING = 64 * 1024;

async function beginningOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING), 0, BEGINNING, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
