import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clonesIn, repoAt, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { buildProgram, type Program } from './support/program.js';

const box = sandbox();
let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.remove());

/** Clones whose `main` parted without conflict. */
function parted(): Clones {
  const made = clonesIn(box.folder());
  made.theirs.commit('theirs', { 't.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  made.mine.commit('mine', { 'm.txt': 'm\n' });
  return made;
}

interface Ended {
  readonly code: number | null;
  readonly afterMs: number;
  readonly stderr: string;
}

/** Starts a tool as the engine does, and tells it to end once `reached` is there. */
async function told(
  { mine }: Clones,
  run: string,
  args: readonly string[],
  reached: string,
  env: Readonly<Record<string, string>> = {},
  andThen: () => void = () => undefined,
): Promise<Ended> {
  const there = appears(reached);
  const child = spawn(process.execPath, [join(program.bin, 'planwright-merge'), ...args], {
    cwd: mine.path,
    env: { ...process.env, ...env, PLANWRIGHT_RUN_ID: run },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
  const ended = once(child, 'exit');
  await Promise.race([there, ended]);
  expect(existsSync(reached), stderr).toBe(true);
  const start = performance.now();
  child.kill('SIGTERM');
  andThen();
  const [code] = (await ended) as [number | null];
  return { code, afterMs: performance.now() - start, stderr };
}

/** Waits for a file in a folder that is there. */
async function appears(path: string): Promise<void> {
  const watcher = watch(join(path, '..'));
  while (!existsSync(path)) await once(watcher, 'change');
  watcher.close();
}

const report = ({ mine }: Clones, run: string, name: string): unknown =>
  JSON.parse(mine.read(`.git/planwright/safe_merge/${run}/${name}.json`));
const lastEvent = ({ mine }: Clones): unknown =>
  JSON.parse(mine.read('.git/planwright/safe_merge/merge_events.jsonl').trimEnd().split('\n').at(-1) ?? '');

/** Allows for a busy machine; the tool itself gives up after two seconds, and what it would wait for takes ten minutes. */
const BOUND_MS = 60_000;

test('told to end while the remote does not answer, a tool says so in report and event', async () => {
  const made = parted();
  const { runId } = await drive({ root: made.mine.path, until: 'git_fetch' });
  const reached = join(box.folder(), 'reached');
  const ssh = join(box.folder(), 'ssh');
  writeFileSync(ssh, `#!/bin/sh\n: >${reached}\nexec sleep 600\n`, { mode: 0o755 });
  made.mine.git('remote', 'set-url', 'origin', 'ssh://somewhere.invalid/x.git');
  const before = snapshot(made.mine.path);
  const ended = await told(made, runId, ['git_fetch'], reached, {
    GIT_SSH_COMMAND: ssh,
    GIT_SSH_VARIANT: 'simple',
  });
  expect(ended.code, ended.stderr).toBe(1);
  expect(ended.afterMs).toBeLessThan(BOUND_MS);
  expect(ended.stderr).toContain('it was told to end (SIGTERM)');
  expect(report(made, runId, 'fetch')).toMatchObject({ status: 'failed', reason_code: 'canceled' });
  expect(report(made, runId, 'safe_merge_report')).toMatchObject({ outcome_reason: 'canceled' });
  expect(lastEvent(made)).toMatchObject({ step: 'git_fetch', status: 'failed', reason_code: 'canceled' });
  expect(snapshot(made.mine.path)).toEqual(before);
});

test('told to end during a gate, nothing of the gate is left', async () => {
  const made = parted();
  const { runId } = await drive({ root: made.mine.path, until: 'merge_gate' });
  const folder = box.folder();
  const [reached, alive] = [join(folder, 'reached'), join(folder, 'alive')];
  const gate = `trap '' TERM; mkfifo ${alive}; : >${reached}; echo late >${alive}`;
  const ended = await told(made, runId, ['merge_gate', '--gate', gate], reached, {
    PLANWRIGHT_HOME: join(folder, 'home'),
  });
  expect(ended.code, ended.stderr).toBe(1);
  expect(ended.afterMs).toBeLessThan(BOUND_MS);
  expect(report(made, runId, 'gate')).toMatchObject({ reason_code: 'canceled' });
  expect(lastEvent(made)).toMatchObject({ step: 'merge_gate', reason_code: 'canceled' });
  expect(made.mine.git('worktree', 'list').split('\n')).toHaveLength(1);
  expectHealthy(made.mine.path);
});

test('told to end during the push, it leaves nothing half-done; the next run ends merged', async () => {
  const made = parted();
  const { runId } = await drive({ root: made.mine.path, until: 'guarded_push' });
  const folder = box.folder();
  const [reached, go] = [join(folder, 'reached'), join(folder, 'go')];
  repoAt(made.remote.path).write({
    'hooks/update': `#!/bin/sh\n: >${reached}\nwhile [ ! -e ${go} ]; do sleep 0.02; done\n`,
  });
  chmodSync(join(made.remote.path, 'hooks/update'), 0o755);
  const ended = await told(made, runId, ['guarded_push'], reached, {}, () => writeFileSync(go, ''));
  expect(ended.code, ended.stderr).toBe(1);
  expect(ended.afterMs).toBeLessThan(BOUND_MS);
  expect(report(made, runId, 'push')).toMatchObject({ status: 'failed', reason_code: 'canceled' });
  expect(lastEvent(made)).toMatchObject({ step: 'guarded_push', reason_code: 'canceled' });
  expect(made.mine.git('status', '--porcelain')).toBe('');
  const again = await drive({ root: made.mine.path });
  expect(again.state, again.said).toBe('succeeded');
  expect(made.remote.git('rev-parse', 'main')).toBe(made.mine.git('rev-parse', 'main'));
  expect(made.mine.git('rev-list', '--count', '--merges', 'main')).toBe('1');
  expectHealthy(made.mine.path);
});

test('told to end while it waits for the lock, it does not go on waiting', async () => {
  const made = parted();
  const { runId } = await drive({ root: made.mine.path, until: 'guarded_push' });
  const bin = box.folder();
  const reached = join(box.folder(), 'reached');
  // Stands for a rival that never lets go: only the lock of the branch is waited for this long.
  const script = `#!/bin/sh\ncase $3 in 777) : >${reached}; exec sleep 600 ;; esac\nPATH=${process.env['PATH']} exec flock "$@"\n`;
  writeFileSync(join(bin, 'flock'), script, { mode: 0o755 });
  const before = snapshot(made.mine.path);
  const ended = await told(made, runId, ['guarded_push', '--timeout', '777'], reached, {
    PATH: `${bin}:${process.env['PATH']}`,
  });
  expect(ended.code, ended.stderr).toBe(1);
  expect(ended.afterMs).toBeLessThan(BOUND_MS);
  expect(report(made, runId, 'push')).toMatchObject({ reason_code: 'canceled' });
  expect(snapshot(made.mine.path)).toEqual(before);
});

test('what trying again does not change is not tried again', async () => {
  const made = parted();
  const outcome = await drive({
    root: made.mine.path,
    before: (step) => (step === 'guarded_push' ? made.mine.write({ 't.txt': 'mine\n' }) : undefined),
  });
  expect(outcome.steps['guarded_push']).toMatchObject({ code: 3, attempts: 1 });
  expect(outcome.steps['guarded_push']?.stderr).toContain('dirty_working_tree');
});

test('an address that opens like an option is refused, not unreachable, and starts nothing', async () => {
  const made = parted();
  const proof = join(box.folder(), 'proof');
  made.mine.git('config', 'remote.origin.url', `--upload-pack=touch ${proof}`);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.steps['git_fetch']).toMatchObject({ code: 2, attempts: 1 });
  expect(outcome.steps['git_fetch']?.stderr).toMatch(/remote_(protocol_refused|repository_missing)/);
  expect(existsSync(proof)).toBe(false);
});
