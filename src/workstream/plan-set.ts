/**
 * When each workstream may run: waves, the order inside them, what is held apart, what is blocked, how long it takes.
 */
import { graphOf, levelsOf } from '../plan/graph.js';
import { findCollisions, sharedPaths, type Collision } from './collisions.js';
import { estimatedHours, type Workstream, type WorkstreamId } from './workstream.js';

/** A workstream that this one waits for without depending on it: whatever the other comes to, this one goes on. */
export interface OrderedAfter {
  readonly id: WorkstreamId;
  readonly because: Collision;
}

export interface SetPlan {
  /** All that can run, in the order in which they are taken when there is a choice. Dependencies come first. */
  readonly order: readonly WorkstreamId[];
  /** The dependency levels, ids sorted. The published contract: collisions do not change them. */
  readonly waves: readonly (readonly WorkstreamId[])[];
  /** Each wave cut into groups that can run side by side. */
  readonly rounds: readonly (readonly (readonly WorkstreamId[])[])[];
  /** Dependencies inside the set, without those that another one implies. */
  readonly dependsOn: Readonly<Record<string, readonly WorkstreamId[]>>;
  readonly after: Readonly<Record<string, readonly OrderedAfter[]>>;
  readonly collisions: readonly Collision[];
  readonly sharedPaths: Readonly<Record<string, readonly WorkstreamId[]>>;
  readonly criticalPath: {
    readonly ids: readonly WorkstreamId[];
    readonly length: number;
    readonly unit: 'workstreams' | 'hours';
  };
  /** Workstreams divided by waves. */
  readonly speedUp: number;
  /** Those that most others wait for, directly or not; the ten with most. */
  readonly bottlenecks: readonly { readonly id: WorkstreamId; readonly dependents: number }[];
}

export interface SetPlanOptions {
  /** How many of a wave run side by side (`dag.max_wave_parallelism`). */
  readonly maxWaveParallelism: number;
}

const MOST_BOTTLENECKS = 10;

/**
 * Plans workstreams that can run.
 *
 * @param workstreams - none blocked; dependencies outside the list count as met
 */
export function planSet(workstreams: readonly Workstream[], { maxWaveParallelism }: SetPlanOptions): SetPlan {
  const sorted = [...workstreams].sort((a, b) => (a.id < b.id ? -1 : 1));
  const graph = graphOf(sorted);
  const levels = levelsOf(graph);
  if (levels.flat().length !== sorted.length)
    throw new Error('BUG: workstreams in a circle must be left out');
  const levelOf = new Int32Array(sorted.length);
  levels.forEach((level, at) => level.forEach((index) => (levelOf[index] = at)));

  const below = dependentsOf(graph.dependencies);
  const counts = countBelow(below, levels);
  const hasHours = sorted.some((workstream) => estimatedHours(workstream) !== null);
  const weightOf = (index: number): number => (hasHours ? (estimatedHours(sorted[index]!) ?? 1) : 1);
  const path = longestPaths(below, levels, weightOf);

  const isBackground = (index: number): number => (sorted[index]!.priority === 'background' ? 1 : 0);
  const indices = levels.flatMap((level) =>
    [...level].sort(
      (a, b) =>
        isBackground(a) - isBackground(b) ||
        path.length[b]! - path.length[a]! ||
        counts[b]! - counts[a]! ||
        a - b,
    ),
  );
  const order = indices.map((index) => sorted[index]!);
  const collisions = findCollisions(order, graphOf(order), (at) => levelOf[indices[at]!]!);
  const after: Record<string, OrderedAfter[]> = {};
  for (const because of collisions) (after[because.second] ??= []).push({ id: because.first, because });

  const waves = levels.map((level) => level.map((index) => sorted[index]!.id));
  return {
    order: order.map(({ id }) => id),
    waves,
    rounds: waves.map((wave) => roundsOf(wave, order, collisions, maxWaveParallelism)),
    dependsOn: reduced(sorted, graph.dependencies, levels),
    after,
    collisions,
    sharedPaths: sharedPaths(sorted),
    criticalPath: criticalPath(sorted, path, hasHours ? 'hours' : 'workstreams'),
    speedUp: waves.length === 0 ? 1 : sorted.length / waves.length,
    bottlenecks: sorted
      .map(({ id }, index) => ({ id, dependents: counts[index]! }))
      .filter(({ dependents }) => dependents > 0)
      .sort((a, b) => b.dependents - a.dependents || (a.id < b.id ? -1 : 1))
      .slice(0, MOST_BOTTLENECKS),
  };
}

