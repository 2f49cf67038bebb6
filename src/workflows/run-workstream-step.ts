/**
 * Runs a workstream step: each attempt is one activity.
 */
import {
  ActivityFailure,
  CancelledFailure,
  isCancellation,
  patched,
  proxyActivities,
  sleep,
} from '@temporalio/workflow';
import type {
  WorkstreamActivities,
  WorkstreamEnded,
  WorkstreamTask,
  WorkstreamTrouble,
} from '../activities/workstream/api.js';
import type { Attempt, AttemptEnd } from '../plan/attempt.js';
import { waitBefore } from '../plan/retry-delay.js';
import type { GoesOnFrom } from '../plan/places.js';
import type { Step, WorkstreamWork } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';
import type { WorkstreamMeans } from '../workstream/means.js';
import { commandOutcome, failedBy } from './outcome.js';
import { startingPatches } from './patches.js';
import { openEnv, stepActivity, type Surroundings } from './run-command-step.js';
import { mayStart, toolUsed, withoutTurn, type Turn } from './tool-turn.js';
import { sumOf, usdOf, workstreamOutputs } from './workstream-outputs.js';

/**
 * Runs a workstream to its end, with the step's retries. Never rejects: a failure is an outcome.
 *
 * Retried here rather than by the activity's policy: that is for lost workers and troubles of the machine, which cost no
 * attempt, and a further attempt may be another tool's.
 */
export async function runWorkstreamStep(step: Step, around: Surroundings): Promise<Outcome> {
  const { work, retry } = step;
  if (work.kind !== 'workstream') throw new Error(`BUG: step "${step.id}" is no workstream`);
  const given = taskOf(step, work, around);
  if (typeof given === 'string') return failedBy({ reason: 'not-started', message: given });
  const means = meansOf(work);
  const { runWorkstream } = proxyActivities<WorkstreamActivities>({
    ...stepActivity(step, around),
    retry: MACHINERY,
  });
  // Runs of before there were breakers and budgets go on without them.
  const isGuarded = patched('tool-breakers') && !work.dryRun;
  // Results are kept by the number of the attempt: one that was started again by hand counts on.
  const { attempts: before, ...from } = around.goesOnFrom ?? beginning(around.reset);
  const attempts: Attempt[] = [...before];
  let { tool, spentUsd: spent, outputs, tries } = from;
  for (;;) {
    const number = attempts.length + 1;
    const at: GoesOnFrom = { attempts: [...attempts], tries, tool, spentUsd: spent, outputs };
    const turn: Turn = isGuarded ? await mayStart(step, means, at, around) : { kind: 'start', tool };
    if (turn.kind !== 'start') return withoutTurn(turn, at);
    tool = turn.tool;
    const maxUsd = isGuarded ? leftFor(work, means, spent, around) : null;
    const ended = await runWorkstream({
      ...{ ...given, attempt: number, tool: means.tools[tool]! },
      ...(maxUsd === null ? {} : { maxUsd }),
    }).catch(troubleOf);
    if (isGuarded) await toolUsed(step, means, { number, tool }, ended, around);
    if ('kind' in ended) return { ...ended, attempts: [...attempts, ...ended.attempts] };
    attempts.push(attemptOf(number, ended));
    const outcome = outcomeOf(ended, work, attempts, isGuarded ? spent : null);
    spent = sumOf(spent, usdOf(ended));
    if (isGuarded && spent !== null) around.shared.noteSpent(step.id, spent);
    outputs = outcome.outputs ?? {};
    const next = outcome.kind === 'failed' ? nextTry(ended.trouble) : 'none';
    // The one behind it has its own go, and that is no retry.
    if (next === 'other-tool' && tool + 1 < means.tools.length) tool += 1;
    else if (next !== 'again' || tries >= retry.maxAttempts) return outcome;
    else {
      const waitMs = waitBefore(retry, tries);
      tries += 1;
      try {
        if (waitMs > 0) await sleep(waitMs, { summary: `${step.id}: before attempt ${number + 1}` });
      } catch {
        return { kind: 'canceled', attempts, attemptsOmitted: 0, outputs: outcome.outputs ?? {} };
      }
    }
  }
}

