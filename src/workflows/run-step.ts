/**
 * Runs a step by its kind: an activity, or a workflow of its own. Approvals are none of them (`approvals.ts`).
 */
import type { Step } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';
import type { LandingNews } from './landing-news.js';
import { runCommandStep, type Surroundings } from './run-command-step.js';
import { runForEachStep } from './run-for-each.js';
import { runLandingStep } from './run-landing-step.js';
import { runSubPlanStep } from './run-sub-plan.js';
import { runWorkstreamStep } from './run-workstream-step.js';

/** Never rejects: a failure is an outcome. */
export function runStep(step: Step, around: Surroundings, landings: LandingNews): Promise<Outcome> {
  const { kind } = step.work;
  switch (kind) {
    case 'command':
      return runCommandStep(step, around);
    case 'plan':
      return runSubPlanStep(step, around);
    case 'for_each':
      return runForEachStep(step, around);
    case 'workstream':
      return runWorkstreamStep(step, around);
    case 'landing':
      return runLandingStep(step, around, landings.starting(step));
    case 'approval':
      throw new Error(`BUG: the approval "${step.id}" was to be run`);
    default:
      return kind satisfies never;
  }
}
