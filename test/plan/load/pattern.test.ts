import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../../src/plan/load/pattern.js';

const matches = (pattern: string, value: string): boolean => {
  const compiled = compilePattern(pattern);
  if (typeof compiled === 'string') throw new Error(compiled);
  return compiled.matches(value);
};

describe('a pattern', () => {
  test.each([
    ['abc', 'abc', true],
    ['abc', 'xabcx', false],
    ['^abc$', 'abc', true],
    ['a|b', 'b', true],
    ['(?:ab)+', 'abab', true],
    ['[^/]+', 'a/b', false],
    ['\\d{2,3}', '1', false],
    ['\\d{2,3}', '1234', false],
    ['[A-Za-z0-9][A-Za-z0-9._/-]{0,99}', 'feature/x-1', true],
    ['[\\w.-]*', '', true],
    ['\\S+', 'a b', false],
    ['.', '\n', false],
    ['.', '😀', true],
    ['[😀-😂]', '😁', true],
    ['\\u0041\\x42', 'AB', true],
    ['a{2}', 'aa', true],
    ['a{2,}', 'aaaa', true],
    ['a{,2}', 'a{,2}', true],
    ['', '', true],
    ['(a*)*b', 'aaab', true],
    ['a*?', 'aa', true],
    ['[]a]', 'a', false],
  ])('%j takes %j: %s', (pattern, value, expected) => {
    expect(matches(pattern, value)).toBe(expected);
  });

  test.each([
    ['(?=a)', 'look-around'],
    ['(?<name>a)', 'named groups'],
    ['(a)\\1', '"\\1" is not known here'],
    ['\\bword', '"\\b" is not known here'],
    ['(a', '"(" is not closed'],
    ['a)', '")" closes nothing'],
    ['[a', '"[" is not closed'],
    ['*a', '"*" repeats nothing'],
    ['a**', 'a repetition is repeated'],
    ['[z-a]', 'wrong way round'],
    ['a{3,1}', 'wrong way round'],
    ['\\', 'lone'],
    ['a{99999}', 'longer than 2000'],
    ['((((a{99}){99}){99}){99})', 'longer than 2000'],
    ['(((){999}){999}){999}', 'longer than 2000'],
    ['(){99999}', 'longer than 2000'],
    [`${'('.repeat(40)}a${')'.repeat(40)}`, '30 levels'],
    ['a'.repeat(501), '501 characters'],
  ])('%j cannot be used: %s', (pattern, words) => {
    expect(compilePattern(pattern)).toContain(words);
  });

  test.each([
    '(a+)+b',
    '(a|a)*b',
    '(a*)*b',
    '(.*)*x',
    '(a|aa)+$b',
    'a*a*a*a*a*a*a*a*a*a*b',
    '([a-z]+)*1',
    '(a?){30}a{30}b',
  ])('%s, which explodes elsewhere, takes its steps and no more', (pattern) => {
    expect(matches(pattern, 'a'.repeat(4_096))).toBe(false);
  });
});

test('patterns mean what they mean in JavaScript', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '\\S', '1', '-');
  const pattern: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      atom,
      fc
        .tuple(atom, fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,}'))
        .map(([body, times]) => body + times),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
      tie('node').map((body) => `(?:${body})*`),
    ),
  })).node;
  const value = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', '\n'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, value, (source, sample) => {
      expect(matches(source, sample)).toBe(new RegExp(`^(?:${source})$`, 'u').test(sample));
    }),
    { numRuns: 2_000 },
  );
});