function dependentsOf(dependencies: readonly (readonly number[])[]): number[][] {
  const below: number[][] = dependencies.map(() => []);
  dependencies.forEach((list, index) => list.forEach((on) => below[on]!.push(index)));
  return below;
}

/** Returns how many depend on each, directly or through others. */
function countBelow(below: readonly (readonly number[])[], levels: readonly (readonly number[])[]): number[] {
  const reached: Set<number>[] = below.map(() => new Set());
  for (const level of [...levels].reverse()) {
    for (const index of level) {
      for (const next of below[index]!) {
        reached[index]!.add(next);
        for (const further of reached[next]!) reached[index]!.add(further);
      }
    }
  }
  return reached.map((set) => set.size);
}

interface Paths {
  /** Of the longest path from each on, itself included. */
  readonly length: number[];
  /** The next on that path, or -1. */
  readonly next: number[];
}

function longestPaths(
  below: readonly (readonly number[])[],
  levels: readonly (readonly number[])[],
  weightOf: (index: number) => number,
): Paths {
  const length: number[] = below.map(() => 0);
  const next: number[] = below.map(() => -1);
  for (const level of [...levels].reverse()) {
    for (const index of level) {
      for (const on of below[index]!)
        if (next[index] === -1 || length[on]! > length[next[index]!]!) next[index] = on;
      length[index] = weightOf(index) + (next[index] === -1 ? 0 : length[next[index]!]!);
    }
  }
  return { length, next };
}

function criticalPath(
  workstreams: readonly Workstream[],
  { length, next }: Paths,
  unit: 'workstreams' | 'hours',
): SetPlan['criticalPath'] {
  let at = length.reduce((best, value, index) => (best === -1 || value > length[best]! ? index : best), -1);
  const whole = at === -1 ? 0 : length[at]!;
  const ids: WorkstreamId[] = [];
  for (; at !== -1; at = next[at]!) ids.push(workstreams[at]!.id);
  return { ids, length: whole, unit };
}

/** Cuts a wave into rounds: at most so many, none that collide; those that come first in the order go first. */
function roundsOf(
  wave: readonly WorkstreamId[],
  order: readonly Workstream[],
  collisions: readonly Collision[],
  most: number,
): WorkstreamId[][] {
  const members = new Set(wave);
  const apart = new Set(collisions.map(({ first, second }) => `${first} ${second}`));
  const rounds: WorkstreamId[][] = [];
  for (const { id } of order) {
    if (!members.has(id)) continue;
    // After the last round that holds one it collides with: the first of a pair stays the first.
    const last = rounds.findLastIndex((round) => round.some((other) => apart.has(`${other} ${id}`)));
    let at = last + 1;
    while (rounds[at] !== undefined && rounds[at]!.length >= most) at += 1;
    (rounds[at] ??= []).push(id);
  }
  return rounds;
}

/** Leaves out each dependency that another one has too: what succeeds by then has been waited for. */
function reduced(
  workstreams: readonly Workstream[],
  dependencies: readonly (readonly number[])[],
  levels: readonly (readonly number[])[],
): Record<string, WorkstreamId[]> {
  const above: Set<number>[] = dependencies.map(() => new Set());
  for (const level of levels) {
    for (const index of level) {
      for (const on of dependencies[index]!) {
        above[index]!.add(on);
        for (const further of above[on]!) above[index]!.add(further);
      }
    }
  }
  return Object.fromEntries(
    workstreams.map(({ id }, index) => {
      const list = dependencies[index]!;
      const kept = list.filter((on) => !list.some((other) => other !== on && above[other]!.has(on)));
      return [id, kept.map((on) => workstreams[on]!.id)];
    }),
  );
}
