import { expect, test } from 'vitest';
import { canceledBy, pausedText } from '../../src/plan/cancel-words.js';

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

test.each([
  [undefined, 'paused'],
  [{ actor: 'ann', reason: 'tea' }, 'paused by ann: tea'],
  [{ actor: 'ann', reason: 'paused by user' }, 'paused by ann'],
  [{ actor: 'ann', reason: '' }, 'paused by ann'],
])('who paused and why is said: %o', (by, words) => {
  expect(pausedText(by)).toBe(words);
});
