import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { git, GitFailure, shownText } from '../../../src/tools/git/call.js';
import { newRepo, sandbox } from './support/sandbox.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

test('variables that lead git elsewhere do not reach it', async () => {
  const here = newRepo(join(box.folder(), 'here'));
  const elsewhere = newRepo(join(box.folder(), 'elsewhere'));
  vi.stubEnv('GIT_DIR', join(elsewhere.path, '.git'));
  vi.stubEnv('GIT_WORK_TREE', elsewhere.path);
  vi.stubEnv('GIT_CONFIG_COUNT', '1');
  vi.stubEnv('GIT_CONFIG_KEY_0', 'user.name');
  vi.stubEnv('GIT_CONFIG_VALUE_0', 'Somebody else');
  const top = await git({ cwd: here.path, args: ['rev-parse', '--show-toplevel'] });
  expect(top.stdout.toString()).toBe(`${here.path}\n`);
  const name = await git({ cwd: here.path, args: ['config', 'user.name'] });
  expect(name.stdout.toString()).toBe('Tester\n');
});

test('an exit code that was not expected is a failure with what git said', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  const failure = await git({ cwd: repo.path, args: ['rev-parse', '--verify', 'nothing'] }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(GitFailure);
  expect(failure).toMatchObject({ reason: 'exit-code', exitCode: 128, command: 'rev-parse' });
  expect((failure as GitFailure).stderr).toContain('Needed a single revision');
});

test('a machine without git is told apart', async () => {
  vi.stubEnv('PATH', box.folder());
  await expect(git({ cwd: box.folder(), args: ['version'] })).rejects.toMatchObject({
    reason: 'not-installed',
  });
});

test('output beyond the limit ends the call', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  repo.commit('big', { 'big.txt': 'x'.repeat(100_000) });
  const call = { cwd: repo.path, args: ['cat-file', 'blob', 'HEAD:big.txt'] };
  expect((await git(call)).stdout).toHaveLength(100_000);
  await expect(git({ ...call, maxBytes: 50_000 })).rejects.toMatchObject({ reason: 'too-much-output' });
});

test('much talk on stderr neither ends the call nor fills the memory', async () => {
  const folder = box.folder();
  const talker = join(folder, 'git');
  writeFileSync(talker, '#!/bin/sh\nhead -c 3000000 /dev/zero | tr "\\0" x >&2\necho done\n');
  chmodSync(talker, 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  const answer = await git({ cwd: folder, args: ['anything'] });
  expect(answer.stdout.toString()).toBe('done\n');
  expect(answer.stderr.length).toBeLessThan(3000);
});

test('nobody is asked: stdin is at its end', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  const answer = await git({ cwd: repo.path, args: ['hash-object', '--stdin'] });
  expect(answer.stdout.toString()).toBe('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\n'); // the empty blob
});

test('bytes come and go as they are', async () => {
  const repo = newRepo(join(box.folder(), 'repo'));
  const bytes = Buffer.from([0, 0xff, 0x0d, 0x0a, 0x80, 0x0a]);
  const id = (await git({ cwd: repo.path, args: ['hash-object', '-w', '--stdin'], input: bytes })).stdout
    .toString()
    .trim();
  expect((await git({ cwd: repo.path, args: ['cat-file', 'blob', id] })).stdout).toEqual(bytes);
});

test('no command that the configuration names is run by looking at a repository', async () => {
  const folder = box.folder();
  const repo = newRepo(join(folder, 'repo'));
  const proof = join(folder, 'proof');
  const evil = `touch ${proof}`;
  const script = join(folder, 'evil');
  writeFileSync(script, `#!/bin/sh\n${evil}\n`, { mode: 0o755 });
  repo.commit('base', { 'a.txt': 'a\n', '.gitattributes': '* filter=evil diff=evil\n' });
  const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ\n -----END PGP SIGNATURE-----\n';
  const signed = repo.git('cat-file', 'commit', 'HEAD').replace(/\n\n/, `\n${signature}\n`);
  const id = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
    cwd: repo.path,
    input: `${signed}\n`,
  });
  repo.git('update-ref', 'HEAD', id.toString().trim());
  for (const [key, value] of [
    ['core.fsmonitor', evil],
    ['core.pager', evil],
    ['core.editor', evil],
    ['diff.external', evil],
    ['diff.evil.textconv', evil],
    ['diff.evil.command', evil],
    ['log.showSignature', 'true'],
    ['gpg.program', script], // run without a shell
  ] as const) {
    repo.git('config', key, value);
  }
  writeFileSync(join(repo.path, 'a.txt'), 'changed\n');
  for (const args of [
    ['status'],
    ['diff-tree', '-p', '--no-ext-diff', '--no-textconv', '--root', 'HEAD'],
    ['log', '-1'],
  ]) {
    await git({ cwd: repo.path, args });
  }
  expect(existsSync(proof)).toBe(false);
});

test('text from elsewhere is made harmless', () => {
  expect(shownText('fatal: https://user:secret@host/x.git\r\n\u001b[31mred\u001b[0m\u0007\u202e\n\n')).toBe(
    'fatal: https://***@host/x.git\nred',
  );
  expect(shownText('x'.repeat(5000)).length).toBeLessThan(2100);
});
