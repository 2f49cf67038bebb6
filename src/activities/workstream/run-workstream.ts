/**
 * The activity `runWorkstream`: one attempt of a workstream from its start to what it came to.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ApplicationFailure, CancelledFailure, Context, type Info } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { readJson, writeJson } from '../../os/json-file.js';
import { GitFailure } from '../../tools/git/call.js';
import { openOwnWorktree, type OwnWorktree } from '../../tools/git/own-worktree.js';
import type { ProcessLock } from '../../tools/git/process-lock.js';
import { openRepository, type Repository } from '../../tools/git/repository.js';
import { WorktreeRefused } from '../../tools/git/worktree-refused.js';
import { shortHash } from '../../workstream/hash.js';
import { movePatch, openEntry, type LedgerEntry } from '../../workstream/ledger.js';
import { validationOf } from '../../workstream/patch-rules.js';
import { openStep } from '../attempt-files.js';
import { MachineTrouble, onMachine } from '../machine-trouble.js';
import { stopOf } from '../supervise.js';
import type {
  WorkstreamActivities,
  WorkstreamEnded,
  WorkstreamHeartbeat,
  WorkstreamTask,
  WorkstreamTrouble,
} from './api.js';
import { AttemptAtWork, litterOf, newFindings, type Findings } from './attempt.js';
import { dryRun } from './dry-run.js';
import { findEarlier } from './earlier-work.js';
import { startGuard } from './guard.js';
import { CheckpointKeeper } from './keep-checkpoints.js';
import { saveLost } from './lost-attempts.js';
import {
  apart,
  lossText,
  lostStarts,
  MAX_LOSSES,
  noteLostStart,
  TreeWatch,
  type TreeLoss,
} from './lost-trees.js';
import { putTogether } from './put-together.js';
import { Interrupted, type Bench, type WorkstreamWorld } from './start-line.js';
import { toolEnvironment } from './tool-environment.js';
import { troubleText } from './trouble-text.js';

const BEAT_MS = 1_000;

/** Returns the activity `runWorkstream`; `api.ts` says why it may run twice. */
export function runWorkstreamIn(world: WorkstreamWorld): WorkstreamActivities['runWorkstream'] {
  return async (task) => {
    const context = Context.current();
    const startedAt = Date.now();
    const told = {
      ...{ endings: task.attempt - 1, excused: 0, attempts: [] },
      running: { start: context.info.attempt, startedAt },
    };
    let at: WorkstreamHeartbeat = { ...told, stage: 'open', since: startedAt };
    const stage = (name: string): void => void (at = { ...told, stage: name, since: Date.now() });
    const keeping: Keeping = { keeper: null, apart: null };
    const beat = (): void => {
      const checkpoint = keeping.keeper?.carried ?? null;
      context.heartbeat(checkpoint === null ? at : { ...at, checkpoint });
    };
    const beats = setInterval(beat, BEAT_MS);
    try {
      return await run(world, task, context, stage, startedAt, keeping);
    } catch (error) {
      beat(); // the last of this start is what the next one gets
      throw asTold(error);
    } finally {
      await keeping.keeper?.close();
      await keeping.apart?.release();
      clearInterval(beats);
    }
  };
}

/** What a start lets go of at its end. */
interface Keeping {
  /** Its checkpoints, once it is known that it takes any. */
  keeper: CheckpointKeeper | null;
  /** Held by one that is begun again after its work tree was removed. */
  apart: ProcessLock | null;
}

