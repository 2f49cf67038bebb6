/**
 * The graph that dependencies make: its levels, its cycles, and who stands above whom. Nothing here recurses, so a
 * chain of any length is fine, and nothing compares all steps with all.
 */
import type { OnFailure } from './plan.js';

export interface GraphStep {
  readonly id: string;
  readonly dependsOn: readonly string[];
  /** A fallback comes below the step it stands in for, as if it depended on it. */
  readonly onFailure?: OnFailure;
}

/** Steps by index. Dependencies that are not there are left out; of two steps with one id the first counts. */
export interface Graph {
  readonly indexOf: ReadonlyMap<string, number>;
  /** Each dependency once. */
  readonly dependencies: readonly (readonly number[])[];
}

export function graphOf(steps: readonly GraphStep[]): Graph {
  const indexOf = new Map<string, number>();
  steps.forEach(({ id }, index) => {
    if (!indexOf.has(id)) indexOf.set(id, index);
  });
  const dependencies = steps.map(({ dependsOn }) => {
    const known: number[] = [];
    for (const id of dependsOn) {
      const index = indexOf.get(id);
      if (index !== undefined) known.push(index);
    }
    return known.length > 1 ? [...new Set(known)] : known;
  });
  steps.forEach(({ onFailure }, index) => {
    const fallback = onFailure?.kind === 'fallback' ? indexOf.get(onFailure.step) : undefined;
    if (fallback !== undefined && !dependencies[fallback]!.includes(index))
      dependencies[fallback]!.push(index);
  });
  return { indexOf, dependencies };
}

/**
 * Returns the steps by level: a step is one level below the lowest of its dependencies, so steps of a level can run
 * side by side. Steps that are part of a cycle, or below one, are on no level.
 */
export function levelsOf(graph: Graph): number[][] {
  const levels: number[][] = [];
  const level = new Int32Array(graph.dependencies.length);
  for (const index of topologicalOrder(graph)) {
    for (const dependency of graph.dependencies[index]!) {
      level[index] = Math.max(level[index]!, level[dependency]! + 1);
    }
    (levels[level[index]!] ??= []).push(index);
  }
  for (const steps of levels) steps.sort((a, b) => a - b);
  return levels;
}

/** Returns steps after their dependencies; those in or below a cycle are missing. */
function topologicalOrder(graph: Graph): number[] {
  const { dependencies } = graph;
  const dependents: number[][] = dependencies.map(() => []);
  const waits = Int32Array.from(dependencies, (list, index) => {
    for (const dependency of list) dependents[dependency]!.push(index);
    return list.length;
  });
  const order = [...waits.keys()].filter((index) => waits[index] === 0);
  for (let next = 0; next < order.length; next += 1) {
    for (const dependent of dependents[order[next]!]!) {
      waits[dependent]! -= 1;
      if (waits[dependent] === 0) order.push(dependent);
    }
  }
  return order;
}

/**
 * Returns cycles: each step that depends on itself, and of each group of steps that all reach one another one shortest
 * cycle through its first step. Each cycle lists its steps once, every one depending on the next, the last on the first.
 */
export function cyclesOf(graph: Graph): number[][] {
  const cycles: number[][] = [];
  graph.dependencies.forEach((list, index) => {
    if (list.includes(index)) cycles.push([index]);
  });
  for (const group of entangledGroups(graph)) cycles.push(shortestCycle(graph, group));
  return cycles.sort((a, b) => a[0]! - b[0]!);
}

/** Strongly connected components of more than one step (Tarjan, 1972), with the recursion written out. */
function entangledGroups(graph: Graph): number[][] {
  const count = graph.dependencies.length;
  const visitedAt = new Int32Array(count).fill(-1);
  const lowest = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const stack: number[] = [];
  const groups: number[][] = [];
  let clock = 0;
  for (let root = 0; root < count; root += 1) {
    if (visitedAt[root] !== -1) continue;
    const path = [{ step: root, next: 0 }];
    while (path.length > 0) {
      const here = path.at(-1)!;
      const { step } = here;
      if (here.next === 0) {
        visitedAt[step] = lowest[step] = clock++;
        stack.push(step);
        onStack[step] = 1;
      }
      const dependency = graph.dependencies[step]![here.next++];
      if (dependency !== undefined) {
        if (visitedAt[dependency] === -1) path.push({ step: dependency, next: 0 });
        else if (onStack[dependency] === 1) lowest[step] = Math.min(lowest[step]!, visitedAt[dependency]!);
        continue;
      }
      path.pop();
      const above = path.at(-1);
      if (above !== undefined) lowest[above.step] = Math.min(lowest[above.step]!, lowest[step]!);
      if (lowest[step] !== visitedAt[step]) continue;
      const group = stack.splice(stack.lastIndexOf(step));
      for (const member of group) onStack[member] = 0;
      if (group.length > 1) groups.push(group);
    }
  }
  return groups;
}