const beginning = (reset: Surroundings['reset']): GoesOnFrom => {
  const attempts = reset?.attempts ?? [];
  const tries = reset === null || reset.clearRetries ? 1 : attempts.length + 1;
  return { attempts, tries, tool: 0, spentUsd: null, outputs: {} };
};

/** Losses of the machinery, and troubles of the machine: worktrees and patches are kept under their attempt, so it goes on. */
const MACHINERY = { maximumAttempts: 20, initialInterval: '1 s', maximumInterval: '60 s' };

const meansOf = ({ means }: WorkstreamWork): WorkstreamMeans => means as unknown as WorkstreamMeans;
/** Returns the task but for what each attempt has of its own, or why there can be none. */
function taskOf(
  step: Step,
  work: WorkstreamWork,
  { runId, origin, plan, stepOf }: Surroundings,
): Omit<WorkstreamTask, 'attempt' | 'tool'> | string {
  const means = meansOf(work);
  if (means.tools.length === 0)
    return `none of its tools may be used: ${work.tools.join(', ') || 'it has none'}`;
  const { base, root } = origin;
  if (base === undefined)
    return 'the run was started without a commit to start from: its root is no repository with commits';
  const { isolation, setup, checks, checkTimeoutSec, constraints, minFreeBytes, checkpointSec, help } = means;
  return {
    ...{ runId, step: step.id, root, project: plan.project, work, base, env: openEnv(plan) },
    startsWith: startingPatches([...work.startsWith, ...work.after], stepOf),
    ...{ isolation, setup, checks, checkTimeoutSec, constraints, minFreeBytes },
    ...(checkpointSec === undefined ? {} : { checkpointSec }),
    ...(help === undefined ? {} : { help }),
  };
}

/** What an attempt may cost: the least of what is left to it and to the run; null where nothing is to be ended for it. */
function leftFor(
  { maxCostUsd }: WorkstreamWork,
  { budgetMode }: WorkstreamMeans,
  spent: number | null,
  { shared }: Surroundings,
): number | null {
  if (budgetMode !== 'halt') return null;
  const own = maxCostUsd === null ? [] : [maxCostUsd - (spent ?? 0)];
  const left = [...own, shared.moneyLeft() ?? []].flat();
  return left.length === 0 ? null : Math.min(...left);
}

/** What the end of an attempt means for the next: work that fails its checks has had its fix loop. */
function nextTry(trouble: WorkstreamTrouble | null): 'again' | 'other-tool' | 'none' {
  switch (trouble?.reason) {
    case 'tool-not-configured':
      return 'other-tool';
    case 'tool-failed':
      return trouble.meaning === 'quota' ? 'other-tool' : 'again';
    case 'setup-failed':
    case 'no-worktree':
      return 'again';
    default:
      return 'none';
  }
}

/** Reads an attempt that was canceled, or that the machinery lost for good. */
function troubleOf(error: unknown): WorkstreamEnded | Outcome {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const details = cause instanceof CancelledFailure ? cause.details?.[0] : null;
  const isEnded = typeof details === 'object' && details !== null && 'outcome' in details;
  return isCancellation(error) && isEnded ? (details as WorkstreamEnded) : commandOutcome(error);
}

function outcomeOf(
  ended: WorkstreamEnded,
  work: WorkstreamWork,
  attempts: readonly Attempt[],
  spentBefore: number | null,
): Outcome {
  const outputs = workstreamOutputs(ended, work, spentBefore);
  const rest = { attempts, attemptsOmitted: 0, outputs };
  const end = endOf(ended);
  return end.kind === 'failed' ? { ...end, ...rest } : { kind: end.kind, ...rest };
}

function attemptOf(number: number, ended: WorkstreamEnded): Attempt {
  const { startedAt, endedAt, calls } = ended;
  return { number, startedAt, endedAt, end: endOf(ended), logs: calls.at(-1)?.attempt.logs ?? null };
}

function endOf({ outcome, trouble, text }: WorkstreamEnded): AttemptEnd {
  if (trouble?.reason === 'canceled') return { kind: 'canceled' };
  return outcome === 'failed' || outcome === 'quarantined'
    ? { kind: 'failed', failure: { reason: 'workstream-failed', message: text.slice(0, 1000) } }
    : { kind: 'succeeded', exitCode: 0 };
}
