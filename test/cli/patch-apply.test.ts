/**
 * Patches by hand at the command line: looked at, brought into a work tree, moved away.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { aWorld } from './a-world.js';
import type { Answer } from './a-shop.js';

let folder: string;
let repository: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'planwright-patches-')));
  repository = join(folder, 'shop');
  mkdirSync(repository);
  mkdirSync(join(folder, 'patches'));
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'T');
  git('config', 'user.email', 't@example.org');
  write('a.txt', LINES.join('\n'));
  write('.gitignore', '*.log\n');
  commit();
});
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

const LINES = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', ''];
const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const write = (file: string, text: string): void => writeFileSync(join(repository, file), text);
const read = (file: string): string => readFileSync(join(repository, file), 'utf8');
const replace = (from: string, to: string): void => write('a.txt', read('a.txt').replace(from, to));
function commit(): void {
  git('add', '-A');
  git('commit', '-qm', 'change');
}

/** Makes a patch file of a change, each on top of the one before, and takes them all back. */
function patches(changes: Readonly<Record<string, () => void>>): void {
  for (const [name, change] of Object.entries(changes)) {
    change();
    git('add', '-A');
    writeFileSync(join(folder, 'patches', name), git('diff', '--cached', '--binary', 'HEAD'));
    git('commit', '-qm', name);
  }
  git('reset', '-q', '--hard', `HEAD~${Object.keys(changes).length}`);
}

async function patch(...argv: string[]): Promise<Answer> {
  const world = aWorld({
    env: { PLANWRIGHT_HOME: join(folder, 'home'), NO_COLOR: '1', LANG: 'C.UTF-8' },
    cwd: folder,
  });
  const code = await main(['patch', ...argv, '--root', repository], world);
  return { code, out: world.out.text(), err: world.err.text() };
}

/** Everything a command could have changed: files, index, refs, objects. */
const everything = (): string =>
  [
    git('status', '--porcelain', '--ignored'),
    git('diff', 'HEAD'),
    git('ls-files', '-s'),
    git('for-each-ref'),
    git('count-objects', '-v'),
    readdirSync(join(folder, 'patches')).join(' '),
  ].join('\n');

async function states(...argv: string[]): Promise<Record<string, string>> {
  const { out } = await patch('check', ...argv, '--json');
  const { patches: rows } = JSON.parse(out) as { patches: { patch: string; state: string }[] };
  return Object.fromEntries(rows.map((row) => [row.patch.replace('patches/', ''), row.state]));
}

test('check says which patches are applied, apply, or conflict, and changes nothing', async () => {
  patches({
    '1.patch': () => replace('two', 'TWO'),
    '2.patch': () => replace('TWO', 'TWO!'), // hides the first from a reverse of its own
    '3.patch': () => write('new.txt', 'new\n'),
    '4.patch': () => replace('nine', 'NINE'),
  });
  replace('two', 'TWO!'); // as the first two leave it, not committed
  replace('nine', 'ninety');
  const before = everything();
  expect(await states('patches')).toEqual({
    '1.patch': 'applied',
    '2.patch': 'applied',
    '3.patch': 'applies',
    '4.patch': 'conflicts',
  });
  expect(everything()).toBe(before);
  const said = await patch('check', 'patches');
  expect(said.code).toBe(0);
  expect(said.out).toContain('2 patches pending, 2 applied');
  expect(said.out).toMatch(/patches\/4\.patch {2}conflicts\n {4}a\.txt/);
  expect((await patch('check', 'patches', '--validate')).code).toBe(1);
  expect((await patch('check', 'patches/1.patch', 'patches/2.patch', '--validate')).code).toBe(0);
});

test('apply brings all of them into the files and the index, across changes that came meanwhile, and archives them', async () => {
  patches({
    '1.patch': () => replace('two', 'TWO'),
    '2.patch': () => {
      replace('TWO', 'TWO!');
      git('mv', 'a.txt', 'b.txt');
    },
    '3.patch': () => writeFileSync(join(repository, 'new.bin'), Buffer.from([0, 1, 2])),
  });
  // Beside the second line: a plain apply finds its context changed, a three-way one knows the common ancestor.
  write('a.txt', `zero\n${read('a.txt').replace('four', 'FOUR')}`);
  commit();
  const head = git('rev-parse', 'HEAD');
  const before = everything();
  const dry = await patch('apply', 'patches', '--dry-run', '--archive-dir', 'done');
  expect([dry.code, everything(), existsSync(join(folder, 'done'))]).toEqual([0, before, false]);
  expect(dry.out).toContain('would apply 3 patches');

  const done = await patch('apply', 'patches', '--archive-dir', 'done');
  expect([done.code, done.err]).toEqual([0, '']);
  expect(done.out).toContain('applied 3 patches to the files and the index; nothing is committed');
  expect(read('b.txt')).toBe(['zero', ...LINES].join('\n').replace('two', 'TWO!').replace('four', 'FOUR'));
  expect(git('diff', '--name-only')).toBe('');
  expect(git('diff', '--cached', '--name-status', '--no-renames', 'HEAD')).toBe(
    'D\ta.txt\nA\tb.txt\nA\tnew.bin\n',
  );
  expect(git('rev-parse', 'HEAD')).toBe(head);
  expect(readdirSync(join(folder, 'patches'))).toEqual([]);
  const [day] = readdirSync(join(folder, 'done'));
  expect(day).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(readdirSync(join(folder, 'done', day!))).toEqual(['1.patch', '2.patch', '3.patch']);
  expect(new Set(Object.values(await states(`done/${day!}`)))).toEqual(new Set(['applied']));

  // Again: they are there already, and files of the same name in the archive stay.
  commit();
  const again = await patch('apply', `done/${day!}/3.patch`, '--archive-dir', 'done');
  expect([again.code, again.out]).toEqual([0, expect.stringContaining('nothing to apply')]);
  expect(readdirSync(join(folder, 'done', day!))).toEqual(['1.patch', '2.patch', '3-2.patch']);
});

