/**
 * How a branch, its counterpart on the remote and a source come together: on objects, moving nothing.
 */
import type { People } from '../git/commit.js';
import { writeCommit } from '../git/commit.js';
import { type Conflict, mergeBases, mergeTrees } from '../git/merge-tree.js';
import type { Objects } from '../git/objects.js';
import type { Problem } from './reasons.js';
import { isOwnCounterpart, shownSource, type Target } from './target.js';
import { short } from './words.js';

/** The commits a merge is made of. */
export interface Tips {
  /** The target branch here. */
  readonly local: string;
  /** The target branch on the remote. */
  readonly remote: string;
  /** What is merged. The same as `remote` when the branch meets its own counterpart. */
  readonly source: string;
}

export type Integration =
  /** Nothing to merge: `result` is the newer of the two, or both are the same. */
  | { readonly action: 'up_to_date' | 'fast_forward' | 'ahead'; readonly result: string }
  | { readonly action: 'merged'; readonly result: string; readonly parents: readonly [string, string] }
  | {
      readonly action: 'conflicts';
      /** What could be merged, with marks or one side's content at the paths in conflict. */
      readonly tree: string;
      readonly parents: readonly [string, string];
      readonly conflicts: readonly Conflict[];
    }
  | { readonly action: 'refused'; readonly problem: Problem };

export interface Authorship {
  readonly people: People | null;
  /** Seconds since 1970; the same when a merge is made again, so that it is the same commit. */
  readonly atSec: number;
  readonly message: string;
}

/** Brings the tips together. Writes objects and nothing else. */
export async function integrate(
  objects: Objects,
  target: Target,
  tips: Tips,
  authorship: Authorship,
): Promise<Integration> {
  const { local, remote, source } = tips;
  const bases = local === remote ? [local] : await mergeBases(objects, local, remote);
  const relation = relate(tips, bases);
  if (isOwnCounterpart(target)) {
    return relation === 'diverged'
      ? merge(objects, target, [local, remote], bases, authorship)
      : plain(relation, tips);
  }
  if (relation === 'diverged') return { action: 'refused', problem: diverged(target, tips) };
  const base = relation === 'behind' ? remote : local;
  const others = await mergeBases(objects, base, source);
  if (others.includes(source)) return plain(relation, tips); // it is in already
  return merge(objects, target, [base, source], others, authorship);
}

type Relation = 'same' | 'behind' | 'ahead' | 'diverged';

function relate({ local, remote }: Tips, bases: readonly string[]): Relation {
  if (local === remote) return 'same';
  if (bases.includes(local)) return 'behind';
  return bases.includes(remote) ? 'ahead' : 'diverged';
}

function plain(relation: Exclude<Relation, 'diverged'>, { local, remote }: Tips): Integration {
  if (relation === 'same') return { action: 'up_to_date', result: local };
  return relation === 'behind'
    ? { action: 'fast_forward', result: remote }
    : { action: 'ahead', result: local };
}

async function merge(
  objects: Objects,
  target: Target,
  parents: readonly [string, string],
  bases: readonly string[],
  authorship: Authorship,
): Promise<Integration> {
  const [ours, theirs] = parents;
  if (bases.length === 0) return { action: 'refused', problem: unrelated(target, parents) };
  const { people } = authorship;
  if (people === null) return { action: 'refused', problem: NO_IDENTITY };
  const merged = await mergeTrees(objects, bases, ours, theirs);
  if (merged.kind === 'conflicts') {
    return { action: 'conflicts', tree: merged.tree, parents, conflicts: merged.conflicts };
  }
  const result = await writeCommit(objects, { tree: merged.tree, parents, ...authorship, people });
  return { action: 'merged', result, parents };
}

/** Returns what the merge commit says. */
export function mergeMessage(target: Target, run: string): string {
  const what = target.source.kind === 'remote' ? 'remote-tracking branch' : 'branch';
  const into = isOwnCounterpart(target) ? '' : ` into ${target.branch}`;
  return `Merge ${what} '${shownSource(target)}'${into}\n\nPlanwright-Run: ${run}\n`;
}

const NO_IDENTITY: Problem = {
  code: 'identity_missing',
  message: 'a merge commit is needed, and git does not know in whose name to make it.',
  hint: 'Tell it: git config user.name "…" && git config user.email "…"',
};

function unrelated(target: Target, [ours, theirs]: readonly [string, string]): Problem {
  return {
    code: 'unrelated_histories',
    message: `"${target.branch}" (${short(ours)}) and "${shownSource(target)}" (${short(theirs)}) have no common ancestor.`,
    hint: `Check that "${target.remote}" is the right remote. If both really belong together, join them once by hand: git merge --allow-unrelated-histories`,
  };
}

function diverged(target: Target, { local, remote }: Tips): Problem {
  return {
    code: 'target_diverged',
    message: `"${target.branch}" here (${short(local)}) and on "${target.remote}" (${short(remote)}) have each gone their own way.`,
    hint: `First bring them together: a safe merge of "${target.branch}" without a source. Then merge "${shownSource(target)}".`,
  };
}
