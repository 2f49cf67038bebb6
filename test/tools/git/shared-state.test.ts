import { appendFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedDifferences } from '../../../src/tools/git/shared-differences.js';
import { readSharedState } from '../../../src/tools/git/shared-state.js';
import type { OwnWorktree } from '../../../src/tools/git/own-worktree.js';
import { repoAt, sandbox, type Repo } from './support/sandbox.js';
import { FILES, shopIn, type Shop } from './support/work.js';

const box = sandbox();

interface World {
  readonly given: Shop;
  readonly worktree: OwnWorktree;
  /** The person's clone. */
  readonly repo: Repo;
  /** The tool's work tree. */
  readonly tree: Repo;
}

async function world(): Promise<World> {
  const given = await shopIn(box.folder(), { ...FILES, '.gitignore': '*.log\nnode_modules/\n' });
  given.repo.git('branch', 'other');
  given.repo.git('config', 'some.key', 'value');
  given.repo.write({
    'notes.txt': 'mine',
    'x.log': 'log',
    'node_modules/a/b.js': 'b',
    'README.md': 'changed\n',
  });
  const worktree = await given.open();
  return { given, worktree, repo: given.repo, tree: repoAt(worktree.path) };
}

/** What a look before and after `work` tells. */
async function seen(at: World, work: (world: World) => unknown): Promise<string[]> {
  const look = (since = {}) => readSharedState(at.given.repository, at.given.home, since);
  const before = await look();
  await work(at);
  return sharedDifferences(before, await look(before)).map(({ text }) => text);
}

