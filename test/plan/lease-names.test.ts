import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leaseId, leasesOf, runLeases, stepLeases, whyNotLeaseName } from '../../src/plan/lease-names.js';
import { ask, grant, leave, newLease, type Asker, type Lease } from '../../src/plan/lease.js';
import type { Plan, Step } from '../../src/plan/plan.js';
import { planOf, type StepSketch } from './builder.js';

const sub = (plan: Plan, ...exclusive: string[]): StepSketch => ({
  work: { kind: 'plan', path: 'sub.json', plan },
  exclusive,
});

test('leases are taken in the order of their names', () => {
  const plan: Plan = { ...planOf({ s: { exclusive: ['z', 'y'] } }), exclusive: ['b', 'c', 'a'] };
  expect(runLeases(plan)).toEqual(['a', 'b', 'c']);
  expect(stepLeases(plan.steps[0]!)).toEqual(['y', 'z']);
  expect(leasesOf(plan)).toEqual(['a', 'b', 'c', 'y', 'z']);
});

test('a name below that stands before one that is held by then is taken early', () => {
  const inner: Plan = { ...planOf({ deep: { exclusive: ['a', 'x'] } }), exclusive: ['c'] };
  const plan: Plan = { ...planOf({ s: sub(inner, 'd') }), exclusive: ['b'] };
  expect(runLeases(plan)).toEqual(['a', 'b']);
  expect(stepLeases(plan.steps[0]!)).toEqual(['a', 'c', 'd']);
  expect(runLeases(inner)).toEqual(['a', 'c']);
});

test('a plan without leases asks for none', () => {
  expect(leasesOf(planOf({ a: {}, b: ['a'] }))).toEqual([]);
});

test.each(['', ' x', 'x ', 'a\nb', 'x'.repeat(201), '\ud800', '\u2028', 'ä'.repeat(160)])(
  'a lease is not called %j',
  (name) => {
    expect(whyNotLeaseName(name)).not.toBeNull();
  },
);

test('names of any language have ids of their own', () => {
  const names = ['repository:host/x#main', 'GPU 0', 'ä', '100 %', '%20', ' '.trim() + '日本'];
  expect(names.map(whyNotLeaseName)).toEqual(names.map(() => null));
  expect(new Set(names.map(leaseId)).size).toBe(names.length);
});

/*
 * Runs of random plans, three levels deep, that share a few leases, all at once and in any order: nobody may wait for
 * ever. A step holds what it has while its sub-plan runs, as a run does while its steps do.
 */
const NAMES = ['a', 'b', 'c', 'd'];
const someNames = fc.subarray(NAMES, { maxLength: 2 });
const planAt = (depth: number): fc.Arbitrary<Plan> =>
  fc
    .record({
      exclusive: someNames,
      steps: fc.array(
        fc.record({
          exclusive: someNames,
          below: depth === 0 ? fc.constant(null) : fc.option(planAt(depth - 1)),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    })
    .map(({ exclusive, steps }) => ({
      ...planOf(
        Object.fromEntries(
          steps.map((step, at) => [
            `s${at}`,
            step.below === null ? { exclusive: step.exclusive } : sub(step.below, ...step.exclusive),
          ]),
        ),
      ),
      exclusive,
    }));

/** Something that takes leases one by one, then lets what is below it do the same, then gives all back. */
interface Node {
  readonly asker: Asker;
  readonly names: readonly string[];
  readonly below: readonly Node[];
  taken: number;
  asked: boolean;
  done: boolean;
}

const nodeOf = (asker: Asker, names: readonly string[], below: readonly Node[]): Node => ({
  ...{ asker, names, below },
  ...{ taken: 0, asked: false, done: false },
});
const runNode = (run: string, plan: Plan, order: (plan: Plan) => readonly string[]): Node =>
  nodeOf(
    { run, execution: '', step: null },
    order(plan),
    plan.steps.map((step: Step) =>
      nodeOf(
        { run, execution: '', step: step.id },
        stepLeases(step),
        step.work.kind === 'plan' ? [runNode(`${run}~${step.id}`, step.work.plan, order)] : [],
      ),
    ),
  );

/** Plays until nothing moves; `pick` chooses who moves next. Returns whether all came to their end. */
function play(roots: readonly Node[], pick: (from: number) => number): boolean {
  const leases = new Map<string, Lease>(NAMES.map((name) => [name, newLease(name)]));
  const change = (name: string, by: (lease: Lease) => Lease): void =>
    void leases.set(name, grant(by(leases.get(name)!), 1).lease);
  const has = ({ asker }: Node, name: string): boolean =>
    leases.get(name)!.holders.some(({ run, step }) => run === asker.run && step === asker.step);
  /** Makes one move of a node or of what is below it; false when it can make none. */
  const movesOf = (node: Node): (() => void)[] => {
    if (node.done) return [];
    const name = node.names[node.taken];
    if (name !== undefined) {
      if (!node.asked) {
        return [
          () => {
            node.asked = true;
            change(name, (lease) => ask(lease, node.asker, 1));
          },
        ];
      }
      if (!has(node, name)) return [];
      return [
        () => {
          node.taken += 1;
          node.asked = false;
        },
      ];
    }
    if (node.below.every(({ done }) => done)) {
      return [
        () => {
          node.done = true;
          for (const held of node.names) change(held, (lease) => leave(lease, node.asker));
        },
      ];
    }
    return node.below.flatMap(movesOf);
  };
  for (;;) {
    const moves = roots.flatMap(movesOf);
    if (moves.length === 0) return roots.every(({ done }) => done);
    moves[pick(moves.length)]!();
  }
}

test('no runs wait for each other in a circle', () => {
  fc.assert(
    fc.property(
      fc.array(planAt(2), { minLength: 2, maxLength: 4 }),
      fc.infiniteStream(fc.nat()),
      (plans, choices) => {
        const roots = plans.map((plan, at) => runNode(`r${at}`, plan, runLeases));
        expect(play(roots, (from) => choices.next().value! % from)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

test('without taking names early they would', () => {
  const naive = (plan: Plan): readonly string[] => [...(plan.exclusive ?? [])].sort();
  const one: Plan = { ...planOf({ s: { exclusive: ['a'] } }), exclusive: ['b'] };
  const other: Plan = { ...planOf({ s: { exclusive: ['b'] } }), exclusive: ['a'] };
  const stuck = [runNode('r0', one, naive), runNode('r1', other, naive)];
  let turn = 0;
  expect(play(stuck, (from) => (turn += 1) % from)).toBe(false);
});
