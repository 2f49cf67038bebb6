/**
 * Runs a sub-plan step: each attempt is a child workflow, a run of its own.
 */
import { ChildWorkflowCancellationType, sleep, startChild } from '@temporalio/workflow';
import type { Attempt, AttemptEnd } from '../plan/attempt.js';
import type { Step, SubPlanWork } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';
import { packPlan } from '../plan/wire.js';
import { ADD_CHUNK_SIGNAL, RUN_WORKFLOW, subRunId, type RunInput } from './api.js';
import { chunksOf } from './chunks.js';
import { subPlanOutcome, SUCCEEDED } from './outcome.js';
import { summaryOf, type Surroundings } from './run-command-step.js';
import { withinLimit } from './time-limit.js';

/**
 * Runs a sub-plan to its end, with the step's retries and time limit. Never rejects.
 *
 * Retried here rather than by a policy of the child: a plan in several chunks has to be sent again.
 */
export async function runSubPlanStep(step: Step, around: Surroundings): Promise<Outcome> {
  if (step.work.kind !== 'plan') throw new Error(`BUG: step "${step.id}" is no sub-plan`);
  const { retry } = step;
  const attempts: Attempt[] = [];
  for (
    let wait = retry.initialIntervalSec;
    ;
    wait = Math.min(wait * retry.backoffCoefficient, retry.maxIntervalSec)
  ) {
    const startedAt = Date.now();
    const outcome = await runOnce(step, step.work, around);
    const number = attempts.length + 1;
    attempts.push({ number, startedAt, endedAt: Date.now(), end: endOf(outcome), logs: null });
    if (outcome.kind !== 'failed' || number >= retry.maxAttempts) return { ...outcome, attempts };
    try {
      if (wait > 0) await sleep(wait * 1000, { summary: `${step.id}: before attempt ${number + 1}` });
    } catch {
      return { kind: 'canceled', attempts, attemptsOmitted: 0 };
    }
  }
}

const runOnce = (step: Step, work: SubPlanWork, around: Surroundings): Promise<Outcome> =>
  withinLimit(step, () => runChild(step, work, around).then(() => SUCCEEDED, subPlanOutcome));

async function runChild(step: Step, { plan, path }: SubPlanWork, around: Surroundings): Promise<void> {
  const chunks = chunksOf(packPlan(plan));
  const { origin } = around;
  const input: RunInput = {
    origin: { ...origin, planPath: path, planHash: `${origin.planHash}/${step.id}`, parentRun: around.runId },
    chunks: chunks.length,
    firstChunk: chunks[0]!,
    reuse: {},
    priority: around.priority,
    searchAttributes: false,
    ...(Object.keys(around.leases).length === 0 ? {} : { inherited: around.leases }),
  };
  const handle = await startChild(RUN_WORKFLOW, {
    workflowId: subRunId(around.runId, step.id),
    args: [input],
    staticSummary: summaryOf(step),
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  for (const [index, text] of chunks.entries())
    if (index > 0) await handle.signal(ADD_CHUNK_SIGNAL, { index, text });
  await handle.result();
}

function endOf(outcome: Outcome): AttemptEnd {
  if (outcome.kind === 'succeeded') return { kind: 'succeeded', exitCode: 0 };
  return outcome.kind === 'failed' ? { kind: 'failed', failure: outcome.failure } : { kind: 'canceled' };
}
