/**
 * Measures what it costs to start a command: bare, and held by each containment.
 *
 *   node scripts/run-ts.mjs bench/spawn.ts
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Containment } from '../src/tools/process/containment.js';
import { openGroups } from '../src/tools/process/group.js';
import { openNamespaces } from '../src/tools/process/namespace.js';
import { startCommand } from '../src/tools/process/start-command.js';

const STARTS = 500;
const AT_ONCE = 16;

interface Figures {
  readonly sequential: number;
  readonly sixteen: number;
  /** Processor time of this process. */
  readonly own: number;
  /** Processor time of the whole machine, so that what helpers do is counted: the machine must be idle. */
  readonly machine: number;
}

const folder = mkdtempSync(join(tmpdir(), 'planwright-bench-'));
const ballast: Buffer[] = [];

async function bare(): Promise<void> {
  const child = spawn('/bin/true', [], { stdio: 'ignore', detached: true });
  await new Promise<void>((resolve, reject) => child.once('error', reject).once('exit', () => resolve()));
}

function contained(containment: Containment): () => Promise<void> {
  let count = 0;
  return async () => {
    const name = join(folder, String(++count % 64));
    const tree = await startCommand(containment, {
      command: 'true',
      args: [],
      shell: false,
      cwd: folder,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      stdout: `${name}.out`,
      stderr: `${name}.err`,
      secrets: [],
      mark: `bench-${process.pid}-${count}`,
    });
    if (tree.kind !== 'started') throw new Error(tree.message);
    const ending = await tree.ended;
    if (ending.kind !== 'exit' || ending.code !== 0) throw new Error(JSON.stringify(ending));
  };
}

async function measure(start: () => Promise<void>): Promise<Figures> {
  for (let warm = 0; warm < 30; warm++) await start();
  const t0 = performance.now();
  for (let n = 0; n < STARTS / 2; n++) await start();
  const t1 = performance.now();
  const [own0, machine0] = [ownMs(), machineMs()];
  let left = STARTS;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await start();
    }),
  );
  const t2 = performance.now();
  return {
    sequential: (t1 - t0) / (STARTS / 2),
    sixteen: (t2 - t1) / STARTS,
    own: (ownMs() - own0) / STARTS,
    machine: (machineMs() - machine0) / STARTS,
  };
}

function ownMs(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
}

function machineMs(): number {
  const [user = 0, nice = 0, system = 0] = (
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  return (user + nice + system) * 10; // ticks of 1/100 s
}

const ways: [string, () => Promise<void>, () => Promise<void>][] = [
  ['bare spawn', bare, async () => undefined],
];
const namespaces = await openNamespaces('/usr/bin/perl');
ways.push(['namespace', contained(namespaces), () => namespaces.close()]);
const groups = openGroups('measured');
ways.push(['group', contained(groups), () => groups.close()]);

console.log(
  'milliseconds per start of `true`      one by one   16 at a time   CPU, this process   CPU, machine',
);
for (const megabytes of [0, 400]) {
  if (megabytes > 0) ballast.push(Buffer.alloc(megabytes * 1024 * 1024, 1));
  for (const [name, start] of ways) {
    const { sequential, sixteen, own, machine } = await measure(start);
    const label = `${name}, worker of ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MB`;
    const cells = [sequential, sixteen, own, machine].map((ms) => ms.toFixed(2).padStart(14));
    console.log(label.padEnd(32), ...cells);
  }
}
for (const [, , close] of ways) await close();
rmSync(folder, { recursive: true, force: true });
