/**
 * The branch: moved to what is approved, and found elsewhere.
 */
import { replaceRoot } from './candidates.js';
import { decide } from './decide.js';
import type { CommitId, Landing, LandingCommand, TreeId, Unit } from './landing.js';

/** Moves the branch to what is approved: one move at a time, and all there is by then. */
export function startMove(landing: Landing, commands: LandingCommand[]): void {
  if (landing.move !== null || landing.approved.length === 0) return;
  const { state } = landing.candidates[landing.root]!;
  if (state.kind !== 'merged') throw new Error('BUG: the root of a landing queue is not merged');
  const { commit: to, tree } = state;
  landing.move = { to, tree, patches: landing.approved };
  landing.approved = [];
  commands.push({ kind: 'land', from: landing.base.commit, to, tree, patches: landing.move.patches });
}

/** Takes in that the branch is where it was to be. */
export function finishMove(landing: Landing, commands: LandingCommand[]): void {
  if (landing.move === null) throw new Error('BUG: nothing was landing');
  const { to, tree, patches } = landing.move;
  landing.move = null;
  landing.base = { commit: to, tree };
  for (const patch of patches) {
    const { fate } = landing.patches[patch]!;
    if (fate.kind !== 'approved') throw new Error(`BUG: patch "${patch}" landed and was ${fate.kind}`);
    decide(landing, patch, { kind: 'landed', proof: fate.proof }, commands);
  }
}

/** Begins again on another tip: what was approved and has not landed is merged and gated again. */
export function startOver(
  landing: Landing,
  tip: { readonly commit: CommitId; readonly tree: TreeId },
  commands: LandingCommand[],
): void {
  const again = [...(landing.move?.patches ?? []), ...landing.approved];
  landing.move = null;
  landing.approved = [];
  landing.base = { commit: tip.commit, tree: tip.tree };
  landing.decided = Math.max(0, landing.decided - again.length);
  for (const patch of again) decide(landing, patch, { kind: 'waiting' }, commands);
  landing.line.unshift(...again.map((patch): Unit => ({ id: landing.nextId++, patches: [patch] })));
  replaceRoot(landing, landing.base);
}
