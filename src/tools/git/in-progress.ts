/**
 * Signs that somebody is in the middle of something: half-done operations and lock files.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from './repository.js';

export type Operation = 'merge' | 'rebase' | 'am' | 'cherry-pick' | 'revert' | 'bisect';

/** How each operation is recognised, finished and given up. */
const SIGNS: readonly { file: string; operation: Operation }[] = [
  { file: 'rebase-merge', operation: 'rebase' },
  { file: 'rebase-apply/applying', operation: 'am' },
  { file: 'rebase-apply', operation: 'rebase' },
  { file: 'MERGE_HEAD', operation: 'merge' },
  { file: 'CHERRY_PICK_HEAD', operation: 'cherry-pick' },
  { file: 'REVERT_HEAD', operation: 'revert' },
  // A picking or reverting of several commits between two of them.
  { file: 'sequencer/todo', operation: 'cherry-pick' },
  { file: 'BISECT_LOG', operation: 'bisect' },
];

/** Returns the operations begun and not finished in the repository's work tree. */
export async function operationsInProgress(repository: Repository): Promise<Operation[]> {
  const found: Operation[] = [];
  for (const { file, operation } of SIGNS) {
    if (!(await modified(join(repository.gitDir, file)))) continue;
    if (operation === 'rebase' && found.includes('am')) continue; // both live in rebase-apply
    if (operation === 'cherry-pick' && found.includes('revert')) continue; // both use the sequencer
    if (!found.includes(operation)) found.push(operation);
  }
  return found;
}

/** Returns the command that finishes an operation, and the one that gives it up. */
export function waysOut(operation: Operation): { finish: string; giveUp: string } {
  if (operation === 'bisect') return { finish: 'git bisect reset', giveUp: 'git bisect reset' };
  return { finish: `git ${operation} --continue`, giveUp: `git ${operation} --abort` };
}

export interface LockFile {
  readonly path: string;
  readonly ageSec: number;
}

/**
 * Returns the lock files that would stop us from moving `branch` (short name) and the work tree with it.
 *
 * @param now - milliseconds since 1970
 */
export async function lockFiles(repository: Repository, branch: string, now: number): Promise<LockFile[]> {
  const paths = [
    join(repository.gitDir, 'index.lock'),
    join(repository.gitDir, 'HEAD.lock'),
    join(repository.commonDir, `refs/heads/${branch}.lock`),
    join(repository.commonDir, 'packed-refs.lock'),
  ];
  const found: LockFile[] = [];
  for (const path of paths) {
    const at = await modified(path);
    if (at !== null) found.push({ path, ageSec: Math.max(0, Math.round((now - at) / 1000)) });
  }
  return found;
}

/** When a file was last written (milliseconds since 1970), or null when it is not there. */
async function modified(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return null;
  }
}
