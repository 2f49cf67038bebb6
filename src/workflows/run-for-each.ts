/**
 * Runs a `for_each` step: its items become the steps of a plan, which is a run of its own.
 */
import { itemsOf, groupOutputs, planOfItems } from '../plan/for-each.js';
import type { ForEachWork, Step } from '../plan/plan.js';
import type { Outputs } from '../plan/references.js';
import type { Outcome } from '../plan/step-state.js';
import { subRunId, type Report } from './api.js';
import { failedBy, failedReport, subPlanOutcome, SUCCEEDED } from './outcome.js';
import { runChild, type ChildRun } from './run-child.js';
import type { Surroundings } from './run-command-step.js';
import { withinLimit } from './time-limit.js';

/** Runs a group to its end. Never rejects: a failure is an outcome. */
export async function runForEachStep(step: Step, around: Surroundings): Promise<Outcome> {
  const { work } = step;
  if (work.kind !== 'for_each') throw new Error(`BUG: step "${step.id}" is no for_each`);
  const outputOf = openOutputs(around);
  const found = itemsOf(work, outputOf);
  if (found.kind === 'impossible') return failedBy({ reason: 'not-started', message: found.message });
  const count = found.items.length;
  if (count === 0) return endOf(work, 0, {}, SUCCEEDED);
  const made = planOfItems(step, around.plan, found.items, outputOf);
  if (made.kind === 'impossible') return failedBy({ reason: 'not-started', message: made.message });
  const { runId, origin } = around;
  const child: ChildRun = {
    ...{ id: subRunId(runId, step.id), plan: made.plan, path: origin.planPath },
    report: 'all',
    ...(work.done === undefined ? {} : { reuse: work.done }),
  };
  return withinLimit(step, () =>
    runChild(step, child, around).then(
      ({ report }) => endOf(work, count, report ?? {}, SUCCEEDED),
      (error: unknown) => endOf(work, count, failedReport(error), subPlanOutcome(error)),
    ),
  );
}

/** Of items that failed the outputs are kept as evidence; no later step reads them. */
function endOf(work: ForEachWork, count: number, report: Report, outcome: Outcome): Outcome {
  if (outcome.kind === 'canceled') return outcome;
  const gathered = groupOutputs(work, count, report);
  if (gathered.kind === 'outputs') return { ...outcome, outputs: gathered.outputs };
  return outcome.kind === 'succeeded'
    ? failedBy({ reason: 'bad-output', message: gathered.message })
    : outcome;
}

/** Returns the outputs of earlier steps, as this run knows them. */
export const openOutputs =
  (around: Pick<Surroundings, 'outputsOf'>): Outputs =>
  ({ step, output }) => {
    const outputs = around.outputsOf(step);
    return outputs !== null && Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  };
