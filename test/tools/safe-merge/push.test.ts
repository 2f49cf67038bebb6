import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { takeLock } from '../../../src/tools/git/process-lock.js';
import { processesWith, until } from '../../support/processes.js';
import { clonesIn, repoAt, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive, type RunOutcome } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

/** Clones whose `main` parted without conflict. */
function parted(): Clones {
  const made = clonesIn(box.folder());
  made.theirs.commit('theirs', { 't.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  made.mine.commit('mine', { 'm.txt': 'm\n' });
  return made;
}

/** Plays the plan, with something happening right before the push. */
const drivenWith = ({ mine }: Clones, happens: () => void): Promise<RunOutcome> =>
  drive({ root: mine.path, before: (step) => (step === 'guarded_push' ? happens() : undefined) });

function hook(remote: { readonly path: string }, name: string, script: string): void {
  const path = join(remote.path, 'hooks', name);
  repoAt(remote.path).write({ [`hooks/${name}`]: `#!/bin/sh\n${script}\n` });
  chmodSync(path, 0o755);
}

const tips = ({ mine, remote }: Clones): string[] =>
  [mine, remote].map((repo) => repo.git('rev-parse', 'main'));
const report = ({ mine }: Clones, outcome: RunOutcome, name: string): unknown =>
  JSON.parse(mine.read(`.git/planwright/safe_merge/${outcome.runId}/${name}.json`));

describe('somebody else is first', () => {
  test('on the remote: it merges again and publishes both', async () => {
    const made = parted();
    let third = '';
    const outcome = await drivenWith(made, () => {
      third = made.theirs.commit('third', { 'third.txt': '3\n' });
      made.theirs.git('push', '--quiet');
    });
    expect(outcome.state, outcome.said).toBe('succeeded');
    const [mine, remote] = tips(made);
    expect(mine).toBe(remote);
    expect(made.mine.git('merge-base', '--is-ancestor', third, 'main')).toBe('');
    expect(made.mine.read('third.txt')).toBe('3\n');
    expect(report(made, outcome, 'push')).toMatchObject({ rounds: 2, pushed: true, commit: remote });
    expect(outcome.said).toContain('merging again (round 1 of 3)');
  });

  test('here: what was committed meanwhile is published, too', async () => {
    const made = parted();
    let meanwhile = '';
    const outcome = await drivenWith(
      made,
      () => (meanwhile = made.mine.commit('meanwhile', { 'w.txt': 'w\n' })),
    );
    expect(outcome.state, outcome.said).toBe('succeeded');
    const [mine, remote] = tips(made);
    expect(mine).toBe(remote);
    expect(made.remote.git('merge-base', '--is-ancestor', meanwhile, 'main')).toBe('');
  });

  test('with something that is in conflict: it stops, and nothing of ours is anywhere', async () => {
    const made = parted();
    let before: unknown;
    const outcome = await drivenWith(made, () => {
      made.theirs.commit('third', { 'm.txt': 'another\n' });
      made.theirs.git('push', '--quiet');
      before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    });
    expect(outcome.state).toBe('failed');
    expect(outcome.steps['guarded_push']?.stderr).toMatch(
      /target_moved[\s\S]*in conflict with this: "m\.txt"/,
    );
    expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
  });

  test('every time: after some rounds it gives up', async () => {
    const made = parted();
    // Each look at the remote finds it a commit further on.
    const real = process.env['PATH'] ?? '';
    const bin = box.folder();
    const again = `cd ${made.theirs.path} && date +%N > race.txt && PATH=${real} git add race.txt && PATH=${real} git commit -qm race && PATH=${real} git push -q`;
    writeFileSync(
      join(bin, 'git'),
      `#!/bin/sh\ncase " $* " in *" ls-remote "*) (${again}) ;; esac\nPATH=${real} exec git "$@"\n`,
      { mode: 0o755 },
    );
    const mine = made.mine.git('rev-parse', 'main');
    const outcome = await drivenWith(made, () => vi.stubEnv('PATH', `${bin}:${real}`));
    expect(outcome.state).toBe('failed');
    expect(outcome.steps['guarded_push']?.stderr).toContain('target_moved');
    expect(outcome.steps['guarded_push']?.stderr).toContain('round 3 of 3');
    expect(made.mine.git('rev-parse', 'main')).toBe(mine);
    expectHealthy(made.mine.path);
  });

  test('the remote branch is deleted meanwhile', async () => {
    const made = parted();
    const outcome = await drivenWith(made, () => {
      made.remote.git('update-ref', '-d', 'refs/heads/main');
    });
    expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 2 });
    expect(outcome.steps['guarded_push']?.stderr).toContain('remote_branch_missing');
    expect(made.remote.tryGit('rev-parse', '--verify', '--quiet', 'main').code).toBe(1);
  });

  test('the remote is set back meanwhile: what was taken away is not brought back', async () => {
    const made = parted();
    const taken = made.theirs.git('rev-parse', 'main');
    const outcome = await drivenWith(made, () => {
      made.theirs.git('push', '--quiet', '--force', 'origin', 'HEAD~1:main');
    });
    expect(outcome.state, outcome.said).toBe('succeeded');
    const [mine, remote] = tips(made);
    expect(mine).toBe(remote);
    expect(made.remote.tryGit('merge-base', '--is-ancestor', taken, 'main').code).toBe(1);
  });

  test('the remote is rewritten meanwhile: nothing is forced', async () => {
    const made = parted();
    const outcome = await drivenWith(made, () => {
      made.theirs.git('reset', '--quiet', '--hard', 'HEAD~1');
      made.theirs.commit('other', { 'other.txt': 'o\n' });
      made.theirs.git('push', '--quiet', '--force');
    });
    // The rewritten history is merged as it is: what they took away is still in ours only if we had it.
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(made.mine.git('cat-file', '-e', 'main:other.txt')).toBe('');
    expect(made.mine.tryGit('cat-file', '-e', 'main:t.txt').code).not.toBe(0);
  });
});

