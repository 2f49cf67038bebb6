/**
 * What tools write and no patch can hold: named each time, and brought back where it can be.
 */
import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRepository } from '../../../src/tools/git/repository.js';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import { workstreamOutputs } from '../../../src/workflows/workstream-outputs.js';
import { namesIn } from '../../../src/os/paths.js';
import { worktreesFolder } from '../../../src/tools/git/own-worktree.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { contentOf } from '../../tools/git/support/work.js';
import { openHall, type Hall } from './attempts.js';

sandbox();
let hall: Hall;
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

/** A directory deeper than any path can say: with each step only its own name is. */
const DEEP = `'${process.execPath}' -e "const fs = require('fs'); for (let i = 0; i < 24; i += 1) { fs.mkdirSync('d'.repeat(200)); process.chdir('d'.repeat(200)); } fs.writeFileSync('file', 'deep')"`;

test('a repository, a pipe, ignored files and empty directories are named, and what is kept comes back', async () => {
  const script = [
    'echo 1 > src/n; echo x > src/x.log; mkdir src/empty; mkfifo src/pipe',
    'git init -q src/vendor/inner; echo inner > src/vendor/inner/a.txt',
    'chmod 000 src/n',
  ].join('; ');
  const ended = await hall.run(script);
  expect(ended).toMatchObject({ outcome: 'patched', patch: { paths: ['src/n'] } });
  const inner = ended.patch!.left!.find((text) => text.includes('src/vendor/inner'));
  expect(ended.patch!.left).toEqual([
    'not kept, no files: pipes, sockets or devices: src/pipe',
    inner,
    'kept beside the patch, 1 path that are empty directories: src/empty',
    'kept beside the patch, 1 path that git ignores: src/x.log',
  ]);
  expect(inner).toMatch(/^kept beside the patch, \d+ paths in repositories inside it: src\/vendor\/inner$/);
  // The record has it, whatever became of the attempt, and under which name it comes back.
  expect(workstreamOutputs(ended, hall.taskOf('true').work)).toMatchObject({
    leftOut: ended.patch!.left,
    captured: ended.patch!.id,
  });
  const back = join(hall.folder, 'back');
  await restorePatch(await openRepository(hall.repo.path), ended.patch!.id, back);
  expect(contentOf(back)).toMatchObject({
    'src/n': '1\n',
    'src/x.log': 'x\n',
    'src/vendor/inner/a.txt': 'inner\n',
  });
  expect(existsSync(join(back, 'src/vendor/inner/.git/HEAD'))).toBe(true);
  expect(lstatSync(join(back, 'src/empty')).isDirectory()).toBe(true);
});

test('a file deeper than any path can say is named; the rest is a patch, and its work tree goes all the same', async () => {
  const ended = await hall.run(`echo 1 > src/n; cd src; ${DEEP}`);
  expect(ended).toMatchObject({ outcome: 'patched', patch: { paths: ['src/n'] } });
  expect(ended.patch!.left).toEqual([
    expect.stringMatching(/^not kept, paths longer than the system opens: src\/d+…d+\/file$/),
  ]);
  expect(JSON.stringify(ended).length).toBeLessThan(20_000);
  const folder = worktreesFolder(hall.home, (await openRepository(hall.repo.path)).commonDir);
  expect((await namesIn(folder)).filter((name) => !name.startsWith('.'))).toEqual([]);
  const next = await hall.run('echo 2 > src/n', { attempt: 2 });
  expect([next.outcome, next.patch?.left]).toEqual(['patched', []]);
});

test('a tool that wrote nothing else has a reason, and what it wrote is named', async () => {
  const ended = await hall.run('mkfifo src/pipe; git init -q src/inner');
  expect(ended).toMatchObject({ outcome: 'nothing', patch: { commit: null } });
  expect(ended.patch!.left).toHaveLength(2);
  expect(ended.text).toMatch(
    /^nothing was changed that a patch holds \(not kept, no files.*src\/pipe; kept beside/,
  );
});
