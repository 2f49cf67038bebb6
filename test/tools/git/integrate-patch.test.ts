import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CapturedPatch } from '../../../src/tools/git/capture-patch.js';
import { integratePatches, type Integrated } from '../../../src/tools/git/integrate-patch.js';
import { withObjects } from '../../../src/tools/git/objects.js';
import { repoAt, sandbox, type Files } from './support/sandbox.js';
import { expectHealthy, snapshot } from './support/snapshot.js';
import { shopIn, type Shop } from './support/work.js';

const box = sandbox();
const FILES: Files = {
  'a.txt': '1\n2\n3\n4\n5\n6\n7\n8\n9\n',
  'b.txt': 'b\n',
  'c.bin': Buffer.from([0, 1, 2]),
};

/** Captures what a tool does on top of a commit. */
async function patchOf(
  given: Shop,
  id: string,
  work: Files | ((path: string) => void),
  commit = given.base,
): Promise<CapturedPatch> {
  const worktree = await given.open({ id, commit });
  if (typeof work === 'function') work(worktree.path);
  else repoAt(worktree.path).write(work);
  return given.capture(worktree, { id: `run/${id}` });
}

async function integrate(
  given: Shop,
  onto: string,
  ...patches: readonly CapturedPatch[]
): Promise<Integrated> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-objects-'));
  try {
    return await withObjects(given.repository, folder, (objects) =>
      integratePatches(
        objects,
        onto,
        patches.map(({ id, commit }) => ({ id, commit: commit! })),
        1_700_000_000,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const files = (given: Shop, result: Integrated): string =>
  given.repo.git('ls-tree', '-r', '--name-only', result.tree);

describe('patches', () => {
  test('go onto a tip one after the other, each as a commit, and touch nothing else', async () => {
    const given = await shopIn(box.folder(), FILES);
    const one = await patchOf(given, 'one', { 'a.txt': '1\n2\n3\n4\n5\n6\n7\n8\nNINE\n', 'new.txt': 'n\n' });
    const two = await patchOf(given, 'two', { 'a.txt': 'ONE\n2\n3\n4\n5\n6\n7\n8\n9\n', 'b.txt': null });
    const tip = given.repo.commit('tip', { 'tip.txt': 't\n' });
    const before = snapshot(given.repo.path);
    const result = await integrate(given, tip, one, two);
    if (result.kind !== 'merged') throw new Error('it conflicts');
    expect(files(given, result)).toBe('a.txt\nc.bin\nnew.txt\ntip.txt');
    expect(given.repo.git('show', `${result.commit}:a.txt`)).toBe('ONE\n2\n3\n4\n5\n6\n7\n8\nNINE');
    expect(given.repo.git('log', '--format=%s', `${tip}..${result.commit}`)).toBe(
      'Take in patch run/two\nTake in patch run/one',
    );
    expect(await integrate(given, tip, one, two)).toEqual(result);
    expect(snapshot(given.repo.path)).toEqual(before);
    expectHealthy(given.repo.path);
  });

  test('go by the attributes that those before them bring, and no longer by those they take away', async () => {
    const given = await shopIn(box.folder(), { ...FILES, 'dir/.gitattributes': 'x.txt merge=ours\n' });
    const by = 'a.txt merge=somebodys\n';
    const brings = await patchOf(given, 'brings', {
      '.gitattributes': by,
      'a.txt': '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n',
    });
    const takes = await patchOf(given, 'takes', { '.gitattributes': null }, brings.commit!);
    const changes = await patchOf(given, 'changes', { 'a.txt': '0\n2\n3\n4\n5\n6\n7\n8\n9\n' });
    const conflicted = await integrate(given, given.base, brings, changes);
    expect(conflicted).toMatchObject({ kind: 'conflicted', patch: changes.id, steps: [{}] });
    const merged = await integrate(given, given.base, brings, takes, changes);
    expect(merged).toMatchObject({ kind: 'merged', steps: [{}, {}, { tree: merged.tree }] });
    expect(given.repo.git('show', `${merged.tree}:a.txt`)).toBe('0\n2\n3\n4\n5\n6\n7\n8\n9\n10');
  });

  test('whose base is not in the tip, but is there as another commit, conflict with nothing', async () => {
    const given = await shopIn(box.folder(), FILES);
    const first = await patchOf(given, 'first', { 'a.txt': '1\n2\n3\n4\nfive\n6\n7\n8\n9\n' });
    const integration = await integrate(given, given.base, first);
    if (integration.kind !== 'merged') throw new Error('it conflicts');
    // The dependent changes the very line that the first one changed.
    const second = await patchOf(
      given,
      'second',
      { 'a.txt': '1\n2\n3\n4\nFIVE!\n6\n7\n8\n9\n' },
      integration.commit,
    );
    const tip = given.repo.commit('the first, landed as another commit', {
      'a.txt': '1\n2\n3\n4\nfive\n6\n7\n8\n9\n',
    });
    const result = await integrate(given, tip, second);
    expect(result.kind).toBe('merged');
    expect(given.repo.git('show', `${result.tree}:a.txt`)).toContain('FIVE!');
  });

  test('bring nothing of their base along that they did not change', async () => {
    const given = await shopIn(box.folder(), FILES);
    const first = await patchOf(given, 'first', { 'only-first.txt': 'x\n' });
    const integration = await integrate(given, given.base, first);
    if (integration.kind !== 'merged') throw new Error('it conflicts');
    const second = await patchOf(given, 'second', { 'second.txt': 'y\n' }, integration.commit);
    expect(files(given, await integrate(given, given.base, second))).toBe('a.txt\nb.txt\nc.bin\nsecond.txt');
  });

  const conflicts: Record<string, [Files | ((path: string) => void), Files, object]> = {
    'the same line': [{ 'b.txt': 'mine\n' }, { 'b.txt': 'tip\n' }, { kind: 'content', files: ['b.txt'] }],
    'a file that is gone': [{ 'b.txt': 'mine\n' }, { 'b.txt': null }, { kind: 'delete', files: ['b.txt'] }],
    'a file that both made': [
      { 'n.txt': 'mine\n' },
      { 'n.txt': 'tip\n' },
      { kind: 'content', files: ['n.txt'] },
    ],
    'binary content': [
      { 'c.bin': Buffer.from([0, 9]) },
      { 'c.bin': Buffer.from([0, 8]) },
      { kind: 'binary', files: ['c.bin'] },
    ],
    'a file renamed to two names': [
      { 'a.txt': null, 'x.txt': FILES['a.txt']! },
      { 'a.txt': null, 'y.txt': FILES['a.txt']! },
      { kind: 'rename' },
    ],
    'a link where the tip has a changed file': [
      (path) => {
        rmSync(join(path, 'b.txt'));
        symlinkSync('a.txt', join(path, 'b.txt'));
      },
      { 'b.txt': 'tip\n' },
      { kind: 'mode' },
    ],
  };
  test.each(Object.entries(conflicts))('conflict by name: %s', async (_, [mine, tips, conflict]) => {
    const given = await shopIn(box.folder(), FILES);
    const patch = await patchOf(given, 'one', mine);
    const result = await integrate(given, given.repo.commit('tip', tips), patch);
    expect(result).toMatchObject({ kind: 'conflicted', patch: 'run/one', conflict });
  });

  test('that change how a file may be run', async () => {
    const given = await shopIn(box.folder(), FILES);
    const patch = await patchOf(given, 'one', (path) => chmodSync(join(path, 'b.txt'), 0o755));
    const result = await integrate(given, given.repo.commit('tip', { 'b.txt': 'tip\n' }), patch);
    expect(given.repo.git('ls-tree', result.tree, 'b.txt')).toMatch(/^100755/);
  });
});
