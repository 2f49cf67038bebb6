import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closeOwnWorktree, sweepWorktrees } from '../../../src/tools/git/close-worktree.js';
import {
  noteFile,
  ownFolder,
  worktreesFolder,
  type OwnWorktree,
  type WorktreeNote,
} from '../../../src/tools/git/own-worktree.js';
import { takeLock } from '../../../src/tools/git/process-lock.js';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import { processesWith, until } from '../../support/processes.js';
import { repoAt, sandbox } from './support/sandbox.js';
import { expectHealthy, snapshot } from './support/snapshot.js';
import { contentOf, FILES, shopIn, type Shop } from './support/work.js';

const box = sandbox();
const shop = (files?: Parameters<typeof shopIn>[1]): Promise<Shop> => shopIn(box.folder(), files);

const close = (worktree: OwnWorktree, captured: Parameters<typeof closeOwnWorktree>[1]['captured'] = null) =>
  closeOwnWorktree(worktree, {
    captured,
    file: join(worktree.scratch, '../../left.patch'),
    atSec: 1_700_000_000,
  });

/** Makes the note of a work tree say what `changes` say, as if another process had written it. */
function rewriteNote({ home, repository }: Shop, id: string, changes: Partial<WorktreeNote>): void {
  const file = noteFile(worktreesFolder(home, repository.commonDir), id);
  writeFileSync(
    file,
    JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as WorktreeNote), ...changes }),
  );
}

/** A process that has ended. */
const dead: WorktreeNote['worker'] = { pid: 1, startedAt: '0', boot: 'another boot', namespace: '' };

