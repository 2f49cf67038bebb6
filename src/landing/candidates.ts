/**
 * The tree of candidates: from the approved tip upwards, each with one unit more than the one below it.
 */
import {
  rootCandidate,
  type Candidate,
  type CommitId,
  type Landing,
  type PatchId,
  type TreeId,
  type Unit,
} from './landing.js';

const all = (landing: Landing): Candidate[] => Object.values(landing.candidates);

export const childOf = (landing: Landing, parent: number, unit: number): Candidate | undefined =>
  all(landing).find((candidate) => candidate.parent === parent && candidate.unit === unit);

export function addCandidate(landing: Landing, parent: number, unit: Unit): Candidate {
  const id = landing.nextId;
  landing.nextId += 1;
  const candidate: Candidate = {
    id,
    parent,
    unit: unit.id,
    patches: unit.patches,
    state: { kind: 'merging' },
  };
  landing.candidates[id] = candidate;
  return candidate;
}

/** All candidates that hold this one, without itself. */
export function descendantsOf(landing: Landing, id: number): Candidate[] {
  const found: Candidate[] = [];
  const ids = new Set([id]);
  // A child's id is above its parent's: one pass in order of id finds them all.
  for (const candidate of all(landing)) {
    if (candidate.parent === null || !ids.has(candidate.parent)) continue;
    ids.add(candidate.id);
    found.push(candidate);
  }
  return found;
}

/** Returns the units between two candidates, from the lower one's child to the upper one. */
export function pathBetween(landing: Landing, lower: number, upper: number): number[] {
  const units: number[] = [];
  for (let at = landing.candidates[upper]; at !== undefined && at.id !== lower; at = parentOf(landing, at))
    units.unshift(at.unit);
  return units;
}

export const parentOf = (landing: Landing, { parent }: Candidate): Candidate | undefined =>
  parent === null ? undefined : landing.candidates[parent];

/** The undecided patches a candidate holds. */
export function patchesIn(landing: Landing, candidate: Candidate): Set<PatchId> {
  const patches = new Set<PatchId>();
  for (
    let at: Candidate | undefined = candidate;
    at !== undefined && at.parent !== null;
    at = parentOf(landing, at)
  ) {
    for (const patch of at.patches) patches.add(patch);
  }
  return patches;
}

/** Makes a candidate the root and forgets all that do not hold it. */
export function raiseRoot(landing: Landing, candidate: Candidate): void {
  const kept = [candidate, ...descendantsOf(landing, candidate.id)];
  candidate.parent = null;
  landing.root = candidate.id;
  landing.candidates = Object.fromEntries(kept.map((one) => [one.id, one]));
}

/** Forgets a unit's candidates and all that hold them. */
export function dropUnits(landing: Landing, units: ReadonlySet<number>): void {
  const dropped = new Set<number>();
  for (const candidate of all(landing)) {
    if (candidate.id === landing.root) continue;
    if (units.has(candidate.unit) || dropped.has(candidate.parent!)) dropped.add(candidate.id);
  }
  for (const id of dropped) delete landing.candidates[id];
}

/** Starts over from another tip. */
export function replaceRoot(landing: Landing, tip: { commit: CommitId; tree: TreeId }): void {
  const root = rootCandidate(landing.nextId, tip);
  landing.nextId += 1;
  landing.root = root.id;
  landing.candidates = { [root.id]: root };
}
