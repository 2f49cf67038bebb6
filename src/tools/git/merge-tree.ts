/**
 * Merging two commits without a work tree.
 */
import { readAttributes, useAttributesOf } from './attributes.js';
import type { Objects } from './objects.js';
import { fields, pathFromBytes } from './path-bytes.js';
import { diffTrees, isLink, isSubmodule, type TreeEntry } from './tree.js';

/** One side's content of a path in conflict. */
export interface Stage {
  readonly mode: string;
  readonly id: string;
}

/** A path that a person (or a rule) must decide. */
export interface Conflict {
  readonly path: string;
  /**
   * `content`, `add/add`, `modify/delete`, `binary`, `link`, `submodule`, `merge-driver`, or git's own word for the
   * rarer ones: `rename/delete`, `rename/rename`, `file/directory` …
   */
  readonly kind: string;
  readonly base: Stage | null;
  readonly ours: Stage | null;
  readonly theirs: Stage | null;
}

export type Merged =
  | { readonly kind: 'clean'; readonly tree: string }
  /** `tree` holds what could be merged, and marked or one-sided content at the paths in conflict. */
  | { readonly kind: 'conflicts'; readonly tree: string; readonly conflicts: readonly Conflict[] };

/** Ways to merge that git has built in; any other name is a program of somebody's configuration. */
const BUILT_IN_MERGES = new Set(['set', 'unset', 'text', 'binary', 'union']);

/** Returns the best common ancestors of two commits; none when their histories are unrelated. */
export async function mergeBases(objects: Objects, ours: string, theirs: string): Promise<string[]> {
  const answer = await objects.git(['merge-base', '--all', ours, theirs], { accept: [0, 1] });
  return answer.stdout.toString('utf8').split('\n').filter(Boolean);
}

/** Tells whether `ancestor` is in the history of `descendant` (or is it). */
export async function isAncestor(objects: Objects, ancestor: string, descendant: string): Promise<boolean> {
  const answer = await objects.git(['merge-base', '--is-ancestor', ancestor, descendant], { accept: [0, 1] });
  return answer.exitCode === 0;
}

/**
 * Merges two commits with a common ancestor, as git would with the attributes of `ours`.
 *
 * A path that asks for a merge driver of somebody's own is a conflict when both sides changed it: we run no such
 * program, and merging it as text is what its author did not want.
 *
 * @param hasAttributes - says that the attributes files of `ours` are in place, and whether there are any; left out: they are
 * looked for
 */
export async function mergeTrees(
  objects: Objects,
  bases: readonly string[],
  ours: string,
  theirs: string,
  hasAttributes?: boolean,
): Promise<Merged> {
  const met = hasAttributes === false ? NOWHERE : await meeting(objects, bases, ours, theirs);
  const attributed = met.mayMerge && (hasAttributes ?? (await useAttributesOf(objects, ours)));
  const drivers = attributed ? await foreignDrivers(objects, met.paths) : new Map<string, string>();
  const settings = [...new Set(drivers.values())].map((name) => [`merge.${name}.driver`, 'false'] as const);
  const args = ['merge-tree', '--write-tree', '-z', '--end-of-options', ours, theirs];
  const answer = await objects.git(args, { accept: [0, 1], settings, maxBytes: 256 * 1024 * 1024 });
  const { tree, stages, notes } = parse(answer.stdout);
  if (answer.exitCode === 0) return { kind: 'clean', tree };
  return { kind: 'conflicts', tree, conflicts: conflictsOf(stages, notes, drivers) };
}

interface Meeting {
  /** Changed on both sides. */
  readonly paths: readonly string[];
  /** Whether git may have to merge the content of a file: only then attributes count, and all of a tree is listed for them. */
  readonly mayMerge: boolean;
}

/** What there is to look at where there are no attributes. */
const NOWHERE: Meeting = { paths: [], mayMerge: false };

async function meeting(
  objects: Objects,
  bases: readonly string[],
  ours: string,
  theirs: string,
): Promise<Meeting> {
  const [base, ...more] = bases;
  if (base === undefined) return { paths: [], mayMerge: true };
  const sides = await Promise.all([ours, theirs].map((side) => diffTrees(objects, base, side)));
  const [onOurs = [], onTheirs = []] = sides;
  const known = new Set(onOurs.map(({ path }) => path));
  const paths = onTheirs.flatMap(({ path }) => (known.has(path) ? [path] : []));
  // Where something went it may have gone to another name, and whatever lies there meets it; several bases are merged first.
  const mayMove = sides.some((side) => side.some(({ after }) => after === null));
  return { paths, mayMerge: paths.length > 0 || mayMove || more.length > 0 };
}

