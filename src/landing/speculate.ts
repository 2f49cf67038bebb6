/**
 * What is worth doing now: the merges and gate runs whose results are most likely to be used, the likeliest first.
 */
import { addCandidate, childOf, patchesIn } from './candidates.js';
import { badRate, chanceOf } from './chance.js';
import { isWitnessComing, nextGates, redsOn, treeOf } from './gates.js';
import type { Candidate, Landing, LandingCommand, PatchId, Unit } from './landing.js';

/** One way things may go: what has landed by then, and which unit is next. */
interface Future {
  readonly context: Candidate;
  readonly index: number;
  readonly chance: number;
}

/** Chooses merges and gate runs, notes them as under way, and returns them. */
export function speculate(landing: Landing): LandingCommand[] {
  const { policy } = landing;
  const commands: LandingCommand[] = [];
  const underWay = Object.values(landing.runs);
  let free = policy.slots - underWay.length;
  if (
    !landing.isRoundOpen &&
    underWay.filter(({ round }) => round <= landing.round).length <= policy.stragglers
  ) {
    landing.isRoundOpen = true;
    landing.round += 1;
  }
  const rows: Rows = new Map();
  const futures: Future[] = [{ context: landing.candidates[landing.root]!, index: 0, chance: 1 }];
  while (futures.length > 0) {
    const { context, index, chance } = takeLikeliest(futures);
    if (chance < Math.min(policy.minUse, policy.minMergeUse)) break; // the first in line is worth 1, so something is always worked on
    if (context.state.kind !== 'merged' && !rows.has(context.id)) continue;
    const unit = landing.line[index] ?? formUnit(landing);
    if (unit === undefined) continue;
    if (!canStandOn(landing, unit, context)) {
      futures.push({ context, index: index + 1, chance });
      continue;
    }
    let candidate = childOf(landing, context.id, unit.id);
    if (candidate === undefined) {
      candidate = addCandidate(landing, context.id, unit);
      const begun = addMerge(rows, context, candidate, policy.mergesInRow ?? 1);
      if (begun !== null) commands.push(begun);
    }
    const good = chanceOf(landing, candidate);
    // What decides the first in line, and the second look at a red tree, wait for no round.
    const mayStart =
      chance >= policy.minUse &&
      free > 0 &&
      (landing.isRoundOpen || context.id === landing.root || isSuspect(landing, candidate));
    const run = mayStart ? startGates(landing, candidate) : null;
    if (run !== null) {
      free -= 1;
      commands.push(run);
    }
    if (candidate.state.kind === 'merged' || rows.has(candidate.id))
      futures.push({ context: candidate, index: index + 1, chance: chance * good });
    futures.push({ context, index: index + 1, chance: chance * (1 - good) });
  }
  return commands;
}

type MergeCommand = Extract<LandingCommand, { kind: 'merge' }>;
/** Merges that this call asks for and that may have more on top, by the candidate that is their uppermost. */
type Rows = Map<number, { readonly command: MergeCommand; readonly above: Above[] }>;
type Above = NonNullable<MergeCommand['above']>[number];

/** Has a candidate made: on top of a row of merges, or by a command of its own, which is returned. */
function addMerge(
  rows: Rows,
  context: Candidate,
  { id, patches }: Candidate,
  most: number,
): MergeCommand | null {
  const below = rows.get(context.id);
  if (below !== undefined) {
    below.above.push({ candidate: id, patches });
    rows.delete(context.id);
    if (below.above.length + 1 < most) rows.set(id, below);
    return null;
  }
  if (context.state.kind !== 'merged') throw new Error('BUG: a merge is asked for onto what is not there');
  const above: Above[] = [];
  const command: MergeCommand = { kind: 'merge', candidate: id, onto: context.state.commit, patches, above };
  if (most > 1) rows.set(id, { command, above });
  return command;
}

const isSuspect = (landing: Landing, candidate: Candidate): boolean => {
  const tree = treeOf(candidate);
  return tree !== null && redsOn(landing, tree) > 0;
};

