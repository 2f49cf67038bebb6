/**
 * Removes what old runs left on this machine: never an open run.
 */
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Link } from './link.js';
import { localRuns } from './list-runs.js';
import { readSummary, UnreadableRecordError } from '../record/run-record.js';
import { runFiles } from '../record/layout.js';
import { forgetCheckpoints } from '../tools/git/checkpoint-files.js';
import { releaseMerges } from '../tools/git/held-merges.js';
import { openRepository } from '../tools/git/repository.js';
import { sweepAllGates } from '../tools/safe-merge/leftovers.js';
import { forgetUnused } from '../tools/safe-merge/remembered.js';
import { forgetRunIn } from '../tools/safe-merge/retention.js';
import { isJobRun } from '../workflows/job-api.js';

export interface PruneOptions {
  /** Runs that ended longer ago than this are removed. */
  readonly olderThanMs?: number;
  /** The oldest are removed until what is left takes no more. */
  readonly maxBytes?: number;
  readonly dryRun: boolean;
  readonly now: number;
}

export interface PrunedRun {
  readonly run_id: string;
  readonly bytes: number;
  readonly ended_at: number;
}

export interface Pruned {
  /** Oldest first. */
  readonly removed: readonly PrunedRun[];
  readonly kept: number;
  readonly keptBytes: number;
  /** Runs without a record: open, or not to be told from open without the server. */
  readonly open: number;
  /** Safe merges among them whose reports and private refs went from their repositories, too. */
  readonly merges: number;
}

/** Removes old runs, or says which it would. The runs of sub-plans go with the run that they are part of; those of jobs are runs of their own. */
export async function prune({ home }: Pick<Link, 'home'>, options: PruneOptions): Promise<Pruned> {
  const all = await localRuns(home, true);
  const closed: PrunedRun[] = [];
  let open = 0;
  for (const runId of all.filter((id) => !id.includes('~') || isJobRun(id))) {
    const endedAt = await endOf(home, runId);
    if (endedAt === null) {
      open += 1;
      continue;
    }
    const parts = all.filter((id) => id === runId || id.startsWith(`${runId}~`));
    const sizes = await Promise.all(parts.map((id) => sizeOf(runFiles(home, id).directory)));
    closed.push({ run_id: runId, bytes: sizes.reduce((sum, size) => sum + size, 0), ended_at: endedAt });
  }
  closed.sort((a, b) => a.ended_at - b.ended_at);
  const removed = chosen(closed, options);
  let merges = 0;
  if (!options.dryRun) {
    for (const { run_id: runId } of removed) {
      if (await forgetMerge(home, runId)) merges += 1;
      for (const id of all.filter((id) => id === runId || id.startsWith(`${runId}~`))) await remove(home, id);
    }
  }
  if (!options.dryRun) {
    await sweepAllGates(home);
    await forgetUnused(home, options.now);
  }
  const left = closed.filter((run) => !removed.includes(run));
  const keptBytes = left.reduce((sum, run) => sum + run.bytes, 0);
  return { removed, kept: left.length, keptBytes, open, merges };
}

/**
 * What a safe merge left in its repository goes with its run, unless it alone holds something; and merges that a landing held
 * which was ended before it could let go of them, and checkpoints of hosts that died.
 */
async function forgetMerge(home: string, runId: string): Promise<boolean> {
  const root = (await readSummary(home, runId))?.origin.root;
  if (root === undefined) return false;
  try {
    const forgotten = await forgetRunIn(root, runId, home);
    const repository = await openRepository(root);
    await releaseMerges(repository, runId);
    await forgetCheckpoints(repository, runId);
    return forgotten;
  } catch {
    return false; // a repository that git cannot work in keeps no run from going
  }
}

function chosen(
  closed: readonly PrunedRun[],
  { olderThanMs = Infinity, maxBytes = Infinity, now }: PruneOptions,
): PrunedRun[] {
  let bytes = closed.reduce((sum, run) => sum + run.bytes, 0);
  return closed.filter((run) => {
    const goes = now - run.ended_at > olderThanMs || bytes > maxBytes;
    if (goes) bytes -= run.bytes;
    return goes;
  });
}

/** A run with a record has ended; one without may be open, whatever else is known of it. */
async function endOf(home: string, runId: string): Promise<number | null> {
  try {
    return (await readSummary(home, runId))?.head.endedAt ?? null;
  } catch (error) {
    if (error instanceof UnreadableRecordError) return null; // of a later version: not ours to judge
    throw error;
  }
}

/** Renamed first: a reader finds the whole run or none of it. */
async function remove(home: string, runId: string): Promise<void> {
  const { directory } = runFiles(home, runId);
  const doomed = join(home, 'runs', `.pruned-${runId}`);
  await rename(directory, doomed);
  await rm(doomed, { recursive: true, force: true });
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => lstat(join(entry.parentPath, entry.name)).then((stat) => stat.size)),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
