import { describe, expect, test } from 'vitest';
import {
  askToStart,
  attemptEnded,
  byHand,
  CLOSED,
  DEFAULT_BREAKER_LIMITS as LIMITS,
  type Breaker,
} from '../../src/workstream/breaker.js';
import { DEFAULT_BUDGET, NEW_BUDGET, spend } from '../../src/plan/budget.js';
import { costFault, totals, type Cost } from '../../src/workstream/cost.js';

const fail = (breaker: Breaker, times: number, at = 0): Breaker => {
  let now = breaker;
  for (let count = 0; count < times; count += 1) now = attemptEnded(now, LIMITS, `a${count}`, 'failed', at);
  return now;
};
const open = fail(CLOSED, 5, 1_000);

describe('the breaker of a tool', () => {
  test('opens after five failures in a row; a success forgets them', () => {
    expect(fail(CLOSED, 4)).toEqual({ kind: 'closed', failures: 4 });
    expect(attemptEnded(fail(CLOSED, 4), LIMITS, 'x', 'worked', 0)).toEqual(CLOSED);
    expect(open).toEqual({ kind: 'open', since: 1_000, until: 61_000, why: 'failures' });
  });

  test('lets nothing start while it is open, and says when to ask again', () => {
    expect(askToStart(open, LIMITS, 'b', 60_999)).toEqual({
      breaker: open,
      may: 'wait',
      until: 61_000,
      why: 'failures',
    });
  });

  test('then lets one probe through, and the probe decides', () => {
    const probing = askToStart(open, LIMITS, 'b', 61_000);
    expect(probing.may).toBe('start');
    expect(askToStart(probing.breaker, LIMITS, 'c', 61_001)).toMatchObject({ may: 'wait', why: 'probe' });
    expect(askToStart(probing.breaker, LIMITS, 'b', 61_001).may).toBe('start'); // the same, asking again
    expect(attemptEnded(probing.breaker, LIMITS, 'b', 'worked', 70_000)).toEqual(CLOSED);
    expect(attemptEnded(probing.breaker, LIMITS, 'b', 'failed', 70_000)).toMatchObject({
      kind: 'open',
      until: 130_000,
    });
    expect(attemptEnded(probing.breaker, LIMITS, 'older', 'worked', 70_000)).toBe(probing.breaker);
  });

  test('lets the next one try it when the probe did not come to call the tool', () => {
    const probing = askToStart(open, LIMITS, 'b', 61_000).breaker;
    const given = attemptEnded(probing, LIMITS, 'b', 'unknown', 61_500);
    expect(askToStart(given, LIMITS, 'c', 61_500)).toMatchObject({ may: 'start', breaker: { probe: 'c' } });
    expect(attemptEnded(fail(CLOSED, 4), LIMITS, 'x', 'unknown', 0)).toEqual({ kind: 'closed', failures: 4 });
  });

  test('counts a probe whose worker died as failed', () => {
    const probing = askToStart(open, LIMITS, 'b', 61_000).breaker;
    const later = 61_000 + LIMITS.probeMs;
    expect(askToStart(probing, LIMITS, 'c', later)).toMatchObject({
      may: 'wait',
      until: later + LIMITS.openMs,
      why: 'failures',
    });
  });

  test('stops at once when the quota is used up, until a person resets it', () => {
    const stopped = attemptEnded(CLOSED, LIMITS, 'a', 'quota', 5);
    expect(askToStart(stopped, LIMITS, 'b', 1e12)).toMatchObject({ may: 'wait', until: null, why: 'quota' });
    expect(byHand(stopped, 'reset', 6)).toEqual(CLOSED);
    expect(attemptEnded(open, LIMITS, 'late', 'quota', 2_000)).toMatchObject({
      kind: 'open',
      until: null,
      why: 'quota',
    });
  });

  test('obeys a person', () => {
    const forced = byHand(CLOSED, 'open', 3);
    expect(forced).toEqual({ kind: 'open', since: 3, until: null, why: 'by-hand' });
    expect(attemptEnded(forced, LIMITS, 'a', 'worked', 9)).toBe(forced);
  });
});

describe('a budget', () => {
  test('warns at 80 %, says once that it is used up, and halts only where it is told to', () => {
    const limits = { ...DEFAULT_BUDGET, maxUsd: 10 };
    const first = spend(NEW_BUDGET, limits, 8);
    expect(first.events).toEqual(['budget_warning']);
    const second = spend(first.state, limits, 2);
    expect([second.events, second.halt]).toEqual([['budget_exceeded'], false]);
    expect(spend(second.state, limits, 1).events).toEqual([]);
    expect(spend(first.state, { ...limits, mode: 'halt' }, 2).halt).toBe(true);
    expect(spend(NEW_BUDGET, { ...limits, mode: 'continue' }, 20)).toMatchObject({ events: [], halt: false });
    expect(spend(NEW_BUDGET, DEFAULT_BUDGET, 1e9).events).toEqual([]);
  });

  const cost = (more: Partial<Cost>): Cost => ({
    costId: 'c',
    run: 'r',
    project: 'p',
    workstream: null,
    step: null,
    resource: 'api_call',
    name: 'aider',
    amount: 1,
    currency: 'USD',
    tokensIn: null,
    tokensOut: null,
    model: null,
    at: 0,
    ...more,
  });

  test('never adds two currencies, and counts what nobody said', () => {
    const costs = [
      cost({}),
      cost({ amount: 2 }),
      cost({ currency: 'EUR' }),
      cost({ amount: null }),
      cost({ run: 'other' }),
    ];
    expect(totals(costs, { run: 'r' })).toEqual({ byCurrency: { USD: 3, EUR: 1 }, unknown: 1 });
    expect(totals(costs, { resource: 'storage' })).toEqual({ byCurrency: {}, unknown: 0 });
  });

  test('takes no negative cost and no currency that is none', () => {
    expect([cost({ amount: -1 }), cost({ currency: 'usd' }), cost({})].map(costFault)).toEqual([
      'a cost must be 0 or more, found -1',
      'a currency must be three capitals, found "usd"',
      null,
    ]);
  });
});
