import { describe, expect, test } from 'vitest';
import { DEFAULT_CONSTRAINTS, tightened, type PatchConstraints } from '../../src/workstream/constraints.js';
import {
  checkPatch,
  isValid,
  refusalText,
  validationOf,
  type ChangedEntry,
} from '../../src/workstream/patch-rules.js';

const entry = (path: string, more: Partial<ChangedEntry> = {}): ChangedEntry => ({
  path,
  change: 'modified',
  oldMode: '100644',
  newMode: '100644',
  addedLines: 1,
  removedLines: 0,
  isBinary: false,
  bytes: 10,
  linkTarget: null,
  ...more,
});
const added = (path: string, more: Partial<ChangedEntry> = {}) =>
  entry(path, { change: 'added', oldMode: '000000', ...more });
const deleted = (path: string) => entry(path, { change: 'deleted', newMode: '000000', bytes: 0 });
const link = (path: string, linkTarget: string) => added(path, { newMode: '120000', linkTarget });

const EVERYTHING = { filesScope: ['.'], filesCreate: [] };
const reasons = (
  entries: ChangedEntry[],
  scope: { filesScope: string[]; filesCreate: string[] } = EVERYTHING,
  own: Partial<PatchConstraints> = {},
) => checkPatch(entries, scope, tightened(DEFAULT_CONSTRAINTS, own)).map((refusal) => refusal.reason);

describe('a patch is refused', () => {
  test.each([
    ['../x', 'bad-path'],
    ['a/../x', 'bad-path'],
    ['/etc/passwd', 'bad-path'],
    ['C:/x', 'bad-path'],
    ['a//b', 'bad-path'],
    ['a\nb', 'bad-path'],
    ['.git/config', 'inside-git'],
    ['sub/.GIT/hooks/x', 'inside-git'],
    ['git~1/config', 'inside-git'],
    ['.git. /config', 'inside-git'],
    ['.g\u200cit/config', 'inside-git'],
    ['.git::$INDEX_ALLOCATION/config', 'inside-git'],
    ['.gitmodules', 'git-configuration'],
    ['a/.gitattributes', 'git-configuration'],
    ['secrets/key', 'forbidden-path'],
  ])('for %j: %s', (path, reason) => expect(reasons([added(path)])).toEqual([reason]));

  test('for what is outside its scope, both sides of a rename', () => {
    const scope = { filesScope: ['src/'], filesCreate: ['docs/new.md'] };
    expect(reasons([deleted('lib/a.py'), added('src/a.py')], scope)).toEqual(['out-of-scope']);
    expect(reasons([deleted('src/a.py'), added('lib/a.py')], scope)).toEqual(['out-of-scope']);
    expect(reasons([added('docs/new.md')], scope)).toEqual([]);
    expect(reasons([entry('docs/new.md')], scope)).toEqual(['create-not-allowed']); // it was there: somebody else's
  });

  test('for links that lead out, and files behind links', () => {
    expect(reasons([link('a', '/etc')])).toEqual(['symlink-escapes']);
    expect(reasons([link('a/b', '../../x')])).toEqual(['symlink-escapes']);
    expect(reasons([link('a/b', '../.git/config')])).toEqual(['symlink-escapes']);
    expect(reasons([link('a/b', '../x')])).toEqual([]);
    expect(reasons([link('a', 'b'), added('a/x')])).toEqual(['below-symlink']);
  });

  test('for what is no file', () => {
    expect(reasons([added('lib', { newMode: '160000' })])).toEqual(['submodule']);
    expect(reasons([added('pipe', { newMode: '010000' })])).toEqual(['unknown-mode']);
    expect(reasons([added('a/README'), added('a/readme')])).toEqual(['case-clash']);
  });

  test('for a test that is gone, unless the scope names it', () => {
    expect(reasons([deleted('tests/test_a.py')])).toEqual(['test-deleted']);
    expect(reasons([deleted('src/a.test.ts'), added('src/b.test.ts')])).toEqual(['test-deleted']);
    expect(
      reasons([deleted('tests/test_a.py')], { filesScope: ['tests/test_a.py'], filesCreate: [] }),
    ).toEqual([]);
  });

  test('for its size and kind, where there is a limit', () => {
    expect(reasons([entry('a', { addedLines: 301 })], EVERYTHING, { maxLines: 300 })).toEqual([
      'too-many-lines',
    ]);
    expect(reasons([entry('a'), entry('b')], EVERYTHING, { maxFiles: 1 })).toEqual(['too-many-files']);
    expect(reasons([entry('a', { isBinary: true })], EVERYTHING, { allowBinary: false })).toEqual(['binary']);
    expect(reasons([entry('a', { bytes: 6 })], EVERYTHING, { maxFileBytes: 5 })).toEqual(['file-too-large']);
    expect(reasons([entry('a', { addedLines: 100_000, isBinary: true }), entry('b')])).toEqual([]);
  });

  test('for code without tests, where they are asked for', () => {
    const own = { testsRequired: [{ changed: 'src/**', tests: 'tests/**' }] };
    expect(reasons([entry('src/a')], EVERYTHING, own)).toEqual(['tests-missing']);
    expect(reasons([entry('src/a'), entry('tests/a')], EVERYTHING, own)).toEqual([]);
    expect(reasons([entry('docs/a')], EVERYTHING, own)).toEqual([]);
  });

  test('for all reasons at once, each said in words', () => {
    const refusals = checkPatch(
      [added('.git/config'), deleted('tests/x')],
      { filesScope: ['src/'], filesCreate: [] },
      DEFAULT_CONSTRAINTS,
    );
    expect(refusals.map(refusalText)).toEqual([
      '".git/config" is inside .git',
      '"tests/x" (deleted) is outside the workstream\'s scope',
      'the test "tests/x" was deleted; name it in the scope if that is meant',
    ]);
  });
});

test('limits of a part can only be tighter', () => {
  const global = tightened(DEFAULT_CONSTRAINTS, { maxLines: 300, allowBinary: false });
  const loose = tightened(global, { maxLines: 9_000, maxFiles: 5, allowBinary: true, forbidden: [] });
  expect(loose).toMatchObject({ maxLines: 300, maxFiles: 5, allowBinary: false, forbidden: ['secrets/'] });
});

test('a validation says which part failed', () => {
  const refusals = checkPatch([entry('x')], { filesScope: ['src/'], filesCreate: [] }, DEFAULT_CONSTRAINTS);
  const validation = validationOf(true, refusals, 'passed');
  expect(validation).toMatchObject({
    formatOk: true,
    scopeOk: false,
    constraintsOk: true,
    testsRan: true,
    testsPassed: true,
  });
  expect([
    isValid(validation),
    isValid(validationOf(true, [], null)),
    isValid(validationOf(true, [], 'failed')),
    isValid(validationOf(false, [], null)),
  ]).toEqual([false, true, false, false]);
});
