import { expect, test } from 'vitest';
import { GATED, HELD_OUT_FROM, hundred, measure, TUNED_ON } from './hundred.js';
import { live, type Truth } from './world.js';

/** None of those that the policy was chosen by: see `TUNED_ON`. */
const SEEDS = Array.from({ length: 20 }, (_, at) => HELD_OUT_FROM + at);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

test('100 patches, 10 bad, 5 conflicting, a gate that lies 1 time in 20, 8 slots: quick, cheap, and nobody is wronged', () => {
  expect(SEEDS.some((seed) => seed <= TUNED_ON)).toBe(false);
  const days = SEEDS.map((seed) => measure(seed, { ...GATED, slots: 8 }, 0.05));
  expect(days.map(({ dropped }) => dropped)).toEqual(SEEDS.map(() => 0));
  expect(days.map(({ badLanded }) => badLanded)).toEqual(SEEDS.map(() => 0));
  expect(mean(days.map(({ faster }) => faster))).toBeGreaterThanOrEqual(4);
  expect(mean(days.map(({ cost }) => cost))).toBeLessThanOrEqual(1.6);
});

test('with nothing bad and nothing flaky every tree is gated once, and all slots are used', () => {
  const truth: Truth = { ...hundred(1), breaks: [], conflicts: [] };
  const times = { gateSec: 2, mergeSec: 0, landSec: 0 };
  const policy = { ...GATED, slots: 8, badRate: 0.001 };
  const day = live({ truth, policy, times, flakes: { rate: 0, mostPerTree: 0 }, seed: 1 });
  expect([day.landed.length, day.gateRuns]).toEqual([100, 100]);
  expect(day.seconds).toBeLessThan(2.2 * Math.ceil(100 / 8)); // a gate takes up to 2.2 s there
});

test('hundreds of patches are decided without ado', () => {
  const patches = Array.from({ length: 300 }, (_, at) => ({
    id: `p${at}`,
    dependsOn: at % 10 === 9 ? [`p${at - 1}`] : [],
    priority: 'foreground' as const,
    level: 0,
    createdAt: at,
  }));
  const truth: Truth = { patches, breaks: [{ all: ['p8'], gate: 'unit' }], conflicts: [] };
  const times = { gateSec: 2, mergeSec: 0.05, landSec: 0.05 };
  const day = live({
    truth,
    policy: { ...GATED, slots: 8 },
    times,
    flakes: { rate: 0.05, mostPerTree: 1 },
    seed: 1,
  });
  expect(day.landed.length).toBe(298); // p8 is bad, and p9 waits for it
});
