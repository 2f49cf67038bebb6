/**
 * The programs that are measured, each as a process of its own: ours, a server as it comes, `make`, a bare loop.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/package.js';

const PROGRAM = join(packageRoot(), 'bin', 'planwright.mjs');

export interface Ran {
  readonly seconds: number;
  readonly output: string;
}

/** Runs a program to its end. @throws Error when it does not end well, with its last words */
export async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  const before = performance.now();
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const seconds = (performance.now() - before) / 1000;
  if (code !== 0)
    throw new Error(
      `${command} ${args.join(' ')} ended with ${code}: ${errors.slice(-500)}${output.slice(-500)}`,
    );
  return { seconds, output };
}

/** A state directory with whatever runs in it. */
export class Planwright {
  constructor(
    readonly home: string,
    readonly more: NodeJS.ProcessEnv = {},
  ) {
    mkdirSync(home, { recursive: true });
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.more, PLANWRIGHT_HOME: this.home };
  }

  command(...args: string[]): Promise<Ran> {
    return run(process.execPath, [PROGRAM, ...args], this.env);
  }

  /** Runs a plan; `engine` is from the run's creation to its end, in seconds. */
  async start(
    plan: string,
    [program, ...args]: readonly string[] = [process.execPath, PROGRAM, 'start'],
  ): Promise<Ran & { readonly engine: number }> {
    const ran = await run(program!, [...args, plan, '--root', this.home, '--json'], this.env);
    const last = JSON.parse(ran.output.trimEnd().split('\n').at(-1)!) as {
      state: string;
      created_at: string;
      ended_at: string;
    };
    if (last.state !== 'succeeded') throw new Error(`the run ended ${last.state}`);
    return { ...ran, engine: (Date.parse(last.ended_at) - Date.parse(last.created_at)) / 1000 };
  }

  /** Peak memory of the background worker in MB. */
  workerPeakMb(): number {
    const { worker } = JSON.parse(readFileSync(join(this.home, 'worker.json'), 'utf8')) as {
      worker: { pid: number };
    };
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))?.[1];
    return Number(peak ?? 0) / 1024;
  }
}

/** Runs `true` again and again from this process, `width` at a time: the least that starting processes costs. */
export async function bareLoop(times: number, width: number): Promise<number> {
  const before = performance.now();
  let left = times;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      await new Promise<void>((resolve, reject) => {
        const child = spawn('true', { stdio: ['ignore', 'pipe', 'pipe'] });
        child.on('error', reject);
        child.on('close', () => resolve());
      });
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return (performance.now() - before) / 1000;
}
