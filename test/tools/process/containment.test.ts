import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { lifeOf } from '../../../src/os/process-identity.mjs';
import type { ProcessTree } from '../../../src/tools/process/containment.js';
import { openNamespaces } from '../../../src/tools/process/namespace.js';
import { stopTree } from '../../../src/tools/process/start-command.js';
import { bundleProgram } from '../../support/bundled-program.js';
import { processesWith, sleepers, uniqueSleep, until } from '../../support/processes.js';
import { bench, MODES, type Bench } from './commands.js';

/** Ways a process leaves its parent: each starts `sleep $1` and goes on. */
const ESCAPES = {
  'a background child': 'sleep $1 &',
  'a child that ignores every signal it can': '(trap "" HUP INT TERM QUIT PIPE; sleep $1) &',
  'a child in a session of its own': 'setsid sleep $1 &',
  'a grandchild whose parent has gone': '(setsid sh -c "sleep $1 & exit 0" &) ',
  'a daemon, forked twice, with all streams closed': '(setsid setsid sh -c "exec sleep $1" <&- >&- 2>&- &)',
  'a stopped child': 'sleep $1 & while ! ps -o args= -p $! | grep -q ^sleep; do :; done; kill -STOP $!',
};

async function started(commands: Bench, spec: Parameters<Bench['start']>[0]): Promise<ProcessTree> {
  const tree = await commands.start(spec);
  if (tree.kind !== 'started') throw new Error(tree.message);
  return tree;
}

const script = (text: string, ...args: string[]): Parameters<Bench['start']>[0] => ({
  command: '/bin/sh',
  args: ['-c', text, 'sh', ...args],
});

describe.each(MODES)('a %s', (mode, open) => {
  let commands: Bench;
  let name: string;
  beforeAll(async () => void (commands = bench(await open())));
  afterAll(() => commands.close());
  afterEach(() => expect(sleepers(name)).toEqual([]));

  const escapes = Object.entries(ESCAPES);
  if (mode === 'namespace') {
    // A group finds leavers by their environment: this one is the case it cannot win.
    escapes.push(['a daemon with an empty environment', '(env -i setsid sleep $1 &)']);
  }

  test.each(escapes)('ends %s with its command', async (_, escape) => {
    name = uniqueSleep();
    const wait = `${escape}\nwhile ! ps -eo args= | grep -q "^sleep $1"; do sleep 0.01; done`;
    const tree = await started(commands, script(`${wait}; exit 7`, name));
    expect(await tree.ended).toEqual({ kind: 'exit', code: 7 });
    expect(sleepers(name)).toEqual([]);
  });

  test('ends with its command at once, though a background child holds the streams', async () => {
    name = uniqueSleep();
    const begin = performance.now();
    const tree = await started(commands, script('sleep $1 & echo done', name));
    expect(await tree.ended).toEqual({ kind: 'exit', code: 0 });
    expect(performance.now() - begin).toBeLessThan(60_000); // it holds them for days
  });

  test('tells the command and its group to stop, and lets them', async () => {
    name = uniqueSleep();
    const log = commands.file('trap.log', '');
    const tree = await started(
      commands,
      script('trap "echo told > $2; exit 3" TERM; echo ready > $2; sleep $1 & wait', name, log),
    );
    await until('the trap is set', () => readFileSync(log, 'utf8') === 'ready\n');
    expect(await stopTree(tree, 10_000)).toEqual({ kind: 'exit', code: 3 });
    expect(readFileSync(log, 'utf8')).toBe('told\n');
  });

  test('kills what is deaf to TERM, after the grace and not before', async () => {
    name = uniqueSleep();
    const tree = await started(
      commands,
      script('trap "" TERM; setsid sh -c "trap \\"\\" TERM; sleep $1" & sleep $1; sleep $1; sleep $1', name),
    );
    await until('both sleep', () => sleepers(name).length >= 2);
    const begin = performance.now();
    expect(await stopTree(tree, 300)).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    const took = performance.now() - begin;
    expect(took).toBeGreaterThanOrEqual(299);
    expect(took).toBeLessThan(60_000); // they sleep for days
  });

  test('stops a command that is suspended', async () => {
    name = uniqueSleep();
    const tree = await started(commands, { command: 'sleep', args: [name] });
    await until('it sleeps', () => sleepers(name).length > 0);
    for (const pid of sleepers(name)) process.kill(pid, 'SIGSTOP');
    expect(await stopTree(tree, 10_000)).toEqual({ kind: 'signal', signal: 'SIGTERM' });
  });

  test('kills at once', async () => {
    name = uniqueSleep();
    const tree = await started(commands, script('trap "" TERM; setsid sleep $1 & sleep $1', name));
    await until('both sleep', () => sleepers(name).length === 2);
    tree.kill();
    expect(await tree.ended).toEqual({ kind: 'signal', signal: 'SIGKILL' });
  });

  test('reaps what its command abandons', async () => {
    name = 'none';
    const mark = commands.file('abandoned', '');
    const zombies = '$(ps -eo stat= | grep -c "^Z")';
    const { out } = await commands.sh(
      `for i in 1 2 3 4 5; do (setsid sh -c "echo >> ${mark}" &); done
      until [ $(wc -l < ${mark}) = 5 ]; do sleep 0.05; done
      for i in $(seq 600); do [ ${zombies} = 0 ] && break; sleep 0.1; done; echo ${zombies}`,
    );
    // Outside of a namespace the machine's own init reaps, and others' zombies would be counted.
    if (mode === 'namespace') expect(out).toBe('0\n');
    else expect(out).toMatch(/^\d+\n$/);
  });

  test('forgets signals to one that has ended', async () => {
    name = 'none';
    const tree = await started(commands, {});
    await tree.ended;
    tree.signal('SIGTERM');
    tree.kill();
    expect((await commands.run({})).ending).toEqual({ kind: 'exit', code: 0 });
  });

  test('ends what runs when it is closed', async () => {
    name = uniqueSleep();
    const own = bench(await open());
    const tree = await started(own, script('setsid sleep $1 & sleep $1', name));
    await until('both sleep', () => sleepers(name).length === 2);
    await own.close();
    expect(await tree.ended).toEqual({ kind: 'signal', signal: 'SIGKILL' });
  });
});

