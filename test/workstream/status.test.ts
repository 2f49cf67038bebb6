import { describe, expect, test } from 'vitest';
import type { ReportedWorkstream, SetReport } from '../../src/workstream/report/report.js';
import {
  bookJson,
  idMeant,
  noted,
  readBook,
  statusCounts,
  statusTable,
  verdictsOf,
  type RunVerdict,
  type StatusNote,
} from '../../src/workstream/status.js';

const note = (status: string, timestamp: string | null, more: Partial<StatusNote> = {}): StatusNote => ({
  ...{ status, message: '', timestamp, actor: 'jo', run: null },
  ...more,
});
const verdict = (status: RunVerdict['status'], at: string, open = false): RunVerdict => ({
  ...{ run: 'r1', status, message: '', at: Date.parse(at), open },
});
const NAMED = [{ id: 'ws-a', name: 'A' }];
const shown = (notes: StatusNote[], said?: RunVerdict) =>
  statusTable(
    NAMED,
    notes.reduce((book, one) => noted(book, 'ws-a', one), readBook({})!),
    new Map(said === undefined ? [] : [['ws-a', said]]),
  )[0]!;

describe('the file of statuses', () => {
  test('of the older tools is read, and what is no status in it stays as it was', () => {
    const older = {
      'ws-a': { status: 'timeout', message: 'm', timestamp: '2025-12-02T12:38:47.070385' },
      doc_id: 'DOC-1',
    };
    const book = readBook(older)!;
    expect(book.notes['ws-a']).toEqual([{ ...older['ws-a'], actor: null, run: null }]);
    const after = bookJson(noted(book, 'ws-a', note('completed', '2026-01-01T00:00:00.000Z')));
    expect(after).toMatchObject({
      'ws-a': { status: 'completed', actor: 'jo', history: [{ status: 'timeout' }] },
      doc_id: 'DOC-1',
    });
    expect(bookJson(readBook(after)!)).toEqual(after);
  });

  test('that is something else is not taken for one', () => {
    for (const value of [null, [], 'text', 3]) expect(readBook(value)).toBeNull();
  });
});

describe('of a note and a run', () => {
  test('the newer one counts, and says whose it is', () => {
    const early = '2026-01-01T00:00:00.000Z';
    const late = '2026-01-02T00:00:00.000Z';
    expect(shown([note('completed', late)], verdict('failed', early))).toMatchObject({
      status: 'completed',
      source: 'manual',
      actor: 'jo',
    });
    expect(shown([note('blocked', early)], verdict('completed', late))).toMatchObject({
      status: 'completed',
      source: 'run',
      run: 'r1',
    });
  });

  test('a run that goes on counts before a newer note', () => {
    expect(
      shown(
        [note('completed', '2026-01-02T00:00:00.000Z')],
        verdict('in_progress', '2026-01-01T00:00:00.000Z', true),
      ).status,
    ).toBe('in_progress');
  });

  test('none is "not started"', () => {
    expect(shown([])).toMatchObject({ status: 'not_started', source: 'none', updated_at: null });
  });
});

test('a workstream that is in no bundle any more is shown, and counts are of what is there', () => {
  const book = noted(readBook({})!, 'ws-gone', note('manual', null));
  const table = statusTable(NAMED, book, new Map());
  expect(table.map(({ id }) => id)).toEqual(['ws-a', 'ws-gone']);
  expect(statusCounts(table)).toEqual({ not_started: 1, manual: 1 });
});

describe('what a run says', () => {
  const work = (more: Partial<ReportedWorkstream>): ReportedWorkstream => ({
    ...{ id: 'ws-a', title: '', wave: 1, dependsOn: [], state: 'succeeded', tool: 'aider', worker: null },
    ...{ startedAt: 1, endedAt: 2, toolWait: null, attempts: 1, costUsd: null, patch: null, reason: null },
    notExecutable: [],
    notes: [],
    ...more,
  });
  const patch = (state: 'committed' | 'quarantined' | 'validated') => ({
    ...{ id: 'p', state, files: 1, insertions: 1, deletions: 0, commit: null, reason: null },
  });
  const said = (one: Partial<ReportedWorkstream>, report: Partial<SetReport> = {}) =>
    verdictsOf({
      ...{ format: 1, runId: 'r1', state: 'succeeded', startedAt: 0, endedAt: 3, branch: 'refs/heads/main' },
      ...{ base: '', tip: null, maxWorkers: 1, budget: null, gateRuns: [], conflicts: [], malformed: [] },
      collisions: [],
      workstreams: [work(one)],
      ...report,
    }).get('ws-a')?.status;

  test('is "completed" of a patch that landed, and of no other', () => {
    expect(said({ patch: patch('committed') })).toBe('completed');
    expect(said({})).toBe('completed'); // nothing had to be changed
    expect(said({ patch: patch('quarantined') })).toBe('failed');
    expect(said({ patch: patch('validated') })).toBe('failed');
    expect(said({ patch: patch('validated') }, { endedAt: null })).toBe('in_progress');
  });

  test('is nothing when it was only to prove patches', () => {
    expect(said({ patch: patch('validated') }, { branch: null })).toBeUndefined();
    expect(said({ state: 'running' }, { branch: null, endedAt: null })).toBe('in_progress');
  });

  test('is "failed" of what was canceled, "blocked" of what could not start', () => {
    expect(said({ state: 'canceled' })).toBe('failed');
    expect(said({ state: 'blocked' })).toBe('blocked');
    expect(said({ state: 'skipped' })).toBeUndefined();
  });
});

describe('a workstream is meant', () => {
  const ids = ['ws-next-001-github', 'ws-next-002-fix', 'ws-docs'];
  test('by its id, and by a beginning that only one has', () => {
    expect(idMeant('ws-docs', ids)).toEqual({ id: 'ws-docs' });
    expect(idMeant('ws-next-002', ids)).toEqual({ id: 'ws-next-002-fix' });
    expect(idMeant('next-001', ids)).toEqual({ id: 'ws-next-001-github' });
  });

  test('by no beginning that several have, and a slip names what is close', () => {
    expect(idMeant('ws-next', ids)).toEqual({
      problem: expect.stringContaining('2 begin like it') as string,
    });
    expect(idMeant('ws-dosc', ids)).toEqual({
      problem: expect.stringContaining('did you mean "ws-docs"?') as string,
    });
    expect(idMeant('fix', ids)).toEqual({ problem: expect.stringContaining('"ws-next-002-fix"') as string });
    expect(idMeant('', ids)).toHaveProperty('problem');
  });
});