async function run(
  world: WorkstreamWorld,
  task: WorkstreamTask,
  context: Context,
  stage: (name: string) => void,
  startedAt: number,
  keeping: Keeping,
): Promise<WorkstreamEnded> {
  const step = onMachine(() => openStep(world.home, world.host, task.runId, task.step));
  const result = join(step.directory, `workstream-${task.attempt}.json`);
  const known = readJson(result) as WorkstreamEnded | null;
  if (known !== null) return known;
  const schedule = scheduleOf(context.info);
  const bench: Bench = { world, runId: task.runId, step, schedule, cancellation: context.cancellationSignal };
  if (task.work.dryRun) return dryRun(task, startedAt);

  const repository = await openRepository(task.root);
  stage('look for lost attempts');
  const before = lostStarts(step, task.attempt);
  const saved = [
    ...before.flatMap((start) => start.saved),
    ...(await saveLost(bench, repository, litterOf(task.tool))),
  ];
  const lost = saved.map(({ patch }) => patch);
  if (before.length > 0) {
    stage('wait for others that are begun again');
    keeping.apart = await apart(repository, () => context.cancellationSignal.aborted || world.ending.aborted);
  }
  const { checkpointSec } = task;
  const start = context.info.attempt;
  const earlier =
    checkpointSec === undefined
      ? null
      : await findEarlier(world.host, repository, { ...task, start, saved, heartbeat: heartbeatOf(context) });
  const keeper =
    checkpointSec === undefined
      ? null
      : new CheckpointKeeper(repository, task, start, world.host, checkpointSec, earlier?.carried ?? null);
  keeping.keeper = keeper;
  const found = newFindings();
  for (const { loss, usd } of before) {
    found.notes.push(`begun again, as its work tree was removed: ${lossText(loss)}`);
    found.lostUsd = usd === null ? found.lostUsd : (found.lostUsd ?? 0) + usd;
  }
  // What is to be set up first may change what is guarded.
  const guarding = task.setup.length > 0 ? null : startGuard(world.home, repository);
  guarding?.catch(() => undefined); // it is asked when there is a work tree
  const opened = await open(bench, repository, task);
  const ended = (trouble: WorkstreamTrouble | null, startedFrom: string | null): WorkstreamEnded => {
    const end = { ...endedOf(task, found, trouble, startedAt), lost, startedFrom };
    onMachine(() => writeJson(result, end));
    return end;
  };
  if ('reason' in opened) return ended(opened, null);
  const { worktree, environment } = opened;
  found.notes.push(...opened.notes);
  const watch = new TreeWatch(world.home, repository, worktree, before.length);
  const means = [watch, guarding, keeper, earlier] as const;
  const work = new AttemptAtWork(bench, repository, worktree, task, environment, found, stage, ...means);
  let trouble: WorkstreamTrouble | null;
  try {
    trouble = await work.work();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    // Another start has its place: what this one wrote is wanted by nobody.
    if (error.stop === 'forsaken') await keeper?.remove(false);
    if (error.stop !== 'canceled') throw error;
    trouble = { reason: 'canceled' };
    await keeper?.close();
    await work.capture(`${task.attempt}.canceled`);
  } finally {
    await watch.close();
  }
  const { loss } = watch;
  if (loss !== null && trouble?.reason === 'worktree-replaced' && isNotItsFault(loss)) {
    await keeper?.close();
    const kept = await saveLost(bench, repository, litterOf(task.tool));
    const usd = found.calls.reduce<number | null>(
      (sum, { cost }) => (cost.usd === null ? sum : (sum ?? 0) + cost.usd),
      null,
    );
    noteLostStart(step, task.attempt, { loss, saved: kept, usd });
    throw new TreeLost(loss);
  }
  stage('close');
  if (keeper !== null && keeper.trouble !== null)
    found.notes.push(`the last checkpoint could not be taken: ${keeper.trouble}`);
  if (trouble?.reason !== 'capture-failed') await work.close();
  const end = ended(trouble, worktree.base);
  await keeper?.remove(true);
  if (trouble?.reason !== 'canceled') return end;
  rmSync(result, { force: true }); // a canceled attempt has no result that could be wanted again
  throw new CancelledFailure('CANCELLED', [end]);
}

/** An attempt whose work tree was removed while others were at work: it is begun again. */
class TreeLost extends Error {
  override readonly name = 'TreeLost';
  constructor(loss: TreeLoss) {
    super(`its work tree was removed, and it is begun again: ${lossText(loss)}`);
  }
}

const isNotItsFault = ({ suspects, nth }: TreeLoss): boolean => suspects.length > 0 && nth < MAX_LOSSES;

interface Opened {
  readonly worktree: OwnWorktree;
  readonly notes: readonly string[];
  readonly environment: Exclude<ReturnType<typeof toolEnvironment>, { problem: string }>;
}

/** Puts together what the attempt starts from, and opens its work tree there. */
async function open(
  bench: Bench,
  repository: Repository,
  task: WorkstreamTask,
): Promise<Opened | WorkstreamTrouble> {
  const { world } = bench;
  const id = `${task.step.slice(0, 80)}-${task.attempt}-${shortHash(task.runId)}`;
  const environment = toolEnvironment(world.env, task.tool, task.env, id);
  if ('problem' in environment) return { reason: 'tool-not-configured', detail: environment.problem };
  const { runId, step, attempt, isolation, minFreeBytes } = task;
  const put = await putTogether(bench, repository, task);
  if (put.kind === 'trouble') return put.trouble;
  try {
    const worktree = await openOwnWorktree(repository, {
      ...{ home: world.home, id },
      commit: put.commit,
      owner: { run: runId, step, attempt },
      ...{ isolation, minFreeBytes },
      // Elsewhere something may have escaped, and still be at work in its folder.
      reuses: world.containment.mode === 'namespace',
    });
    return { worktree, environment, notes: put.notes };
  } catch (error) {
    if (!(error instanceof WorktreeRefused)) throw error;
    if (error.reason === 'disk-full' || error.reason === 'busy') throw new MachineTrouble(error.message);
    return { reason: 'no-worktree', refusal: error.reason, detail: error.message };
  }
}

