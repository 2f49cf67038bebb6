/**
 * Processor time of a process with its children (Linux).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Returns seconds: of the process, of its children, and of all children of those that have ended. */
export function processorSec(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  const ticks = [String(pid), ...children].flatMap((one) => {
    const fields = readFileSync(`/proc/${one}/stat`, 'latin1').split(') ')[1]!.split(' ');
    return [11, 12, 13, 14].map((at) => Number(fields[at]));
  });
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS;
}

/** The same of the worker of a state directory. */
export function workerSec(home: string): number {
  const { worker } = JSON.parse(readFileSync(join(home, 'worker.json'), 'utf8')) as {
    worker: { pid: number };
  };
  return processorSec(worker.pid);
}