describe('the answer of the remote', () => {
  /** ssh as a program of ours: it runs what it is told on this machine, and loses the answer to a push. */
  function forgetfulSsh(): string {
    const path = join(box.folder(), 'ssh.mjs');
    writeFileSync(
      path,
      `#!/usr/bin/env node
import { spawn } from 'node:child_process';
const command = process.argv.at(-1);
const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.pipe(child.stdin);
let seen = Buffer.alloc(0);
let advertised = !command.includes('receive-pack');
child.stdout.on('data', (chunk) => {
  if (!command.includes('receive-pack')) return void process.stdout.write(chunk);
  if (advertised) return; // the answer is lost
  seen = Buffer.concat([seen, chunk]);
  process.stdout.write(chunk);
  advertised = seen.subarray(-4).toString() === '0000';
});
child.on('close', (code) => process.exit(command.includes('receive-pack') ? 255 : code));
`,
    );
    chmodSync(path, 0o755);
    return path;
  }

  test('is lost, but the push arrived: that is found out and counts', async () => {
    const made = parted();
    made.mine.git('remote', 'set-url', 'origin', `ssh://host${made.remote.path}`);
    vi.stubEnv('GIT_SSH_COMMAND', forgetfulSsh());
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.state, outcome.said).toBe('succeeded');
    const [mine, remote] = tips(made);
    expect(mine).toBe(remote);
    expect(report(made, outcome, 'push')).toMatchObject({ pushed: true, rounds: 1 });
  });

  test('is yes, but a hook has put the branch back: that is not believed', async () => {
    const made = parted();
    const there = made.remote.git('rev-parse', 'main');
    hook(made.remote, 'post-receive', `git update-ref refs/heads/main ${there}`);
    const before = snapshot(made.mine.path);
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 1, attempts: 2 });
    expect(outcome.steps['guarded_push']?.stderr).toContain('push_without_effect');
    expect(snapshot(made.mine.path).files).toEqual(before.files);
    expect(made.mine.git('rev-parse', 'main')).toBe(
      before.head.split('\n').at(-1)?.replace('refs/heads/main', ''),
    );
  });

  test('is no because the branch is checked out there', async () => {
    const made = parted();
    made.mine.git('remote', 'set-url', '--push', 'origin', made.theirs.path);
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 2, attempts: 1 });
    expect(outcome.steps['guarded_push']?.stderr).toMatch(/push_rejected[\s\S]*checked out/);
  });

  test('of a remote with another address for pushes is asked for there', async () => {
    const made = parted();
    const other = join(box.folder(), 'push.git');
    made.remote.git('clone', '--quiet', '--bare', made.remote.path, other);
    made.mine.git('remote', 'set-url', '--push', 'origin', other);
    const before = made.remote.git('rev-parse', 'main');
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(repoAt(other).git('rev-parse', 'main')).toBe(made.mine.git('rev-parse', 'main'));
    expect(made.remote.git('rev-parse', 'main')).toBe(before);
  });

  test('says much, in colours and with a password: what is shown is short and clean', async () => {
    const made = parted();
    hook(
      made.remote,
      'pre-receive',
      `printf '\\033[31mhttps://u:secret@host/x no\\033[0m\\n' >&2; head -c 300000 /dev/zero | tr '\\0' 'x' >&2; exit 1`,
    );
    const outcome = await drive({ root: made.mine.path });
    const { stderr = '' } = outcome.steps['guarded_push'] ?? {};
    expect(stderr).toContain('https://***@host/x no');
    expect(stderr).not.toMatch(/secret|\u001b/);
    expect(stderr.length).toBeLessThan(4000);
  });
});