describe('what a tool does to what all share is named', () => {
  const cases: Record<string, [(world: World) => unknown, (string | RegExp)[]]> = {
    'a branch made': [
      ({ tree }) => tree.git('branch', 'x'),
      [/^branch refs\/heads\/x was made at [0-9a-f]{12}$/],
    ],
    'a branch moved': [
      ({ tree }) => {
        tree.commit('c', { 'a.txt': 'a' });
        tree.git('update-ref', 'refs/heads/other', 'HEAD');
      },
      [/^branch refs\/heads\/other moved from [0-9a-f]{12} to [0-9a-f]{12}$/],
    ],
    'a branch moved and moved back': [
      ({ tree }) => {
        tree.commit('c', { 'a.txt': 'a' });
        const was = tree.git('rev-parse', 'other');
        tree.git('update-ref', 'refs/heads/other', 'HEAD');
        tree.git('update-ref', 'refs/heads/other', was);
      },
      ['the reflog of refs/heads/other was changed: it was moved and moved back, or rewritten'],
    ],
    'a branch deleted': [
      ({ tree }) => tree.git('branch', '-D', 'other'),
      [/^branch refs\/heads\/other was deleted \(it was at/],
    ],
    'a tag': [({ tree }) => tree.git('tag', 'v1'), [/^tag refs\/tags\/v1 was made/]],
    'the stash': [
      ({ tree }) => {
        tree.write({ 'src/app.py': 'x' });
        tree.git('stash');
      },
      [/^the stash refs\/stash was made/],
    ],
    configuration: [
      ({ tree }) => {
        tree.git('config', 'core.hooksPath', '/tmp/evil');
        tree.git('config', 'some.key', 'other');
      },
      ['config core.hookspath was set', 'config some.key was changed'],
    ],
    'configuration taken away': [
      ({ tree }) => tree.git('config', '--unset', 'some.key'),
      ['config some.key was unset'],
    ],
    'configuration broken': [
      ({ repo }) => writeFileSync(join(repo.path, '.git/config'), '[broken'),
      ['.git/config cannot be read by git any more'],
    ],
    'a hook': [
      ({ repo }) => {
        mkdirSync(join(repo.path, '.git/hooks'), { recursive: true });
        writeFileSync(join(repo.path, '.git/hooks/pre-commit'), '#!/bin/sh\n', { mode: 0o755 });
      },
      ['hook pre-commit was added'],
    ],
    'rules and alternates': [
      ({ repo }) => {
        for (const folder of ['info', 'objects/info'])
          mkdirSync(join(repo.path, '.git', folder), { recursive: true });
        writeFileSync(join(repo.path, '.git/info/attributes'), '* -text\n');
        writeFileSync(join(repo.path, '.git/objects/info/alternates'), '/tmp/none\n');
      },
      ['.git/info/attributes was added', '.git/objects/info/alternates was added'],
    ],
    'HEAD of the person': [
      ({ repo }) => repo.git('symbolic-ref', 'HEAD', 'refs/heads/other'),
      [/^HEAD of .* was changed$/],
    ],
    "a commit in the person's work tree": [
      ({ repo }) => repo.git('commit', '--quiet', '--allow-empty', '-m', 'x'),
      [
        '.git/COMMIT_EDITMSG was changed',
        'the reflog of HEAD was changed: it was moved and moved back, or rewritten',
        /^branch refs\/heads\/main moved/,
      ],
    ],
    "the person's index": [({ repo }) => repo.git('add', 'notes.txt'), [/^the index of .* was changed$/]],
    "a tracked file of the person's": [
      ({ repo }) => repo.write({ 'src/app.py': 'print("b")\n' }),
      [/^the person's file .*\/repo\/src\/app.py was written$/],
    ],
    'a tracked file, with its time set back': [
      ({ repo }) => {
        const then = new Date(1_600_000_000_000);
        writeFileSync(join(repo.path, 'src/app.py'), 'print("b")\n');
        utimesSync(join(repo.path, 'src/app.py'), then, then);
      },
      [/src\/app.py was written$/],
    ],
    'a file that was changed before': [
      ({ repo }) => appendFileSync(join(repo.path, 'README.md'), 'x'),
      [/README.md was changed$/],
    ],
    'files that git does not track': [
      ({ repo }) => {
        repo.write({ 'notes.txt': 'theirs', 'x.log': null, 'new.txt': 'n' });
      },
      [/new.txt was written$/, /notes.txt was changed$/, /x.log was removed$/],
    ],
    'a file deep among ignored ones': [
      ({ repo }) => appendFileSync(join(repo.path, 'node_modules/a/b.js'), 'evil()'),
      [/node_modules\/a\/b.js was changed$/],
    ],
    "another work tree of the person's": [
      ({ tree }) => tree.git('worktree', 'add', '--quiet', '--detach', join(box.folder(), 'theirs')),
      [/^work tree theirs\/HEAD was added$/, /commondir was added/, /gitdir was added/],
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [work, expected]) => {
    const texts = await seen(await world(), work);
    expect(texts).toHaveLength(expected.length);
    expected.forEach((text) =>
      expect(texts).toContainEqual(typeof text === 'string' ? text : expect.stringMatching(text)),
    );
  });
});

describe('no difference is', () => {
  const cases: Record<string, (world: World) => unknown> = {
    'work in its own work tree, a commit there': ({ tree }) => tree.commit('mine', { 'new.txt': 'n' }),
    'a patch captured, another work tree opened': async ({ given, worktree, tree }) => {
      tree.write({ 'new.txt': 'n' });
      await given.capture(worktree);
      await given.open({ id: 'ws-b' });
    },
    'a look at the status by the person': ({ repo }) => {
      utimesSync(join(repo.path, 'run.sh'), new Date(), new Date(1_700_000_000_000));
    },
    'refs packed': ({ repo }) => repo.git('pack-refs', '--all'),
  };
  test.each(Object.entries(cases))('%s', async (name, work) => {
    const at = await world();
    if (name.startsWith('a look')) {
      await work(at);
      expect(await seen(at, () => at.repo.git('status'))).toEqual([]);
    } else expect(await seen(at, work)).toEqual([]);
  });

  test('what we did ourselves', () => {
    const before = { 'ref refs/heads/main': 'a', 'index /x': 'i' };
    const own = [
      { before: { 'ref refs/heads/main': 'a' }, after: { 'ref refs/heads/main': 'b' } },
      {
        before: { 'ref refs/heads/main': 'b', 'index /x': 'i' },
        after: { 'ref refs/heads/main': 'c', 'index /x': 'j' },
      },
    ];
    expect(sharedDifferences(before, { 'ref refs/heads/main': 'c', 'index /x': 'j' }, own)).toEqual([]);
    expect(sharedDifferences(before, { 'ref refs/heads/main': 'd', 'index /x': 'j' }, own)).toMatchObject([
      { name: 'refs/heads/main' },
    ]);
  });
});

test('what can run programs is told before all else, however many files were written', () => {
  const written = Array.from({ length: 50 }, (_, at) => [`checkout /me/${String(at)}.txt`, 'new']);
  const after: Record<string, string> = {
    ...(Object.fromEntries(written) as Record<string, string>),
    ...{ 'config user.name': 'x', 'config core.fsmonitor': 'x', 'config filter.lfs.clean': 'x' },
    ...{ 'hook pre-push': 'x', 'ref refs/heads/main': 'b', 'index /me': 'x' },
  };
  const names = sharedDifferences({ 'ref refs/heads/main': 'a' }, after).map(({ name }) => name);
  expect(names.slice(0, 7)).toEqual([
    ...['core.fsmonitor', 'filter.lfs.clean', 'pre-push'],
    ...['refs/heads/main', 'user.name', '/me', '/me/0.txt'],
  ]);
});

test('a look changes nothing, and keeps no value of the configuration', async () => {
  const { given, repo } = await world();
  repo.git('config', 'remote.origin.url', 'https://user:token@host/x');
  const index = readFileSync(join(repo.path, '.git/index'));
  const state = await readSharedState(given.repository, given.home);
  expect(readFileSync(join(repo.path, '.git/index'))).toEqual(index);
  expect(JSON.stringify(state)).not.toContain('token');
});
