/**
 * Looks at the machine's processes from outside.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Returns the numbers of living processes whose command line contains `text`; zombies have none. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => commandLine(name).includes(text))
    .map(Number);
}

/** Returns the numbers of the processes that are `sleep <seconds>`, and nothing else. */
export function sleepers(seconds: string): number[] {
  return processesWith(`sleep ${seconds}`).filter((pid) => commandLine(String(pid)) === `sleep ${seconds} `);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

let serial = 0;

/** Returns a number of seconds for `sleep` that no other process on this machine sleeps: its name in the process list. */
export const uniqueSleep = (): string => `${300_000 + (process.pid % 100_000)}.${++serial}`;

/** For a machine that does much else: what comes at once elsewhere may take a hundred times as long there. */
const PATIENCE_MS = 120_000;

/** Resolves when `fact` is true. */
export async function until(what: string, fact: () => boolean): Promise<void> {
  const limit = performance.now() + PATIENCE_MS;
  while (!fact()) {
    if (performance.now() > limit) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(5);
  }
}

/** Kills what may have ended by itself meanwhile. */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
