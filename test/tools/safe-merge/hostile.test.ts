import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { snapshot } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();

/** Clones that parted, with something to merge, to push and to check out. */
function parted(): Clones {
  const made = clonesIn(box.folder(), {
    '.gitattributes': '* filter=evil diff=evil merge=evil\n',
    'a.txt': 'a\n',
  });
  made.theirs.commit('theirs', { 'b.txt': 'b\n' });
  made.theirs.git('push', '--quiet');
  made.mine.commit('mine', { 'c.txt': 'c\n' });
  return made;
}

const HOOKS = [
  ...[
    'applypatch-msg',
    'commit-msg',
    'fsmonitor-watchman',
    'post-checkout',
    'post-commit',
    'post-index-change',
    'post-merge',
  ],
  ...[
    'post-rewrite',
    'pre-auto-gc',
    'pre-commit',
    'pre-merge-commit',
    'pre-push',
    'pre-rebase',
    'prepare-commit-msg',
  ],
  ...['reference-transaction', 'sendemail-validate', 'update'],
];

test('no hook of the clone is run by a whole safe merge', async () => {
  const { mine } = parted();
  const proofs = join(box.folder(), 'ran-');
  for (const name of HOOKS) {
    mine.write({ [`.git/hooks/${name}`]: `#!/bin/sh\ntouch ${proofs}${name}\n` });
    chmodSync(join(mine.path, '.git/hooks', name), 0o755);
  }
  const outcome = await drive({ root: mine.path });
  expect(outcome.state, outcome.said).toBe('succeeded');
  expect(readdirSync(join(proofs, '..'))).toEqual([]);
});

test('no program that the configuration names is run by a whole safe merge', async () => {
  const { mine } = parted();
  const folder = box.folder();
  const settings = [
    ...['core.fsmonitor', 'core.pager', 'core.editor', 'sequence.editor', 'diff.external'],
    ...['diff.evil.textconv', 'diff.evil.command', 'merge.evil.driver', 'core.alternateRefsCommand'],
    ...[
      'remote.origin.uploadpack',
      'remote.origin.receivepack',
      'pager.status',
      'pager.log',
      'alias.status',
      'alias.fetch',
    ],
    ...['submodule.x.update', 'interactive.diffFilter', 'credential.helper'],
  ];
  for (const key of settings) {
    const prefix =
      key === 'credential.helper' || key === 'submodule.x.update' || key.startsWith('alias.') ? '!' : '';
    mine.git('config', key, `${prefix}touch ${join(folder, key)}; false`);
  }
  const gpg = join(box.folder(), 'gpg'); // run without a shell
  writeFileSync(gpg, `#!/bin/sh\ntouch ${join(folder, 'gpg')}\n`, { mode: 0o755 });
  for (const [key, value] of [
    ['gpg.program', gpg],
    ['log.showSignature', 'true'],
    ['commit.gpgSign', 'true'],
    ['push.gpgSign', 'if-asked'],
    ['core.hooksPath', folder],
    ['fetch.recurseSubmodules', 'true'],
    ['submodule.recurse', 'true'],
    ['push.recurseSubmodules', 'check'],
    ['push.followTags', 'true'],
    ['fetch.prune', 'true'],
    ['gc.auto', '1'],
    ['remote.origin.mirror', 'true'],
    ['remote.origin.tagOpt', '--tags'],
    ['status.showUntrackedFiles', 'no'],
    ['status.branch', 'true'],
    ['color.ui', 'always'],
    ['core.quotePath', 'true'],
    ['diff.noprefix', 'true'],
    ['diff.renames', 'copies'],
    ['merge.ff', 'only'],
    ['merge.renames', 'false'],
    ['core.commentChar', 'M'],
    ['i18n.commitEncoding', 'ISO-8859-1'],
  ] as const) {
    mine.git('config', key, value);
  }
  mine.git('tag', 'mine-alone');
  const outcome = await drive({ root: mine.path });
  expect(outcome.state, outcome.said).toBe('succeeded');
  expect(readdirSync(folder)).toEqual([]);
});

