/**
 * One tool of a run at a time. The kernel frees the lock when the tool dies, so that it also says who is still alive.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LockUnavailable, type ProcessLock, takeLock } from '../git/process-lock.js';
import type { Repository } from '../git/repository.js';
import { OWN_REF_KINDS, runDirectory, type RunKey } from './state.js';

const lockOf = (repository: Repository, run: RunKey): string => join(runDirectory(repository, run), 'lock');

/** What there is on a system that has no lock of this kind. */
const NO_LOCK: ProcessLock = { waitedMs: 0, release: () => Promise.resolve() };

/**
 * Takes the run for one tool.
 *
 * @returns null when another tool of the run is still at work after `waitSec`
 */
export async function takeRun(
  repository: Repository,
  run: RunKey,
  waitSec: number,
): Promise<ProcessLock | null> {
  try {
    return await takeLock(lockOf(repository, run), waitSec);
  } catch (error) {
    if (error instanceof LockUnavailable) return NO_LOCK;
    throw error;
  }
}

/**
 * Removes lock files of a run's own refs that a killed git left. The caller holds the run.
 *
 * @returns their paths
 */
export const freeOwnRefs = (repository: Repository, run: RunKey): Promise<string[]> =>
  removeLocks(repository, run, false);

/**
 * The same for all runs: also of those that nobody is at work for.
 *
 * @param run - held by the caller
 */
export const sweepOwnLocks = (repository: Repository, run: RunKey): Promise<string[]> =>
  removeLocks(repository, run, true);

async function removeLocks(repository: Repository, run: RunKey, others: boolean): Promise<string[]> {
  const removed: string[] = [];
  for (const kind of OWN_REF_KINDS) {
    for (const { path, owner } of await locksBelow(join(repository.commonDir, 'refs/planwright', kind))) {
      if (owner !== run && !others) continue;
      const held = owner === run ? NO_LOCK : await idle(repository, owner as RunKey);
      if (held === null) continue;
      await rm(path, { force: true });
      await held.release();
      removed.push(path);
    }
  }
  return removed;
}

/** Takes a run that nobody is at work for; null when somebody is, or nobody can tell. */
export async function idle(repository: Repository, run: RunKey): Promise<ProcessLock | null> {
  try {
    await stat(runDirectory(repository, run));
    return await takeLock(lockOf(repository, run), 0);
  } catch {
    return null;
  }
}

/** `<kind>/<run>.lock` and `<kind>/<run>/<name>.lock`. */
async function locksBelow(directory: string): Promise<{ path: string; owner: string }[]> {
  const found: { path: string; owner: string }[] = [];
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.name.endsWith('.lock')) found.push({ path, owner: entry.name.slice(0, -'.lock'.length) });
    else if (entry.isDirectory()) {
      for (const inner of await entriesOf(path)) {
        if (inner.name.endsWith('.lock')) found.push({ path: join(path, inner.name), owner: entry.name });
      }
    }
  }
  return found;
}

async function entriesOf(directory: string): Promise<{ name: string; isDirectory(): boolean }[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
