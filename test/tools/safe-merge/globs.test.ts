import { describe, expect, test } from 'vitest';
import { BadGlob, glob } from '../../../src/tools/safe-merge/globs.js';

describe('a pattern', () => {
  test.each<[pattern: string, matching: string[], others: string[]]>([
    ['*.md', ['README.md', 'docs/a/b.md', '.md'], ['md', 'a.mdx', 'a.MD']],
    ['**/*.md', ['README.md', 'docs/a/b.md'], ['a.mdx']],
    ['.env*', ['.env', '.env.local', 'app/.env'], ['env', 'a.env']],
    ['build', ['build', 'build/x.js', 'src/build/x.js'], ['rebuild', 'build.ts', 'src/builds/x']],
    ['build/', ['build/x.js'], ['builds']],
    ['/build', ['build/x.js', 'build'], ['src/build/x.js']],
    ['config/*.yaml', ['config/a.yaml'], ['config/deep/a.yaml', 'app/config/a.yaml']],
    ['**/config/*.yaml', ['config/a.yaml', 'app/config/a.yaml'], ['config/a.yml']],
    ['schema/**', ['schema/a.json', 'schema/deep/b'], ['schemas/a']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z', 'a/b/z/inside'], ['a/b', 'z']],
    ['gen_*', ['gen_a.py', 'src/gen_x'], ['agen_', 'gen']],
    ['*_generated.*', ['api_generated.go'], ['generated.go', 'api_generated']],
    ['?.txt', ['a.txt', 'ß.txt', '😀.txt'], ['ab.txt', '.txt']],
    ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
    ['[!a]x', ['bx'], ['ax']],
    ['*.[pP][nN][gG]', ['a.png', 'a.PNG'], ['a.jpg']],
    ['a*b*c', ['abc', 'a__b__c', 'aXbbc'], ['acb', 'ab']],
    ['a*b*b', ['abb', 'a_b_b'], ['ab', 'a_b']],
    ['*ab*ab*', ['abab', '_ab_ab_'], ['ab', 'aba']],
    ['*', ['anything', 'a/b'], []],
  ])('%s', (pattern, matching, others) => {
    const { matches } = glob(pattern);
    expect(matching.filter((path) => !matches(path))).toEqual([]);
    expect(others.filter((path) => matches(path))).toEqual([]);
  });

  test.each(['', 'a//b', '../x', './x', 'a/../b', '[abc', 'x'.repeat(201)])('%j is refused', (pattern) => {
    expect(() => glob(pattern)).toThrow(BadGlob);
  });

  test('cannot take long, however it is made', () => {
    const nasty = glob(`${'*a'.repeat(90)}b`);
    const deep = glob(`${'**/a*/'.repeat(30)}z`);
    const start = performance.now();
    expect(nasty.matches('a'.repeat(4000))).toBe(false);
    expect(deep.matches('a/'.repeat(2000))).toBe(false);
    // A matcher that backtracks needs years here; this one thousandths of a second.
    expect(performance.now() - start).toBeLessThan(60_000);
  });
});