describe('a namespace', () => {
  test('shows its command its own processes only', async () => {
    const commands = bench(await openNamespaces('/usr/bin/perl'));
    const { out } = await commands.sh('ps -eo pid=,args=; echo "me $$"; readlink /proc/self/ns/pid');
    await commands.close();
    expect(out).toMatch(/^ +1 planwright init *\n +2 \/bin\/sh -c .*\n +\d+ ps .*\nme 2\npid:\[\d+\]\n$/);
  });

  test("does not let a command mount over the worker's folders", async () => {
    if (process.getuid?.() !== 0) return;
    const commands = bench(await openNamespaces('/usr/bin/perl'));
    const { ending } = await commands.sh(
      `mount -t tmpfs none ${commands.folder} && touch ${commands.folder}/inside`,
    );
    expect(ending).toEqual({ kind: 'exit', code: 0 });
    expect(() => readFileSync(`${commands.folder}/inside`)).toThrow('ENOENT');
    await commands.close();
  });

  test('goes on with another spawner when the first is killed, and its commands with it', async () => {
    const name = uniqueSleep();
    const commands = bench(await openNamespaces('/usr/bin/perl'));
    const tree = await started(commands, script('setsid sleep $1 & sleep $1', name));
    await until('both sleep', () => sleepers(name).length === 2);
    process.kill(parentOf(tree.identity.pid), 'SIGKILL');
    expect(await tree.ended).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    expect(sleepers(name)).toEqual([]);
    expect(lifeOf(tree.identity)).toBe('dead');
    const again = await Promise.all([commands.sh('echo one'), commands.sh('echo two')]);
    expect(again.map(({ out }) => out)).toEqual(['one\n', 'two\n']);
    await commands.close();
  });

  test('ends with SIGKILL when its init is killed from outside', async () => {
    const name = uniqueSleep();
    const commands = bench(await openNamespaces('/usr/bin/perl'));
    const tree = await started(commands, script('setsid sleep $1 & sleep $1', name));
    process.kill(tree.identity.pid, 'SIGKILL');
    expect(await tree.ended).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    expect(sleepers(name)).toEqual([]);
    await commands.close();
  });

  test('is there before its command, which starts all the same when the one that waited was killed', async () => {
    const name = uniqueSleep();
    const commands = bench(await openNamespaces('/usr/bin/perl'));
    const tree = await started(commands, { command: 'sleep', args: [name] });
    const spawner = parentOf(tree.identity.pid);
    const waiting = (): number[] => childrenOf(spawner).filter((pid) => pid !== tree.identity.pid);
    await until('two wait', () => waiting().length === 2);
    const killed = waiting();
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await until('they are gone', () => !killed.some((pid) => existsSync(`/proc/${pid}`)));
    const again = await Promise.all(['one', 'two', 'three'].map((word) => commands.sh(`echo ${word}`)));
    expect(again.map(({ out }) => out)).toEqual(['one\n', 'two\n', 'three\n']);
    await until('two wait again', () => waiting().length === 2);
    tree.kill();
    await tree.ended;
    const last = waiting();
    await commands.close();
    expect(last.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });

  test('takes a request that is longer than a pipe holds', async () => {
    const commands = bench(await openNamespaces('/usr/bin/perl'));
    const words = Array.from({ length: 4 }, (_, at) => String(at).repeat(100_000));
    const { out } = await commands.run(script('echo ${#1} ${#2} ${#3} ${#4}', ...words));
    expect(out).toBe('100000 100000 100000 100000\n');
    await commands.close();
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('ends with its worker, also by %s', async (signal) => {
    const name = uniqueSleep();
    const program = await bundleProgram(fileURLToPath(new URL('holder.ts', import.meta.url)));
    onTestFinished(program.remove);
    const worker = spawn(process.execPath, [program.file, 'namespace', name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(worker.stdout, 'data');
    // Each way of escaping has left one, and the command itself sleeps too.
    await until('all sleep', () => sleepers(name).length >= 5);
    worker.kill(signal);
    await once(worker, 'exit');
    await until('all are gone', () => processesWith(name).length === 0);
  });
});

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
