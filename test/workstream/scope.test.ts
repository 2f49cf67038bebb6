import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers, mayWrite, overlaps } from '../../src/workstream/scope.js';

describe('an entry of a scope', () => {
  test.each([
    ['src/a.py', 'src/a.py', true],
    ['src/a.py', 'src/a.pyc', false],
    ['src', 'src/deep/a.py', true], // a directory, though nobody wrote the slash
    ['src/', 'src/deep/a.py', true],
    ['src/', 'srcs/a.py', false],
    ['src\\deep\\', 'src/deep/a.py', true],
    ['src/*.py', 'src/a.py', true],
    ['src/*.py', 'src/deep/a.py', false],
    ['src/**/*.py', 'src/a.py', true],
    ['src/**/*.py', 'src/x/y/a.py', true],
    ['src/x?.py', 'src/x1.py', true],
    ['src/[ab].py', 'src/b.py', true],
    ['src/[!ab].py', 'src/b.py', false],
    ['app/[id].ts', 'app/[id].ts', true], // a name with brackets is a name too
    ['app/[id].ts', 'app/i.ts', true],
    ['.', 'anything/at/all', true],
    ['SRC/a', 'src/a', false],
  ])('%s covers %s: %s', (entry, path, expected) => {
    expect(covers(entry, path)).toBe(expected);
  });

  test.each([
    ['config/', 'config/x/*.json', true],
    ['core/*_state.py', 'core/plan_*.py', true],
    ['core/a*.py', 'core/b*.py', false],
    ['docs/adr', 'docs/adr/one.md', false], // as written: a file
    ['docs/adr/', 'docs/adr/one.md', true],
    ['**/x', 'a/b/x', true],
    ['a/**/z', 'a/b*/z', true],
    ['*.py', 'src/*.py', false],
  ])('%s and %s claim a path in common: %s', (a, b, expected) => {
    expect([overlaps(a, b), overlaps(b, a)]).toEqual([expected, expected]);
  });

  test('meets another exactly when some path fits both', () => {
    const part = fc.constantFrom('a', 'b', 'ab', '*', 'a*', '*b', '?', '**', '[ab]');
    const pattern = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const names = ['a', 'b', 'ab', 'ba', 'aab'];
    const paths = names.flatMap((one) => [
      one,
      ...names.flatMap((two) => [`${one}/${two}`, ...names.map((three) => `${one}/${two}/${three}`)]),
    ]);
    // One path in common is enough; up to three parts all are tried. A plain name covers what is below it, so only patterns are asked.
    const isPattern = (text: string): boolean => /[*?[]/.test(text);
    fc.assert(
      fc.property(pattern.filter(isPattern), pattern.filter(isPattern), (a, b) => {
        if (paths.some((path) => covers(a, path) && covers(b, path)))
          expect([a, b, overlaps(a, b)]).toEqual([a, b, true]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is matched in no time, whatever it looks like', () => {
    const stars = `${'*a'.repeat(200)}b`;
    expect(covers(stars, 'a'.repeat(900))).toBe(false);
    expect(overlaps(Array(150).fill('**/a').join('/'), Array(150).fill('a/**').join('/'))).toBe(true);
  });
});

test('files to create are in the scope too', () => {
  const scope = { filesScope: ['src/'], filesCreate: ['docs/new.md'] };
  expect(['src/x', 'docs/new.md', 'docs/old.md'].map((path) => mayWrite(scope, path))).toEqual([
    true,
    true,
    false,
  ]);
});