test('the remote-tracking branch is never set back: somebody fetched more meanwhile', async () => {
  const made = clonesIn(box.folder());
  const there = made.theirs.commit('theirs', { 't.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  let newer = '';
  const outcome = await drivenWith(made, () => {
    newer = made.theirs.commit('newer', { 'n.txt': 'n\n' });
    made.theirs.git('push', '--quiet');
    made.mine.git('fetch', '--quiet');
  });
  expect(outcome.state, outcome.said).toBe('succeeded');
  expect(made.mine.git('rev-parse', 'main', 'origin/main')).toBe(`${there}\n${newer}`);
});

test('two push addresses are refused: one could succeed alone', async () => {
  const made = parted();
  made.mine.git('remote', 'set-url', '--push', 'origin', made.remote.path);
  made.mine.git('remote', 'set-url', '--push', '--add', 'origin', made.theirs.path);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.steps['env_scan']?.stderr).toContain('remote_ambiguous');
});

test('a remote reached by a helper program is refused, and the program not run', async () => {
  const made = parted();
  const proof = join(box.folder(), 'proof');
  made.mine.git('config', 'protocol.ext.allow', 'always');
  made.mine.git('remote', 'set-url', 'origin', `ext::touch ${proof}`);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.steps['git_fetch']?.stderr).toContain('remote_protocol_refused');
  expect(existsSync(proof)).toBe(false);
});

test.each([
  ['a changed file', 'dirty_working_tree', { 'm.txt': 'at work\n' }],
  ['a new file', 'dirty_working_tree', { 'new.txt': 'at work\n' }],
  ['a merge', 'merge_in_progress', { '.git/MERGE_HEAD': `${'1'.repeat(40)}\n` }],
])('%s begun after the scan stops the push before anything is published', async (_, code, files) => {
  const made = parted();
  let before: unknown;
  const outcome = await drivenWith(made, () => {
    made.mine.write(files);
    before = [snapshot(made.mine.path), snapshot(made.remote.path)];
  });
  expect(outcome.steps['guarded_push']?.stderr).toContain(code);
  expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
});

test('when only the remote could be moved, that is said, and the next run only follows', async () => {
  const made = parted();
  // The remote takes the push, and while it does somebody begins to work here.
  hook(made.remote, 'post-receive', `echo "at work" > ${join(made.mine.path, 'm.txt')}`);
  const outcome = await drive({ root: made.mine.path });
  const { stderr, code, attempts } = outcome.steps['guarded_push'] ?? {};
  expect([code, attempts]).toEqual([3, 1]);
  expect(stderr).toMatch(/dirty_working_tree[\s\S]*local_not_updated: "origin" has the merge/);
  expect(made.mine.read('m.txt')).toBe('at work\n');
  expect(made.remote.git('log', '-1', '--format=%s', 'main')).toBe(
    "Merge remote-tracking branch 'origin/main'",
  );
  made.mine.git('restore', 'm.txt');
  expect((await drive({ root: made.mine.path })).state).toBe('succeeded');
  const [mine, remote] = tips(made);
  expect(mine).toBe(remote);
});

