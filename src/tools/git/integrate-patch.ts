/**
 * Taking patches onto a commit, on objects alone.
 *
 * A patch is the difference between its base and its commit, whatever the history says: its base may hold patches that are on
 * no branch, or are on the branch as other commits. So the merge has exactly the base's tree as its ancestor. git 2.39 takes
 * no ancestor by name; three commits without history, the base's tree below the other two, say the same.
 */
import type { Conflict as LandingConflict } from '../../landing/landing.js';
import { forgetAttributes, useAttributesOf } from './attributes.js';
import { PLANWRIGHT } from './capture-patch.js';
import { newCommit, writeCommit, writeCommits, type NewCommit, type People } from './commit.js';
import { mergeTrees, type Conflict } from './merge-tree.js';
import type { Objects } from './objects.js';
import { line } from './repository.js';

/** A patch to be taken in. */
export interface PatchToMerge {
  readonly id: string;
  /** The commit of `capturePatch`; its first parent is the base. */
  readonly commit: string;
  /** Whose it is, for people. */
  readonly workstream?: string;
}

/** What a patch was merged to. */
export interface MergedPatch {
  readonly tree: string;
  readonly commit: string;
}

/** `steps`: each patch that was merged, in their order. */
export type Integrated =
  | (MergedPatch & { readonly kind: 'merged'; readonly steps: readonly MergedPatch[] })
  | {
      readonly kind: 'conflicted';
      readonly steps: readonly MergedPatch[];
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
 * Many are little more than one: what can be asked and written of all of them is, by one git.
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
  const names = [onto, ...patches.flatMap(({ commit }) => [`${commit}^1`, commit])];
  // Of one alone the merge finds out by itself, and only if need be.
  const isRow = patches.length > 1;
  const [[ontoTree, ...trees], changesAttributes, hasAttributes] = await Promise.all([
    treesOf(objects, names),
    isRow && changeAttributes(objects, patches),
    isRow ? useAttributesOf(objects, onto) : undefined,
  ]);
  const sides = patches.map((_, at) => sidesOf(trees[2 * at]!, trees[2 * at + 1]!));
  let at: MergedPatch = { tree: ontoTree!, commit: onto };
  const [first] = sides;
  const begin = first === undefined ? [] : [oursOn(first, at.tree)];
  await writeCommits(objects, [...sides.flatMap(({ ancestor, theirs }) => [ancestor, theirs]), ...begin]);
  const steps: MergedPatch[] = [];
  for (const [index, patch] of patches.entries()) {
    const { ancestor, theirs } = sides[index]!;
    const ours = oursOn(sides[index]!, at.tree);
    // Those of the first are those of all, as long as none brings others.
    const isKnown = index === 0 || !changesAttributes;
    if (!isKnown) await forgetAttributes(objects);
    const known = isKnown ? hasAttributes : undefined;
    const merged = await mergeTrees(objects, [ancestor.id], ours.id, theirs.id, known);
    if (merged.kind === 'conflicts') {
      const { conflicts, tree } = merged;
      return { kind: 'conflicted', steps, patch: patch.id, conflict: summaryOf(conflicts), conflicts, tree };
    }
    const taken = newCommit(takenIn(merged.tree, patch.id, at.commit, atSec));
    const next = sides[index + 1];
    await writeCommits(objects, [taken, ...(next === undefined ? [] : [oursOn(next, merged.tree)])]);
    at = { tree: merged.tree, commit: taken.id };
    steps.push(at);
  }
  return { kind: 'merged', ...at, steps };
}

const takenIn = (tree: string, patch: string, onto: string, atSec: number): NewCommit => ({
  ...{ tree, parents: [onto], people: PEOPLE, atSec },
  message: `Take in patch ${patch}\n`,
});

/** Makes the commit of a patch that was merged to this tree. */
export const takeInAs = (
  objects: Objects,
  tree: string,
  patch: string,
  onto: string,
  atSec: number,
): Promise<string> => writeCommit(objects, takenIn(tree, patch, onto, atSec));

type Written = ReturnType<typeof newCommit>;
interface Sides {
  readonly ancestor: Written;
  readonly theirs: Written;
}

/** The same at any time, so that no two merges of the same trees leave different commits behind. */
const bare = (tree: string, parents: readonly string[]): Written =>
  newCommit({ tree, parents, message: 'merge\n', people: PEOPLE, atSec: 0 });

function sidesOf(base: string, patched: string): Sides {
  const ancestor = bare(base, []);
  return { ancestor, theirs: bare(patched, [ancestor.id]) };
}

const oursOn = ({ ancestor }: Sides, tree: string): Written => bare(tree, [ancestor.id]);

/** Says whether one of the patches changes an attributes file: then it counts for those behind it. */
async function changeAttributes(objects: Objects, patches: readonly PatchToMerge[]): Promise<boolean> {
  const args = [
    'diff-tree',
    '--stdin',
    '-m',
    '-r',
    '--name-only',
    '--no-renames',
    '--no-commit-id',
    '--root',
  ];
  const input = patches.map(({ commit }) => `${commit}\n`).join('');
  const env = { GIT_LITERAL_PATHSPECS: '0', GIT_GLOB_PATHSPECS: '1' };
  const answer = await objects.git([...args, '--', '**/.gitattributes'], { input, env });
  return answer.stdout.length > 0;
}

export async function treeOf(objects: Objects, commit: string): Promise<string> {
  return line(await objects.git(['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`]));
}

/** The same of many. */
async function treesOf(objects: Objects, commits: readonly string[]): Promise<string[]> {
  const input = commits.map((commit) => `${commit}^{tree}\n`).join('');
  const answer = await objects.git(['cat-file', '--batch-check=%(objectname)'], { input });
  const found = line(answer).split('\n');
  const missing = found.findIndex((id) => !/^[0-9a-f]+$/.test(id));
  if (missing >= 0) throw new Error(`there is no commit "${commits[missing]}" in this repository`);
  return found;
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
