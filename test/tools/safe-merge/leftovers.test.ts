import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { sweepAllGates } from '../../../src/tools/safe-merge/leftovers.js';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy } from '../git/support/snapshot.js';
import { buildProgram, type Program, tool } from './support/program.js';

const box = sandbox();
let program: Program;
let home: string;
beforeAll(async () => {
  program = await buildProgram();
});
beforeEach(() => {
  home = box.folder();
  vi.stubEnv('PLANWRIGHT_HOME', home);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => program.remove());

interface Gated extends Clones {
  readonly run: string;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown[]>;
  /** The process of the gate's command, in a group of its own. */
  readonly gate: number;
  /** Lets the gate be green. */
  letGo(): void;
}

/** A run that is at work in its gate, which waits. */
async function inTheGate(run: string): Promise<Gated> {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'mine.txt': 'm\n' });
  made.theirs.commit('theirs', { 'theirs.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  for (const step of ['env_scan', 'git_fetch', 'git_merge']) {
    const ran = await tool(made.mine.path, [step, `--run=${run}`]);
    expect(ran.code, ran.stderr).toBe(0);
  }
  const folder = box.folder();
  const [there, fifo] = [join(folder, 'there'), join(folder, 'fifo')];
  execFileSync('mkfifo', [fifo]);
  const args = [
    'merge_gate',
    `--run=${run}`,
    '--gate',
    `echo $$ >${there}.new; mv ${there}.new ${there}; read line <${fifo}`,
  ];
  const child = spawn(process.execPath, [join(program.bin, 'planwright-merge'), ...args], {
    cwd: made.mine.path,
    detached: true,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  await appears(there);
  const gate = Number(readFileSync(there, 'utf8'));
  return { ...made, run, child, ended, gate, letGo: () => writeFileSync(fifo, 'go\n') };
}

async function appears(path: string): Promise<void> {
  const watcher = watch(dirname(path));
  while (!existsSync(path)) await once(watcher, 'change');
  watcher.close();
}

/** As when a container ends: the tool, the gate, all at once. */
async function kill({ child, ended, gate }: Gated): Promise<void> {
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  process.kill(gate, 'SIGKILL');
  await ended;
}

const worktrees = ({ mine }: Clones): number => mine.git('worktree', 'list').split('\n').length;
const gateFolders = (): string[] =>
  readdirSync(join(home, 'safe-merge/worktrees'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('-gate'),
  );
const nextScan = ({ mine }: Pick<Clones, 'mine'>) => tool(mine.path, ['env_scan', '--run=next', '--json']);

test('the work tree of a gate that was killed goes with the next run', async () => {
  const made = await inTheGate('first');
  expect([worktrees(made), gateFolders()]).toEqual([2, [expect.stringContaining('first-gate')]]);
  await kill(made);
  const scan = await nextScan(made);
  expect(scan.code, scan.stderr).toBe(0);
  const { recovered } = JSON.parse(scan.stdout) as { recovered: string[] };
  expect(recovered).toContainEqual(expect.stringMatching(/was killed and left ".*first-gate": removed/));
  expect([worktrees(made), gateFolders()]).toEqual([1, []]);
  expect(made.mine.git('status', '--porcelain')).toBe('');
  expectHealthy(made.mine.path);
});

test('the work tree of a gate that is at work stays, for the next run and for whoever tidies up', async () => {
  const made = await inTheGate('first');
  expect((await nextScan(made)).code).toBe(0);
  expect(await sweepAllGates(home)).toEqual({ removed: [], trouble: [] });
  expect(worktrees(made)).toBe(2);
  made.letGo();
  expect((await made.ended)[0]).toBe(0);
  expect([worktrees(made), gateFolders()]).toEqual([1, []]);
});

test('whoever tidies the state directory up removes those of killed gates', async () => {
  const made = await inTheGate('first');
  await kill(made);
  const { removed, trouble } = await sweepAllGates(home);
  expect([removed, trouble]).toEqual([[expect.stringContaining('first-gate')], []]);
  expect([worktrees(made), gateFolders()]).toEqual([1, []]);
});

test('also when the repository is not there any more', async () => {
  const made = await inTheGate('first');
  await kill(made);
  const moved = `${made.mine.path}-moved`;
  renameSync(made.mine.path, moved);
  const { removed } = await sweepAllGates(home);
  expect([removed.length, gateFolders()]).toEqual([1, []]);
  rmSync(moved, { recursive: true });
});

test('what git was at work with when it was killed goes with the next run, but not that of a run at work', async () => {
  const made = await inTheGate('first');
  const left = (run: string): string => {
    const path = join(made.mine.path, '.git/planwright/safe_merge', run, 'objects-AbCdEf');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'index.lock'), '');
    return path;
  };
  const [dead, alive] = [left('killed'), left('first')];
  expect((await nextScan(made)).code).toBe(0);
  expect([existsSync(dead), existsSync(alive)]).toEqual([false, true]);
  made.letGo();
  await made.ended;
});

test('files that were never renamed go once nobody can be at them any more, and no others', async () => {
  const { mine } = clonesIn(box.folder());
  mine.git('worktree', 'add', '--quiet', '--detach', join(box.folder(), 'linked'));
  const below = ['planwright', 'planwright/refs', 'worktrees/linked/planwright'];
  const places = below.map((name) => join(mine.path, '.git', name));
  places.push(join(home, 'safe-merge/fences'), join(home, 'safe-merge/resolutions'));
  const made = (name: string, ageSec: number): string[] =>
    places.map((place) => {
      mkdirSync(place, { recursive: true });
      const path = join(place, name);
      writeFileSync(path, '');
      const at = Date.now() / 1000 - ageSec;
      utimesSync(path, at, at);
      return path;
    });
  const left = made('fast-forward.json.0123456789ab.tmp', 4000);
  const others = [...made('main.json.ba9876543210.tmp', 60), ...made('mine.tmp', 4000)];
  const scan = await nextScan({ mine });
  const { recovered } = JSON.parse(scan.stdout) as { recovered: string[] };
  for (const path of left) expect(recovered.join('\n')).toContain(`left "${path}": removed`);
  expect(left.filter((path) => existsSync(path))).toEqual([]);
  expect(others.filter((path) => !existsSync(path))).toEqual([]);
});

test('a step that is repeated after a kill goes on, whatever lock on the refs of its own run was left', async () => {
  const made = await inTheGate('first');
  await kill(made);
  const lock = join(made.mine.path, '.git/refs/planwright/merge/first.lock');
  writeFileSync(lock, '');
  const again = await tool(made.mine.path, ['git_merge', '--run=first']);
  expect([again.code, existsSync(lock)], again.stderr).toEqual([0, false]);
});
