import { expect, test } from 'vitest';
import { canceledBy } from '../../src/plan/cancel-words.js';

test.each([
  ['ann', 'wrong branch', 'canceled by ann: wrong branch'],
  ['ann', 'Canceled by user', 'canceled by ann'],
  ['signal', 'canceled by signal', 'canceled by signal'],
  ['temporal', 'canceled', 'canceled by temporal'],
  ['ann', 'canceled by Ctrl-C', 'canceled by Ctrl-C (ann)'],
  ['ann', ' ', 'canceled by ann'],
])('who canceled and why is said once each: %s, "%s"', (actor, reason, words) => {
  expect(canceledBy({ actor, reason })).toBe(words);
});
