/**
 * What an attempt of a workstream costs beside its tool: `node scripts/run-ts.mjs bench/workstream.ts [files] [times] [--calls]`.
 *
 * The tool writes one line. Processor time counts that of all children; `--calls` lists the programs that were started.
 */
import childProcess, { type ChildProcess, type SpawnOptions } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { availableParallelism } from 'node:os';
import { processorSec } from './processor.js';

interface Call {
  readonly what: string;
  /** When it was started: milliseconds since the attempt began. */
  readonly at: number;
  ms: number;
}

let calls: Call[] = [];
let begun = 0;
const { spawn, execFile } = childProcess;
childProcess.spawn = ((program: string, args: readonly string[], options: SpawnOptions) => {
  const words = args.filter((arg, at) => arg !== '-c' && args[at - 1] !== '-c');
  return noted([program, ...words].join(' '), spawn(program, args, options));
}) as typeof spawn;
childProcess.execFile = ((program: string, args: readonly string[], ...rest: never[]) =>
  noted([program, ...args].join(' '), execFile(program, args, ...rest))) as unknown as typeof execFile;
syncBuiltinESMExports();

function noted(what: string, child: ChildProcess): ChildProcess {
  const call: Call = { what: what.slice(0, 100), at: performance.now() - begun, ms: 0 };
  calls.push(call);
  child.once('exit', () => (call.ms = performance.now() - begun - call.at));
  return child;
}

const { openHall } = await import('../test/activities/workstream/attempts.js');
const { useHelper } = await import('../src/tools/process/run-program.js');

const [files = 20_000, times = 10] = process.argv
  .slice(2)
  .filter((arg) => /^\d+$/.test(arg))
  .map(Number);
// As in a worker. What the helper starts is not seen here.
const endHelper = process.argv.includes('--calls') ? null : useHelper();
const hall = await openHall();
try {
  const many = Object.fromEntries(
    Array.from({ length: files }, (_, at) => [
      `src/d${at % 200}/f${at}.txt`,
      `file ${at}\n${'x'.repeat(200)}\n`,
    ]),
  );
  const base = hall.repo.commit('many', many);
  const attempt = async (n: number): Promise<void> => {
    const task = hall.taskOf('echo "print(1)" > src/app.py', { base, attempt: n });
    const ended = await hall.act((given: typeof task) => hall.activities.runWorkstream(given), task);
    if (ended.outcome !== 'patched') throw new Error(ended.text);
  };
  await attempt(1);
  const seconds: number[] = [];
  const processor: number[] = [];
  const own: number[] = [];
  for (let n = 2; n < 2 + times; n += 1) {
    calls = [];
    const before = [performance.now(), processorSec(process.pid)] as const;
    begun = before[0];
    const { user, system } = process.cpuUsage();
    await attempt(n);
    const used = process.cpuUsage({ user, system });
    own.push((used.user + used.system) / 1e6);
    seconds.push((performance.now() - before[0]) / 1000);
    processor.push(processorSec(process.pid) - before[1]);
  }
  const middle = (values: readonly number[]): string =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(3);
  console.log(`${availableParallelism()} processors, ${files} files, ${times} attempts one after the other`);
  console.log(
    `an attempt without its tool, middle one: ${middle(seconds)} s (least ${Math.min(...seconds).toFixed(3)})`,
  );
  console.log(`processor time: ${middle(processor)} s, of that our own process ${middle(own)} s`);
  if (endHelper === null) {
    console.log(`programs started: ${calls.length}`);
    for (const { what, at, ms } of calls)
      console.log(`${at.toFixed(0).padStart(6)} ${ms.toFixed(0).padStart(6)} ms  ${what}`);
  }
} finally {
  await hall.close();
  await endHelper?.();
}
