/**
 * The steps of a document as a graph: ids, dependencies, and who stands in for whom.
 */
import { graphOf, type Graph } from '../graph.js';
import type { StepOutline } from './outline.js';

export interface StepMap {
  readonly steps: readonly StepOutline[];
  /** The first step with that id. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** Of each step the one it is the fallback of, or -1. */
  readonly primary: readonly number[];
  /** The step that a fallback stands in for, through fallbacks of fallbacks; any other step is its own. */
  readonly root: readonly number[];
  /** Of each step the fallback that stands in for it, or -1. */
  readonly standIn: readonly number[];
  /** Dependencies, and for a fallback the step it stands in for: that one has ended before. */
  readonly graph: Graph;
}

export function stepMapOf(steps: readonly StepOutline[]): StepMap {
  const indexOf = new Map<string, number>();
  for (const { id, index } of steps) if (id !== null && !indexOf.has(id)) indexOf.set(id, index);
  const primary = steps.map(() => -1);
  const standIn = steps.map(() => -1);
  for (const { fallback, index } of steps) {
    const target = fallback === null ? undefined : indexOf.get(fallback);
    if (target === undefined || target === index || primary[target] !== -1) continue;
    primary[target] = index;
    standIn[index] = target;
  }
  const graph = graphOf(
    steps.map(({ id, index, dependsOn }) => ({
      // A step without an id cannot be depended on: a blank is in no id.
      id: id ?? ` ${index}`,
      dependsOn: [...dependsOn, ...(primary[index]! >= 0 ? [steps[primary[index]!]!.id ?? ''] : [])],
    })),
  );
  return { steps, indexOf, primary, root: rootsOf(primary), standIn, graph };
}

/** Follows each fallback to the step it stands in for in the end. In a circle of fallbacks there is none: each is its own. */
function rootsOf(primary: readonly number[]): number[] {
  const roots = primary.map((above, index) => (above < 0 ? index : -1));
  for (const index of primary.keys()) {
    const trail: number[] = [];
    let at = index;
    while (roots[at] === -1) {
      roots[at] = at; // so that a circle closes
      trail.push(at);
      at = primary[at]!;
    }
    for (const below of trail) roots[below] = roots[at]!;
  }
  return roots;
}
