/**
 * Content filters of the files that a move of a work tree writes.
 */
import { findProgram } from '../process/find-program.js';
import { type AttributeValues, readAttributes, useAttributesOf } from './attributes.js';
import type { Obstacle } from './checkout-obstacles.js';
import type { Objects } from './objects.js';
import { bytesFromPath } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';
import { isSubmodule, type TreeChange } from './tree.js';

/** Returns files that a filter belongs to which we do not run, or null. */
export async function filteredFiles(
  checkout: Repository,
  objects: Objects,
  to: string,
  changes: readonly TreeChange[],
): Promise<Obstacle | null> {
  const programs = new Set(
    checkout.disarmed.flatMap(([name]) => /^filter\.(.*)\.[a-z]+$/.exec(name)?.[1] ?? []),
  );
  if (programs.size === 0) return null;
  for (const values of await filtersOf(checkout, objects, to, written(changes))) {
    const filtered = [...values].filter(([, name]) => programs.has(name));
    const [first] = filtered;
    if (first !== undefined)
      return { kind: 'filter', filter: first[1], paths: filtered.map(([path]) => path) };
  }
  return null;
}

/**
 * Returns files that Git LFS cannot write, or null: it is asked for all that the move will ask it for, and the answer is
 * thrown away. git removes a file before it asks for the new content, so a filter that fails only then leaves a work tree
 * which nobody else can put right.
 */
export async function lfsFiles(
  checkout: Repository,
  objects: Objects,
  to: string,
  changes: readonly TreeChange[],
): Promise<Obstacle | null> {
  if (!checkout.lfs) return null;
  const files = written(changes);
  const [here, there] = await filtersOf(checkout, objects, to, files);
  const kept = files.filter(({ path }) => [here.get(path), there.get(path)].includes('lfs'));
  if (kept.length === 0) return null;
  const paths = kept.map(({ path }) => path);
  const program = findProgram('git-lfs', process.env['PATH'], '/');
  if (program.kind === 'problem') return { kind: 'lfs', paths, said: program.message };
  // Those whose attributes lie here already: git goes by no others for this.
  const input = kept.flatMap(({ path, after }) =>
    here.get(path) === 'lfs' ? [Buffer.from(`${after?.id ?? ''} `), bytesFromPath(path), NUL] : [],
  );
  const answer = await gitIn(checkout, ['cat-file', '--batch', '--filters', '-z'], {
    input: Buffer.concat(input),
    discard: true,
    accept: [0, 1, 128],
  });
  return answer.exitCode === 0 ? null : { kind: 'lfs', paths, said: answer.stderr };
}

const NUL = Buffer.from([0]);

/** What a move writes. */
const written = (changes: readonly TreeChange[]): TreeChange[] =>
  changes.filter(({ after }) => after !== null && !isSubmodule(after.mode));

/** The filters of files by the attributes that lie here, and by those of the commit. */
async function filtersOf(
  checkout: Repository,
  objects: Objects,
  to: string,
  changes: readonly TreeChange[],
): Promise<[here: AttributeValues, there: AttributeValues]> {
  const paths = changes.map(({ path }) => path);
  await useAttributesOf(objects, to);
  const asked = async (run: Parameters<typeof readAttributes>[0]): Promise<AttributeValues> =>
    (await readAttributes(run, ['filter'], paths)).get('filter') ?? new Map<string, string>();
  return [
    await asked((args, options) => gitIn(checkout, args, options)),
    await asked((args, options) => objects.git(args, options)),
  ];
}
