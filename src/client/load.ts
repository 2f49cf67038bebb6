/**
 * Reads plan files from the disk.
 */
import { resolve } from 'node:path';
import { readInputText } from '../os/input-text.js';
import type { LoadedPlan } from '../plan/load/load-plan.js';

export interface LoadOptions {
  /** Relative paths start here. */
  readonly cwd: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly strict?: boolean;
}

/** Loads a plan file: the plan, or all that is wrong with it. Never throws for what is in a file. */
export async function loadPlanFile(
  path: string,
  { cwd, variables = {}, strict = false }: LoadOptions,
): Promise<LoadedPlan> {
  // The schema library takes longer to load than a plan: only commands that load one pay for it.
  const { loadPlan } = await import('../plan/load/load-plan.js');
  return loadPlan({ path, variables, strict, readText: (file) => readInputText(resolve(cwd, file)) });
}

/** Loads a plan whose text is not in its file yet. Other files are read where they are. */
export async function loadPlanText(path: string, text: string, cwd: string): Promise<LoadedPlan> {
  const { loadPlan } = await import('../plan/load/load-plan.js');
  const readText = (file: string): string | Promise<string> =>
    file === path ? text : readInputText(resolve(cwd, file));
  return loadPlan({ path, readText });
}
