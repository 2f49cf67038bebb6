/**
 * A day of a hundred patches, for the figures: 10 bad, 5 that conflict, a gate of two seconds.
 */
import { landingOrder } from '../../src/landing/order.js';
import { DEFAULT_POLICY, type Policy } from '../../src/landing/policy.js';
import { live, randomOf, serialTruth, type Day, type Truth } from './world.js';

const PATCHES = 100;
const BAD = 10;
const CONFLICTS = 5;
const TIMES = { gateSec: 2, mergeSec: 0.05, landSec: 0.05 };

/** The numbers of the policy were chosen by days drawn from the seeds 1 to this one: what is claimed of it is shown by others. */
export const TUNED_ON = 60;
export const HELD_OUT_FROM = 1_001;

export const GATED: Policy = { ...DEFAULT_POLICY, gates: ['unit'] };

/** Which patches are bad, and which conflict with which, is drawn from the seed. */
export function hundred(seed: number): Truth {
  const random = randomOf(seed * 7_919 + 1);
  const ids = Array.from({ length: PATCHES }, (_, at) => `p${String(at).padStart(3, '0')}`);
  const drawn = [...ids].map((id) => ({ id, place: random() })).sort((a, b) => a.place - b.place);
  const bad = drawn.slice(0, BAD).map(({ id }) => id);
  const conflicting = drawn.slice(BAD, BAD + CONFLICTS).map(({ id }) => id);
  const good = ids.filter((id) => !bad.includes(id) && !conflicting.includes(id));
  return {
    patches: ids.map((id, at) => ({ id, dependsOn: [], priority: 'foreground', level: 0, createdAt: at })),
    breaks: bad.map((id) => ({ all: [id], gate: 'unit' })),
    conflicts: conflicting.map((id) => {
      const before = good.filter((other) => other < id);
      return [before.length === 0 ? 'base' : before[Math.floor(random() * before.length)]!, id] as const;
    }),
  };
}

export interface Figures {
  readonly seed: number;
  readonly landed: number;
  /** Good patches that did not land. */
  readonly dropped: number;
  readonly badLanded: number;
  readonly perMinute: number;
  readonly serialPerMinute: number;
  /** How many times the serial queue's landings per minute. */
  readonly faster: number;
  readonly gateRuns: number;
  /** Of one who knows the culprits: one green run for each commit that lands, accidents run again. */
  readonly oracleRuns: number;
  readonly cost: number;
}

/** Lives through one day twice: with the queue, and with one that takes patch after patch. */
export function measure(seed: number, policy: Policy, flakeRate: number): Figures {
  const truth = hundred(seed);
  const setting = { truth, times: TIMES, flakes: { rate: flakeRate, mostPerTree: Infinity }, seed };
  const ours = live({ ...setting, policy });
  const serial = live({ ...setting, policy: { ...policy, slots: 1, maxBatch: 1, minUse: 1 } });
  const shouldLand = serialTruth(truth, landingOrder(truth.patches));
  const perMinute = ({ landed, seconds }: Day): number => (landed.length / seconds) * 60;
  const good = new Set(shouldLand);
  const oracleRuns = oracle(shouldLand.length, flakeRate, seed);
  return {
    seed,
    landed: ours.landed.length,
    dropped: shouldLand.filter((id) => !ours.landed.includes(id)).length,
    badLanded: ours.landed.filter((id) => !good.has(id)).length,
    perMinute: perMinute(ours),
    serialPerMinute: perMinute(serial),
    faster: perMinute(ours) / perMinute(serial),
    gateRuns: ours.gateRuns,
    oracleRuns,
    cost: ours.gateRuns / oracleRuns,
  };
}

function oracle(commits: number, flakeRate: number, seed: number): number {
  const random = randomOf(seed + 13);
  let runs = 0;
  for (let at = 0; at < commits; at += 1) {
    do runs += 1;
    while (random() < flakeRate);
  }
  return runs;
}
