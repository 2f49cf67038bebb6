/**
 * Plans that do nothing but run `true`: what is left is the cost of the engine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Workload {
  readonly name: string;
  readonly steps: number;
  /** Steps running at once. */
  readonly width: number;
  /** The plan file. */
  readonly plan: string;
  /** The same graph for `make`, or null. */
  readonly makefile: string | null;
}

type Graph = readonly (readonly [id: string, after: readonly string[]])[];

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

export const chain = (length: number): Graph =>
  numbers(length).map((at) => [`s${at}`, at === 0 ? [] : [`s${at - 1}`]]);
export const independent = (count: number): Graph => numbers(count).map((at) => [`s${at}`, []]);
export const layers = (depth: number, width: number): Graph =>
  numbers(depth).flatMap((layer) =>
    numbers(width).map(
      (at) =>
        [
          `l${layer}s${at}`,
          layer === 0 ? [] : numbers(width).map((above) => `l${layer - 1}s${above}`),
        ] as const,
    ),
  );

/** Writes a graph as a plan file and as a Makefile. */
export function workload(folder: string, name: string, graph: Graph, width: number): Workload {
  mkdirSync(folder, { recursive: true });
  const plan = join(folder, `${name}.json`);
  const steps = graph.map(([id, after]) => ({
    id,
    name: id,
    command: 'true',
    args: [],
    depends_on: after,
    idempotent: true,
  }));
  const document = {
    plan_id: name,
    version: '1',
    globals: { max_concurrency: width, default_timeout_sec: 60 },
    steps,
  };
  writeFileSync(plan, JSON.stringify(document));
  const makefile = join(folder, `${name}.mk`);
  const rules = graph.map(([id, after]) => `${id}: ${after.join(' ')}\n\t@true\n`);
  writeFileSync(
    makefile,
    [
      `all: ${graph.map(([id]) => id).join(' ')}\n`,
      `.PHONY: all ${graph.map(([id]) => id).join(' ')}\n`,
      ...rules,
    ].join(''),
  );
  return { name, steps: graph.length, width, plan, makefile };
}
