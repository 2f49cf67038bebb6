/**
 * Workstreams that must not run at the same time, though neither waits for the other.
 */
import { meets, type Graph, type Need } from '../plan/graph.js';
import { normalPath, overlaps, entriesOf } from './scope.js';
import type { Workstream, WorkstreamId } from './workstream.js';

/** Two workstreams without an order between them, and what both want. */
export interface Collision {
  /** The one that runs first. */
  readonly first: WorkstreamId;
  readonly second: WorkstreamId;
  readonly kind: 'scope' | 'conflict-group' | 'alone';
  /** For people: `"config/" and "config/*.json"`, or the group's name. */
  readonly over: string;
  /** Both are on one dependency level; the number counts from 1. Null: on different ones. */
  readonly wave: number | null;
}

/**
 * Finds the pairs that collide.
 *
 * @param order - all workstreams so that no one comes before what it depends on; the earlier of a pair runs first
 * @param graph - their dependencies, by index in `order`
 */
export function findCollisions(
  order: readonly Workstream[],
  graph: Graph,
  levelOf: (index: number) => number,
): Collision[] {
  const wanted = new Map<string, { a: number; b: number; kind: Collision['kind']; over: string }>();
  const want = (a: number, b: number, kind: Collision['kind'], over: string): void => {
    const [first, second] = a < b ? [a, b] : [b, a];
    const key = `${first}:${second}`;
    if (first !== second && !wanted.has(key)) wanted.set(key, { a: first, b: second, kind, over });
  };
  for (const { a, b, entries } of scopePairs(order)) want(a, b, 'scope', entries);
  const groups = new Map<string, number[]>();
  order.forEach(({ conflictGroup: group }, index) => {
    if (group !== null) groups.set(group, [...(groups.get(group) ?? []), index]);
  });
  for (const [group, members] of groups) {
    for (const a of members) for (const b of members) want(a, b, 'conflict-group', group);
  }
  order.forEach(({ parallelOk }, index) => {
    if (!parallelOk) order.forEach((_, other) => want(index, other, 'alone', '"parallel_ok": false'));
  });
  const pairs = [...wanted.values()].sort((one, other) => one.a - other.a || one.b - other.b);
  const needs = pairs.map(({ a, b }): Need => ({ step: b, anyOf: [a] }));
  const isOrdered = meets(graph, needs);
  return pairs
    .filter((_, at) => !isOrdered[at])
    .map(({ a, b, kind, over }) => ({
      first: order[a]!.id,
      second: order[b]!.id,
      kind,
      over,
      wave: levelOf(a) === levelOf(b) ? levelOf(a) + 1 : null,
    }));
}

/** Paths claimed literally by more than one workstream, whether or not they are ordered. */
export function sharedPaths(
  workstreams: readonly Workstream[],
): Readonly<Record<string, readonly WorkstreamId[]>> {
  const owners = new Map<string, WorkstreamId[]>();
  for (const { id, filesScope } of workstreams) {
    for (const path of new Set(filesScope.map(normalPath)))
      owners.set(path || '.', [...(owners.get(path || '.') ?? []), id]);
  }
  return Object.fromEntries(
    [...owners].filter(([, ids]) => ids.length > 1).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

interface ScopePair {
  readonly a: number;
  readonly b: number;
  readonly entries: string;
}

/** Returns pairs whose scopes have a path in common, each once, with the first entries that say so. */
function scopePairs(order: readonly Workstream[]): ScopePair[] {
  // Entries with different first names cannot meet: only those under one top folder are compared.
  const folders = new Map<string, { index: number; entry: string }[]>();
  const anywhere: { index: number; entry: string }[] = [];
  order.forEach((workstream, index) => {
    for (const entry of new Set(entriesOf(workstream))) {
      const [top = ''] = normalPath(entry).split('/');
      if (top === '' || /[*?[]/.test(top)) anywhere.push({ index, entry });
      else folders.set(top, [...(folders.get(top) ?? []), { index, entry }]);
    }
  });
  const found = new Map<string, ScopePair>();
  const compare = (one: { index: number; entry: string }, other: { index: number; entry: string }): void => {
    const [first, second] = one.index < other.index ? [one, other] : [other, one];
    const key = `${first.index}:${second.index}`;
    if (first.index === second.index || found.has(key) || !overlaps(first.entry, second.entry)) return;
    const entries =
      first.entry === second.entry ? `"${first.entry}"` : `"${first.entry}" and "${second.entry}"`;
    found.set(key, { a: first.index, b: second.index, entries });
  };
  for (const folder of [...folders.values(), anywhere]) {
    folder.forEach((one, at) => folder.slice(at + 1).forEach((other) => compare(one, other)));
  }
  for (const one of anywhere)
    for (const folder of folders.values()) folder.forEach((other) => compare(one, other));
  return [...found.values()];
}
