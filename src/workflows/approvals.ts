/**
 * Steps that wait for a person: an update answers them, or their time runs out. They hold nothing but a timer, so a
 * hand-over moves them to the next leg.
 */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { answerOfSilence, answerOutputs, type Answer } from '../plan/approval.js';
import type { Step, StepId } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';
import type { ApproveRequest } from './api.js';
import { CANCELED, failedBy, SUCCEEDED } from './outcome.js';

interface Waiting {
  readonly limit: CancellationScope;
  readonly settle: (outcome: Outcome) => void;
}

const approvedBy = (answer: Answer): Outcome => ({ ...SUCCEEDED, outputs: answerOutputs(answer) });

function silenceOf(step: Step): Outcome {
  const answer = answerOfSilence(step);
  return answer === null
    ? failedBy({ reason: 'timed-out', afterSec: step.timeoutSec, tail: '' })
    : approvedBy(answer);
}

export class Approvals {
  readonly #waiting = new Map<StepId, Waiting>();

  /**
   * Waits for an answer until the step's time is over.
   *
   * @param sinceMs - when the step was launched, perhaps in an earlier leg
   */
  open(step: Step, sinceMs: number, settle: (outcome: Outcome) => void): void {
    const limit = new CancellationScope();
    this.#waiting.set(step.id, { limit, settle });
    const leftMs = Math.max(sinceMs + step.timeoutSec * 1000 - Date.now(), 1);
    limit
      .run(() => sleep(leftMs, { summary: `${step.id}: waits for approval` }))
      .then(
        () => this.#end(step.id, silenceOf(step)),
        (error: unknown) => {
          if (!isCancellation(error)) throw error;
        },
      );
  }

  has(step: StepId): boolean {
    return this.#waiting.has(step);
  }

  /** Takes in a person's answer. */
  answer(request: ApproveRequest): void {
    const { step, approved, reason, actor } = request;
    const message = `rejected by ${actor}${reason === '' ? '' : `: ${reason}`}`;
    this.#end(step, approved ? approvedBy(request) : failedBy({ reason: 'rejected', message }));
  }

  cancel(step: StepId): void {
    this.#end(step, CANCELED);
  }

  /** Lets go of all, without outcomes: the next leg waits for them now. */
  handOn(): void {
    for (const { limit } of this.#waiting.values()) limit.cancel();
    this.#waiting.clear();
  }

  #end(step: StepId, outcome: Outcome): void {
    const waiting = this.#waiting.get(step);
    if (waiting === undefined) return;
    this.#waiting.delete(step);
    waiting.limit.cancel();
    waiting.settle(outcome);
  }
}
