import { expect, test } from 'vitest';
import { hasColour, hasUnicode, paintFor } from '../../src/cli/paint.js';

const terminal = { isTerminal: true };
const pipe = { isTerminal: false };

test('colour is for terminals, unless somebody says otherwise', () => {
  expect(hasColour({}, terminal)).toBe(true);
  expect(hasColour({}, pipe)).toBe(false);
  expect(hasColour({ TERM: 'dumb' }, terminal)).toBe(false);
  expect(hasColour({ NO_COLOR: '1' }, terminal)).toBe(false);
  expect(hasColour({ NO_COLOR: '' }, terminal)).toBe(true);
  expect(hasColour({ FORCE_COLOR: '1' }, pipe)).toBe(true);
  expect(hasColour({ FORCE_COLOR: '0' }, terminal)).toBe(false);
  expect(hasColour({ FORCE_COLOR: '1', NO_COLOR: '1' }, terminal)).toBe(false);
});

test('where the locale is not UTF-8 all marks are ASCII', () => {
  expect(hasUnicode({ LANG: 'de_DE.UTF-8' })).toBe(true);
  expect(hasUnicode({ LANG: 'de_DE.UTF-8', LC_ALL: 'C' })).toBe(false);
  const { marks } = paintFor({ LANG: 'C' }, pipe);
  expect(Object.values(marks).flat().join('')).toMatch(/^[\x20-\x7e]+$/);
});

test('without colour text is left as it is', () => {
  expect(paintFor({}, pipe).red('x')).toBe('x');
  expect(paintFor({}, terminal).red('x')).toBe('\u001b[31mx\u001b[39m');
});
