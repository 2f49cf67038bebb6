/**
 * From a prepared set to a run: compiled to a plan, and started as any other.
 */
import type { LandingWork, Plan } from '../../plan/plan.js';
import { writeSetNote } from '../../record/set-report.js';
import { checkedOut } from '../../tools/git/worktrees.js';
import { NoRepository, openRepository } from '../../tools/git/repository.js';
import { compileSet } from '../../workstream/compile.js';
import type { SetNote } from '../../workstream/report/from-record.js';
import { PlanwrightError } from '../errors.js';
import type { Link } from '../link.js';
import { currentActor } from '../start-plan.js';
import type { StartedRun } from '../start-run.js';
import { baseOf } from './base.js';
import type { PreparedSet } from './prepare-set.js';

/** The plan of every set: its runs are found by it. */
export const SET_PLAN = 'WORKSTREAMS';

export interface RunSetOptions {
  /** Where the patches land: a branch's name. The one that is checked out in the repository unless said. */
  readonly branch?: string;
  /** Only prove the patches: no branch moves. */
  readonly prove: boolean;
  readonly strictWaves: boolean;
  /** No tool is called. */
  readonly dryRun: boolean;
}

export interface CompiledSet {
  readonly plan: Plan;
  readonly note: SetNote;
}

/**
 * Compiles a set for a run on its repository.
 *
 * @throws PlanwrightError `bad-request` when nothing of it can run, or the repository or branch is none to land on
 */
export async function compileForRun(prepared: PreparedSet, options: RunSetOptions): Promise<CompiledSet> {
  const { set, selection, plan: waves, inForce, maxWorkers, root, folder } = prepared;
  const { settings } = inForce;
  if (waves.order.length === 0) {
    throw new PlanwrightError('bad-request', `no workstream of "${folder}" can run`, [
      ...selection.blocked.slice(0, 5).map(({ id, reason }) => `${id}: ${reason}`),
      `planwright workstream plan ${folder}    says why`,
    ]);
  }
  const { landing, gates, safety } = settings;
  const work: Pick<LandingWork, 'gates' | 'slots' | 'maxBatch' | 'begins'> = {
    gates,
    slots: landing.slots,
    maxBatch: landing.max_batch,
    begins: landing.begins,
  };
  const dryRun = options.dryRun || safety.dry_run;
  const plan = compileSet(selection.chosen, waves, {
    planId: SET_PLAN,
    settings,
    maxWorkers,
    strictWaves: options.strictWaves,
    dryRun,
    branch: options.prove || dryRun ? '' : await branchOf(root, options.branch ?? null),
    landing: work,
  });
  await baseOf(plan, root); // a repository that cannot be worked on is told of before anything is started
  const titles = new Map(set.bundles.map(({ workstream }) => [workstream.id, workstream.tasks[0] ?? '']));
  return {
    plan,
    note: {
      format: 1,
      folder,
      malformed: set.malformed.map(({ file, line, column, reason }) => ({
        ...{ file, place: `${line}:${column}`, reason },
      })),
      collisions: waves.collisions.map(({ first, second, over }) => ({ first, second, paths: [over] })),
      blocked: selection.blocked.map(({ id, reason }) => ({ id, reason, title: titles.get(id) ?? '' })),
    },
  };
}

/** Starts the run of a compiled set. */
export async function startSet(
  link: Link,
  { root, folder }: PreparedSet,
  { plan, note }: CompiledSet,
): Promise<StartedRun> {
  const { startRun } = await import('../start-run.js');
  return startRun(link, {
    plan,
    planPath: folder,
    planFile: null,
    variables: {},
    root,
    priority: 'normal',
    actor: currentActor(),
    reuse: {},
    retryOf: null,
    onId: (runId) => writeSetNote(link.home, runId, note),
  });
}

async function branchOf(root: string, named: string | null): Promise<string> {
  try {
    const repository = await openRepository(root);
    const name = named?.replace(/^refs\/heads\//, '') ?? (await checkedOut(repository));
    if (name !== null) return `refs/heads/${name}`;
  } catch (error) {
    if (!(error instanceof NoRepository)) throw error;
    throw new PlanwrightError('bad-request', `workstreams need a repository: ${error.message}`, [error.hint]);
  }
  throw new PlanwrightError('bad-request', `no branch is checked out in "${root}"`, [
    'say where the patches are to land: --branch <name>',
    'or only prove them: --prove',
  ]);
}
