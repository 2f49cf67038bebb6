/**
 * The commits that land: each says what it was made of and what its tree passed.
 */
import { writeCommit, type People } from './commit.js';
import { treeOf } from './integrate-patch.js';
import type { Objects } from './objects.js';

/** One commit of a landing. */
export interface ProvenStep {
  readonly patch: string;
  /** The commit that was merged: only its tree counts. */
  readonly merged: string;
  /** First line and body, without trailers. */
  readonly message: string;
  /** The commit the patch was made for. */
  readonly base: string;
  /** SHA-256 of the patch file. */
  readonly patchSha256: string;
  /** The tree that the gates ran on: in a batch, the one with all its patches. */
  readonly testedTree: string;
  /** Gate → what it came to: "passed", "passed (red 1 time before)". */
  readonly gates: Readonly<Record<string, string>>;
  /** Each file of it that was in conflict: "a.txt by resolver, confidence 0.9". */
  readonly resolved?: readonly string[];
}

/** What was to land is not what was tested. */
export class NotWhatWasTested extends Error {
  override readonly name = 'NotWhatWasTested';
}

/**
 * Writes the commits of a landing, the first on `onto`. Safe to run twice: it makes the same commits.
 *
 * @param tree - what the last of them must hold
 * @returns the last of them
 * @throws NotWhatWasTested when its tree is not that one, or not the one the gates ran on
 */
export async function writeProvenCommits(
  objects: Objects,
  onto: string,
  steps: readonly ProvenStep[],
  { run, tree: expected }: { readonly run: string; readonly tree: string },
  people: People,
  atSec: number,
): Promise<string> {
  let at = onto;
  let tree = await treeOf(objects, onto);
  for (const step of steps) {
    const next = await treeOf(objects, step.merged);
    if (next === tree) continue; // it is there already, landed by an earlier run: no second, empty commit says so
    tree = next;
    const message = `${step.message.trimEnd()}\n\n${trailers(step, run).join('\n')}\n`;
    at = await writeCommit(objects, { tree, parents: [at], message, people, atSec });
  }
  const tested = steps.at(-1)?.testedTree;
  if (tree !== expected || (tested !== undefined && tested !== tree)) {
    throw new NotWhatWasTested(
      `what would land is tree ${tree}; asked for was ${expected}, and tested ${tested}`,
    );
  }
  return at;
}

function trailers(step: ProvenStep, run: string): string[] {
  return [
    `Planwright-Run: ${run}`,
    `Planwright-Patch: ${step.patch}`,
    `Planwright-Patch-Sha256: ${step.patchSha256}`,
    `Planwright-Base: ${step.base}`,
    `Planwright-Tested-Tree: ${step.testedTree}`,
    ...(step.resolved ?? []).map((file) => `Planwright-Resolved: ${oneLine(file)}`),
    ...Object.entries(step.gates).map(
      ([gate, result]) => `Planwright-Gate: ${oneLine(gate)}: ${oneLine(result)}`,
    ),
  ];
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
