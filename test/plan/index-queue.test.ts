import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IndexQueue } from '../../src/plan/index-queue.js';

const drain = (queue: IndexQueue): (number | undefined)[] =>
  Array.from({ length: queue.size }, () => queue.pop());

test('the smallest number comes out first, in whatever order they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 60 }), (numbers) => {
      const queue = new IndexQueue();
      for (const number of numbers) queue.push(number);
      expect(drain(queue)).toEqual([...numbers].sort((a, b) => a - b));
      expect(queue.pop()).toBe(undefined);
    }),
  );
});

test('taking and putting may be mixed', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(50)), { maxLength: 80 }), (moves) => {
      const queue = new IndexQueue();
      const plain: number[] = [];
      for (const move of moves) {
        if (move === null) expect(queue.pop()).toBe(plain.sort((a, b) => a - b).shift());
        else {
          queue.push(move);
          plain.push(move);
        }
        expect([queue.size, queue.peek()]).toEqual([
          plain.length,
          plain.length > 0 ? Math.min(...plain) : undefined,
        ]);
      }
    }),
  );
});

test('looking takes nothing', () => {
  const queue = new IndexQueue();
  expect(queue.peek()).toBe(undefined);
  queue.push(7);
  queue.push(3);
  expect([queue.peek(), queue.peek(), queue.size]).toEqual([3, 3, 2]);
});
