/**
 * Finds a step that a person named.
 */
import { nearest } from '../plan/nearest.js';
import type { Step } from '../plan/plan.js';
import { quote } from '../plan/quote.js';
import type { RunRecord } from '../plan/record.js';
import { PlanwrightError } from './errors.js';

/** @throws PlanwrightError `no-such-step`, with the step that was perhaps meant */
export function stepNamed({ head, plan }: RunRecord, id: string): Step {
  const step = plan.steps.find((one) => one.id === id);
  if (step !== undefined) return step;
  const near = nearest(
    id,
    plan.steps.map((one) => one.id),
  );
  const guess = near === null ? '' : `; did you mean ${quote(near)}?`;
  throw new PlanwrightError('no-such-step', `there is no step ${quote(id)} in run "${head.runId}"${guess}`, [
    `planwright show ${head.runId}    lists its steps`,
  ]);
}