function endedOf(
  task: WorkstreamTask,
  found: Findings,
  trouble: WorkstreamTrouble | null,
  startedAt: number,
): Omit<WorkstreamEnded, 'lost' | 'startedFrom'> {
  const { recorded, refusals, fix, calls, checks, notes } = found;
  const isPatch = recorded !== null && recorded.patch.commit !== null;
  const outcome = outcomeOf(trouble, isPatch);
  const tests = checks.filter(({ step, blocking }) => step === 'runtime' && blocking);
  const passed = tests.every(({ result, round }) => result === 'passed' || round < calls.length);
  const { notExecutable } = task.work;
  const prose = notExecutable.length;
  if (prose > 0)
    notes.push(`${prose} acceptance ${prose === 1 ? 'test is' : 'tests are'} prose: not executable`);
  const text =
    trouble !== null
      ? troubleText(trouble)
      : isPatch
        ? `patch ${recorded.summary.id}: ${recorded.summary.files} files, +${recorded.summary.insertions} −${recorded.summary.deletions}`
        : `nothing was changed${leftText(recorded?.summary.left ?? [])}; ${tests.length} tests passed`;
  return {
    ...{ outcome, trouble, text, fix, calls, checks, notes, startedAt, endedAt: Date.now() },
    ...(found.lostUsd === null ? {} : { lostUsd: found.lostUsd }),
    patch: recorded?.summary ?? null,
    ledger: isPatch ? ledgerOf(task, recorded.summary.id, outcome, text) : null,
    validation: isPatch
      ? validationOf(true, refusals, tests.length === 0 ? null : passed ? 'passed' : 'failed')
      : null,
  };
}

const leftText = (left: readonly string[]): string =>
  left.length === 0 ? '' : ` that a patch holds (${left.slice(0, 3).join('; ').slice(0, 500)})`;

/** Reasons that hold a patch back for a person to look at; after all others it is only evidence. */
const QUARANTINES: ReadonlySet<WorkstreamTrouble['reason']> = new Set([
  'refused-patch',
  'shared-state-changed',
  'worktree-replaced',
  'neighbour-harmed',
]);

function outcomeOf(trouble: WorkstreamTrouble | null, isPatch: boolean): WorkstreamEnded['outcome'] {
  if (trouble === null) return isPatch ? 'patched' : 'nothing';
  return isPatch && QUARANTINES.has(trouble.reason) ? 'quarantined' : 'failed';
}

function ledgerOf(
  task: WorkstreamTask,
  patchId: string,
  outcome: WorkstreamEnded['outcome'],
  reason: string,
): LedgerEntry {
  const { runId, step, attempt, project, work } = task;
  const at = Date.now();
  const actor = 'runWorkstream';
  const entry = openEntry(
    {
      ...{
        ledgerId: patchId,
        patchId,
        projectId: project,
        phaseId: 'WORKSTREAMS',
        workstream: work.workstream,
      },
      executionRequestId: `${runId}/${step}/${attempt}`,
    },
    at,
    actor,
  );
  const to = outcome === 'patched' ? 'validated' : outcome === 'quarantined' ? 'quarantined' : 'dropped';
  const moved = movePatch(entry, { to, at, actor, expected: entry.revision, reason });
  if (!moved.ok) throw new Error(`BUG: a new patch cannot become ${to}: ${moved.refusal.reason}`);
  return moved.entry;
}

/** What the start before told last. */
const heartbeatOf = ({ info }: Context): WorkstreamHeartbeat | null =>
  (info.heartbeatDetails as WorkstreamHeartbeat | null | undefined) ?? null;

const scheduleOf = ({ workflowExecution, activityId, scheduledTimestampMs }: Info): string =>
  `${workflowExecution?.runId}/${activityId}/${scheduledTimestampMs}`;

/** Returns an error as the server is to be told of it: what a further start can do better is tried again. */
function asTold(error: unknown): unknown {
  const again = (type: string, message: string): ApplicationFailure =>
    ApplicationFailure.create({
      type,
      message,
      nextRetryDelay: 1_000,
      category: ApplicationFailureCategory.BENIGN,
    });
  if (error instanceof MachineTrouble) return again('MachineTrouble', error.message);
  if (error instanceof GitFailure) return again('GitFailure', error.message);
  if (error instanceof TreeLost) return again('WorkTreeLost', error.message);
  if (!(error instanceof Interrupted)) return error;
  const { cancellationSignal } = Context.current();
  if (cancellationSignal.aborted && stopOf(cancellationSignal) === 'canceled')
    return cancellationSignal.reason;
  return again('WorkerStopping', `the attempt is given back: ${error.stop}`);
}
