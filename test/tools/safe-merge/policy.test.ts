import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { classifierOf, CLASSES, rulesOf, type AnyClass } from '../../../src/tools/safe-merge/classes.js';
import { glob } from '../../../src/tools/safe-merge/globs.js';
import { BadPolicy, policyOf, SHIPPED_POLICY, shippedPolicy } from '../../../src/tools/safe-merge/policy.js';

const PLAIN = { declaredGenerated: false, binary: false };

describe('the shipped policy', () => {
  const classify = classifierOf(policyOf(readFileSync(SHIPPED_POLICY, 'utf8'), 'shipped', null).rules);

  test.each<[path: string, expected: AnyClass]>([
    ['README.md', 'human_text'],
    ['docs/deep/guide.md', 'human_text'],
    ['src/app.ts', 'human_text'],
    ['src/build/hand-written.ts', 'human_text'],
    ['build/hand-written.js', 'human_text'],
    ['LICENSE', 'human_text'],
    ['package.json', 'config_sensitive'],
    ['deep/tsconfig.json', 'config_sensitive'],
    ['.gitignore', 'config_sensitive'],
    ['app/.env.local', 'config_sensitive'],
    ['config/app.yaml', 'config_sensitive'],
    ['notes.yaml', 'human_text'],
    ['schema/plan.txt', 'config_sensitive'],
    ['requirements.txt', 'config_sensitive'],
    ['gen_parser.py', 'generated'],
    ['api_generated.go', 'generated'],
    ['dist/app.wasm', 'generated'],
    ['lib/app.min.js', 'generated'],
    ['a.egg-info/PKG', 'generated'],
    ['logo.png', 'binary'],
    ['LOGO.PNG', 'binary'],
    ['a/b/c.tar.gz', 'binary'],
    ['node_modules/x/index.js', 'do_not_merge'],
    ['__pycache__/a.pyc', 'do_not_merge'],
    ['data.bin', 'unknown'],
  ])('%s is %s', (path, expected) => {
    expect(classify(path, PLAIN)).toBe(expected);
  });

  test('the most restrictive class wins, whatever the order in the file', () => {
    expect(classify('node_modules/.env', PLAIN)).toBe('do_not_merge');
    expect(classify('config/gen_a.json', PLAIN)).toBe('config_sensitive');
  });

  test("the repository's own word on a file beats its ending, but not what is sensitive", () => {
    const declared = { declaredGenerated: true, binary: false };
    expect(classify('src/parser.py', declared)).toBe('generated');
    expect(classify('package.json', declared)).toBe('config_sensitive');
    expect(classify('node_modules/a.js', declared)).toBe('do_not_merge');
    expect(classify('strange', declared)).toBe('generated');
  });

  test('content decides where no name does', () => {
    expect(classify('strange', { declaredGenerated: false, binary: true })).toBe('binary');
    expect(classify('notes.txt', { declaredGenerated: false, binary: true })).toBe('human_text');
  });
});

test('a policy of the repository replaces the classes it names and keeps the others', async () => {
  const own = policyOf('file_classes:\n  generated: ["*.out"]\n', 'own', await shippedPolicy());
  const classify = classifierOf(own.rules);
  expect(classify('a.out', PLAIN)).toBe('generated');
  expect(classify('x.min.js', PLAIN)).toBe('unknown');
  expect(classify('a.md', PLAIN)).toBe('human_text');
  expect(own.timestampSafe).toEqual(['generated', 'binary']);
  expect(own.digest).not.toBe((await shippedPolicy()).digest);
});

test('the last pattern of a class that matches decides', () => {
  const text = [
    'file_classes:',
    '  generated: ["x"]',
    '  binary: ["x"]',
    '  human_text: ["*.js", "!vendor/**", "vendor/ours.js"]',
    '  config_sensitive: ["x"]',
    '  do_not_merge: ["x"]',
  ].join('\n');
  const classify = classifierOf(policyOf(text, 'p', null).rules);
  expect(['a.js', 'vendor/a.js', 'vendor/ours.js'].map((path) => classify(path, PLAIN))).toEqual([
    'human_text',
    'unknown',
    'human_text',
  ]);
});

