/**
 * Which repository and branch a run is about, for the lists of the Web UI: read from files, without starting git.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface RepositoryPlace {
  /** The top of the work tree. Not the remote's address: that may hold a password. */
  readonly top: string;
  /** What is checked out; null when it is no branch. */
  readonly branch: string | null;
}

/** Returns the repository that holds `folder`, or null. */
export function repositoryAt(folder: string): RepositoryPlace | null {
  for (let top = resolve(folder); ; top = dirname(top)) {
    const gitDir = gitDirOf(top);
    if (gitDir !== null) return { top, branch: branchOf(gitDir) };
    if (top === dirname(top)) return null;
  }
}

/** In a linked worktree `.git` is a file that names the folder. */
function gitDirOf(top: string): string | null {
  const path = join(top, '.git');
  try {
    if (statSync(path).isDirectory()) return path;
    const named = /^gitdir: (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    return named === undefined ? null : resolve(top, named);
  } catch {
    return null; // no repository that can be read is none for this purpose
  }
}

function branchOf(gitDir: string): string | null {
  try {
    return /^ref: refs\/heads\/(.+)$/m.exec(readFileSync(join(gitDir, 'HEAD'), 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}
