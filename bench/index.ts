/**
 * What the engine costs: `npm run bench`. Prints a table and writes `bench/results/latest.json`.
 *
 * Machines differ and are noisy: read the ratios, which come from one run, before the seconds.
 * `npm run bench -- --quick` leaves the 10,000 steps out.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../src/server/find-program.js';
import { freePort } from '../src/server/free-port.js';
import { packageRoot } from '../src/package.js';
import { bareLoop, Planwright, run } from './programs.js';
import { chain, independent, layers, workload, type Workload } from './workloads.js';

interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly aim: string;
}

const rows: Row[] = [];
const note = (what: string, value: number, unit: string, aim = ''): number => {
  rows.push({ what, value: Number(value.toPrecision(3)), unit, aim });
  console.error(`${what}: ${value.toPrecision(3)} ${unit}`);
  return value;
};

/** The middle one of a few, so that one hiccup does not decide. */
async function median(times: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let at = 0; at < times; at += 1) values.push(await measure());
  return values.sort((a, b) => a - b)[Math.floor(times / 2)]!;
}

const folder = mkdtempSync(join(tmpdir(), 'planwright-bench-'));
const home = join(folder, 'home');
const ours = new Planwright(home);
const isQuick = process.argv.includes('--quick');
const plans = join(folder, 'plans');
const chain100 = workload(plans, 'chain-100', chain(100), 16);
const fan500 = workload(plans, 'independent-500', independent(500), 16);
const layered = workload(plans, 'layers-20x25', layers(20, 25), 16);

/** How long a step waited, from the start of the command to the step's own first moment, in ms. */
async function startUp(planwright: Planwright, by?: readonly string[]): Promise<number> {
  const seen = join(folder, 'seen');
  const plan = join(plans, 'first-step.json');
  const steps = [{ id: 'first', name: 'first', command: 'sh', args: ['-c', `date +%s%N > ${seen}`] }];
  writeFileSync(plan, JSON.stringify({ plan_id: 'first-step', version: '1', globals: {}, steps }));
  const before = Date.now();
  await planwright.start(plan, by);
  return Number(BigInt(readFileSync(seen, 'utf8').trim()) / 1_000_000n) - before;
}

const nodeAlone = (): Promise<number> =>
  median(5, async () => (await run(process.execPath, ['-e', '0'])).seconds * 1000);

async function beside(load: Workload): Promise<void> {
  note(
    `${load.name}: bare spawn loop`,
    await median(3, () => bareLoop(load.steps, load.name.startsWith('chain') ? 1 : load.width)),
    's',
  );
  note(
    `${load.name}: make -j${load.width}`,
    await median(
      3,
      async () => (await run('make', ['-j', String(load.width), '-f', load.makefile!, 'all'])).seconds,
    ),
    's',
  );
}

async function stockServer(measure: (stock: Planwright) => Promise<void>): Promise<void> {
  const { path } = await findProgram(process.env, console.error);
  const port = await freePort(null);
  const children: ChildProcess[] = [
    spawn(path, ['server', 'start-dev', '--headless', '--port', String(port), '--log-level', 'never'], {
      stdio: 'ignore',
    }),
  ];
  try {
    const stock = new Planwright(join(folder, 'stock'), { TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    await sleep(2_000);
    children.push(
      spawn(process.execPath, [join(packageRoot(), 'bin', 'planwright.mjs'), 'worker'], {
        env: stock.env,
        stdio: 'ignore',
      }),
    );
    await sleep(3_000);
    await measure(stock);
  } finally {
    for (const child of children.reverse()) {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('close', resolve));
    }
  }
}

try {
  const cold = await startUp(ours);
  note('first start, nothing running: command to first process', cold, 'ms', '≤ 3000');
  const boot = await nodeAlone();
  note('node alone, start to end', boot, 'ms');
  const warm = await median(5, () => startUp(ours));
  note('warm start: whole command to first process', warm, 'ms');
  note('warm start, less node alone', warm - boot, 'ms', '≤ 400');
  const viaNpm = await median(3, () => startUp(ours, ['npm', 'run', '--silent', 'start-plan', '--']));
  note('warm start by npm run: whole command to first process', viaNpm, 'ms');

  const engineOf = (load: Workload): Promise<number> =>
    median(3, async () => (await ours.start(load.plan)).engine);
  const chainSec = await engineOf(chain100);
  note('chain of 100: a step', (chainSec / 100) * 1000, 'ms', '≤ 15');
  note('chain of 100: whole command', (await ours.start(chain100.plan)).seconds, 's');
  await beside(chain100);
  const fanSec = await engineOf(fan500);
  note('500 independent, 16 at a time', 500 / fanSec, 'steps/s', '≥ 150');
  note('500 independent: whole command', (await ours.start(fan500.plan)).seconds, 's');
  await beside(fan500);
  const layersSec = await engineOf(layered);
  note('20 layers of 25, all to all: whole command', (await ours.start(layered.plan)).seconds, 's');
  note('20 layers of 25 against 500 independent', layersSec / fanSec, '×', '≤ 1.3');
  await beside(layered);

  await stockServer(async (stock) => {
    const seconds = (await stock.start(chain100.plan)).engine;
    note('chain of 100 on a server as it comes: a step', (seconds / 100) * 1000, 'ms');
    note('chain of 100: as it comes against ours', seconds / chainSec, '×', '≥ 5');
  });

  if (!isQuick) {
    const thousand =
      (await ours.start(workload(plans, 'independent-1000', independent(1_000), 16).plan)).engine / 1_000;
    note('1,000 independent: a step', thousand * 1000, 'ms');
    const tenThousand =
      (await ours.start(workload(plans, 'independent-10000', independent(10_000), 16).plan)).engine / 10_000;
    note('10,000 independent: a step', tenThousand * 1000, 'ms');
    note('a step of 10,000 against one of 1,000', tenThousand / thousand, '×', '≤ 1.2');
  }
  note('peak memory of the worker', ours.workerPeakMb(), 'MB');
} finally {
  await ours.command('down').catch((error: unknown) => console.error(error));
  rmSync(folder, { recursive: true, force: true });
}

const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
const width = Math.max(...rows.map((row) => row.what.length));
console.log(`\n${machine}\n`);
for (const { what, value, unit, aim } of rows)
  console.log(`${what.padEnd(width)}  ${String(value).padStart(7)} ${unit.padEnd(8)} ${aim}`);
const results = join(packageRoot(), 'bench', 'results');
mkdirSync(results, { recursive: true });
writeFileSync(join(results, 'latest.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
