/**
 * What gate runs tell of a tree.
 */
import type { Candidate, GateRecord, Landing, TreeId } from './landing.js';
import { childOf, descendantsOf, parentOf, pathBetween } from './candidates.js';

const recordsOf = (landing: Landing, tree: TreeId): Readonly<Record<string, GateRecord>> =>
  landing.trees[tree] ?? {};

export const treeOf = ({ state }: Candidate): TreeId | null => (state.kind === 'merged' ? state.tree : null);

/** Every gate was green on exactly this tree. */
export const isGreen = (landing: Landing, tree: TreeId): boolean =>
  landing.policy.gates.every((gate) => recordsOf(landing, tree)[gate]?.green === true);

/** Gates that were red on a tree, and never green. */
export const redGates = (landing: Landing, tree: TreeId): string[] =>
  landing.policy.gates.filter((gate) => isRedOn(landing, tree, gate));

const isRedOn = (landing: Landing, tree: TreeId, gate: string): boolean => {
  const record = recordsOf(landing, tree)[gate];
  return record !== undefined && !record.green && record.reds > 0;
};

/** How often the reddest gate of a tree was red. */
export const redsOn = (landing: Landing, tree: TreeId): number =>
  Math.max(0, ...redGates(landing, tree).map((gate) => recordsOf(landing, tree)[gate]!.reds));

/** Which gates a tree is to be run through next: a red one is run again, and only that; else all that were not seen yet. */
export function nextGates(landing: Landing, tree: TreeId): readonly string[] {
  const red = redGates(landing, tree);
  return red.length > 0
    ? red
    : landing.policy.gates.filter((gate) => recordsOf(landing, tree)[gate]?.green !== true);
}

/** Takes in the results of a run. A gate that was green once has shown that the tree can pass. */
export function recordResults(
  landing: Landing,
  tree: TreeId,
  results: Readonly<Record<string, 'green' | 'red' | 'error'>>,
): void {
  const records = (landing.trees[tree] ??= {});
  for (const [gate, result] of Object.entries(results)) {
    const record = (records[gate] ??= { green: false, reds: 0 });
    if (result === 'green') record.green = true;
    else record.reds += 1;
  }
}

/** A gate that is red on a tree beyond doubt, or null. */
export function confirmedRed(landing: Landing, candidate: Candidate): { gate: string; reds: number } | null {
  const tree = treeOf(candidate);
  if (tree === null) return null;
  for (const gate of redGates(landing, tree)) {
    const own = recordsOf(landing, tree)[gate]!.reds;
    const reds = own + witnesses(landing, candidate, gate).length;
    if (own >= 2 && reds >= landing.policy.redsNeeded) return { gate, reds };
  }
  return null;
}

/**
 * Returns the trees above a candidate that testify against it: red at this gate with it, and green without it, all else
 * being the same.
 */
export const witnesses = (landing: Landing, candidate: Candidate, gate: string): Candidate[] =>
  redAbove(landing, candidate, gate).filter((above) => {
    const tree = treeOrNull(bypassOf(landing, candidate, above));
    return tree !== null && recordsOf(landing, tree)[gate]?.green === true;
  });

/** Says whether a tree that may yet testify against a candidate is being made or gated: then another look at it can wait. */
export const isWitnessComing = (landing: Landing, candidate: Candidate): boolean =>
  redGates(landing, treeOf(candidate)!).some((gate) =>
    redAbove(landing, candidate, gate).some((above) => {
      const bypass = bypassOf(landing, candidate, above);
      if (bypass?.state.kind === 'merging') return true;
      const tree = treeOrNull(bypass);
      if (tree === null || redsOn(landing, tree) > 0) return false;
      return Object.values(landing.runs).some((run) => run.tree === tree);
    }),
  );

const treeOrNull = (candidate: Candidate | undefined): TreeId | null =>
  candidate === undefined ? null : treeOf(candidate);

/** The trees that hold a candidate and are red at this gate too. */
const redAbove = (landing: Landing, candidate: Candidate, gate: string): Candidate[] =>
  candidate.parent === null
    ? []
    : descendantsOf(landing, candidate.id).filter((above) => {
        const tree = treeOf(above);
        return tree !== null && isRedOn(landing, tree, gate);
      });

/** The candidate with all that one above has, but for the one in between. */
function bypassOf(landing: Landing, candidate: Candidate, above: Candidate): Candidate | undefined {
  let without = parentOf(landing, candidate);
  for (const unit of pathBetween(landing, candidate.id, above.id)) {
    if (without !== undefined) without = childOf(landing, without.id, unit);
  }
  return without;
}
