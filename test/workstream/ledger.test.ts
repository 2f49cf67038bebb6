import { describe, expect, test } from 'vitest';
import {
  isSettled,
  MAX_APPLY_ATTEMPTS,
  movePatch,
  openEntry,
  refusalMessage,
  type LedgerEntry,
  type MoveRequest,
  type PatchState,
} from '../../src/workstream/ledger.js';
import type { WorkstreamId } from '../../src/workstream/workstream.js';

const STATES: readonly PatchState[] = [
  'created',
  'validated',
  'queued',
  'applied',
  'apply_failed',
  'verified',
  'committed',
  'quarantined',
  'rolled_back',
  'dropped',
];

/** The table of the facts, written out a second time. */
const ALLOWED = `
created: validated quarantined dropped
validated: queued quarantined dropped
queued: applied apply_failed quarantined dropped
applied: verified rolled_back quarantined
apply_failed: queued quarantined dropped
verified: committed rolled_back quarantined
committed: rolled_back
quarantined: dropped
rolled_back:
dropped:`;
const allowed = new Set(
  ALLOWED.trim()
    .split('\n')
    .flatMap((line) => {
      const [from, to = ''] = line.split(':');
      return to
        .trim()
        .split(' ')
        .filter(Boolean)
        .map((state) => `${from} ${state}`);
    }),
);

const fresh = openEntry(
  {
    ledgerId: 'l',
    patchId: 'p',
    projectId: 'x',
    phaseId: 'y',
    workstream: 'ws-a' as WorkstreamId,
    executionRequestId: 'r',
  },
  1,
  'worker',
);
const inState = (state: PatchState): LedgerEntry => ({ ...fresh, state });
const ask = (entry: LedgerEntry, to: PatchState, more: Partial<MoveRequest> = {}) =>
  movePatch(entry, {
    to,
    at: 2,
    actor: 'me',
    expected: entry.revision,
    reason: 'because',
    compensation: ['undo'],
    commit: 'c0ffee',
    ...more,
  });
const moved = (entry: LedgerEntry, to: PatchState, more: Partial<MoveRequest> = {}): LedgerEntry => {
  const result = ask(entry, to, more);
  if (!result.ok) throw new Error(refusalMessage('p', result.refusal));
  return result.entry;
};

describe('the ledger', () => {
  test('makes exactly the moves of the table', () => {
    for (const from of STATES) {
      for (const to of STATES)
        expect([from, to, ask(inState(from), to).ok]).toEqual([from, to, allowed.has(`${from} ${to}`)]);
    }
  });

  test('keeps every move, in order, with who and why', () => {
    const entry = moved(moved(fresh, 'validated', { reason: null }), 'quarantined', { quarantinePath: '/q' });
    expect(entry.history.map(({ from, to, actor, reason }) => [from, to, actor, reason])).toEqual([
      [null, 'created', 'worker', null],
      ['created', 'validated', 'me', null],
      ['validated', 'quarantined', 'me', 'because'],
    ]);
    expect(entry.quarantine).toEqual({ reason: 'because', path: '/q', at: 2 });
  });

  test('of two actors lets one win', () => {
    const first = moved(fresh, 'validated');
    const late = movePatch(first, {
      to: 'quarantined',
      at: 3,
      actor: 'other',
      reason: 'x',
      expected: fresh.revision,
    });
    expect(late).toEqual({ ok: false, refusal: { reason: 'stale', expected: 1, found: 2 } });
  });

  test.each(['quarantined', 'rolled_back', 'dropped'] as const)('wants a reason for %s', (to) => {
    const from = to === 'rolled_back' ? 'applied' : 'created';
    expect(ask(inState(from), to, { reason: ' ' })).toMatchObject({
      ok: false,
      refusal: { reason: 'no-reason-given' },
    });
  });

  test('rolls a committed patch back only with a plan, and commits only with a commit', () => {
    expect(ask(inState('committed'), 'rolled_back', { compensation: [] })).toMatchObject({
      refusal: { reason: 'no-compensation' },
    });
    const request = { to: 'committed', at: 2, actor: 'me', expected: 1 } as const;
    expect(movePatch(inState('verified'), request)).toMatchObject({ refusal: { reason: 'no-commit' } });
  });

  test('quarantines what could not be applied three times', () => {
    let entry = moved(fresh, 'validated');
    for (let attempt = 1; attempt <= MAX_APPLY_ATTEMPTS; attempt += 1) {
      entry = moved(moved(entry, 'queued'), 'apply_failed', {
        error: { code: 'conflict', message: 'a.txt' },
      });
      expect([attempt, entry.state]).toEqual([
        attempt,
        attempt < MAX_APPLY_ATTEMPTS ? 'apply_failed' : 'quarantined',
      ]);
    }
    expect(entry.quarantine!.reason).toBe('could not be applied in 3 attempts: a.txt');
    expect(entry.apply).toMatchObject({ attempts: 3, lastErrorCode: 'conflict' });
  });

  test('never commits what was not applied and verified', () => {
    // Every way from created to committed goes through both.
    const walk = (state: PatchState, path: readonly PatchState[]): readonly PatchState[][] =>
      state === 'committed'
        ? [[...path]]
        : STATES.filter((to) => allowed.has(`${state} ${to}`) && !path.includes(to)).flatMap((to) =>
            walk(to, [...path, to]),
          );
    for (const path of walk('created', ['created']))
      expect(path.join(' ')).toMatch(/queued.* applied verified committed$/);
    expect(STATES.filter(isSettled)).toEqual(['committed', 'quarantined', 'rolled_back', 'dropped']);
  });

  test('says in words what it refuses', () => {
    expect(refusalMessage('p', { reason: 'illegal-move', from: 'validated', to: 'applied' })).toBe(
      'patch "p" cannot go from validated to applied; it can go to queued, quarantined, dropped',
    );
  });
});
