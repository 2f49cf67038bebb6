/**
 * Two clones, two workers, one branch of one remote: runs take turns, and none is in the way of the other for ever.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureServer } from '../../src/server/embedded.js';
import { root } from '../checkout.js';
import { jsonLines, openShop, type Shop } from '../cli/a-shop.js';
import { until } from '../support/processes.js';

const PLAN = join(root, 'plans', 'safe_merge.json');

let shop: Shop;
let second: ChildProcess;
let connection: Connection;

beforeAll(async () => {
  shop = await openShop();
  const { address } = await ensureServer(shop.home);
  connection = await Connection.connect({ address });
  // A worker beside the one that the command line starts: the runs' steps are spread over both.
  second = spawn(process.execPath, [join(root, 'test/worker/run-worker.mjs'), shop.home.home, address], {
    env: shop.home.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: second.stdout! }).on('line', (line) => lines.push(line));
  await until('the second worker asks for tasks', () => lines.includes('polling'));
});
afterAll(async () => {
  await connection.close();
  if (second.exitCode === null && second.signalCode === null) {
    second.kill('SIGKILL');
    await once(second, 'exit');
  }
  await shop.close();
});

const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.org', ...args], {
    cwd,
    encoding: 'utf8',
  }).trim();

interface Pair {
  readonly remote: string;
  readonly clones: readonly [string, string];
}

/** A remote and two clones, each with a commit of its own that the other does not have. */
function aPair(name: string): Pair {
  const folder = join(shop.folder, name);
  execFileSync('mkdir', ['-p', folder]);
  const remote = join(folder, 'remote.git');
  git(folder, 'init', '-q', '--bare', '-b', 'main', remote);
  const clones = ['one', 'two'].map((clone) => join(folder, clone)) as [string, string];
  git(folder, 'clone', '-q', remote, clones[0]);
  git(clones[0], 'checkout', '-q', '-b', 'main');
  git(clones[0], 'commit', '-q', '--allow-empty', '-m', 'begin');
  git(clones[0], 'push', '-q', 'origin', 'main');
  git(folder, 'clone', '-q', remote, clones[1]);
  clones.forEach((clone, index) => {
    git(clone, 'config', 'user.name', 'T');
    git(clone, 'config', 'user.email', 't@example.org');
    writeFileSync(join(clone, `file-${index}`), `${name}\n`);
    git(clone, 'add', '-A');
    git(clone, 'commit', '-q', '-m', `work of ${index}`);
  });
  return { remote, clones };
}

/** A gate that waits for the test. */
const heldGate = (name: string): string => {
  const { args } = shop.held(name);
  return args[1]!;
};

async function begin(clone: string, ...options: string[]): Promise<string> {
  const { code, out, err } = await shop.run(
    ...['start', PLAN, '--root', clone, '--var', 'BRANCH=main', '--detach', '--json'],
    ...options,
  );
  expect(code, err).toBe(0);
  return String(jsonLines(out)[0]!['run_id']);
}

const eventsOf = async (run: string): Promise<Record<string, unknown>[]> =>
  jsonLines((await shop.run('events', run, '--json')).out);

async function untilEvent(run: string, type: string, step: string | null): Promise<void> {
  const limit = performance.now() + 120_000;
  for (;;) {
    const found = (await eventsOf(run)).some(
      ({ event_type: is, data }) => is === type && ((data as { step_id?: string }).step_id ?? null) === step,
    );
    if (found) return;
    if (performance.now() > limit) throw new Error(`run ${run} has no ${type} of ${String(step)}`);
  }
}

test('the second waits for its turn, and then both have published, one on top of the other', async () => {
  const { remote, clones } = aPair('turns');
  const first = await begin(clones[0], '--var', `GATE=${heldGate('turns')}`);
  await untilEvent(first, 'step_started', 'merge_gate');
  const other = await begin(clones[1]);
  await untilEvent(other, 'lease_wait', null);
  const waiting = await shop.run('show', other);
  expect(waiting.out).toContain(first);
  // Nothing of it has begun: it will see what the first one publishes.
  expect((await eventsOf(other)).some(({ event_type: type }) => type === 'step_started')).toBe(false);
  shop.release('turns');
  expect(await shop.run('watch', first)).toMatchObject({ code: 0 });
  expect(await shop.run('watch', other)).toMatchObject({ code: 0 });
  const subjects = git(remote, 'log', '--format=%s', 'main').split('\n');
  expect(subjects).toEqual(expect.arrayContaining(['work of 0', 'work of 1', 'begin']));
  expect(git(clones[1], 'rev-parse', 'main')).toBe(git(remote, 'rev-parse', 'main'));
  const granted = (await eventsOf(other)).find(({ event_type: type }) => type === 'lease_granted');
  expect((granted!['data'] as { waited_sec: number }).waited_sec).toBeGreaterThan(0);
});

test('a holder that is terminated is not waited for', async () => {
  const { remote, clones } = aPair('killed');
  const first = await begin(clones[0], '--var', `GATE=${heldGate('killed')}`);
  await untilEvent(first, 'step_started', 'merge_gate');
  const other = await begin(clones[1]);
  await untilEvent(other, 'lease_wait', null);
  await new Client({ connection }).workflow.getHandle(first).terminate('pulled the plug');
  expect(await shop.run('watch', other)).toMatchObject({ code: 0 });
  const subjects = git(remote, 'log', '--format=%s', 'main').split('\n');
  expect(subjects).toContain('work of 1');
  expect(subjects).not.toContain('work of 0');
  shop.release('killed');
});