test('when one conflicts none is applied; the one that does is moved aside, and the others go without it', async () => {
  patches({ '1.patch': () => replace('two', 'TWO'), '2.patch': () => replace('nine', 'NINE') });
  replace('nine', 'ninety');
  commit();
  const failed = await patch('apply', 'patches', '--failed-dir', 'bad', '--archive-dir', 'done');
  expect([failed.code, git('status', '--porcelain')]).toEqual([1, '']);
  expect(failed.out).toContain('nothing was applied');
  expect([readdirSync(join(folder, 'patches')), readdirSync(join(folder, 'bad'))]).toEqual([
    ['1.patch'],
    ['2.patch'],
  ]);
  expect(existsSync(join(folder, 'done'))).toBe(false);
  expect((await patch('apply', 'patches')).code).toBe(0);
  expect(read('a.txt')).toContain('TWO');
});

test('a patch that is kept in the repository is applied by its id', async () => {
  patches({ '1.patch': () => replace('two', 'TWO') });
  replace('two', 'TWO');
  const id = 'workstreams-01/ws-a.1';
  commit();
  git('update-ref', `refs/planwright/patches/${id}`, 'HEAD');
  git('reset', '-q', '--hard', 'HEAD~1');
  expect(await states(id, 'patches')).toEqual({ [id]: 'applies', '1.patch': 'applied' });
  expect((await patch('apply', id)).code).toBe(0);
  expect(read('a.txt')).toContain('TWO');
  expect(git('rev-parse', `refs/planwright/patches/${id}`)).not.toBe('');
});

test('bad input is refused with a way out, and nothing has changed', async () => {
  patches({
    '1.patch': () => write('new.log.txt', 'new\n'),
    '2.patch': () => replace('two', 'TWO'),
  });
  writeFileSync(join(folder, 'poem.patch'), 'roses are red\n');
  writeFileSync(
    join(folder, 'cut.patch'),
    readFileSync(join(folder, 'patches/2.patch'), 'utf8').slice(0, -20),
  );
  const evil = '--- a/../../evil.txt\n+++ b/../../evil.txt\n@@ -0,0 +1 @@\n+evil\n';
  writeFileSync(join(folder, 'evil.patch'), evil);
  const refused = async (says: string, ...argv: string[]): Promise<void> => {
    const before = everything();
    const { code, err } = await patch('apply', ...argv, '--failed-dir', 'bad', '--archive-dir', 'done');
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
    expect(everything()).toBe(before);
    expect([existsSync(join(folder, 'bad')), existsSync(join(folder, 'done'))]).toEqual([false, false]);
  };
  await refused('there is no patch "nowhere"', 'patches/2.patch', 'nowhere');
  await refused('"poem.patch" is not a patch', 'patches/2.patch', 'poem.patch');
  await refused('"cut.patch" is not a patch', 'cut.patch');
  await refused('invalid path', 'evil.patch');
  expect(existsSync(join(folder, 'evil.txt'))).toBe(false);
  // Somebody's own files are not written over, whether git looks at them or not.
  write('new.log.txt', 'mine\n');
  await refused('files that are not committed lie where the patches write: new.log.txt', 'patches');
  rmSync(join(repository, 'new.log.txt'));
  write('.git/index.lock', '');
  const locked = await patch('apply', 'patches/2.patch', '--archive-dir', 'done');
  expect([locked.code, locked.err]).toEqual([2, expect.stringContaining('the files are as they were: git')]);
  rmSync(join(repository, '.git/index.lock'));
  expect([git('status', '--porcelain'), existsSync(join(folder, 'done'))]).toEqual(['', false]);
  replace('nine', 'mine');
  await refused('has changes that are not committed: a.txt', 'patches');
});
