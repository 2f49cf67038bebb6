/**
 * How likely it is that a candidate will be found good, given all below it is: what the choice of gate runs goes by.
 */
import { descendantsOf, parentOf } from './candidates.js';
import { confirmedRed, isGreen, redGates, redsOn, treeOf, witnesses } from './gates.js';
import type { Candidate, Landing } from './landing.js';

/** The share of bad patches, as far as it was seen. */
export const badRate = ({ policy, bad, decided }: Landing): number =>
  (bad + policy.badRate * policy.badRateWeight) / (decided + policy.badRateWeight);

/** Nothing but a gate on the tree itself is a proof: good news from elsewhere leaves this much doubt. */
const HEARSAY = 0.98;

/** Returns the chance, from 0 to 1, that a candidate's tree can pass. */
export function chanceOf(landing: Landing, candidate: Candidate): number {
  const { state } = candidate;
  // Whoever resolves conflicts may take minutes: until then it goes on as if nobody could.
  if (state.kind === 'conflicted' || state.kind === 'resolving') return 0;
  const before = Math.min(HEARSAY, (1 - badRate(landing)) ** candidate.patches.length);
  if (state.kind === 'merging') return before;
  if (isGreen(landing, state.tree)) return 1;
  if (confirmedRed(landing, candidate) !== null) return 0;

  const above = descendantsOf(landing, candidate.id);
  // What breaks a tree breaks those above it too: one that is green clears all it holds.
  if (above.some((one) => treeOf(one) !== null && isGreen(landing, treeOf(one)!))) return HEARSAY;
  const { flakeRate } = landing.policy;
  const prior = isGreenElsewhere(landing, candidate) ? HEARSAY : before;
  let odds = (prior / (1 - prior)) * flakeRate ** redsOn(landing, state.tree);
  const against = new Set(
    redGates(landing, state.tree).flatMap((gate) => witnesses(landing, candidate, gate)),
  );
  odds *= flakeRate ** against.size;
  // The nearest red tree above it is red for its own sake, by accident, or because of this one. Those further up follow from it.
  const nearest = above.find(
    (one) =>
      parentOf(landing, one) === candidate &&
      !against.has(one) &&
      treeOf(one) !== null &&
      redsOn(landing, treeOf(one)!) > 0,
  );
  if (nearest !== undefined) odds *= 1 - (1 - flakeRate) * (1 - badRate(landing)) ** nearest.patches.length;
  return odds / (1 + odds);
}

/** The same unit passed on top of something else. */
const isGreenElsewhere = (landing: Landing, candidate: Candidate): boolean =>
  Object.values(landing.candidates).some(
    (other) =>
      other !== candidate &&
      other.unit === candidate.unit &&
      treeOf(other) !== null &&
      isGreen(landing, treeOf(other)!),
  );
