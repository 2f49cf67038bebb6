import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withObjects } from '../../../src/tools/git/objects.js';
import {
  NotWhatWasTested,
  writeProvenCommits,
  type ProvenStep,
} from '../../../src/tools/git/proof-commit.js';
import { publishedSince, publishing } from '../../../src/tools/git/published.js';
import { sharedDifferences } from '../../../src/tools/git/shared-differences.js';
import { readSharedState } from '../../../src/tools/git/shared-state.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { publishBranch, type BranchMoved } from '../../../src/tools/workstream/publish-branch.js';
import { newRepo, sandbox, type Repo } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';

const box = sandbox();
const PEOPLE = { author: { name: 'A', email: 'a@x' }, committer: { name: 'C', email: 'c@x' } };

interface World {
  readonly repo: Repo;
  readonly home: string;
  readonly from: string;
  /** The proven commit that is to land. */
  readonly to: string;
}

const stepOf = (merged: string, testedTree: string): ProvenStep => ({
  ...{ patch: 'run/ws-a-1', merged, message: 'Do a', base: 'b'.repeat(40), patchSha256: 'f'.repeat(64) },
  ...{ testedTree, gates: { unit: 'passed', lint: 'passed (red 1 time before)' } },
});

async function world(): Promise<World> {
  const folder = box.folder();
  const repo = newRepo(join(folder, 'repo'));
  const from = repo.commit('base', { 'a.txt': 'a\n' });
  repo.git('checkout', '--quiet', '--detach');
  const merged = repo.commit('merged', { 'a.txt': 'b\n', 'new.txt': 'n\n' });
  repo.git('checkout', '--quiet', 'main');
  const home = join(folder, 'home');
  mkdirSync(home);
  const tree = repo.git('rev-parse', `${merged}^{tree}`);
  const repository = await openRepository(repo.path);
  const to = await withObjects(repository, home, (objects) =>
    writeProvenCommits(objects, from, [stepOf(merged, tree)], { run: 'run-1', tree }, PEOPLE, 1_700_000_000),
  );
  return { repo, home, from, to };
}

const publish = async ({ repo, home, from, to }: World): Promise<BranchMoved> => {
  const repository = await openRepository(repo.path);
  return withObjects(repository, home, (objects) =>
    publishBranch(repository, objects, { branch: 'main', from, to, owner: 'run-1' }),
  );
};

describe('a proven commit', () => {
  test('says what it was made of and what its tree passed', async () => {
    const { repo, to } = await world();
    expect(repo.git('show', '--no-patch', '--format=%an %cn%n%B', to).trim().split('\n')).toEqual([
      'A C',
      'Do a',
      '',
      'Planwright-Run: run-1',
      'Planwright-Patch: run/ws-a-1',
      `Planwright-Patch-Sha256: ${'f'.repeat(64)}`,
      `Planwright-Base: ${'b'.repeat(40)}`,
      `Planwright-Tested-Tree: ${repo.git('rev-parse', `${to}^{tree}`)}`,
      'Planwright-Gate: unit: passed',
      'Planwright-Gate: lint: passed (red 1 time before)',
    ]);
    expect(
      repo.git('log', '-1', '--format=%(trailers:key=Planwright-Gate,valueonly,separator=%x3b)', to),
    ).toBe('unit: passed;lint: passed (red 1 time before)');
  });

  test('is not written for a tree that was not tested, or not asked for', async () => {
    const { repo, home, from } = await world();
    const repository = await openRepository(repo.path);
    const tree = repo.git('rev-parse', `${from}^{tree}`);
    const other = 'a'.repeat(40);
    for (const [tested, wanted] of [
      [other, tree],
      [tree, other],
    ] as const) {
      const writing = withObjects(repository, home, (objects) =>
        writeProvenCommits(objects, from, [stepOf(from, tested)], { run: 'run-1', tree: wanted }, PEOPLE, 1),
      );
      await expect(writing).rejects.toBeInstanceOf(NotWhatWasTested);
    }
  });
});

describe('a branch', () => {
  test('moves with the clean work tree that has it, once', async () => {
    const at = await world();
    expect(await publish(at)).toEqual({ kind: 'moved' });
    expect(at.repo.git('rev-parse', 'main')).toBe(at.to);
    expect(at.repo.git('status', '--porcelain')).toBe('');
    expect(at.repo.read('new.txt')).toBe('n\n');
    expect(await publish(at)).toEqual({ kind: 'already' });
    expectHealthy(at.repo.path);
  });

  test('moves alone when no work tree has it', async () => {
    const at = await world();
    at.repo.git('checkout', '--quiet', '-b', 'elsewhere');
    const { files } = snapshot(at.repo.path);
    expect(await publish(at)).toEqual({ kind: 'moved' });
    expect(at.repo.git('rev-parse', 'main')).toBe(at.to);
    expect(snapshot(at.repo.path).files).toEqual(files);
  });

  test.each([
    ['changes that are not committed', { 'a.txt': 'mine\n' }, /changes that are not committed: a\.txt/],
    [
      'a file where a new one belongs',
      { 'new.txt': 'mine\n' },
      /files that git does not track lie in .*: new\.txt/,
    ],
  ])('stays, with all files, because of %s', async (_, files, detail) => {
    const at = await world();
    at.repo.write(files);
    const before = snapshot(at.repo.path);
    expect(await publish(at)).toMatchObject({
      kind: 'refused',
      detail: expect.stringMatching(detail),
      isLasting: true,
    });
    expect(snapshot(at.repo.path)).toEqual(before);
  });

  test('that somebody moved is not moved', async () => {
    const at = await world();
    const theirs = at.repo.commit('theirs', { 'theirs.txt': 't\n' });
    expect(await publish(at)).toEqual({ kind: 'lost', found: theirs, has: false });
    expect(at.repo.git('rev-parse', 'main')).toBe(theirs);
  });

  test('that was moved on from our commit is known to hold it', async () => {
    const at = await world();
    await publish(at);
    const later = at.repo.commit('later', { 'later.txt': 'l\n' });
    expect(await publish(at)).toEqual({ kind: 'lost', found: later, has: true });
  });
});

test('what is published while a tool works is not taken for its doing; what comes on top of it is', async () => {
  const at = await world();
  const repository = await openRepository(at.repo.path);
  const since = Date.now();
  const before = await readSharedState(repository, at.home);
  await publishing(at.home, repository, () => publish(at));
  const seen = async (): Promise<string[]> => {
    const after = await readSharedState(repository, at.home, before);
    return sharedDifferences(before, after, await publishedSince(at.home, repository, since)).map(
      ({ text }) => text,
    );
  };
  expect(await seen()).toEqual([]);
  at.repo.write({ 'new.txt': 'not ours\n' });
  at.repo.git('branch', 'x');
  expect(await seen()).toEqual([
    expect.stringMatching(/^branch refs\/heads\/x was made/),
    expect.stringMatching(/new\.txt was written$/),
  ]);
});