test('guarded_push again after it is done does nothing and is content', async () => {
  const made = parted();
  const { state } = await drive({ root: made.mine.path });
  expect(state).toBe('succeeded');
  const run = made.mine.git('for-each-ref', '--format=%(refname:lstrip=3)', 'refs/planwright/merge');
  const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
  const again = await tool(made.mine.path, ['guarded_push', `--run=${run}`, '--json']);
  expect(again.code, again.stderr).toBe(0);
  expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
});

describe('one at a time', () => {
  test('while another process publishes the branch it waits, and says when that takes too long', async () => {
    const made = parted();
    const lock = await takeLock(join(made.mine.path, '.git/planwright/locks/main.lock'), 0);
    const outcome = await drive({ root: made.mine.path, until: 'guarded_push' });
    const blocked = await tool(made.mine.path, ['guarded_push', `--run=${outcome.runId}`, '--timeout=0']);
    expect([blocked.code, blocked.stderr]).toEqual([2, expect.stringContaining('lock_timeout')]);
    const waiting = tool(made.mine.path, [
      'guarded_push',
      `--run=${outcome.runId}`,
      '--timeout=61',
      '--json',
    ]);
    // Only the lock of the branch is waited for this long.
    await until('it waits', () => processesWith('flock -x -w 61 3').length > 0);
    const child = spawn('sleep', ['0.3']);
    await once(child, 'exit');
    await lock?.release();
    const ran = await waiting;
    expect(ran.code, ran.stderr).toBe(0);
    expect((JSON.parse(ran.stdout) as { lock: { waited_ms: number } }).lock.waited_ms).toBeGreaterThan(200);
  });

  test('two clones at once: both end, and the remote has the work of both', async () => {
    const made = clonesIn(box.folder());
    const mine = made.mine.commit('mine', { 'm.txt': 'm\n' });
    const theirs = made.theirs.commit('theirs', { 't.txt': 't\n' });
    const outcomes = await Promise.all([made.mine, made.theirs].map((repo) => drive({ root: repo.path })));
    for (const outcome of outcomes) expect(outcome.state, outcome.said).toBe('succeeded');
    for (const commit of [mine, theirs])
      expect(made.remote.git('merge-base', '--is-ancestor', commit, 'main')).toBe('');
    expectHealthy(made.remote.path);
  });
});

describe('files that go through a filter', () => {
  test('of somebody’s own are not moved, and the filter is not run', async () => {
    const made = clonesIn(box.folder(), { '.gitattributes': '*.secret filter=crypt\n', 'a.secret': 'a\n' });
    made.theirs.commit('theirs', { 'a.secret': 'b\n' });
    made.theirs.git('push', '--quiet');
    const proof = join(box.folder(), 'proof');
    made.mine.git('config', 'filter.crypt.smudge', `touch ${proof}; cat`);
    made.mine.git('config', 'filter.crypt.clean', `touch ${proof}; cat`);
    const before = snapshot(made.mine.path);
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.steps['guarded_push']?.stderr).toMatch(/content_filter[\s\S]*"a\.secret"/);
    expect(snapshot(made.mine.path).files).toEqual(before.files);
    expect(existsSync(proof)).toBe(false);
  });

  test('of Git LFS are not pushed without their content', async () => {
    const bin = box.folder();
    writeFileSync(join(bin, 'git-lfs'), '#!/bin/sh\ncase "$1" in clean|smudge) cat;; esac\n', {
      mode: 0o755,
    });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    const made = clonesIn(box.folder(), { '.gitattributes': '*.bin filter=lfs\n', 'a.bin': 'pointer 1\n' });
    for (const repo of [made.mine, made.theirs]) {
      repo.git('config', 'filter.lfs.clean', 'git-lfs clean -- %f');
      repo.git('config', 'filter.lfs.smudge', 'git-lfs smudge -- %f');
      repo.git('config', 'filter.lfs.required', 'true');
    }
    made.mine.commit('mine', { 'a.bin': 'pointer 2\n' });
    const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
    const outcome = await drive({ root: made.mine.path });
    expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 2 });
    expect(outcome.steps['guarded_push']?.stderr).toMatch(/lfs_not_pushed[\s\S]*"a\.bin"/);
    expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
    made.mine.git('push', '--quiet'); // the way out
    made.theirs.git('fetch', '--quiet');
    expect((await drive({ root: made.theirs.path })).state).toBe('succeeded');
    expect(made.theirs.read('a.bin')).toBe('pointer 2\n');
  });
});
