import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Landable, Landing, LandingCommand } from '../../src/landing/landing.js';
import { landingOrder } from '../../src/landing/order.js';
import type { Policy } from '../../src/landing/policy.js';
import { breaksOf, conflictsWith, live, serialTruth, type Truth } from './world.js';

const RUNS = Number(process.env['PLANWRIGHT_LANDING_RUNS'] ?? 2_000);
const SEED = Number(process.env['PLANWRIGHT_RANDOM_SEED'] ?? Date.now() % 0x7fffffff);

const GATES = ['lint', 'unit', 'e2e'];
const name = (index: number): string => `p${index}`;

/** What the laws are about must happen, or they say nothing. */
const seen = new Map<string, number>();
const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

const randomTruth: fc.Arbitrary<Truth> = fc
  .record({
    count: fc.integer({ min: 1, max: 14 }),
    gates: fc.integer({ min: 1, max: 3 }),
    kinds: fc.array(fc.tuple(fc.nat({ max: 7 }), fc.nat({ max: 99 }), fc.boolean(), fc.nat({ max: 2 })), {
      minLength: 14,
      maxLength: 14,
    }),
  })
  .map(({ count, gates, kinds }) => {
    const patches: Landable[] = [];
    const breaks: Truth['breaks'][number][] = [];
    const conflicts: [string, string][] = [];
    const resolvable: string[] = [];
    for (let at = 0; at < count; at += 1) {
      const [kind, pick, isBackground, level] = kinds[at]!;
      const other = at === 0 ? null : name(pick % at);
      const gate = GATES[pick % gates]!;
      const dependsOn = kind === 5 && other !== null ? [other] : [];
      if (kind === 1) breaks.push({ all: [name(at)], gate });
      if (kind === 2 && other !== null) breaks.push({ all: [other, name(at)], gate }); // each good alone
      if (kind === 3 || kind === 4) conflicts.push([other ?? 'base', name(at)]);
      if (kind === 4) resolvable.push(name(at));
      if (kind === 4 && isBackground) breaks.push({ all: [name(at)], gate }); // resolved, and bad
      patches.push({
        id: name(at),
        dependsOn,
        priority: isBackground ? 'background' : 'foreground',
        level,
        createdAt: pick % 5,
      });
    }
    return { patches, breaks, conflicts, resolvable };
  });

const randomPolicy: fc.Arbitrary<Policy> = fc.record({
  gates: fc.constant(GATES),
  slots: fc.integer({ min: 1, max: 8 }),
  maxBatch: fc.integer({ min: 1, max: 5 }),
  minUse: fc.double({ min: 0.1, max: 1, noNaN: true }),
  minMergeUse: fc.double({ min: 0.05, max: 1, noNaN: true }),
  mergesInRow: fc.integer({ min: 1, max: 8 }),
  stragglers: fc.nat({ max: 3 }),
  minBatchGood: fc.constant(0.3),
  redsNeeded: fc.integer({ min: 2, max: 4 }),
  flakeRate: fc.constant(0.1),
  badRate: fc.constant(0.2),
  badRateWeight: fc.constant(20),
  resolves: fc.boolean(),
});

const without = (tree: string, patch: string): string =>
  tree
    .split('+')
    .filter((held) => held !== patch)
    .join('+');

/** Says at every turn what must be true of it, whatever comes later. */
class Watch {
  readonly ended = new Map<string, string>();

  constructor(
    private readonly truth: Truth,
    private readonly policy: Policy,
  ) {}

  look(landing: Landing, commands: readonly LandingCommand[]): void {
    expect(Object.keys(landing.runs).length).toBeLessThanOrEqual(this.policy.slots + 1); // and the tip's own
    for (const command of commands) {
      if (command.kind === 'run-gates') this.checkRun(landing, command);
      if (command.kind === 'land') {
        const records = landing.trees[command.tree]!;
        expect(this.policy.gates.filter((gate) => !records[gate]?.green)).toEqual([]);
      }
      if (command.kind === 'decided') this.checkDecision(landing, command);
      if (command.kind === 'resolve') this.checkResolving(landing, command);
    }
  }

  private checkRun(landing: Landing, { tree, gates }: Extract<LandingCommand, { kind: 'run-gates' }>): void {
    const records = landing.trees[tree] ?? {};
    const red = this.policy.gates.filter((gate) => records[gate] !== undefined && !records[gate].green);
    if (red.length === 0) return;
    note('a red gate was run again');
    expect(gates).toEqual(red);
  }

