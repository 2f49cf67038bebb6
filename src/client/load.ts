/**
 * Reads plan files from the disk.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { LoadedPlan } from '../plan/load/load-plan.js';

export interface LoadOptions {
  /** Relative paths start here. */
  readonly cwd: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly strict?: boolean;
}

/** More than the loader takes: enough for it to say so, without taking in a file that never ends. */
const MOST_BYTES = 17 * 1024 * 1024;

/** Loads a plan file: the plan, or all that is wrong with it. Never throws for what is in a file. */
export async function loadPlanFile(
  path: string,
  { cwd, variables = {}, strict = false }: LoadOptions,
): Promise<LoadedPlan> {
  // The schema library takes longer to load than a plan: only commands that load one pay for it.
  const { loadPlan } = await import('../plan/load/load-plan.js');
  return loadPlan({ path, variables, strict, readText: (file) => readPlanText(resolve(cwd, file)) });
}

/** Loads a plan whose text is not in its file yet. Other files are read where they are. */
export async function loadPlanText(path: string, text: string, cwd: string): Promise<LoadedPlan> {
  const { loadPlan } = await import('../plan/load/load-plan.js');
  const readText = (file: string): string | Promise<string> =>
    file === path ? text : readPlanText(resolve(cwd, file));
  return loadPlan({ path, readText });
}

/** Reads a file as it is taken for a plan: bounded, and no pipe. */
export async function readPlanText(file: string): Promise<string> {
  // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (stats.isFIFO() || stats.isSocket()) throw new Error('it is a pipe, not a file');
    const buffer = Buffer.alloc(MOST_BYTES);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, MOST_BYTES - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === MOST_BYTES) return buffer.toString('utf8', 0, length);
    }
  } finally {
    await handle.close();
  }
}