function shortestCycle(graph: Graph, group: readonly number[]): number[] {
  const members = new Set(group);
  const start = group.reduce((first, index) => Math.min(first, index));
  const cameFrom = new Map<number, number>();
  const queue = [start];
  for (let next = 0; next < queue.length; next += 1) {
    const step = queue[next]!;
    for (const dependency of graph.dependencies[step]!) {
      if (dependency === start && step !== start) {
        const cycle = [step];
        while (cycle.at(-1) !== start) cycle.push(cameFrom.get(cycle.at(-1)!)!);
        return cycle.reverse();
      }
      if (!members.has(dependency) || cameFrom.has(dependency) || dependency === start) continue;
      cameFrom.set(dependency, step);
      queue.push(dependency);
    }
  }
  throw new Error('BUG: a group of entangled steps has no cycle');
}

/** A question: does `step` depend on one of `anyOf`, directly or through others? */
export interface Need {
  readonly step: number;
  /** Known again by identity: one list that many questions share is looked up once. */
  readonly anyOf: readonly number[];
}

/**
 * Answers many questions at once. The graph must have no cycles.
 *
 * Most needs are met by a direct dependency. For the others 32 groups at a time are marked, each as one bit, and the
 * marks carried down the graph: memory stays that of one number a step, however many questions there are.
 */
export function meets(graph: Graph, needs: readonly Need[]): boolean[] {
  const answers = directAnswers(graph, needs);
  const asked = new Map<readonly number[], number[]>();
  needs.forEach(({ anyOf }, index) => {
    if (answers[index]) return;
    const list = asked.get(anyOf);
    if (list === undefined) asked.set(anyOf, [index]);
    else list.push(index);
  });
  if (asked.size === 0) return answers;

  const order = topologicalOrder(graph);
  const position = new Int32Array(graph.dependencies.length);
  order.forEach((step, at) => (position[step] = at));
  const firstOf = (group: readonly number[]): number =>
    group.reduce((first, step) => Math.min(first, position[step]!), order.length);
  // Groups that begin near each other share a walk, which begins where the first of them does.
  const groups = [...asked.keys()]
    .map((group) => ({ group, first: firstOf(group) }))
    .sort((a, b) => a.first - b.first);
  const marks = new Uint32Array(graph.dependencies.length);
  const own = new Uint32Array(graph.dependencies.length);
  for (let from = 0; from < groups.length; from += 32) {
    const chunk = groups.slice(from, from + 32);
    own.fill(0);
    marks.fill(0);
    chunk.forEach(({ group }, bit) => {
      for (const step of group) own[step]! |= 1 << bit;
    });
    for (let at = chunk[0]!.first; at < order.length; at += 1) {
      const step = order[at]!;
      let mark = 0;
      for (const dependency of graph.dependencies[step]!) mark |= marks[dependency]! | own[dependency]!;
      marks[step] = mark;
    }
    chunk.forEach(({ group }, bit) => {
      for (const index of asked.get(group)!) answers[index] = (marks[needs[index]!.step]! & (1 << bit)) !== 0;
    });
  }
  return answers;
}

/** Answers what one look at the step's own dependencies answers; the rest stays false. */
function directAnswers(graph: Graph, needs: readonly Need[]): boolean[] {
  const setOf = lazily((list: readonly number[]) => new Set(list));
  return needs.map(({ step, anyOf }) => {
    const dependencies = graph.dependencies[step]!;
    // The shorter list is walked: together all walks are no longer than the plan.
    const [short, long] = dependencies.length < anyOf.length ? [dependencies, anyOf] : [anyOf, dependencies];
    if (long.length <= SHORT_LIST) return short.some((index) => long.includes(index));
    return short.some((index) => setOf(long).has(index));
  });
}

/** Up to this length looking through a list is quicker than making a set of it. */
const SHORT_LIST = 16;

function lazily<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make(key)));
    return value;
  };
}
