import fc from 'fast-check';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { IndexListing, listIndex } from '../../../src/tools/git/index-listing.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { newRepo, sandbox } from './support/sandbox.js';

const box = sandbox();

test('an index holds the directories of its files, and knows its submodules', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  const base = repo.commit('base', { 'a/b/c.txt': 'c\n', 'a-b': 'x\n', 'ä/160000 x': 'y\n' });
  repo.git('update-index', '--add', '--cacheinfo', `160000,${base},mod/ule`);
  const index = await listIndex(await openRepository(repo.path));
  expect(['a', 'a/b', 'ä', 'mod', 'a/b/c', 'a-b', 'b', 'mod/ule', ''].map((one) => index.holds(one))).toEqual(
    [...[true, true, true, true], ...[false, false, false, false, false]],
  );
  expect(index.submodules()).toEqual(['mod/ule']);
});

test('whatever the paths, an index holds a directory when a path lies below it', () => {
  const name = fc.constantFrom('a', 'a-', 'a0', 'b', 'ä', 'a\tb', '160000 ');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 12 }), path, (paths, directory) => {
      const sorted = paths.map((one) => Buffer.from(one)).sort((one, other) => one.compare(other));
      const rows = sorted.map((one) =>
        Buffer.concat([Buffer.from(`100644 ${'1'.repeat(40)} 0\t`), one, Buffer.from([0])]),
      );
      const index = new IndexListing(Buffer.concat(rows));
      expect(index.holds(directory)).toBe(paths.some((one) => one.startsWith(`${directory}/`)));
      expect(index.submodules()).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
