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

/** Resolves when `fact` is true. */
export async function until(what: string, fact: () => boolean, withinMs = 10_000): Promise<void> {
  const limit = performance.now() + withinMs;
  while (!fact()) {
    if (performance.now() > limit) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(5);
  }
}
