import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StepId } from '../../src/plan/plan.js';
import { cyclesOf, graphOf, levelsOf, meets, type Graph } from '../../src/plan/graph.js';

/** `{ ship: ['build'] }`: ship depends on build. */
const graph = (edges: Record<string, readonly string[]>): Graph =>
  graphOf(Object.entries(edges).map(([id, dependsOn]) => ({ id, dependsOn })));

const named = (edges: Record<string, readonly string[]>, lists: readonly (readonly number[])[]): string[] => {
  const ids = Object.keys(edges);
  return lists.map((list) => list.map((index) => ids[index]).join(' '));
};

describe('levels', () => {
  test('a step is one below the lowest of its dependencies', () => {
    // a ─► b ─► d ─► e
    // a ─► c ───────► e      f
    const edges = { e: ['d', 'c'], a: [], b: ['a'], c: ['a'], d: ['b'], f: [] };
    expect(named(edges, levelsOf(graph(edges)))).toEqual(['a f', 'b c', 'd', 'e']);
  });

  test('a fallback is one below the step it stands in for', () => {
    const fallback = (step: string) => ({ kind: 'fallback' as const, step: step as StepId });
    const steps = [
      { id: 'a', dependsOn: [], onFailure: fallback('b') },
      { id: 'b', dependsOn: [], onFailure: fallback('c') },
      { id: 'c', dependsOn: [] },
      { id: 'd', dependsOn: ['a'], onFailure: { kind: 'abort' as const } },
    ];
    expect(levelsOf(graphOf(steps))).toEqual([[0], [1, 3], [2]]);
  });

  test('what is in a cycle, or below one, has no level', () => {
    const edges = { a: [], b: ['c'], c: ['b'], d: ['c', 'a'] };
    expect(named(edges, levelsOf(graph(edges)))).toEqual(['a']);
  });
});

describe('cycles', () => {
  const cycles = (edges: Record<string, readonly string[]>): string[] => named(edges, cyclesOf(graph(edges)));

  test('are found alone, without what leads to them', () => {
    expect(cycles({ x: ['a'], a: ['b'], b: ['c'], c: ['a'], y: ['x'] })).toEqual(['a b c']);
  });

  test('of a step with itself are one step long, also inside a larger one', () => {
    expect(cycles({ a: ['a'] })).toEqual(['a']);
    expect(cycles({ a: ['a', 'b'], b: ['a'] })).toEqual(['a', 'a b']);
  });

  test('that have nothing to do with each other are all found', () => {
    expect(cycles({ a: ['b'], b: ['a'], c: ['d'], d: ['e'], e: ['c'], f: [] })).toEqual(['a b', 'c d e']);
  });

  test('of a tangle the shortest through its first step is shown', () => {
    expect(cycles({ a: ['b', 'd'], b: ['c'], c: ['a'], d: ['a'] })).toEqual(['a d']);
  });

  test('of 100,000 steps do not overflow', () => {
    const count = 100_000;
    const steps = Array.from({ length: count }, (_, at) => ({
      id: `s${at}`,
      dependsOn: [`s${(at + 1) % count}`],
    }));
    expect(cyclesOf(graphOf(steps))[0]).toHaveLength(count);
  });
});

/** Random graphs, cycles included. */
const anyGraph = fc.integer({ min: 1, max: 40 }).chain((size) =>
  fc
    .array(fc.array(fc.integer({ min: 0, max: size }), { maxLength: 4 }), {
      minLength: size,
      maxLength: size,
    })
    .map((lists) =>
      graphOf(lists.map((list, index) => ({ id: `s${index}`, dependsOn: list.map((to) => `s${to}`) }))),
    ),
);

/** What a step reaches, the slow way. */
function reaches({ dependencies }: Graph, from: number): Set<number> {
  const seen = new Set<number>();
  const open = [...dependencies[from]!];
  while (open.length > 0) {
    const next = open.pop()!;
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...dependencies[next]!);
  }
  return seen;
}

test('each tangle shows one real cycle, each step that depends on itself another, and nothing else is shown', () => {
  fc.assert(
    fc.property(anyGraph, (any) => {
      const cycles = cyclesOf(any);
      for (const cycle of cycles) {
        cycle.forEach((step, at) => expect(any.dependencies[step]).toContain(cycle[(at + 1) % cycle.length]));
        expect(new Set(cycle).size).toBe(cycle.length);
      }
      const reached = any.dependencies.map((_, index) => reaches(any, index));
      const tangled = [...any.dependencies.keys()].filter((index) =>
        [...reached[index]!].some((to) => to !== index && reached[to]!.has(index)),
      );
      const tangles = new Set(
        tangled.map((index) =>
          Math.min(index, ...[...reached[index]!].filter((to) => reached[to]!.has(index))),
        ),
      );
      expect(
        cycles
          .filter((cycle) => cycle.length > 1)
          .map((cycle) => Math.min(...cycle))
          .sort(),
      ).toEqual([...tangles].sort());
      expect(cycles.filter((cycle) => cycle.length === 1)).toHaveLength(
        any.dependencies.filter((list, index) => list.includes(index)).length,
      );
    }),
  );
});

describe('needs', () => {
  const acyclic = fc.integer({ min: 2, max: 120 }).chain((size) =>
    fc.record({
      graph: fc
        .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: size, maxLength: size })
        .map((lists) =>
          graphOf(
            lists.map((list, index) => ({
              id: `s${index}`,
              dependsOn: index === 0 ? [] : list.map((to) => `s${to % index}`),
            })),
          ),
        ),
      needs: fc.array(
        fc.record({
          step: fc.integer({ min: 0, max: size - 1 }),
          anyOf: fc.array(fc.integer({ min: 0, max: size - 1 }), { minLength: 1, maxLength: 3 }),
        }),
        { maxLength: 150 },
      ),
    }),
  );

  test('are met by what stands above, near or far, and by nothing else', () => {
    fc.assert(
      fc.property(acyclic, ({ graph: any, needs }) => {
        const expected = needs.map(({ step, anyOf }) =>
          anyOf.some((target) => reaches(any, step).has(target)),
        );
        expect(meets(any, needs)).toEqual(expected);
      }),
    );
  });

  test('that share a group are answered together', () => {
    const chain = graph({ a: [], b: ['a'], c: ['b'], d: [] });
    const group = [0, 3];
    expect(
      meets(chain, [
        { step: 2, anyOf: group },
        { step: 1, anyOf: group },
        { step: 3, anyOf: group },
      ]),
    ).toEqual([true, true, false]);
  });

  test('of a step for itself are not met', () => {
    expect(meets(graph({ a: [] }), [{ step: 0, anyOf: [0] }])).toEqual([false]);
  });
});
