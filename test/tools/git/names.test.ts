import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadName, branchName, fileNameOf, remoteName } from '../../../src/tools/git/names.js';

describe('a branch name', () => {
  test.each([
    'main',
    'feature/login',
    'dependabot/npm_and_yarn/types/node-20.1.0',
    'release-1.0+build',
    'user@work',
    'fix#12',
    '_x',
    '2024',
    'a'.repeat(200),
  ])('%s is used as it is', (name) => {
    expect(branchName(name)).toBe(name);
  });

  test.each([
    ['', 'empty'],
    ['-x', 'must open with'],
    ['+x', 'must open with'],
    ['.x', 'must open with'],
    ['a/-b', 'must open with'],
    ['a$(id)', 'may hold'],
    ['a;b', 'may hold'],
    ['a b', 'may hold'],
    ['a\nb', 'may hold'],
    ['a\0b', 'may hold'],
    ['a~1', 'may hold'],
    ['a^', 'may hold'],
    ['a:b', 'may hold'],
    ['a*', 'may hold'],
    ['a@{1}', 'may hold'],
    ['café', 'may hold'],
    ['a//b', 'between two parts'],
    ['/a', 'between two parts'],
    ['a/', 'between two parts'],
    ['a..b', '".."'],
    ['a.', 'end in'],
    ['a.lock', 'end in'],
    ['a.lock/b', 'end in'],
    ['HEAD', 'HEAD is not a branch'],
    ['refs/heads/main', 'short name'],
    ['0123456789abcdef0123456789abcdef01234567', 'id of an object'],
    ['a'.repeat(201), '201 characters'],
  ])('%j is refused', (name, why) => {
    expect(() => branchName(name)).toThrow(BadName);
    expect(() => branchName(name)).toThrow(why);
  });

  test('whatever is accepted, git accepts as well', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_.+@#/-]{1,30}$/);
    fc.assert(
      fc.property(part, (text) => {
        try {
          branchName(text);
        } catch {
          return true;
        }
        // git check-ref-format, its rules in short
        return !/\.\.|\/\.|^\.|\/\/|\/$|\.$|\.lock(\/|$)|@\{|^-|^@$/.test(text);
      }),
      { numRuns: 5000 },
    );
  });
});

test.each(['origin', 'up-stream', 'fork_2', 'a.b'])('%s is a remote name', (name) => {
  expect(remoteName(name)).toBe(name);
});

test.each([
  '',
  '-x',
  '--upload-pack=touch x',
  'a/b',
  'a b',
  '../up',
  'https://host/x.git',
  'a..b',
  'a.',
  'a.lock',
])('%j is no remote name', (name) => {
  expect(() => remoteName(name)).toThrow(BadName);
});

describe('a file name made from a text', () => {
  test('keeps a plain name, and marks any other by its hash', () => {
    expect(fileNameOf('main')).toBe('main');
    expect(fileNameOf('feature/x')).toMatch(/^feature_x-[0-9a-f]{8}$/);
  });

  test('stays one, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) =>
        /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/.test(fileNameOf(text)),
      ),
    );
  });

  test('differs for different texts, also where case is ignored', () => {
    const alike = ['a/b', 'a_b', 'A_b', 'a-b', 'A/B', 'a//b', 'a\\b', fileNameOf('a/b'), fileNameOf('A_b')];
    const names = alike.map((text) => fileNameOf(text).toLowerCase());
    expect(new Set(names).size).toBe(alike.length);
  });
});
