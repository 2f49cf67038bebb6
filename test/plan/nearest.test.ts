import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { distanceWithin, nearest } from '../../src/plan/nearest.js';

describe('the nearest word', () => {
  test.each([
    ['bulid', ['build', 'ship'], 'build'],
    ['retrys', ['retries', 'retry'], 'retry'],
    ['BUILD', ['build'], 'build'],
    ['comand', ['command', 'commend'], 'command'],
    ['buidl-all-the-things', ['build-all-the-things'], 'build-all-the-things'],
    ['a', ['b'], null],
    ['ab', ['ba'], 'ba'],
    ['xyz', ['abc'], null],
    ['deploy', ['build', 'test'], null],
    ['', ['a'], null],
  ])('to %j in %j is %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });
});

/** The whole table, the plain way. */
function distance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, row) =>
    Array.from({ length: b.length + 1 }, (__, column) => row + column),
  );
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(table[i - 1]![j]! + 1, table[i]![j - 1]! + 1, table[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, table[i - 2]![j - 2]! + 1);
      table[i]![j] = cost;
    }
  }
  return table[a.length]![b.length]!;
}

test('the bounded distance is the distance, wherever it is within the bound', () => {
  const words = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 });
  fc.assert(
    fc.property(words, words, fc.integer({ min: 0, max: 4 }), (a, b, limit) => {
      const whole = distance(a, b);
      expect(distanceWithin(a, b, limit)).toBe(whole <= limit ? whole : null);
    }),
    { numRuns: 3_000 },
  );
});