describe('a work tree', () => {
  test('is at its commit, detached, and clean', async () => {
    const given = await shop();
    const worktree = await given.open();
    const tree = repoAt(worktree.path);
    expect(tree.git('rev-parse', 'HEAD')).toBe(given.base);
    expect(tree.tryGit('symbolic-ref', '-q', 'HEAD').code).toBe(1);
    expect(tree.git('status', '--porcelain')).toBe('');
    expect(contentOf(worktree.path)).toEqual(contentOf(given.repo.path));
  });

  test('leaves the repository and its files as they were, when it has gone', async () => {
    const given = await shop();
    const before = snapshot(given.repo.path);
    await close(await given.open());
    expect(snapshot(given.repo.path)).toEqual(before);
    expect(readdirSync(worktreesFolder(given.home, given.repository.commonDir))).toEqual(['.gone', '.own']);
  });

  test('is found again, and not for another commit', async () => {
    const given = await shop();
    const first = await given.open();
    writeFileSync(join(first.path, 'work.txt'), 'w');
    const again = await given.open();
    expect([first.isFound, again.isFound]).toEqual([false, true]);
    expect(readFileSync(join(again.path, 'work.txt'), 'utf8')).toBe('w');
    const later = given.repo.commit('later', { 'later.txt': '' });
    await expect(given.open({ commit: later })).rejects.toMatchObject({ reason: 'other-base' });
  });

  test.each([
    ['before git knew of it', (path: string) => rmSync(path, { recursive: true })],
    ['with half of its files', (path: string) => rmSync(join(path, 'src'), { recursive: true })],
    ['with nothing git knows it by', (path: string) => rmSync(join(path, '.git'))],
  ])('that a kill left half made, %s, is made anew', async (_, damage) => {
    const given = await shop();
    const { path } = await given.open();
    damage(path);
    rewriteNote(given, 'ws-a', { state: 'making', worker: dead });
    const again = await given.open();
    expect(again.isFound).toBe(false);
    expect(repoAt(path).git('status', '--porcelain')).toBe('');
    expect(repoAt(given.repo.path).git('worktree', 'list').split('\n')).toHaveLength(2);
    expectHealthy(given.repo.path);
  });

  test('is not made twice at once', async () => {
    const given = await shop();
    await given.open();
    rewriteNote(given, 'ws-a', { state: 'making' });
    await expect(given.open()).rejects.toMatchObject({ reason: 'busy' });
  });

  test('does not take a folder that nobody has a note of', async () => {
    const given = await shop();
    const path = join(worktreesFolder(given.home, given.repository.commonDir), 'ws-a');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'precious'), 'p');
    await expect(given.open()).rejects.toMatchObject({ reason: 'occupied' });
    expect(readFileSync(join(path, 'precious'), 'utf8')).toBe('p');
  });

  test.each(['../out', 'a/b', '', '.hidden', 'a..b', 'x.lock', 'a b', '-x'])(
    'cannot be named "%s"',
    async (id) => {
      await expect((await shop()).open({ id })).rejects.toMatchObject({ reason: 'bad-id' });
    },
  );

  test('is not made where there is too little space', async () => {
    const given = await shop();
    const before = snapshot(given.repo.path);
    await expect(given.open({ minFreeBytes: 2 ** 60 })).rejects.toMatchObject({
      reason: 'disk-limit',
      message: expect.stringContaining('MiB are left') as string,
    });
    expect(snapshot(given.repo.path)).toEqual(before);
    expect(existsSync(given.home)).toBe(false);
  });

  test('runs no hook and no filter of the repository', async () => {
    const given = await shop({ ...FILES, '.gitattributes': '*.py filter=evil\n' });
    const proof = join(box.folder(), 'ran');
    given.repo.git('config', 'filter.evil.smudge', `touch ${proof}; cat`);
    mkdirSync(join(given.repo.path, '.git/hooks'), { recursive: true });
    writeFileSync(join(given.repo.path, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch ${proof}\n`, {
      mode: 0o755,
    });
    await given.open();
    expect(existsSync(proof)).toBe(false);
  });
});

test('work trees are made and removed one at a time, also by several processes', async () => {
  const given = await shop();
  const { id } = await given.open({ id: 'first' });
  const held = await takeLock(join(given.repository.commonDir, 'planwright/locks/worktrees.lock'), 0);
  const waiting = (): number => processesWith('flock -x -w 300 3').length;
  const before = waiting();
  const opening = given.open({ id: 'second' });
  await until('it waits', () => waiting() > before);
  expect(given.repo.git('worktree', 'list').split('\n')).toHaveLength(2);
  await held!.release();
  expect([id, (await opening).id]).toEqual(['first', 'second']);
});

describe('fifty work trees at once', () => {
  test("are all made, and the person's own stay", async () => {
    const given = await shop();
    const mine = join(box.folder(), 'mine');
    given.repo.git('worktree', 'add', '--quiet', mine);
    const gone = join(box.folder(), 'gone');
    given.repo.git('worktree', 'add', '--quiet', '--detach', gone);
    rmSync(gone, { recursive: true }); // on a drive that is not there just now
    const before = snapshot(given.repo.path);
    const ids = Array.from({ length: 50 }, (_, n) => `ws-${n}`);
    const trees = await Promise.all(ids.map((id) => given.open({ id })));
    for (const { path } of trees) expect(repoAt(path).git('status', '--porcelain')).toBe('');
    expect(given.repo.git('worktree', 'list').split('\n')).toHaveLength(53);
    await Promise.all(trees.map((tree) => close(tree)));
    expect(snapshot(given.repo.path)).toEqual(before);
    expectHealthy(given.repo.path);
  });
});

describe('closing', () => {
  test('saves what nobody captured', async () => {
    const given = await shop();
    const worktree = await given.open();
    writeFileSync(join(worktree.path, 'work.txt'), 'precious\n');
    const before = contentOf(worktree.path);
    const { saved } = await close(worktree);
    expect(existsSync(worktree.path)).toBe(false);
    const back = join(box.folder(), 'back');
    await restorePatch(given.repository, saved!.id, back);
    expect(contentOf(back)).toEqual(before);
  });

  test('saves nothing twice', async () => {
    const given = await shop();
    const worktree = await given.open();
    writeFileSync(join(worktree.path, 'work.txt'), 'w\n');
    const patch = await given.capture(worktree);
    expect((await close(worktree, patch)).saved).toBeNull();
    expect(given.repo.git('for-each-ref', '--format=%(refname)', 'refs/planwright').split('\n')).toEqual([
      patch.ref,
    ]);
  });

  test('saves what came after the capture', async () => {
    const given = await shop({ ...FILES, '.gitignore': '*.log\n' });
    const worktree = await given.open();
    const patch = await given.capture(worktree);
    writeFileSync(join(worktree.path, 'late.log'), 'late\n');
    const { saved } = await close(worktree, patch);
    expect(saved!.leftOut).toEqual([{ path: 'late.log', reason: 'ignored' }]);
  });

  test('does not follow a directory that was put in its place', async () => {
    const given = await shop();
    const worktree = await given.open();
    renameSync(worktree.path, `${worktree.path}-moved`);
    symlinkSync(given.repo.path, worktree.path);
    const before = snapshot(given.repo.path).files;
    expect((await close(worktree)).saved).toBeNull();
    expect(snapshot(given.repo.path).files).toEqual(before);
    expect(readFileSync(join(`${worktree.path}-moved`, 'README.md'), 'utf8')).toBe(FILES['README.md']);
  });

  test('of one whose .git is gone saves it all the same', async () => {
    const given = await shop();
    const worktree = await given.open();
    rmSync(join(worktree.path, '.git'));
    writeFileSync(join(worktree.path, 'work.txt'), 'w\n');
    const { saved } = await close(worktree);
    expect(saved!.entries).toMatchObject([{ path: 'work.txt', change: 'added' }]);
    expect(given.repo.git('worktree', 'list').split('\n')).toHaveLength(1);
  });

  test('a sweep closes those whose process has died, and saves their work', async () => {
    const given = await shop();
    const [old, young, living, half] = [
      await given.open({ id: 'old' }),
      await given.open({ id: 'young' }),
      await given.open({ id: 'living' }),
      await given.open({ id: 'half' }),
    ];
    writeFileSync(join(old.path, 'work.txt'), 'w\n');
    const now = Date.now() + 10_000;
    rewriteNote(given, 'old', { worker: dead, openedAt: now - 5_000 });
    rewriteNote(given, 'young', { worker: dead, openedAt: now });
    rewriteNote(given, 'living', { openedAt: now - 5_000 });
    rewriteNote(given, 'half', { worker: dead, openedAt: now - 5_000, state: 'making' });
    const swept = await sweepWorktrees(given.home, 1_000, now, ({ id }) => join(given.home, `${id}.patch`));
    expect(swept.map(({ id, saved, trouble }) => [id, saved?.id ?? null, trouble])).toEqual([
      ['half', null, null],
      ['old', 'leftover/old', null],
    ]);
    expect([old, young, living, half].map(({ path }) => existsSync(path))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(existsSync(ownFolder(worktreesFolder(given.home, given.repository.commonDir), 'old'))).toBe(false);
  });
});
