/**
 * What an attempt of a workstream costs beside its tool: `node scripts/run-ts.mjs bench/workstream.ts [files] [times] [--calls]`.
 *
 * The tool writes one line. Processor time counts that of all children; `--calls` lists the programs that were started.
 */
import childProcess, { execFileSync, type SpawnOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { availableParallelism } from 'node:os';

interface Call {
  readonly what: string;
  ms: number;
}

let calls: Call[] = [];
const { spawn } = childProcess;
childProcess.spawn = ((program: string, args: readonly string[], options: SpawnOptions) => {
  const words = args.filter((arg, at) => arg !== '-c' && args[at - 1] !== '-c');
  const call: Call = { what: [program, ...words].join(' ').slice(0, 100), ms: 0 };
  const begun = performance.now();
  calls.push(call);
  const child = spawn(program, args, options);
  child.once('exit', () => (call.ms = performance.now() - begun));
  return child;
}) as typeof spawn;
syncBuiltinESMExports();

const { openHall } = await import('../test/activities/workstream/attempts.js');

/** Seconds of processor time: ours and that of all children that have ended. */
function processorSec(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
  return ticks / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
}

const [files = 20_000, times = 10] = process.argv
  .slice(2)
  .filter((arg) => /^\d+$/.test(arg))
  .map(Number);
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
  for (let n = 2; n < 2 + times; n += 1) {
    calls = [];
    const before = [performance.now(), processorSec()] as const;
    await attempt(n);
    seconds.push((performance.now() - before[0]) / 1000);
    processor.push(processorSec() - before[1]);
  }
  const middle = (values: readonly number[]): string =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(3);
  console.log(`${availableParallelism()} processors, ${files} files, ${times} attempts one after the other`);
  console.log(
    `an attempt without its tool, middle one: ${middle(seconds)} s (least ${Math.min(...seconds).toFixed(3)})`,
  );
  console.log(`processor time: ${middle(processor)} s`);
  console.log(`programs started: ${calls.length}`);
  if (process.argv.includes('--calls'))
    for (const { what, ms } of calls) console.log(`${ms.toFixed(0).padStart(6)} ms  ${what}`);
} finally {
  await hall.close();
}
