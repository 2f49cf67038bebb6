/**
 * Taking a landed patch back: the reverse of it is a patch of its own, and lands as every other, through the same gates.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LandingWork, Plan, Step, StepId, WorkstreamId } from '../../plan/plan.js';
import type { RunRecord } from '../../plan/record.js';
import { PLANWRIGHT, patchRef } from '../../tools/git/capture-patch.js';
import { identity, writeCommit } from '../../tools/git/commit.js';
import { withObjects } from '../../tools/git/objects.js';
import { moveRefs } from '../../tools/git/refs.js';
import { gitIn, line, NoRepository, openRepository, type Repository } from '../../tools/git/repository.js';
import type { Because } from '../control.js';
import { PlanwrightError } from '../errors.js';
import type { Link } from '../link.js';
import { startRun, type StartedRun } from '../start-run.js';

export interface Rollback extends StartedRun {
  readonly plan: Plan;
  /** The commit whose change is taken back. */
  readonly commit: string;
}

/**
 * Starts a run that lands the reverse of a workstream's patch.
 *
 * @throws PlanwrightError `refused` when that patch has not landed, or is not on the branch any more
 */
export async function rollBack(
  link: Link,
  record: RunRecord,
  workstream: string,
  { reason, actor }: Because,
): Promise<Rollback> {
  const { plan, origin, head } = record;
  const landing = plan.steps.find(({ work }) => work.kind === 'landing');
  const step = plan.steps.find(({ id, work }) => id === workstream && work.kind === 'workstream');
  if (landing?.work.kind !== 'landing' || landing.work.branch === '' || step === undefined) {
    throw new PlanwrightError('bad-request', `run "${head.runId}" landed no workstream "${workstream}"`, [
      `planwright workstream show ${head.runId}`,
    ]);
  }
  const patch = record.steps.find(({ id }) => id === step.id)?.outputs['patch'];
  const patchId =
    typeof patch === 'object' && patch !== null && 'id' in patch && typeof patch['id'] === 'string'
      ? patch['id']
      : '';
  const repository = await opened(origin.root);
  const { branch } = landing.work;
  const commit = patchId === '' ? null : await landedAs(repository, branch, head.runId, patchId);
  if (commit === null) {
    throw new PlanwrightError(
      'refused',
      `no commit on ${branch.replace('refs/heads/', '')} is the patch of "${workstream}" of run "${head.runId}": only what has landed is rolled back`,
      [`planwright workstream show ${head.runId}`],
    );
  }
  const id = `rollback-${workstream}`.slice(0, 120) as StepId;
  const title = `Roll back ${workstream}: ${reason}`;
  const reverse = await reversePatch(link.home, repository, `${id}-${commit.slice(0, 12)}`, commit, title);
  const back = planOf(plan, { ...step, id, name: title }, landing, landing.work);
  const started = await startRun(link, {
    plan: back,
    planPath: `rollback of ${workstream}, ${head.runId}`,
    planFile: null,
    variables: {},
    root: origin.root,
    priority: 'normal',
    actor,
    reuse: { [id]: { runId: head.runId, outputs: { outcome: 'patched', patch: reverse, reason } } },
    retryOf: null,
  });
  return { ...started, plan: back, commit };
}

/** The plan of the run but for one workstream, whose patch is there already. */
function planOf(plan: Plan, step: Step, landing: Step, work: LandingWork): Plan {
  const workstream = step.id as string as WorkstreamId;
  const only = [{ workstream, dependsOn: [], priority: 'foreground', level: 0 }] as const;
  return {
    ...plan,
    planId: 'ROLLBACK',
    description: step.name,
    steps: [
      { ...step, dependsOn: [], condition: null },
      { ...landing, dependsOn: [step.id], work: { ...work, begins: 'when-all-ended', patches: only } },
    ],
  };
}

/** Finds the commit a patch became: that of the run, else that of an earlier run, which a retry has taken over. */
async function landedAs(
  repository: Repository,
  branch: string,
  runId: string,
  patchId: string,
): Promise<string | null> {
  const ofPatch = `Planwright-Patch: ${patchId}`;
  return (
    (await newestWith(repository, branch, [`Planwright-Run: ${runId}`, ofPatch])) ??
    newestWith(repository, branch, [ofPatch])
  );
}

async function newestWith(
  repository: Repository,
  branch: string,
  lines: readonly string[],
): Promise<string | null> {
  const greps = lines.map((text) => `--grep=^${escaped(text)}$`);
  const found = await gitIn(
    repository,
    ['log', '-1', '--format=%H', '--all-match', ...greps, '--no-show-signature', '--end-of-options', branch],
    { accept: [0, 128] },
  );
  return line(found).trim() || null;
}

const escaped = (text: string): string => text.replace(/[.[\]*^$\\]/g, (char) => `\\${char}`);

async function reversePatch(
  home: string,
  repository: Repository,
  id: string,
  commit: string,
  message: string,
): Promise<{
  id: string;
  commit: string;
  base: string;
  sha256: string;
  files: number;
  insertions: number;
  deletions: number;
}> {
  const flags = ['--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color', '--no-renames'];
  const between = ['--end-of-options', commit, `${commit}^1`];
  const diff = await gitIn(repository, ['diff-tree', '-p', ...flags, ...between]);
  const stat = await gitIn(repository, ['diff-tree', '-r', '--numstat', '--no-renames', ...between]);
  const rows = stat.stdout
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((row) => row.split('\t'));
  const sum = (column: number): number => rows.reduce((all, row) => all + (Number(row[column]) || 0), 0);
  const scratch = join(home, 'worktrees', '.scratch');
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const people = (await identity(repository)) ?? { author: PLANWRIGHT, committer: PLANWRIGHT };
  const made = await withObjects(repository, scratch, async (objects) => {
    const tree = line(await objects.git(['rev-parse', '--verify', '--end-of-options', `${commit}^1^{tree}`]));
    const atSec = Math.floor(Date.now() / 1000);
    return writeCommit(objects, { tree, parents: [commit], message: `${message}\n`, people, atSec });
  });
  const moved = await moveRefs(
    repository,
    [{ ref: patchRef(id), from: 'any', to: made }],
    'planwright: a rollback',
  );
  if (moved.kind === 'locked')
    throw new PlanwrightError('refused', `"${moved.lock}" is in the way of "${patchRef(id)}"`, [
      'try again in a moment',
    ]);
  const sha256 = createHash('sha256').update(diff.stdout).digest('hex');
  return {
    id,
    commit: made,
    base: commit,
    sha256,
    files: rows.length,
    insertions: sum(0),
    deletions: sum(1),
  };
}

async function opened(root: string): Promise<Repository> {
  try {
    return await openRepository(root);
  } catch (error) {
    if (!(error instanceof NoRepository)) throw error;
    throw new PlanwrightError('bad-request', error.message, [error.hint]);
  }
}
