/**
 * Captures and restores files without permissions, as whoever starts it; for a test that starts it as another user.
 *
 * Argument: an empty folder of that user's. Prints what was captured, and what came back.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { capturePatch } from '../../../../src/tools/git/capture-patch.js';
import { openOwnWorktree } from '../../../../src/tools/git/own-worktree.js';
import { openRepository } from '../../../../src/tools/git/repository.js';
import { restorePatch } from '../../../../src/tools/git/restore-patch.js';

const [folder = ''] = process.argv.slice(2);
const repo = join(folder, 'repo');
mkdirSync(repo);
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.invalid', ...args], {
    cwd: repo,
    encoding: 'utf8',
  }).trim();
git('init', '--quiet', '--template=');
writeFileSync(join(repo, '.gitignore'), '*.log\n');
writeFileSync(join(repo, 'known.txt'), 'known\n');
git('add', '.');
git('commit', '--quiet', '-m', 'base');
const repository = await openRepository(repo);
const worktree = await openOwnWorktree(repository, {
  ...{ home: join(folder, 'home'), id: 'ws-a', commit: git('rev-parse', 'HEAD') },
  owner: { run: 'run', step: 'ws-a', attempt: 1 },
});
mkdirSync(join(worktree.path, 'shut'));
const files = ['shut/inside.txt', 'closed.txt', 'closed.log', 'known.txt'];
for (const name of files) {
  writeFileSync(join(worktree.path, name), `${name} has this\n`);
  chmodSync(join(worktree.path, name), 0);
}
chmodSync(join(worktree.path, 'shut'), 0);
const request = { id: 'run/ws-a-1', file: join(folder, 'x.patch'), message: 'x', atSec: 1 };
const patch = await capturePatch(worktree, request);
const back = join(folder, 'back');
await restorePatch(repository, patch.id, back);
const isRoot = process.getuid?.() === 0;
for (const name of files) chmodSync(join(back, name), 0o600);
console.log(
  JSON.stringify({
    isRoot,
    entries: patch.entries.map(({ path, change }) => `${change} ${path}`),
    leftOut: patch.leftOut,
    back: files.map((name) => readFileSync(join(back, name), 'utf8')),
  }),
);
