/**
 * What working ahead is worth: a hundred patches in virtual time, beside a queue that takes them one by one.
 *
 * `node scripts/run-ts.mjs bench/landing.ts [seeds]`. Nothing here depends on the machine: the same seeds give the same figures.
 */
import { GATED, measure, type Figures } from '../test/landing/hundred.js';
import type { Policy } from '../src/landing/policy.js';

const seeds = Array.from({ length: Number(process.argv[2] ?? 20) }, (_, at) => at + 1);
const FLAKES = 0.05;

const ways: readonly (readonly [string, Partial<Policy>])[] = [
  ['8 slots, every commit gated', {}],
  ['8 slots, bolder', { minUse: 0.5 }],
  ['8 slots, batches of up to 2', { maxBatch: 2 }],
  ['8 slots, batches of up to 4', { maxBatch: 4 }],
  ['4 slots, every commit gated', { slots: 4 }],
];

const mean = (days: readonly Figures[], of: (day: Figures) => number): number =>
  days.reduce((sum, day) => sum + of(day), 0) / days.length;
const span = (days: readonly Figures[], of: (day: Figures) => number): string => {
  const values = days.map(of);
  return `${mean(days, of).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
};
const sum = (days: readonly Figures[], of: (day: Figures) => number): number => mean(days, of) * days.length;

console.log(
  `100 patches, 10 bad, 5 conflicting, a gate of 2 s that is red for no reason 1 time in 20; ${seeds.length} seeds`,
);
for (const [name, more] of ways) {
  const days = seeds.map((seed) => measure(seed, { ...GATED, slots: 8, ...more }, FLAKES));
  console.log(`\n${name}`);
  console.log(
    `  landings a minute      ${mean(days, (day) => day.perMinute).toFixed(0)}, one by one ${mean(days, (day) => day.serialPerMinute).toFixed(1)}`,
  );
  console.log(`  times as quick         ${span(days, (day) => day.faster)}`);
  console.log(
    `  gate runs              ${mean(days, (day) => day.gateRuns).toFixed(0)}, one who knows the culprits ${mean(days, (day) => day.oracleRuns).toFixed(0)}`,
  );
  console.log(`  times as many          ${span(days, (day) => day.cost)}`);
  console.log(`  innocents dropped      ${sum(days, (day) => day.dropped).toFixed(0)}`);
  console.log(`  bad ones landed        ${sum(days, (day) => day.badLanded).toFixed(0)}`);
}
