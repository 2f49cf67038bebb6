/**
 * Merges of a landing on their way to the branch, held by refs of ours: until it moves nothing else points at them, and a
 * person's `git gc --prune=now` would take them from under their gates.
 */
import { fileNameOf } from './names.js';
import { moveRefs } from './refs.js';
import { gitIn, type Repository } from './repository.js';

const HELD = 'refs/planwright/landing/';
const folderOf = (run: string): string => `${HELD}${fileNameOf(run)}/`;

/** Holds a commit and all below it. */
export async function holdMerge(
  repository: Repository,
  run: string,
  step: string,
  commit: string,
): Promise<void> {
  const ref = `${folderOf(run)}${fileNameOf(step)}/${commit}`;
  const moved = await moveRefs(repository, [{ ref, from: 'any', to: commit }], 'planwright: hold a merge');
  if (moved.kind === 'locked') throw new Error(`"${moved.lock}" is in the way of "${ref}"`);
}

/** Lets go of what a run holds, or of one of its steps. Returns how many merges that were. */
export async function releaseMerges(repository: Repository, run: string, step?: string): Promise<number> {
  const below = `${folderOf(run)}${step === undefined ? '' : `${fileNameOf(step)}/`}`;
  const answer = await gitIn(repository, ['for-each-ref', '--format=%(refname)', '--', below]);
  const refs = answer.stdout.toString('latin1').split('\n').filter(Boolean);
  if (refs.length === 0) return 0;
  const moves = refs.map((ref) => ({ ref, from: 'any', to: null }));
  const moved = await moveRefs(repository, moves, 'planwright: the landing is over');
  if (moved.kind === 'locked') throw new Error(`"${moved.lock}" is in the way of "${below}"`);
  return refs.length;
}
