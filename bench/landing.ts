/**
 * What working ahead is worth: a hundred patches in virtual time, beside a queue that takes them one by one.
 *
 * `node scripts/run-ts.mjs bench/landing.ts [seeds]`. Nothing here depends on the machine: the same seeds give the same figures.
 */
import { GATED, HELD_OUT_FROM, measure, TUNED_ON, type Figures } from '../test/landing/hundred.js';
import type { Policy } from '../src/landing/policy.js';

const count = Number(process.argv[2] ?? 20);
/** Days that the policy was not chosen by; those it was chosen by stand behind, to compare. */
const seeds = Array.from({ length: count }, (_, at) => HELD_OUT_FROM + at);
const tuned = Array.from({ length: Math.min(count, TUNED_ON) }, (_, at) => at + 1);
const FLAKES = 0.05;

const ways: readonly (readonly [string, Partial<Policy>, (readonly number[])?])[] = [
  ['8 slots, every commit gated', {}],
  ['the same, of the seeds that the policy was chosen by', {}, tuned],
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
for (const [name, more, drawn = seeds] of ways) {
  const days = drawn.map((seed) => measure(seed, { ...GATED, slots: 8, ...more }, FLAKES));
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
