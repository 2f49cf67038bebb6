/**
 * Finds processes by a word in their environment (Linux): what is left of a command that has no namespace, however
 * often it forked and whatever session it moved to. Only a process that replaces its environment escapes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The variable that carries the word. */
export const MARK = 'PLANWRIGHT_MARK';

/** Kills every process that carries `mark`, until none is found; false when some are still there after `withinMs`. */
export async function killMarked(mark: string, withinMs = 5_000): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const limit = performance.now() + withinMs;
  // Again and again, because a process may fork between being found and being killed.
  for (;;) {
    const found = marked(mark);
    if (found.length === 0) return true;
    if (performance.now() > limit) return false;
    for (const pid of found) kill(pid);
    await sleep(2);
  }
}

/** Returns the numbers of the processes that carry `mark`. A dead one, also unreaped, has no environment. */
function marked(mark: string): number[] {
  const entry = `${MARK}=${mark}\0`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(entry));
}

function environmentOf(pid: number): Buffer {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return Buffer.alloc(0); // ended just now, or not this user's
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended between the look and the signal.
  }
}