test('only the branch is pushed, whatever the configuration says to push', async () => {
  const { mine, remote } = parted();
  mine.git('tag', '-a', '-m', 'x', 'v1');
  mine.git('branch', 'other');
  mine.git('config', 'push.followTags', 'true');
  mine.git('config', 'push.default', 'matching');
  mine.git('config', '--add', 'remote.origin.push', '+refs/*:refs/*');
  expect((await drive({ root: mine.path })).state).toBe('succeeded');
  expect(remote.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
});

test('a change that the settings hide is found all the same', async () => {
  const { mine } = parted();
  mine.git('config', 'status.showUntrackedFiles', 'no');
  mine.git('config', 'diff.ignoreSubmodules', 'all');
  mine.write({ 'new.txt': 'n\n' });
  const before = snapshot(mine.path);
  expect((await tool(mine.path, ['env_scan'])).stderr).toContain('dirty_working_tree');
  expect(snapshot(mine.path)).toEqual(before);
});

describe('names that are more than names', () => {
  test.each(['--upload-pack=touch PROOF', '-x', 'ext::touch PROOF', '../elsewhere', 'a b', '.'])(
    'the remote %j',
    async (name) => {
      const { mine } = parted();
      const proof = join(box.folder(), 'proof');
      const ran = await tool(mine.path, ['env_scan', `--remote=${name.replace('PROOF', proof)}`]);
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('bad_remote_name')]);
      expect(existsSync(proof)).toBe(false);
    },
  );

  test.each(['--upload-pack=x', 'origin/-x', 'origin/a$(id)', 'a:b', 'origin/', 'HEAD', 'main~1'])(
    'the source %j',
    async (name) => {
      const { mine } = parted();
      const ran = await tool(mine.path, ['env_scan', `--source=${name}`]);
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('bad_branch_name')]);
    },
  );

  test.each(['../../../../evil', '/evil', 'a/b', '..', 'x'.repeat(300), '~', 'a~b', '\u202e', '-x', '.lock'])(
    'the run %j',
    async (id) => {
      const { mine } = parted();
      const before = snapshot(mine.path);
      expect((await tool(mine.path, ['env_scan', `--run=${id}`])).code).toBe(0);
      for (const step of ['file_classification', 'git_fetch', 'git_merge']) {
        expect((await tool(mine.path, [step, `--run=${id}`])).code).toBe(0);
      }
      const entries = readdirSync(join(mine.path, '.git/planwright/safe_merge')).sort();
      const directories = entries.filter((name) => name !== 'merge_events.jsonl');
      expect(directories).toHaveLength(1);
      expect(directories[0]).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/);
      const refs = mine.git('for-each-ref', '--format=%(refname)', 'refs/planwright/merge').split('\n');
      expect(refs).toEqual([`refs/planwright/merge/${directories[0]}`]);
      expect(snapshot(mine.path)).toEqual(before);
    },
  );
});

test('a report that was tampered with is not believed', async () => {
  const { mine } = parted();
  const run = '.git/planwright/safe_merge/by-hand_main';
  for (const step of ['env_scan', 'file_classification', 'git_fetch', 'git_merge'])
    await tool(mine.path, [step]);
  const merge = JSON.parse(mine.read(`${run}/merge.json`)) as object;
  for (const change of [
    { result: '--force' },
    { tips: { local: 'main' } },
    { result: 1 },
    { action: null },
    { parents: ['x'] },
  ]) {
    mine.write({ [`${run}/merge.json`]: JSON.stringify({ ...merge, ...change }) });
    const ran = await tool(mine.path, ['guarded_push']);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('missing_step')]);
  }
  for (const text of ['', '[]', 'null', '{"a":', '"x"']) {
    mine.write({ [`${run}/merge.json`]: text });
    expect((await tool(mine.path, ['guarded_push'])).code).toBe(1);
  }
});

test('a commit that does not hold both sides is not pushed', async () => {
  const { mine, remote } = parted();
  const run = '.git/planwright/safe_merge/by-hand_main';
  for (const step of ['env_scan', 'file_classification', 'git_fetch', 'git_merge'])
    await tool(mine.path, [step]);
  const merge = JSON.parse(mine.read(`${run}/merge.json`)) as object;
  const lone = mine.git('commit-tree', '-m', 'alone', 'HEAD^{tree}');
  mine.write({ [`${run}/merge.json`]: JSON.stringify({ ...merge, result: lone }) });
  const before = [snapshot(mine.path), snapshot(remote.path)];
  await expect(tool(mine.path, ['guarded_push'])).rejects.toThrow(/BUG: .* does not contain/);
  expect([snapshot(mine.path), snapshot(remote.path)]).toEqual(before);
});
