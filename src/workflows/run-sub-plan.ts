/**
 * Runs a sub-plan step: each attempt is a child workflow, a run of its own; of a repeated one each round is.
 */
import { sleep } from '@temporalio/workflow';
import type { Attempt, AttemptEnd } from '../plan/attempt.js';
import { fillOpen, fillPlan, plainText, Unfit } from '../plan/late.js';
import type { Json, Plan, Repeat, Step, SubPlanWork } from '../plan/plan.js';
import { quote } from '../plan/quote.js';
import { waitBefore } from '../plan/retry-delay.js';
import type { Outcome } from '../plan/step-state.js';
import { namesIn } from '../plan/reads.js';
import { roundId, subRunId, type RunEnd } from './api.js';
import { openJudge } from './judge.js';
import { failedBy, subPlanOutcome, SUCCEEDED } from './outcome.js';
import { runChild } from './run-child.js';
import type { Surroundings } from './run-command-step.js';
import { openOutputs } from './run-for-each.js';
import { withinLimit } from './time-limit.js';

/**
 * Runs a sub-plan to its end, with the step's retries and time limit. Never rejects.
 *
 * Retried here rather than by a policy of the child: a plan in several chunks has to be sent again.
 */
export async function runSubPlanStep(step: Step, around: Surroundings): Promise<Outcome> {
  const { work, retry } = step;
  if (work.kind !== 'plan') throw new Error(`BUG: step "${step.id}" is no sub-plan`);
  const attempts: Attempt[] = [];
  for (;;) {
    const startedAt = Date.now();
    const outcome = await withinLimit(step, () =>
      work.repeat === undefined ? runOnce(step, work, around) : runRounds(step, work, work.repeat, around),
    );
    const number = attempts.length + 1;
    attempts.push({ number, startedAt, endedAt: Date.now(), end: endOf(outcome), logs: null });
    if (outcome.kind !== 'failed' || number >= retry.maxAttempts) return { ...outcome, attempts };
    const waitMs = waitBefore(retry, number);
    try {
      if (waitMs > 0) await sleep(waitMs, { summary: `${step.id}: before attempt ${number + 1}` });
    } catch {
      return { kind: 'canceled', attempts, attemptsOmitted: 0 };
    }
  }
}

async function runOnce(step: Step, work: SubPlanWork, around: Surroundings): Promise<Outcome> {
  const plan = planFor(work, around, {});
  if (typeof plan === 'string') return failedBy({ reason: 'not-started', message: plan });
  const child = { id: subRunId(around.runId, step.id), plan, path: work.path };
  return runChild(step, child, around).then(() => SUCCEEDED, subPlanOutcome);
}

/** Runs the sub-plan until `until` holds. A round that fails is the end. */
async function runRounds(
  step: Step,
  work: SubPlanWork,
  repeat: Repeat,
  around: Surroundings,
): Promise<Outcome> {
  const ask = await openJudge();
  const named = namesIn(repeat.until);
  const report = work.plan.steps.map(({ id }) => id).filter((id) => named(id));
  for (let round = 1; ; round += 1) {
    const outputs = { rounds: round };
    const plan = planFor(work, around, { round });
    if (typeof plan === 'string') return failedBy({ reason: 'not-started', message: plan });
    around.noteRound(step.id, round);
    const child = { id: roundId(around.runId, step.id, round), plan, path: work.path, report };
    const end: RunEnd | Outcome = await runChild(step, child, around).catch(subPlanOutcome);
    if ('kind' in end) return { ...end, outputs };
    const told = end.report ?? {};
    const answer = ask(repeat.until, {
      vars: plan.variables,
      step: (id) => (Object.hasOwn(told, id) ? told[id]! : null),
    });
    if (answer.kind === 'true') return { ...SUCCEEDED, outputs };
    if (answer.kind === 'error') {
      const failure = { reason: 'condition-error', message: answer.message } as const;
      return { ...failedBy(failure), outputs };
    }
    if (round >= repeat.maxRounds) {
      const rounds = round === 1 ? '1 round' : `${round} rounds`;
      const message = `${quote(repeat.until)} does not hold after ${rounds}, and no more are allowed`;
      return { ...failedBy({ reason: 'sub-plan-failed', message }), outputs };
    }
  }
}

/** Returns the sub-plan with what it is given put in, or what keeps it from that. */
function planFor(work: SubPlanWork, around: Surroundings, own: { readonly round?: number }): Plan | string {
  if (work.given === undefined) return work.plan;
  const outputOf = openOutputs(around);
  try {
    const values = Object.entries(work.given).map(([name, template]) => {
      const text = fillOpen(template, (open): Json | undefined => {
        if (open.kind === 'round') return own.round;
        if (open.kind !== 'output') return undefined;
        const value = outputOf(open);
        if (value !== undefined) return value;
        throw new Unfit(`step ${quote(open.step)} has no output ${quote(open.output)} to put in`);
      });
      return [name, plainText(text)] as const;
    });
    return fillPlan(work.plan, Object.fromEntries(values));
  } catch (error) {
    if (error instanceof Unfit) return `the sub-plan cannot be given its variables: ${error.message}`;
    throw error;
  }
}

function endOf(outcome: Outcome): AttemptEnd {
  if (outcome.kind === 'succeeded') return { kind: 'succeeded', exitCode: 0 };
  return outcome.kind === 'failed' ? { kind: 'failed', failure: outcome.failure } : { kind: 'canceled' };
}
