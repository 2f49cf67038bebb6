import { expect, test } from 'vitest';
import { trustMs, waitForRoomMs } from '../../src/job/patience.js';

const MINUTE = 60_000;

test.each([
  ['announced', trustMs, 3],
  ['without room', waitForRoomMs, 1],
])(
  'jobs that are %s ask for themselves after ten minutes, and thousands of them one after the other',
  (_, wait, eachSec) => {
    expect([wait(0, 0.9), wait(1, 0), wait(10_000, 0)]).toEqual([10 * MINUTE, 10 * MINUTE, 10 * MINUTE]);
    // Evenly over so many seconds for each: not more than one at a time, also when all of them do.
    const times = Array.from({ length: 10_000 }, (_, at) => wait(10_000, at / 10_000));
    expect(times[1]! - times[0]!).toBe(eachSec * 1_000);
    expect(times.at(-1)! - times[0]!).toBe(9_999 * eachSec * 1_000);
  },
);
