import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closeOwnWorktree } from '../../../src/tools/git/close-worktree.js';
import { repoAt, sandbox } from './support/sandbox.js';
import { snapshot } from './support/snapshot.js';
import { contentOf, FILES, shopIn, type Shop } from './support/work.js';

const box = sandbox();
const shop = (files?: Parameters<typeof shopIn>[1]): Promise<Shop> => shopIn(box.folder(), files);

describe('.worktreeinclude', () => {
  const files = {
    ...FILES,
    '.gitignore': '.env*\nlocal/\nother/\n',
    '.worktreeinclude': '.env\nlocal/\nREADME.md\n',
  };

  test('brings ignored files that it names, and no others', async () => {
    const given = await shop(files);
    given.repo.write({
      '.env': 'KEY=1\n',
      '.env.more': 'no',
      'local/a/b': 'deep',
      'other/x': 'no',
      'loose.txt': 'no',
    });
    chmodSync(join(given.repo.path, 'local/a/b'), 0o755);
    const worktree = await given.open();
    expect(worktree.note.included.map(({ path }) => path).sort()).toEqual(['.env', 'local/a/b']);
    expect(contentOf(worktree.path)).toMatchObject({ '.env': 'KEY=1\n', 'local/a/b': 'x deep' });
    expect(existsSync(join(worktree.path, 'other'))).toBe(false);
  });

  test('brings nothing into a patch, whatever a tool does to .gitignore', async () => {
    const given = await shop(files);
    given.repo.write({ '.env': 'KEY=1\n' });
    const worktree = await given.open();
    writeFileSync(join(worktree.path, '.gitignore'), '');
    const patch = await given.capture(worktree);
    expect(patch.entries.map(({ path }) => path)).toEqual(['.gitignore']);
    expect(patch.leftOut).toEqual([]);
    expect(readFileSync(patch.file!, 'utf8')).not.toContain('KEY=1');
  });

  test('a copied file that a tool changed is kept apart', async () => {
    const given = await shop(files);
    given.repo.write({ '.env': 'KEY=1\n' });
    const worktree = await given.open();
    writeFileSync(join(worktree.path, '.env'), 'KEY=2\n');
    expect((await given.capture(worktree)).leftOut).toEqual([{ path: '.env', reason: 'included' }]);
  });
});

describe('a clone', () => {
  test('shares nothing with the repository', async () => {
    const given = await shop();
    given.repo.git('config', 'user.secret', 'yes');
    given.repo.git('remote', 'add', 'origin', '/nowhere');
    given.repo.git('branch', 'other');
    const before = snapshot(given.repo.path);
    const worktree = await given.open({ isolation: 'clone' });
    const clone = repoAt(worktree.path);
    expect(clone.git('rev-parse', '--git-common-dir')).toBe('.git');
    expect(clone.git('status', '--porcelain')).toBe('');
    expect(clone.git('remote')).toBe('');
    expect(clone.tryGit('config', 'user.secret').code).toBe(1);
    expect(clone.git('for-each-ref', '--format=%(refname)')).toBe('refs/planwright/base');
    expect(clone.git('config', 'user.name')).toBe('Tester');
    const links = execFileSync('find', [join(worktree.path, '.git/objects'), '-type', 'f', '-links', '+1'], {
      encoding: 'utf8',
    });
    expect([links, existsSync(join(worktree.path, '.git/objects/info/alternates'))]).toEqual(['', false]);
    clone.git('config', 'core.hooksPath', '/tmp/evil');
    clone.commit('mine', { 'work.txt': 'w\n' });
    clone.git('branch', 'evil');
    const patch = await given.capture(worktree);
    expect(patch.entries).toMatchObject([{ path: 'work.txt' }]);
    expect(snapshot(given.repo.path)).toEqual(before);
    await closeOwnWorktree(worktree, { captured: patch, file: join(box.folder(), 'x.patch'), atSec: 1 });
    expect(existsSync(worktree.path)).toBe(false);
  });
});
