/**
 * A run whose worker, keeper of the worker and server are killed at random moments, again and again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import { jsonLines, openShop, shell, type PlanStep, type Shop } from '../cli/a-shop.js';
import { processesWith, until } from '../support/processes.js';

const SEED = Number(process.env['PLANWRIGHT_RANDOM_SEED'] ?? Date.now() % 0x7fffffff);
const KILLS = 5;
const STEPS = 24;
const LANES = 3;

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

/** Numbers from 0 up to 1: mulberry32, so that a seed replays. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills one process of the machinery by chance; returns which, or null when it was not there. */
function killOne(chance: number): string | null {
  const record = readWorkerRecord(shop.home.home, null);
  const choices = [
    ['worker', record?.worker],
    ['worker', record?.worker],
    ['keeper', record?.keeper],
    ['server', shop.home.server().process],
  ] as const;
  const [name, victim] = choices[Math.floor(chance * choices.length)]!;
  if (!victim) return null;
  try {
    process.kill(victim.pid, 'SIGKILL');
    return name;
  } catch {
    return null; // it is dead already
  }
}

interface Seen {
  readonly starts: number;
  readonly ends: number;
}

/** What the steps wrote about themselves: each appends a line when it starts and when it ends. */
function seen(journal: string): Map<string, Seen> {
  const steps = new Map<string, Seen>();
  for (const line of readFileSync(journal, 'utf8').trim().split('\n')) {
    const [word, id] = line.split(' ') as ['start' | 'end', string];
    const { starts, ends } = steps.get(id) ?? { starts: 0, ends: 0 };
    steps.set(id, word === 'start' ? { starts: starts + 1, ends } : { starts, ends: ends + 1 });
  }
  return steps;
}

test(`kills at random moments: every step ends once, and what may not be repeated is not (PLANWRIGHT_RANDOM_SEED=${SEED})`, async () => {
  const random = randomFrom(SEED);
  const journal = join(shop.folder, 'journal');
  writeFileSync(journal, '');
  const mark = `kills-${process.pid}-${SEED}`;
  const steps = Array.from({ length: STEPS }, (_, index): PlanStep => {
    const id = `s${index}`;
    const isRepeatable = index % 4 !== 3;
    return {
      id,
      ...shell(`: ${mark}; echo "start ${id}" >> "${journal}"; sleep 0.4; echo "end ${id}" >> "${journal}"`),
      // Lanes side by side; in each one step after the other. One that may not be repeated does not hold up its lane.
      ...(index >= LANES ? { depends_on: [`s${index - LANES}`] } : {}),
      idempotent: isRepeatable,
      ...(isRepeatable ? {} : { critical: false, on_failure: 'continue' }),
    };
  });
  // So that the run is not over before the last kill.
  steps.push({ id: 'open', ...shop.held('open'), idempotent: true });
  const plan = shop.plan('kills', steps, { globals: { max_concurrency: LANES + 1 } });
  const running = shop.begin(['start', plan]);
  await running.said('s0  started');

  const killed: string[] = [];
  while (killed.length < KILLS) {
    await sleep(100 + 1_500 * random());
    const name = killOne(random());
    if (name !== null) killed.push(name);
  }
  shop.release('open');
  const { code, out, err } = await running.done;
  const about = `${killed.join(', ')}\n${out}\n${err}`;

  const events = jsonLines((await shop.run('events', 'last', '--json')).out);
  const ended = (type: string): unknown[] =>
    events
      .filter(({ event_type: is }) => is === type)
      .map(({ data }) => (data as { step_id: string }).step_id);
  const succeeded = ended('step_succeeded');
  const failed = ended('step_failed');
  expect(new Set([...succeeded, ...failed]).size, about).toBe(steps.length);
  expect(succeeded.length + failed.length, about).toBe(steps.length);
  // Only what may not be repeated can have failed, by the loss of its worker; each of them was started once at most.
  for (const id of failed) expect(Number(String(id).slice(1)) % 4, about).toBe(3);
  const told = seen(journal);
  for (const { id, idempotent } of steps.slice(0, STEPS)) {
    const { starts, ends } = told.get(id) ?? { starts: 0, ends: 0 };
    if (idempotent === true) expect(ends, `${id}\n${about}`).toBeGreaterThanOrEqual(1);
    else expect(starts, `${id}\n${about}`).toBeLessThanOrEqual(1);
    // Run again only for a kill: not more often than there were any.
    expect(starts, `${id}\n${about}`).toBeLessThanOrEqual(1 + KILLS);
  }
  expect(code, about).toBe(0);
  expect(out).toContain('succeeded');
  await until('no process of a step lives', () => processesWith(mark).length === 0);
});
