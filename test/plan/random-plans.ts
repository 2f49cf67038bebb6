/** Random plans and random fates for them, as fast-check arbitraries: they shrink, and their seed replays. */
import fc from 'fast-check';
import type { CommandWork, Plan } from '../../src/plan/plan.js';
import { planOf, type StepSketch } from './builder.js';

/** A plan and the steps whose result an earlier run left. */
export interface Beginning {
  readonly plan: Plan;
  readonly reused: readonly string[];
}

const name = (index: number): string => `s${index}`;

interface RawStep {
  edges: number;
  policy: number;
  critical: boolean;
  condition: number;
  read: number;
  approval: boolean;
  reused: boolean;
  place: number;
}

const oneIn = (n: number): fc.Arbitrary<boolean> => fc.integer({ min: 1, max: n }).map((draw) => draw === n);

const rawStep: fc.Arbitrary<RawStep> = fc.record({
  edges: fc.nat({ max: 0xffff }),
  policy: fc.nat({ max: 6 }),
  critical: fc.boolean(),
  condition: fc.nat({ max: 19 }),
  read: fc.nat({ max: 0xffff }),
  approval: oneIn(10),
  reused: oneIn(4),
  place: fc.nat({ max: 0xffff }),
});

const rawSteps = fc.oneof(
  { weight: 7, arbitrary: fc.array(rawStep, { minLength: 1, maxLength: 9 }) },
  { weight: 1, arbitrary: fc.array(rawStep, { minLength: 10, maxLength: 18 }) },
);

export const randomBeginning: fc.Arbitrary<Beginning> = fc
  .record({
    raws: rawSteps,
    maxConcurrency: fc.integer({ min: 1, max: 4 }),
    /** Steps may stand before those they depend on. */
    inAnyOrder: fc.boolean(),
    retries: oneIn(4),
  })
  .map(({ raws, maxConcurrency, inAnyOrder, retries }) => ({
    plan: planFrom(raws, maxConcurrency, inAnyOrder),
    reused: raws.flatMap((raw, index) => (retries && raw.reused ? [name(index)] : [])),
  }));

function planFrom(raws: readonly RawStep[], maxConcurrency: number, inAnyOrder: boolean): Plan {
  // Nobody depends on a fallback, and each stands in for one step. Lines of them are not rare.
  const primaryOf = new Map<number, number>();
  const fallbackOf = new Map<number, number>();
  raws.forEach((raw, index) => {
    const candidate = index + 1 + (raw.edges % 3);
    if (raw.policy >= 4 && candidate < raws.length && !primaryOf.has(candidate)) {
      primaryOf.set(candidate, index);
      fallbackOf.set(index, candidate);
    }
  });
  const dependencies: number[][] = [];
  const sketches = raws.map((raw, index): [string, StepSketch, number] => {
    const earlier = [...raws.keys()].slice(0, index).filter((at) => !primaryOf.has(at));
    const isEdge = (bit: number): boolean => {
      return ((raw.edges >> (bit % 16)) & 1 & (raw.edges >> ((bit + 7) % 16))) === 1;
    };
    const primary = primaryOf.get(index);
    const after = primary === undefined ? earlier.filter((_, bit) => isEdge(bit)) : [];
    dependencies[index] = primary === undefined ? after : dependencies[primary]!;
    const fallback = fallbackOf.get(index);
    // What a condition may read: all that has ended by then.
    const readable = [...ancestorsOf(index, dependencies, primaryOf)];
    const sketch: StepSketch = {
      after: after.map(name),
      critical: raw.critical,
      condition: conditionOf(raw, readable, fallbackOf),
      onFailure:
        fallback === undefined
          ? (
              [
                'abort',
                'skip_dependents',
                'continue',
                'continue',
                'abort',
                'skip_dependents',
                'continue',
              ] as const
            )[raw.policy]!
          : { fallback: name(fallback) },
      work: raw.approval ? { kind: 'approval', message: 'ok?' } : commandThatReads(readable),
    };
    return [name(index), sketch, inAnyOrder ? raw.place : index];
  });
  sketches.sort(([, , a], [, , b]) => a - b);
  return planOf(Object.fromEntries(sketches.map(([id, sketch]) => [id, sketch])), maxConcurrency);
}

/** A command with the output `by` of each of these steps among its arguments. */
function commandThatReads(steps: readonly number[]): CommandWork {
  const args = steps.map((step) => `\${steps.${name(step)}.outputs.by}`);
  return { kind: 'command', command: 'true', args, cwd: '.', shell: false, env: {}, envMode: 'inherit' };
}

function ancestorsOf(
  index: number,
  dependencies: readonly (readonly number[])[],
  primaryOf: ReadonlyMap<number, number>,
  found = new Set<number>(),
): Set<number> {
  const primary = primaryOf.get(index);
  for (const above of [...dependencies[index]!, ...(primary === undefined ? [] : [primary])]) {
    if (found.has(above)) continue;
    found.add(above);
    ancestorsOf(above, dependencies, primaryOf, found);
  }
  return found;
}

function conditionOf(
  { condition, read }: RawStep,
  readable: readonly number[],
  fallbackOf: ReadonlyMap<number, number>,
): string | null {
  if (condition === 0) return 'error';
  if (condition <= 2) return 'no';
  const step = readable[read % Math.max(readable.length, 1)];
  if (step === undefined || condition > 6) return null;
  if (condition === 3) return `${name(step)} failed`;
  if (condition === 4) return `${name(step)} by ${name(fallbackOf.get(step) ?? step)}`;
  if (condition === 5) return `${name(step)} by ${name(step)}`;
  return `${name(step)} ${['succeeded', 'skipped', 'canceled'][read % 3]!}`;
}

/** What the world does next: numbers that `play` turns into an event that is possible then. */
export const randomFate: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 0xfffff }), { maxLength: 60 });
