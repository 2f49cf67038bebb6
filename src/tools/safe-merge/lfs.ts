/**
 * Files whose content is kept outside git, by Git LFS.
 */
import { readAttributes, useAttributesOf } from '../git/attributes.js';
import type { Objects } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { diffTrees } from '../git/tree.js';
import { type Problem, stopped } from './reasons.js';
import type { Context } from './tool.js';
import { listed } from './words.js';

/** What git and Git LFS say when its filter does not work: by a pipe, so that git talks of a remote end. */
const FAILED = /git-lfs|filter '?lfs'? failed|remote end hung up/;

/** Tells whether a call of git failed because of Git LFS. */
export const isOfLfs = (repository: Repository | null, said: string): boolean =>
  repository?.lfs === true && FAILED.test(said);

export const lfsFailed = (what: string, said: string): Problem => ({
  code: 'lfs_failed',
  message: `Git LFS, which this repository is configured to use, ${what}: ${said}`,
  hint: 'Put git-lfs where the safe merge runs (on the PATH of the worker) and see that "git lfs pull" works there, then start again.',
});

/**
 * Refuses to push commits that change such files: they are uploaded by the pre-push hook of Git LFS, which does not run,
 * and others would get pointers to nothing.
 *
 * @throws Stopped
 */
export async function refuseLfs(context: Context, objects: Objects, from: string, to: string): Promise<void> {
  if (!context.repository.lfs) return;
  await useAttributesOf(objects, to);
  const changed = await diffTrees(objects, from, to);
  const paths = changed.filter((change) => change.after !== null).map((change) => change.path);
  const values = await readAttributes((args, options) => objects.git(args, options), ['filter'], paths);
  const kept = [...(values.get('filter') ?? [])].filter(([, name]) => name === 'lfs').map(([path]) => path);
  if (kept.length === 0) return;
  throw stopped('guarded_push_failed', 2, {
    code: 'lfs_not_pushed',
    message: `files kept in Git LFS would be pushed without their content: ${listed(kept)}.`,
    hint: `Push these commits with git itself (git push ${context.target.remote} ${context.target.branch}), then start again.`,
  });
}
