import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findForged, markStore, type StoreMark } from '../../../src/tools/git/object-store.js';
import { openRepository, type Repository } from '../../../src/tools/git/repository.js';
import { newRepo, sandbox, type Repo } from './support/sandbox.js';

const box = sandbox();

interface Store {
  readonly repo: Repo;
  readonly repository: Repository;
  /** Where the object of a file lies. */
  readonly fileOf: (path: string) => string;
  readonly mark: StoreMark;
}

/** A store as it is when a tool begins, long after the last object came. */
async function storeOf(files: Readonly<Record<string, string>>): Promise<Store> {
  const repo = newRepo(join(box.folder(), 'repo'));
  repo.commit('base', files);
  const repository = await openRepository(repo.path);
  const fileOf = (path: string): string => {
    const id = repo.git('rev-parse', `HEAD:${path}`).trim();
    return join(repository.commonDir, 'objects', id.slice(0, 2), id.slice(2));
  };
  return {
    repo,
    repository,
    fileOf,
    mark: { ...(await markStore(repository)), since: Date.now() + 3_600_000 },
  };
}

test('a folder of objects that git has emptied and made anew holds what it says', async () => {
  const { repo, repository, fileOf, mark } = await storeOf({ a: 'a\n' });
  const file = fileOf('a');
  const content = readFileSync(file);
  repo.git('gc', '--quiet', '--prune=now');
  expect(existsSync(dirname(file))).toBe(false);
  mkdirSync(dirname(file));
  writeFileSync(file, content);
  // The new folder may have got the number of the old one.
  const folders = { ...mark.folders, [basename(dirname(file))]: 1 };
  expect(await findForged(repository, { ...mark, folders })).toEqual([]);
});

test('a folder of objects that was put in the place of another is read, however old its files look', async () => {
  const { repository, fileOf, mark } = await storeOf({ a: 'a\n', b: 'b\n' });
  const folder = dirname(fileOf('a'));
  renameSync(folder, join(box.folder(), 'away'));
  mkdirSync(folder);
  writeFileSync(fileOf('a'), readFileSync(fileOf('b')));
  expect(await findForged(repository, mark)).toEqual([fileOf('a').split('/objects/')[1]]);
});

test('the folder of packs is never another one', async () => {
  const { repo, repository, mark } = await storeOf({ a: 'a\n' });
  const pack = join(repo.path, '.git', 'objects', 'pack');
  renameSync(pack, join(box.folder(), 'pack'));
  mkdirSync(pack);
  expect(await findForged(repository, mark)).toEqual(['pack']);
});
