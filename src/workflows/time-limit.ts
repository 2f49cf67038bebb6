/**
 * The time limit of steps that are workflows of their own: no worker's clock ends them.
 */
import { CancellationScope, sleep } from '@temporalio/workflow';
import type { Step } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';

/** Runs a step's work, which never rejects, and cancels it at the step's limit: then it has failed, whatever it left. */
export async function withinLimit(step: Step, run: () => Promise<Outcome>): Promise<Outcome> {
  const work = new CancellationScope();
  const limit = new CancellationScope();
  let isLate = false;
  void limit
    .run(() => sleep(step.timeoutSec * 1000, { summary: `${step.id}: time limit` }))
    .then(
      () => {
        isLate = true;
        work.cancel();
      },
      () => undefined, // it ended in time
    );
  const outcome = await work.run(run);
  limit.cancel();
  if (!isLate || outcome.kind !== 'canceled') return outcome;
  return {
    ...outcome,
    kind: 'failed',
    failure: { reason: 'timed-out', afterSec: step.timeoutSec, tail: '' },
  };
}
