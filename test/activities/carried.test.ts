import { expect, test } from 'vitest';
import { carried, carriedBetween, heartbeatOf } from '../../src/activities/carried.js';
import { firstBytes, lastBytes } from '../../src/activities/utf8-cut.js';
import type { Attempt } from '../../src/plan/attempt.js';

const failed = (number: number): Attempt => ({
  number,
  startedAt: 1_700_000_000_000,
  endedAt: 1_700_000_000_000,
  end: { kind: 'failed', failure: { reason: 'exit-code', exitCode: 1, tail: 'ä'.repeat(2048) } },
  logs: {
    host: 'a-host',
    stdout: 'steps/x/1.stdout.log',
    stderr: 'steps/x/1.stderr.log',
    stdoutBytes: 1,
    stderrBytes: 1,
  },
});

const many = { attempts: Array.from({ length: 90 }, (_, n) => failed(n + 11)), endings: 100, excused: 3 };
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
const tails = (attempts: readonly Attempt[]): number[] =>
  attempts.map(({ end }) =>
    end.kind === 'failed' && 'tail' in end.failure ? Buffer.byteLength(end.failure.tail) : -1,
  );

test('the workflow gets the newest attempts, the last with its whole tail, and how many are missing', () => {
  const ended = carried(many);
  expect(ended.attempts.map(({ number }) => number)).toEqual(Array.from({ length: 16 }, (_, n) => n + 85));
  expect(ended.attemptsOmitted).toBe(84);
  expect(tails(ended.attempts)).toEqual([...Array.from({ length: 15 }, () => 400), 4096]);
  expect(bytes(ended)).toBeLessThan(16_000);
});

test('a failure that is tried again is small enough to be kept by the server', () => {
  const ended = carriedBetween(many);
  expect(ended).toMatchObject({ attempts: [{ number: 100 }], attemptsOmitted: 99 });
  expect(bytes(ended)).toBeLessThan(3_000);
});

test('a heartbeat has at most 1 KB: the counts and the newest attempts, the last one with the end of its output', () => {
  const beat = heartbeatOf(many, { start: 101, startedAt: 1_700_000_000_000 });
  expect(bytes(beat)).toBeLessThanOrEqual(1024);
  expect(beat).toMatchObject({ endings: 100, excused: 3 });
  expect(beat.attempts.map(({ number }) => number)).toEqual([100]);
  expect(tails(beat.attempts)).toEqual([400]);
  // Where a tail would push out the attempt itself, it is left out.
  const wide = many.attempts.map((attempt) => ({
    ...attempt,
    logs: { ...attempt.logs!, host: 'h'.repeat(500) },
  }));
  const narrow = heartbeatOf({ ...many, attempts: wide });
  expect(bytes(narrow)).toBeLessThanOrEqual(1024);
  expect(tails(narrow.attempts)).toEqual([0]);
});

test('a heartbeat keeps the counts even when not one attempt fits', () => {
  const host = 'h'.repeat(2000);
  const attempts = [{ ...failed(1), logs: { host, stdout: '', stderr: '', stdoutBytes: 0, stderrBytes: 0 } }];
  expect(heartbeatOf({ attempts, endings: 1, excused: 0 })).toEqual({ endings: 1, excused: 0, attempts: [] });
});

test('texts are cut between characters', () => {
  expect(lastBytes('aä€😀', 4)).toBe('😀');
  expect(lastBytes('aä€😀', 6)).toBe('😀');
  expect(lastBytes('aä€😀', 7)).toBe('€😀');
  expect(firstBytes('aä€😀', 2)).toBe('a');
  expect(firstBytes('aä€😀', 9)).toBe('aä€');
  expect(firstBytes('aä€😀', 10)).toBe('aä€😀');
  expect([lastBytes('abc', 0), firstBytes('abc', 0), lastBytes('', 5)]).toEqual(['', '', '']);
});
