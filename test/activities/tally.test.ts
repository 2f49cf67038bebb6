import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CommandHeartbeat } from '../../src/activities/api.js';
import { FREE_STARTS, freeStarts, tally, withLossesCounted } from '../../src/activities/tally.js';
import type { Attempt } from '../../src/plan/attempt.js';

const failed = (number: number, tail = ''): Attempt => ({
  number,
  startedAt: number * 1000,
  endedAt: number * 1000 + 1,
  end: { kind: 'failed', failure: { reason: 'exit-code', exitCode: 1, tail } },
  logs: null,
});

const beat = (endings: number, excused: number, attempts: readonly Attempt[] = []): CommandHeartbeat => ({
  endings,
  excused,
  attempts,
});

const counts = (start: number, last?: CommandHeartbeat, onDisk: readonly Attempt[] = []): unknown => {
  const { endings, excused, losses, attempts } = tally(start, last, onDisk);
  return { endings, excused, losses, known: attempts.map(({ number }) => number) };
};

test('the first start has nothing before it', () => {
  expect(counts(1)).toEqual({ endings: 0, excused: 0, losses: 0, known: [] });
});

test('a start of which nothing was heard was lost, even before its first heartbeat', () => {
  expect(counts(2)).toEqual({ endings: 0, excused: 0, losses: 1, known: [] });
  expect(counts(4, beat(1, 0, [failed(1)]))).toEqual({ endings: 1, excused: 0, losses: 2, known: [1] });
});

test('what ended or was given back was not lost', () => {
  expect(counts(4, beat(2, 1, [failed(1), failed(2)]))).toEqual({
    endings: 2,
    excused: 1,
    losses: 0,
    known: [1, 2],
  });
});

test('a job whose tool is out of order may wait for it as often as that takes', () => {
  const waited = tally(104, { ...beat(1, 101, [failed(1)]), gated: 100 }, []);
  expect(waited).toMatchObject({ endings: 1, excused: 101, gated: 100, losses: 1 });
  expect(freeStarts(waited)).toBe(2);
  expect(freeStarts(waited)).toBeLessThan(FREE_STARTS);
  expect(freeStarts(withLossesCounted(waited, 9, [], null, 1))).toBe(1);
});

test('an ending that only the disk remembers counts, and brings its whole tail', () => {
  expect(counts(3, beat(1, 0, [failed(1)]), [failed(1, 'long'), failed(2)])).toEqual({
    endings: 2,
    excused: 0,
    losses: 0,
    known: [1, 2],
  });
  expect(tally(2, beat(1, 0, [failed(1)]), [failed(1, 'long')]).attempts).toEqual([failed(1, 'long')]);
});

test('endings that no attempt is left of are counted all the same', () => {
  expect(counts(10, beat(9, 0, [failed(8), failed(9)]))).toEqual({
    endings: 9,
    excused: 0,
    losses: 0,
    known: [8, 9],
  });
});

test('nothing is counted beyond what the server started: it counts anew after a reset', () => {
  expect(counts(1, beat(3, 2, [failed(3)]), [failed(2)])).toEqual({
    endings: 0,
    excused: 0,
    losses: 0,
    known: [],
  });
});

test('a loss of a step that may not be run twice becomes a failed attempt', () => {
  const trace = {
    startedAt: 77,
    logs: { host: 'h', stdout: 'o', stderr: 'e', stdoutBytes: 1, stderrBytes: 2 },
  };
  const counted = withLossesCounted(tally(4, beat(1, 0, [failed(1)]), []), 9, [trace], null, 500);
  expect(counted).toMatchObject({
    endings: 3,
    losses: 0,
    attempts: [
      { number: 1 },
      {
        number: 2,
        startedAt: 77,
        endedAt: 500,
        end: { failure: { reason: 'worker-lost' } },
        logs: trace.logs,
      },
      { number: 3, startedAt: 500, endedAt: 500, end: { failure: { reason: 'worker-lost' } }, logs: null },
    ],
  });
});

test('a start that was lost when no attempt was left had run nothing, and is no attempt', () => {
  // The one attempt was lost; so was the start that would have said so, before and after it told of the loss.
  for (const told of [beat(0, 0, []), beat(1, 0, [failed(1)])]) {
    const counted = withLossesCounted(tally(3, told, []), 1, [], null, 500);
    expect(counted).toMatchObject({ endings: 1, excused: 1, losses: 0, attempts: [{ number: 1 }] });
    expect(counted.attempts).toHaveLength(1);
  }
});

test('each start before this one is an ending, an excuse or a loss, and none is two of them', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 8 });
  const property = fc.property(
    fc.integer({ min: 1, max: 30 }),
    fc.nat(30),
    fc.nat(30),
    numbers,
    numbers,
    (start, endings, excused, told, onDisk) => {
      const result = tally(
        start,
        beat(
          endings,
          excused,
          told.map((n) => failed(n)),
        ),
        onDisk.map((n) => failed(n)),
      );
      expect(result.endings + result.excused + result.losses).toBe(start - 1);
      expect(Math.min(result.endings, result.excused, result.losses)).toBeGreaterThanOrEqual(0);
      const known = result.attempts.map(({ number }) => number);
      expect(known).toEqual([...known].sort((a, b) => a - b));
      expect(known.every((number) => number <= result.endings)).toBe(true);
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});