  private checkResolving(
    landing: Landing,
    { onto, patch }: Extract<LandingCommand, { kind: 'resolve' }>,
  ): void {
    const root = landing.candidates[landing.root]!.state;
    expect([root.kind === 'merged' ? root.commit : '', landing.line[0]!.patches]).toEqual([onto, [patch]]);
    expect(conflictsWith(this.truth, onto, patch)).toBe(true);
    note('a conflict was to be resolved');
  }

  private checkDecision(
    landing: Landing,
    { patch, fate }: Extract<LandingCommand, { kind: 'decided' }>,
  ): void {
    if (fate.kind === 'approved' && fate.proof.resolved !== undefined) note('what was resolved was approved');
    if (fate.kind === 'waiting' || fate.kind === 'approved') return;
    expect(this.ended.get(patch)).toBeUndefined(); // an end is an end
    this.ended.set(patch, fate.kind);
    const root = landing.candidates[landing.root]!.state;
    const tip = root.kind === 'merged' ? root.tree : '';
    if (fate.kind === 'quarantined' && fate.why.reason === 'conflict') {
      expect(conflictsWith(this.truth, tip, patch)).toBe(true);
      expect(this.policy.resolves === true && this.truth.resolvable!.includes(patch)).toBe(false);
    }
    if (fate.kind === 'quarantined' && fate.why.reason === 'gate-red') {
      expect(fate.why.reds).toBeGreaterThanOrEqual(2);
      expect(breaksOf(this.truth, fate.why.tree)).toContain(fate.why.gate);
      expect(breaksOf(this.truth, without(fate.why.tree, patch))).toEqual(new Set());
    }
    note(fate.kind);
  }
}

interface Case {
  truth: Truth;
  policy: Policy;
  seed: number;
  strangers: number[];
  arrivals: number[] | null;
}

const randomCase: fc.Arbitrary<Case> = fc.record({
  truth: randomTruth,
  policy: randomPolicy,
  seed: fc.nat(),
  strangers: fc.oneof(
    { weight: 3, arbitrary: fc.constant<number[]>([]) },
    { weight: 1, arbitrary: fc.array(fc.double({ min: 0.1, max: 20, noNaN: true }), { maxLength: 2 }) },
  ),
  arrivals: fc.option(
    fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 14, maxLength: 14 }),
    { freq: 3 },
  ),
});

function law({ truth, policy, seed, strangers, arrivals }: Case): void {
  const watch = new Watch(truth, policy);
  const day = live({
    truth,
    policy,
    seed,
    strangers,
    ...(arrivals === null ? {} : { arrivals }),
    times: { gateSec: 2, mergeSec: 0.1, landSec: 0.2 },
    flakes: { rate: 0.2, mostPerTree: 1 }, // two looks at a tree are always enough to clear it
    watch: (landing, commands) => watch.look(landing, commands),
  });
  expect([...watch.ended.keys()].sort()).toEqual(truth.patches.map(({ id }) => id).sort());
  expect(new Set(day.landed).size).toBe(day.landed.length);
  for (const tip of day.tips) expect([...breaksOf(truth, tip)]).toEqual([]);
  const said = truth.patches.filter(({ id }) => watch.ended.get(id) === 'landed').map(({ id }) => id);
  expect([...day.landed].sort()).toEqual(said.sort());
  // In which order patches come, time says; that those before them land, it does not.
  if (arrivals === null) expect(day.landed).toEqual(serialTruth(truth, landingOrder(truth.patches), policy));
  if (strangers.length > 0) note('the branch was moved by others');
  if (day.landing.policy.maxBatch > 1) note('batches');
}

test(`whatever works ahead, exactly what a serial queue would land lands, and the tip is always green (PLANWRIGHT_RANDOM_SEED=${SEED})`, () => {
  fc.assert(fc.property(randomCase, law), { seed: SEED, numRuns: RUNS });
  const tried = [
    'landed',
    'quarantined',
    'blocked',
    'a red gate was run again',
    'the branch was moved by others',
    'batches',
    'a conflict was to be resolved',
    'what was resolved was approved',
  ];
  for (const what of tried) expect([what, (seen.get(what) ?? 0) > RUNS / 100]).toEqual([what, true]);
}, 600_000);
