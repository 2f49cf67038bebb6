import { beforeAll, describe, expect, test } from 'vitest';
import { actByHand, whyNotByHand, type ManualAction, type ManualRequest } from '../../src/plan/by-hand.js';
import { openConditions } from '../../src/plan/condition.js';
import { handOver, takeOver, type HandOver } from '../../src/plan/hand-over.js';
import type { Plan, StepId } from '../../src/plan/plan.js';
import type { Judge, Run } from '../../src/plan/run.js';
import { endStranded, isRunOver, newRun, settle, takeReady, takeStops } from '../../src/plan/schedule.js';
import { runHead, stepRecord } from '../../src/plan/view.js';
import { setOf } from '../workflows/landing-stand-in.js';
import { canceled, failed, succeeded } from './builder.js';
import { randomOf } from '../landing/world.js';

let judge: Judge;
beforeAll(async () => {
  judge = (await openConditions()).evaluate;
});

/** A set at work, whose steps the test ends. Times count up from 1. */
class Set {
  run: Run;
  #time = 0;

  constructor(plan: Plan) {
    this.run = newRun(plan, judge, this.tick());
    this.launch();
  }

  tick(): number {
    return (this.#time += 1);
  }
  launch(): this {
    takeReady(this.run, this.tick(), Infinity);
    return this;
  }
  index(id: string): number {
    return this.run.edges.indexOf.get(id as StepId)!;
  }
  end(id: string, outcome = succeeded()): this {
    settle(this.run, this.index(id), outcome, this.tick());
    return this.launch();
  }
  act(action: ManualAction, id: string, more: Partial<ManualRequest> = {}): string | null {
    const request: ManualRequest = {
      ...{ step: id as StepId, action, force: false, clearRetries: false, reason: 'because', actor: 'ann' },
      ...more,
    };
    const refused = whyNotByHand(this.run, request);
    if (refused === null) actByHand(this.run, request, this.tick());
    this.launch();
    return refused;
  }
  handOver(): void {
    const given = handOver(this.run).handOver;
    this.run = takeOver(JSON.parse(JSON.stringify(given)) as HandOver, judge);
    this.launch();
  }
  states(): Record<string, string> {
    return Object.fromEntries(
      this.run.plan.steps.map(({ id }, index) => [id.replace(/^ws-/, ''), this.run.states[index]!.kind]),
    );
  }
}

const at = async (graph: Parameters<typeof setOf>[0]): Promise<Set> => new Set(await setOf(graph));

describe('by hand, a workstream', () => {
  test('that failed is reset: it runs again, and what was blocked by it waits again', async () => {
    // a ─► b ─► c        d
    const set = await at({ a: [], b: ['a'], c: ['b'], d: [] });
    set.end('ws-a', failed());
    expect(set.states()).toEqual({
      a: 'failed',
      b: 'skipped',
      c: 'skipped',
      d: 'running',
      landing: 'pending',
    });
    expect(set.act('reset', 'ws-a')).toBeNull();
    expect(set.states()).toEqual({
      a: 'running',
      b: 'pending',
      c: 'pending',
      d: 'running',
      landing: 'pending',
    });
    set.end('ws-d').end('ws-a').end('ws-b').end('ws-c');
    expect(set.states()['landing']).toBe('running');
    expect(isRunOver(set.end('landing').run)).toBe(true);
  });

  test('that is blocked is unblocked: it runs without what failed, and what waits for it goes on', async () => {
    const set = await at({ a: [], b: ['a'], c: ['b'], d: [] });
    set.end('ws-a', failed());
    expect(set.act('unblock', 'ws-b')).toBeNull();
    expect(set.states()).toMatchObject({ a: 'failed', b: 'running', c: 'pending' });
    set.end('ws-b').end('ws-c').end('ws-d').end('landing');
    expect(set.states()).toEqual({
      ...{ a: 'failed', b: 'succeeded', c: 'succeeded', d: 'succeeded', landing: 'succeeded' },
    });
  });

  test('that runs is stopped and counts as done, without its patch; what it wrote stays as evidence', async () => {
    const set = await at({ a: [], b: ['a'] });
    expect(set.act('complete', 'ws-a')).toBeNull();
    expect(takeStops(set.run).map((index) => set.run.plan.steps[index]!.id)).toEqual(['ws-a']);
    expect(set.act('fail', 'ws-a')).toContain('already being stopped');
    set.end('ws-a', { ...canceled(), outputs: { patch: { commit: 'x' }, evidence: 'ref' } });
    expect(set.states()).toMatchObject({ a: 'succeeded', b: 'running' });
    expect(stepRecord(set.run, set.index('ws-a'), null).outputs).toEqual({
      ...{ patch: null, evidence: 'ref', byHand: 'completed by ann: because' },
    });
  });

  test('that waits is failed, and what depends on it is blocked', async () => {
    const set = await at({ a: [], b: ['a'], c: ['b'] });
    expect(set.act('fail', 'ws-b')).toBeNull();
    set.end('ws-a');
    expect(set.states()).toMatchObject({ b: 'failed', c: 'skipped', landing: 'running' });
  });

  test('that ended is not said to have ended otherwise, unless it is forced', async () => {
    const set = await at({ a: [], b: [] });
    set.end('ws-a', failed());
    expect(set.act('complete', 'ws-a')).toContain('has ended already: failed');
    expect(set.act('complete', 'ws-a', { force: true })).toBeNull();
    expect(set.states()).toMatchObject({ a: 'succeeded' });
    expect(set.act('unblock', 'ws-a', { force: true })).toContain('only what is blocked');
    expect(set.act('reset', 'ws-b')).toContain('is running');
  });

  test('is not reset once others have gone on from its end', async () => {
    const set = await at({ a: [], b: ['a'], c: [] });
    set.end('ws-a');
    expect(set.act('reset', 'ws-a', { force: true })).toContain('"ws-b" has gone on from its end');
    set.end('ws-b', failed()).end('ws-c');
    expect(set.act('reset', 'ws-b')).toContain('landing has begun without it');
  });

  test('is moved by nobody without a reason, nor a step that is none', async () => {
    const set = await at({ a: [] });
    expect(set.act('fail', 'ws-a', { reason: ' ' })).toContain('with a reason');
    expect(set.act('fail', 'landing')).toContain('is no workstream');
    expect(set.act('fail', 'ws-x')).toContain('no step "ws-x"');
    expect(runHead(set.run, { runId: 'r', createdAt: 0, startedAt: 0, endedAt: null })).not.toHaveProperty(
      'manual',
    );
  });
});

test('whatever is done by hand, every run ends, and each step is told once', async () => {
  const random = randomOf(20_261);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  let acted = 0;
  for (let round = 0; round < 150; round += 1) {
    const size = 2 + Math.floor(random() * 7);
    const ids = Array.from({ length: size }, (_, n) => `n${n}`);
    const graph = Object.fromEntries(
      ids.map((name, n) => [
        name,
        {
          depends_on: ids.slice(0, n).flatMap((on) => (random() < 0.35 ? [`ws-${on}`] : [])),
          files_scope: [random() < 0.4 ? 'shared/' : `${name}.txt`], // one after the other, without depending
        },
      ]),
    );
    const set = new Set(await setOf(graph, { maxWorkers: 1 + Math.floor(random() * 4) }));
    let hands = 30;
    for (let moves = 0; !isRunOver(set.run); moves += 1) {
      expect(moves, `round ${round}: ${JSON.stringify(set.states())}`).toBeLessThan(400);
      if (hands > 0 && random() < 0.6) {
        const action = pick(['complete', 'fail', 'reset', 'unblock'] as const);
        const step = pick(set.run.plan.steps).id;
        if (set.act(action, step, { force: random() < 0.4 }) === null) acted += 1;
        hands -= 1;
        continue;
      }
      if (random() < 0.1) set.handOver();
      const running = set.run.states.flatMap((state, index) => (state.kind === 'running' ? [index] : []));
      if (running.length === 0) {
        expect(endStranded(set.run, set.tick()), `round ${round}: ${JSON.stringify(set.states())}`).toBe(0);
        set.launch();
        continue;
      }
      const index = pick(running);
      const state = set.run.states[index]!;
      const isStopped = state.kind === 'running' && state.stop !== null;
      const { id } = set.run.plan.steps[index]!;
      set.end(id, isStopped ? canceled() : random() < 0.3 && id !== 'landing' ? failed() : succeeded());
    }
    const { counts, states } = set.run;
    for (const [kind, count] of Object.entries(counts))
      expect(states.filter((state) => state.kind === kind).length).toBe(count);
  }
  expect(acted).toBeGreaterThan(150);
});
