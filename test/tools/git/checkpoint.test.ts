import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  Checkpoints,
  CHECKPOINT_LIMITS,
  takeInCheckpoint,
  type Checkpoint,
} from '../../../src/tools/git/checkpoint.js';
import { openOwnWorktree, type OwnWorktree } from '../../../src/tools/git/own-worktree.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { repoAt, sandbox } from './support/sandbox.js';
import { snapshot } from './support/snapshot.js';
import { contentOf, shopIn, type Shop } from './support/work.js';

const box = sandbox();
const ofAll = (worktree: OwnWorktree, limits = {}): Checkpoints =>
  new Checkpoints(worktree, (path) => path.startsWith('.tool-'), { ...CHECKPOINT_LIMITS, ...limits });

/** A work tree on a machine that has nothing but a clone of the repository and the checkpoint. */
async function elsewhere(shop: Shop, { tree, ...rest }: Checkpoint): Promise<OwnWorktree> {
  const folder = box.folder();
  execFileSync('git', ['clone', '-q', '--no-local', shop.repo.path, join(folder, 'clone')]);
  const request = { id: 'ws-b', commit: shop.base, owner: { run: 'run', step: 'ws-a', attempt: 1 } };
  const repository = await openRepository(join(folder, 'clone'));
  const worktree = await openOwnWorktree(repository, { home: join(folder, 'home'), ...request });
  expect(await takeInCheckpoint(worktree, { tree, ...rest })).toBeNull();
  await worktree.git.run(['read-tree', '--reset', '-u', tree]);
  return worktree;
}

/** All files of the object store, by name. */
const objectsOf = (shop: Shop): string[] =>
  readdirSync(join(shop.repo.path, '.git/objects'), { recursive: true }).map(String).sort();

test('what was written goes to a machine that has only a clone, and whoever writes notices nothing', async () => {
  const shop = await shopIn(box.folder());
  const worktree = await shop.open();
  const checkpoints = ofAll(worktree);
  const { path } = worktree;
  writeFileSync(join(path, 'README.md'), 'one\nTWO\nthree\n');
  rmSync(join(path, 'src/app.py'));
  rmSync(join(path, 'src/lib'), { recursive: true });
  writeFileSync(join(path, 'src/lib'), 'a file now\n');
  writeFileSync(join(path, ' odd "näme"\n'), Buffer.from([0, 255, 10]));
  writeFileSync(join(path, 'empty'), '');
  chmodSync(join(path, 'run.sh'), 0o755);
  symlinkSync('README.md', join(path, 'link'));
  const status = repoAt(path).git('status', '--porcelain');
  const [repo, objects] = [snapshot(shop.repo.path), objectsOf(shop)];
  const taken = (await checkpoints.take())!;
  expect(taken).toMatchObject({ base: shop.base, files: 8, omitted: 0 });
  expect([snapshot(shop.repo.path), objectsOf(shop)]).toEqual([repo, objects]);
  expect(repoAt(path).git('status', '--porcelain')).toBe(status);
  expect(contentOf((await elsewhere(shop, taken)).path)).toEqual(contentOf(path));
});

test('each holds all that the base has not, and nothing new is no checkpoint', async () => {
  const shop = await shopIn(box.folder());
  const worktree = await shop.open();
  const checkpoints = ofAll(worktree);
  expect(await checkpoints.take()).toBeNull();
  writeFileSync(join(worktree.path, 'one'), '1');
  expect(await checkpoints.take()).toMatchObject({ files: 1 });
  expect(await checkpoints.take()).toBeNull();
  writeFileSync(join(worktree.path, 'two'), '2');
  const second = (await checkpoints.take())!;
  expect(contentOf((await elsewhere(shop, second)).path)).toEqual(contentOf(worktree.path));
  rmSync(join(worktree.path, 'one'));
  rmSync(join(worktree.path, 'two'));
  expect(await checkpoints.take()).toMatchObject({ files: 0 });
});

test('a store that has grown too large is begun anew, and nothing is missing', async () => {
  const shop = await shopIn(box.folder());
  const worktree = await shop.open();
  const checkpoints = ofAll(worktree, { maxStoreBytes: 3 });
  writeFileSync(join(worktree.path, 'one'), '12345');
  await checkpoints.take();
  writeFileSync(join(worktree.path, 'two'), '12345');
  const taken = (await checkpoints.take())!;
  expect(contentOf((await elsewhere(shop, taken)).path)).toEqual(contentOf(worktree.path));
});

test('ignored and copied-in files, litter, repositories inside, pipes and what is too large are not taken', async () => {
  const shop = await shopIn(box.folder(), {
    ...{ '.gitignore': '*.log\n.env\n', '.worktreeinclude': '.env\n' },
    ...{ 'a.txt': 'a\n', 'big.txt': 'small\n' },
  });
  writeFileSync(join(shop.repo.path, '.env'), 'SECRET=1\n');
  const worktree = await shop.open();
  const { path } = worktree;
  writeFileSync(join(path, '.gitignore'), ''); // the tool ignores nothing any more
  writeFileSync(join(path, '.tool-history'), 'x');
  mkdirSync(join(path, 'inside'));
  execFileSync('git', ['init', '-q', join(path, 'inside')]);
  writeFileSync(join(path, 'inside/file'), 'x');
  execFileSync('mkfifo', [join(path, 'pipe')]);
  writeFileSync(join(path, 'big.txt'), 'x'.repeat(200));
  writeFileSync(join(path, 'new.txt'), 'new\n');
  const taken = (await ofAll(worktree, { maxFileBytes: 100 }).take())!;
  expect(taken).toMatchObject({ files: 2, omitted: 1 });
  const laid = contentOf((await elsewhere(shop, taken)).path);
  expect(Object.keys(laid).sort()).toEqual(
    ['.gitignore', '.worktreeinclude', 'a.txt', 'big.txt', 'new.txt'].sort(),
  );
  expect(laid['big.txt']).toContain('small');
});

test('one that was made for another commit, or is not what it says, is not taken in', async () => {
  const shop = await shopIn(box.folder());
  const worktree = await shop.open();
  writeFileSync(join(worktree.path, 'one'), '1');
  const taken = (await ofAll(worktree).take())!;
  const tried = (changes: Partial<Checkpoint>) => takeInCheckpoint(worktree, { ...taken, ...changes });
  expect(await tried({ base: 'f'.repeat(40) })).toContain('it was made for ffff');
  expect(await tried({ tree: 'f'.repeat(40) })).toContain('is not what was said of it');
  expect(await tried({ pack: Buffer.from('no pack') })).toContain('its objects cannot be read');
  expect(await tried({})).toBeNull();
});
