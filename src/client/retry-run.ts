/**
 * Runs a plan again without doing twice what was done well.
 */
import { existsSync } from 'node:fs';
import { readJson } from '../os/json-file.js';
import type { Plan, Priority } from '../plan/plan.js';
import { reusable, withItemsDone, type Reusable, type RunAgain } from '../plan/reuse.js';
import { runFiles } from '../record/layout.js';
import { readStartNote, type StartNote } from '../record/notes.js';
import { PlanError, PlanwrightError } from './errors.js';
import type { Link } from './link.js';
import { loadPlanFile } from './load.js';
import { readRun } from './read-run.js';
import { currentActor, sliceOf } from './start-plan.js';
import { startRun, type StartedRun } from './start-run.js';

export interface RetryOptions {
  /** In addition to those of the earlier run, and before them. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly strict?: boolean;
  readonly priority?: Priority;
  /** Run these steps alone; what they depend on is taken as done. */
  readonly only?: readonly string[];
  readonly actor?: string;
}

export interface Retried extends StartedRun {
  readonly plan: Plan;
  /** Steps whose results are used again. */
  readonly reused: readonly string[];
  /** Steps that succeeded before and run again all the same. */
  readonly again: readonly { readonly step: string; readonly because: RunAgain }[];
  /** Groups of items, and how many items' results are used again. */
  readonly items: readonly { readonly step: string; readonly reused: number }[];
  /** Steps taken as done because of `only`. */
  readonly met: readonly string[];
}

/**
 * Starts a new run, linked to a closed one, that uses the results of those steps again whose definition and inputs are
 * the same. The plan file is read anew: what was mended in it counts.
 *
 * @throws PlanwrightError `refused` when the run is open or succeeded; PlanError when the plan file has errors now
 */
export async function retryRun(link: Link, runId: string, options: RetryOptions = {}): Promise<Retried> {
  const { record } = await readRun(link, runId);
  const { state } = record.head;
  if (state === 'running' || state === 'pending') {
    throw new PlanwrightError(
      'refused',
      `run "${runId}" is ${state}: only a run that has ended can be run again`,
      [`planwright cancel ${runId}`],
    );
  }
  if (state === 'succeeded') {
    throw new PlanwrightError('refused', `run "${runId}" succeeded: there is nothing to run again`, [
      'planwright start <plan>    runs all of it',
    ]);
  }
  const { origin } = record;
  const note = readStartNote(link.home, runId);
  const variables = { ...(note?.variables ?? {}), ...secretsOf(link.home, runId), ...options.variables };
  const {
    plan: whole,
    planFile,
    notes,
  } = await planFor(record.plan, note, variables, options.strict ?? false);
  const { plan: sliced, met } =
    options.only === undefined ? { plan: whole, met: [] } : await sliceOf(whole, options.only);
  const { reuse, again, groups } = reusable(record, sliced);
  const { plan, items } = await itemsAgain(link, sliced, groups);
  const started = await startRun(link, {
    plan,
    planPath: origin.planPath,
    planFile,
    variables,
    root: origin.root,
    priority: options.priority ?? 'normal',
    actor: options.actor ?? currentActor(),
    reuse,
    retryOf: runId,
  });
  return {
    ...started,
    plan,
    notes: [...notes, ...started.notes],
    reused: Object.keys(reuse),
    again,
    items,
    met,
  };
}

/** Finds out what was done of each group; of one whose run is not known any more, all is done again. */
async function itemsAgain(
  link: Link,
  whole: Plan,
  groups: Reusable['groups'],
): Promise<Pick<Retried, 'plan' | 'items'>> {
  let plan = whole;
  const items: { step: string; reused: number }[] = [];
  for (const { step, run } of groups) {
    const earlier = await readRun(link, run).catch((error: unknown) => {
      if (error instanceof PlanwrightError) return null;
      throw error;
    });
    if (earlier === null) continue;
    plan = withItemsDone(plan, step, earlier.record);
    items.push({ step, reused: earlier.record.steps.filter(({ state }) => state === 'succeeded').length });
  }
  return { plan, items };
}

interface PlanForRetry {
  readonly plan: Plan;
  readonly planFile: string | null;
  readonly notes: readonly string[];
}

/** The plan as its file says now; as it was, where the file is gone. */
async function planFor(
  recorded: Plan,
  note: StartNote | null,
  variables: Readonly<Record<string, string>>,
  strict: boolean,
): Promise<PlanForRetry> {
  const file = note?.planFile ?? null;
  if (file === null || !existsSync(file)) {
    const why = file === null ? 'where its file lies is not known here' : `"${file}" is gone`;
    return { plan: recorded, planFile: file, notes: [`the plan is run as it was: ${why}`] };
  }
  const { plan, problems } = await loadPlanFile(file, { cwd: '/', variables, strict });
  if (plan === null) throw new PlanError(file, problems);
  if (plan.planId !== recorded.planId) {
    throw new PlanwrightError(
      'refused',
      `"${file}" holds another plan now: "${plan.planId}", and the run was of "${recorded.planId}"`,
    );
  }
  return { plan, planFile: file, notes: [] };
}

/** Values of secrets that the earlier run was given here. */
function secretsOf(home: string, runId: string): Readonly<Record<string, string>> {
  const secrets = readJson(runFiles(home, runId).secrets);
  return typeof secrets === 'object' && secrets !== null ? (secrets as Record<string, string>) : {};
}
