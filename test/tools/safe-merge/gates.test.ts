import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { tool } from './support/program.js';

const box = sandbox();
beforeEach(() => {
  process.env['PLANWRIGHT_HOME'] = box.folder();
});

/** Clones whose branches parted without a conflict, merged. */
async function merged(): Promise<Clones> {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'mine.txt': 'm\n' });
  made.theirs.commit('theirs', { 'theirs.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  for (const step of ['env_scan', 'git_fetch', 'git_merge']) {
    expect((await tool(made.mine.path, [step])).code, step).toBe(0);
  }
  return made;
}

const gate = ({ mine }: Clones, ...args: string[]) => tool(mine.path, ['merge_gate', ...args]);
const push = ({ mine }: Clones) => tool(mine.path, ['guarded_push']);

test('a green gate sees the files of both sides, and what it writes is not pushed', async () => {
  const made = await merged();
  const ran = await gate(
    made,
    '--gate',
    'test -f mine.txt && test -f theirs.txt && echo x > theirs.txt && echo y > new.txt && git status --short',
  );
  expect(ran.code, ran.stderr).toBe(0);
  const log = join(made.mine.path, '.git/planwright/safe_merge/by-hand_main/gates/1.log');
  expect(readFileSync(log, 'utf8')).toBe(' M theirs.txt\n?? new.txt\n');
  const seen = made.mine.git('rev-parse', 'refs/planwright/merge/by-hand_main');
  expect((await push(made)).code).toBe(0);
  expect(made.remote.git('rev-parse', 'main')).toBe(seen);
  expect(made.mine.git('ls-files')).not.toContain('new.txt');
  expect(made.mine.git('worktree', 'list').split('\n')).toHaveLength(1);
  expectHealthy(made.mine.path);
});

test('a red gate leaves everything as it was, says why and keeps its log', async () => {
  const made = await merged();
  const before = [snapshot(made.mine.path), snapshot(made.remote.path)];
  const ran = await gate(made, '--gate', 'echo broken; exit 7', '--json');
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    reason_code: 'gate_failed',
    cause: 'gate_red',
    gates: [{ exit_code: 7 }],
  });
  expect(ran.stderr).toMatch(/exit code 7: broken[\s\S]*1\.log/);
  expect([snapshot(made.mine.path), snapshot(made.remote.path)]).toEqual(before);
  // Whoever goes on all the same meets it again.
  const pushed = await push(made);
  expect([pushed.code, pushed.stderr]).toEqual([3, expect.stringContaining('gate_red')]);
  expect(snapshot(made.remote.path)).toEqual(before[1]);
});

test('several gates come from a file; the first that is red ends it', async () => {
  const made = await merged();
  const file = join(box.folder(), 'gates.txt');
  const mark = join(box.folder(), 'ran');
  writeFileSync(file, `# ours\ntest -f mine.txt\n\nfalse\ntouch ${mark}\n`);
  const ran = await gate(made, '--gates', file, '--json');
  expect(ran.code).toBe(1);
  expect((JSON.parse(ran.stdout) as { gates: unknown[] }).gates).toHaveLength(2);
  expect(existsSync(mark)).toBe(false);
  expect((await gate(made, '--gates', `${file}.none`)).code).toBe(2);
});

test('a gate that takes too long is red', async () => {
  const made = await merged();
  const ran = await gate(made, '--gate', 'sleep 1000', '--max-seconds', '1');
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('ended after 1 s')]);
});

test('when somebody else was first, the new merge passes the gates again before it is pushed', async () => {
  const made = await merged();
  const log = join(box.folder(), 'seen');
  expect((await gate(made, '--gate', `echo "$SAFE_MERGE_COMMIT" >> ${log}`)).code).toBe(0);
  made.theirs.commit('more', { 'more.txt': 'more\n' });
  made.theirs.git('push', '--quiet');
  const ran = await push(made);
  expect(ran.code, ran.stderr).toBe(0);
  const seen = readFileSync(log, 'utf8').trim().split('\n');
  expect(seen).toHaveLength(2);
  expect(made.remote.git('rev-parse', 'main')).toBe(seen[1]);
});

test('a later merge that the gates refuse is not pushed', async () => {
  const made = await merged();
  expect((await gate(made, '--gate', '! test -f more.txt')).code).toBe(0);
  made.theirs.commit('more', { 'more.txt': 'more\n' });
  made.theirs.git('push', '--quiet');
  const before = made.remote.git('rev-parse', 'main');
  expect((await push(made)).code).toBe(3);
  expect(made.remote.git('rev-parse', 'main')).toBe(before);
});

test('without a gate, or with nothing to push, there is nothing to do', async () => {
  const made = await merged();
  expect((await gate(made)).stdout).toContain('no gates');
  const { mine, theirs } = clonesIn(box.folder());
  theirs.commit('theirs', { 't.txt': 't\n' });
  theirs.git('push', '--quiet');
  for (const step of ['env_scan', 'git_fetch', 'git_merge']) await tool(mine.path, [step]);
  expect((await tool(mine.path, ['merge_gate', '--gate', 'false'])).stdout).toContain(
    'nothing is going to be pushed',
  );
});

test('a gate comes from the environment, too, and never from a file of the repository', async () => {
  const made = await merged();
  const ran = await tool(made.mine.path, ['merge_gate'], { SAFE_MERGE_GATE: 'exit 3' });
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('exit code 3')]);
});