/** Of equal ones the one found first. */
function takeLikeliest(futures: Future[]): Future {
  let best = 0;
  futures.forEach(({ chance }, at) => {
    if (chance > futures[best]!.chance) best = at;
  });
  return futures.splice(best, 1)[0]!;
}

/** Starts the next gate run of a candidate's tree, if it needs one and none is under way. */
export function startGates(landing: Landing, candidate: Candidate): LandingCommand | null {
  const { state } = candidate;
  if (state.kind !== 'merged' || Object.values(landing.runs).some(({ tree }) => tree === state.tree))
    return null;
  const gates = nextGates(landing, state.tree);
  if (redsOn(landing, state.tree) >= 2 && isWitnessComing(landing, candidate)) return null;
  if (gates.length === 0 || chanceOf(landing, candidate) === 0) return null;
  const run = landing.nextId;
  landing.nextId += 1;
  landing.gateRuns += 1;
  // What starts between two rounds belongs to the next.
  landing.runs[run] = { tree: state.tree, gates, round: landing.round + (landing.isRoundOpen ? 0 : 1) };
  return { kind: 'run-gates', run, commit: state.commit, tree: state.tree, gates };
}

/** Says whether everything a unit depends on is in a candidate or decided. */
function canStandOn(landing: Landing, unit: Unit, context: Candidate): boolean {
  let held: Set<PatchId> | null = null;
  return unit.patches.every((patch) =>
    landing.patches[patch]!.dependsOn.every((id) => {
      if (landing.patches[id]?.fate.kind !== 'waiting' || unit.patches.includes(id)) return true;
      held ??= patchesIn(landing, context);
      return held.has(id);
    }),
  );
}

/** Moves patches from behind the line into it, as many as are likely to pass together. */
function formUnit(landing: Landing): Unit | undefined {
  const { policy, waiting } = landing;
  const good = 1 - badRate(landing);
  let size = 1;
  while (size < policy.maxBatch && good ** (size + 1) >= policy.minBatchGood) size += 1;
  // One whose dependency has not come yet lets those behind it pass, and so do those that depend on it.
  const behind = new Set(waiting);
  const patches: PatchId[] = [];
  for (const patch of waiting) {
    const { dependsOn } = landing.patches[patch]!;
    const isReady = dependsOn.every(
      (id) => !behind.has(id) && (landing.patches[id] !== undefined || landing.absent[id] !== undefined),
    );
    if (!isReady) continue;
    behind.delete(patch);
    if (patches.push(patch) === size) break;
  }
  if (patches.length === 0) return undefined;
  const unit = { id: landing.nextId, patches };
  landing.nextId += 1;
  landing.waiting = waiting.filter((patch) => behind.has(patch));
  landing.line.push(unit);
  return unit;
}

/** Ends the runs whose trees no future holds any more. */
export function stopIdleRuns(landing: Landing): LandingCommand[] {
  const live = new Set(Object.values(landing.candidates).map(treeOf));
  const idle = Object.entries(landing.runs).filter(([, { tree }]) => !live.has(tree));
  for (const [run] of idle) delete landing.runs[Number(run)];
  for (const tree of Object.keys(landing.trees)) if (!live.has(tree)) delete landing.trees[tree];
  return [
    ...idle.map(([run]) => ({ kind: 'stop-gates', run: Number(run) }) as const),
    ...stopIdleResolving(landing),
  ];
}

/** Ends the resolving of conflicts that are no more, or that a stopped queue does not ask about. */
function stopIdleResolving(landing: Landing): LandingCommand[] {
  const idle = (landing.resolving ?? []).filter(
    (id) => landing.halt !== null || landing.candidates[id]?.state.kind !== 'resolving',
  );
  if (idle.length > 0) landing.resolving = landing.resolving!.filter((id) => !idle.includes(id));
  return idle.map((candidate) => ({ kind: 'stop-resolve', candidate }));
}
