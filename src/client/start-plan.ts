/**
 * From a plan file to a run.
 */
import { statSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Problem } from '../plan/load/diagnostics.js';
import type { Plan, Priority } from '../plan/plan.js';
import type { StepId } from '../plan/plan.js';
import { slicePlan } from '../plan/slice.js';
import { PlanError, PlanwrightError } from './errors.js';
import type { Link } from './link.js';
import { loadPlanFile } from './load.js';
import type { StartedRun } from './start-run.js';

export interface StartOptions {
  /** Relative to `cwd`. */
  readonly planPath: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Where the steps run; relative to `cwd`. `cwd` itself unless said. */
  readonly root?: string;
  /** `process.cwd()` unless said. */
  readonly cwd?: string;
  readonly priority?: Priority;
  /** A name in `${…}` without a value is an error. */
  readonly strict?: boolean;
  /** Run these steps alone, or those with these tags (`tag:slow`, `phase:4`); what they depend on is taken as done. */
  readonly only?: readonly string[];
  /** Who starts it; the system's user unless said. */
  readonly actor?: string;
}

/** A plan that is ready to be started. */
export interface Prepared {
  readonly plan: Plan;
  readonly planPath: string;
  readonly planFile: string;
  readonly root: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly priority: Priority;
  readonly actor: string;
  readonly warnings: readonly Problem[];
  /** Steps that are taken as done because of `only`. */
  readonly met: readonly StepId[];
  /** Steps that are not run because of `only`; those that are taken as done are among them. */
  readonly leftOut: readonly StepId[];
}

/**
 * Reads and checks everything that a start needs. Nothing is started.
 *
 * @throws PlanError with all problems of the plan; PlanwrightError `bad-request` when the root is no folder
 */
export async function preparePlan(options: StartOptions): Promise<Prepared> {
  const {
    planPath,
    variables = {},
    cwd = process.cwd(),
    strict = false,
    priority = 'normal',
    only = [],
  } = options;
  const root = resolve(cwd, options.root ?? '.');
  const { plan: whole, problems } = await loadPlanFile(planPath, { cwd, variables, strict });
  if (whole === null) throw new PlanError(planPath, problems);
  assertFolder(root);
  const { plan, met } = only.length === 0 ? { plan: whole, met: [] } : await sliceOf(whole, only);
  const inside = new Set(plan.steps.map(({ id }) => id));
  const planFile = resolve(cwd, planPath);
  return {
    plan,
    planPath,
    planFile,
    root,
    variables,
    priority,
    actor: options.actor ?? currentActor(),
    warnings: problems,
    met,
    leftOut: whole.steps.flatMap(({ id }) => (inside.has(id) ? [] : [id])),
  };
}

/** Starts what was prepared. */
export async function startPrepared(link: Link, prepared: Prepared): Promise<StartedRun> {
  // It brings in a part of the SDK: a plan that is wrong is told of before that is loaded.
  const { startRun } = await import('./start-run.js');
  return startRun(link, { ...prepared, reuse: {}, retryOf: null });
}

/** Returns the plan cut down to some of its steps. */
export async function sliceOf(
  plan: Plan,
  only: readonly string[],
): Promise<{ readonly plan: Plan; readonly met: readonly StepId[] }> {
  const { openConditions } = await import('../plan/condition.js');
  const conditions = await openConditions();
  const readsOf = (condition: string): string[] =>
    conditions.examine(condition, () => 0).reads.flatMap((read) => (read.kind === 'step' ? [read.step] : []));
  const sliced = slicePlan(plan, only, readsOf);
  if (sliced.kind === 'impossible') throw new PlanwrightError('bad-request', sliced.problems.join('\n'));
  return sliced.slice;
}

function assertFolder(root: string): void {
  const found = statSync(root, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  const what = found === undefined ? 'there is no such folder' : 'it is not a folder';
  throw new PlanwrightError('bad-request', `the steps cannot run in "${root}": ${what}`, [
    'name another with --root',
  ]);
}

/** Returns who acts: `user@host`. */
export function currentActor(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `unknown@${hostname()}`; // a user id without an entry, as in some containers
  }
}
