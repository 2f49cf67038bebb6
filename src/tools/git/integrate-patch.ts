/**
 * Taking patches onto a commit, on objects alone.
 *
 * A patch is the difference between its base and its commit, whatever the history says: its base may hold patches that are on
 * no branch, or are on the branch as other commits. So the merge has exactly the base's tree as its ancestor. git 2.39 takes
 * no ancestor by name; three commits without history, the base's tree below the other two, say the same.
 */
import type { Conflict as LandingConflict } from '../../landing/landing.js';
import { PLANWRIGHT } from './capture-patch.js';
import { writeCommit, type People } from './commit.js';
import { mergeTrees, type Conflict } from './merge-tree.js';
import type { Objects } from './objects.js';
import { line } from './repository.js';

/** A patch to be taken in. */
export interface PatchToMerge {
  readonly id: string;
  /** The commit of `capturePatch`; its first parent is the base. */
  readonly commit: string;
}

export type Integrated =
  | { readonly kind: 'merged'; readonly tree: string; readonly commit: string }
  | {
      readonly kind: 'conflicted';
      readonly patch: string;
      readonly conflict: PatchConflict;
      /** All of them, with the versions of each side. */
      readonly conflicts: readonly Conflict[];
      /** What could be merged, with marks where it could not: for a person or a resolver. */
      readonly tree: string;
    };

/** Without the patches it conflicts with, which only the queue knows; the first of its paths. */
export type PatchConflict = Omit<LandingConflict, 'with'> & { readonly paths: readonly Conflict[] };

const PEOPLE: People = { author: PLANWRIGHT, committer: PLANWRIGHT };

/**
 * Merges patches onto a commit, one after the other; each makes a commit. Safe to run twice: it makes the same commits.
 *
 * @param onto - where the first goes
 * @param atSec - seconds since 1970, for the commits
 */
export async function integratePatches(
  objects: Objects,
  onto: string,
  patches: readonly PatchToMerge[],
  atSec: number,
): Promise<Integrated> {
  let at = { tree: await treeOf(objects, onto), commit: onto };
  for (const patch of patches) {
    const base = await treeOf(objects, `${patch.commit}^1`);
    const merged = await mergeWithBase(objects, base, at.tree, await treeOf(objects, patch.commit));
    if (merged.kind === 'conflicts') {
      const { conflicts, tree } = merged;
      return { kind: 'conflicted', patch: patch.id, conflict: summaryOf(conflicts), conflicts, tree };
    }
    at = { tree: merged.tree, commit: await takeInAs(objects, merged.tree, patch.id, at.commit, atSec) };
  }
  return { kind: 'merged', ...at };
}

/** Makes the commit of a patch that was merged to this tree. */
export const takeInAs = (
  objects: Objects,
  tree: string,
  patch: string,
  onto: string,
  atSec: number,
): Promise<string> =>
  writeCommit(objects, {
    ...{ tree, parents: [onto], people: PEOPLE, atSec },
    message: `Take in patch ${patch}\n`,
  });

/** Merges two trees with a third as their ancestor. */
async function mergeWithBase(
  objects: Objects,
  base: string,
  ours: string,
  theirs: string,
): ReturnType<typeof mergeTrees> {
  // The same at any time, so that no two merges of the same trees leave different commits behind.
  const bare = (tree: string, parents: readonly string[]): Promise<string> =>
    writeCommit(objects, { tree, parents, message: 'merge\n', people: PEOPLE, atSec: 0 });
  const ancestor = await bare(base, []);
  return mergeTrees(objects, [ancestor], await bare(ours, [ancestor]), await bare(theirs, [ancestor]));
}

export async function treeOf(objects: Objects, commit: string): Promise<string> {
  return line(await objects.git(['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`]));
}

const MAX_FILES = 50;

function summaryOf(conflicts: readonly Conflict[]): PatchConflict {
  const kinds = conflicts.map(({ kind }) => kindOf(kind));
  const shown = conflicts.slice(0, 3).map(({ path, kind }) => `${path} (${kind})`);
  const more = conflicts.length > shown.length ? ` and ${conflicts.length - shown.length} more` : '';
  return {
    // Where kinds meet, the rarer one says more.
    kind: kinds.find((kind) => kind !== 'content') ?? kinds[0] ?? 'failed',
    files: conflicts.map(({ path }) => path).slice(0, MAX_FILES),
    detail: `conflicts in ${shown.join(', ')}${more}`,
    paths: conflicts.slice(0, MAX_FILES),
  };
}

/** git's word for a conflict, as the ledger and the report have it. */
function kindOf(kind: string): LandingConflict['kind'] {
  if (kind.startsWith('rename')) return 'rename';
  if (kind === 'modify/delete') return 'delete';
  if (kind === 'binary' || kind === 'submodule') return kind;
  if (kind === 'link' || kind === 'file/directory' || kind === 'distinct modes') return 'mode';
  return 'content';
}