/** Those of the paths whose `merge` attribute names a driver that is not git's own. */
async function foreignDrivers(
  objects: Objects,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const values = await readAttributes((args, options) => objects.git(args, options), ['merge'], paths);
  return new Map([...(values.get('merge') ?? [])].filter(([, name]) => !BUILT_IN_MERGES.has(name)));
}

interface StagedEntry extends TreeEntry {
  readonly stage: 1 | 2 | 3;
}
interface Note {
  readonly type: string;
  readonly paths: readonly string[];
}

/** Reads `merge-tree -z`: the tree, the stages, an empty field, then messages (count, paths, type, text). */
function parse(output: Buffer): { tree: string; stages: StagedEntry[]; notes: Note[] } {
  // Behind the last record git may print advice on submodules, as it would without -z.
  const all = [...fields(output.subarray(0, output.lastIndexOf(0) + 1))];
  const tree = all[0]?.toString('latin1') ?? '';
  const stages: StagedEntry[] = [];
  const notes: Note[] = [];
  let at = 1;
  for (; at < all.length; at += 1) {
    const field = all[at] as Buffer;
    if (field.length === 0) break;
    const tab = field.indexOf(9);
    const [mode = '', id = '', stage = ''] = field.toString('latin1', 0, tab).split(' ');
    stages.push({
      mode,
      id,
      stage: Number(stage) as 1 | 2 | 3,
      path: pathFromBytes(field.subarray(tab + 1)),
    });
  }
  at += 1;
  while (at < all.length) {
    const count = Number(all[at]?.toString('latin1'));
    if (!Number.isInteger(count) || count < 0)
      throw new Error('BUG: git merge-tree answered in an unknown form');
    const paths = all.slice(at + 1, at + 1 + count).map(pathFromBytes);
    notes.push({ paths, type: all[at + 1 + count]?.toString('utf8') ?? '' });
    at += count + 3;
  }
  return { tree, stages, notes };
}

function conflictsOf(
  staged: readonly StagedEntry[],
  notes: readonly Note[],
  drivers: ReadonlyMap<string, string>,
): Conflict[] {
  const sides = new Map<string, { base: Stage | null; ours: Stage | null; theirs: Stage | null }>();
  for (const { path, stage, mode, id } of staged) {
    const side = sides.get(path) ?? { base: null, ours: null, theirs: null };
    side[stage === 1 ? 'base' : stage === 2 ? 'ours' : 'theirs'] = { mode, id };
    sides.set(path, side);
  }
  const words = new Map<string, string[]>();
  for (const { type, paths } of notes) {
    const word = /^CONFLICT \((.*)\)$/.exec(type)?.[1];
    if (word === undefined) continue;
    for (const path of paths) words.set(path, [...(words.get(path) ?? []), word]);
    // A conflict about names alone may leave no stage at any path: it is one nevertheless.
    if (!paths.some((path) => sides.has(path))) {
      const [path = ''] = paths;
      sides.set(path, { base: null, ours: null, theirs: null });
    }
  }
  if (sides.size === 0) throw new Error('BUG: git merge-tree reported conflicts and named none');
  return [...sides].map(([path, side]) => ({
    path,
    kind: kindOf(side, words.get(path) ?? [], drivers.get(path) ?? null),
    ...side,
  }));
}

function kindOf(
  side: Omit<Conflict, 'path' | 'kind'>,
  words: readonly string[],
  driver: string | null,
): string {
  const isPointer = driver === 'lfs'; // what Git LFS keeps: a side is taken whole, as with any binary file
  if (driver !== null && !isPointer) return 'merge-driver';
  const modes = [side.base, side.ours, side.theirs].flatMap((stage) => (stage === null ? [] : [stage.mode]));
  if (modes.some(isSubmodule)) return 'submodule';
  // git's first word may be "contents" for what is also a rename: the rarer word says more.
  const special = words.find((word) => word !== 'contents' && word !== 'binary');
  if (special !== undefined) return special;
  if (modes.some(isLink)) return 'link';
  if (words.includes('binary') || (isPointer && words.includes('contents'))) return 'binary';
  if (words.includes('contents')) return side.base === null ? 'add/add' : 'content';
  return 'unknown';
}