test('whatever the patterns and the paths, a class is what asking every pattern about every path says', () => {
  const name = fc.constantFrom(
    'a',
    'ab',
    'b',
    '.a',
    'a.b',
    'b.a',
    'a.ab',
    'b.abababab',
    'ab.b.a',
    '😀',
    'a.😀',
  );
  const part = fc.constantFrom(
    ...['a', 'b', '*', '?', 'a*', '*b', '*.b', '[ab]', '[!a]*', '**'],
    ...['*.ab', '*bababab', '*a*b*', 'b*.?', '*.[ab]b', '*.[!a]', 'a*b', 'a.b'],
  );
  const pattern = fc
    .tuple(fc.boolean(), fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '/', '/**'))
    .map(([back, parts, end]) => `${back ? '!' : ''}${parts.join('/')}${end}`);
  const rules = fc.array(fc.array(pattern, { maxLength: 4 }), { minLength: 5, maxLength: 5 });
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const matches = (text: string, one: string): boolean => glob(text.replace(/^!/, '')).matches(one);
  fc.assert(
    fc.property(rules, fc.array(path, { minLength: 1, maxLength: 12 }), (lists, paths) => {
      const all = rulesOf((one) => lists[CLASSES.indexOf(one)] ?? []);
      const classify = classifierOf(all);
      for (const one of paths) {
        const hit = [...CLASSES].reverse().find((each) => {
          const last = all[each].findLast((text) => matches(text, one));
          return last !== undefined && !last.startsWith('!');
        });
        expect(classify(one, PLAIN), one).toBe(hit ?? 'unknown');
      }
    }),
    { numRuns: 500 },
  );
});

test('an unusual policy is used, and said to be unusual', async () => {
  const text = 'timestamp_safe_classes: [generated, human_text]\nnever_timestamp_classes: [do_not_merge]\n';
  const { warnings } = policyOf(text, 'own', await shippedPolicy());
  expect(warnings).toEqual([
    expect.stringContaining('"human_text" files are decided by time alone'),
    expect.stringContaining('"binary" is in neither list'),
    expect.stringContaining('"config_sensitive" is in neither list'),
  ]);
});

describe('a policy that cannot be used says all that is wrong', () => {
  test.each<[string, string, string]>([
    ['no YAML', 'a: [', 'not YAML'],
    ['a list', '- a', 'the file'],
    ['an unknown key', 'file_clases: {}', 'file_clases'],
    ['an unknown class', 'file_classes: {generatd: [a]}', 'generatd'],
    ['a pattern that is no text', 'file_classes: {generated: [1]}', 'generated.0'],
    ['a bad pattern', 'file_classes: {generated: ["a//b"]}', '"a//b" is not a pattern'],
    ['an empty class', 'file_classes: {generated: []}', 'no pattern'],
    ['a key twice', 'file_classes: {}\nfile_classes: {}', 'not YAML'],
    ['both lists', 'never_timestamp_classes: [generated]', 'both timestamp-safe and never'],
    [
      'do_not_merge as safe',
      'timestamp_safe_classes: [do_not_merge]\nnever_timestamp_classes: []',
      'cannot be timestamp-safe',
    ],
    ['aliases', 'a: &a [x]\nb: [*a, *a]', 'not YAML'],
    ['too much', `# ${'x'.repeat(300_000)}`, 'larger than'],
  ])('%s', async (_, text, words) => {
    const shipped = await shippedPolicy();
    expect(() => policyOf(text, 'own.yaml', shipped)).toThrow(BadPolicy);
    expect(() => policyOf(text, 'own.yaml', shipped)).toThrow(words);
  });
});
