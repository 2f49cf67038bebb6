/**
 * A patch from a work tree to another place, by both ways: git's own apply, and restore.
 */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CapturedPatch } from '../../../../src/tools/git/capture-patch.js';
import type { OwnWorktree, WorktreeRequest } from '../../../../src/tools/git/own-worktree.js';
import { restorePatch } from '../../../../src/tools/git/restore-patch.js';
import { newRepo } from './sandbox.js';
import { expectHealthy } from './snapshot.js';
import { contentOf, type Shop } from './work.js';

export interface Carried {
  readonly patch: CapturedPatch;
  readonly worktree: OwnWorktree;
  /** Where it was restored. */
  readonly back: string;
}

/** Captures what `work` does to a work tree, and expects the very same elsewhere. */
export async function carry(
  given: Shop,
  folder: string,
  work: (path: string) => void,
  request: Partial<WorktreeRequest> = {},
): Promise<Carried> {
  const worktree = await given.open(request);
  work(worktree.path);
  const before = contentOf(worktree.path);
  const patch = await given.capture(worktree);
  expect(contentOf(worktree.path)).toEqual(before);
  const format = given.repository.objectFormat;
  const applied = newRepo(join(folder, 'applied'), `--object-format=${format}`);
  applied.git('config', 'core.autocrlf', given.repo.tryGit('config', 'core.autocrlf').output || 'false');
  applied.git('fetch', '--quiet', given.repo.path, worktree.base);
  applied.git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  if (patch.file !== null) {
    applied.git('apply', '--cached', '--binary', patch.file);
    expect(applied.git('write-tree')).toBe(patch.tree);
  }
  const back = join(folder, 'back');
  if (patch.commit !== null || patch.evidence !== null) {
    await restorePatch(given.repository, patch.id, back);
    expect(contentOf(back)).toEqual(before);
  }
  expectHealthy(given.repo.path);
  return { patch, worktree, back };
}
