/**
 * What a run of a plan would do, as far as that can be known before it starts.
 */
import { graphOf, levelsOf } from './graph.js';
import { runLeases, stepLeases } from './lease-names.js';
import type { Plan, Step, StepId } from './plan.js';
import { quote } from './quote.js';
import type { Judge } from './run.js';

/** `maybe`: that depends on what other steps come to; `because` says on what. */
export interface PreviewStep {
  readonly step: Step;
  readonly will: 'run' | 'skip' | 'maybe';
  readonly because: string | null;
  /** Leases it takes, in that order. */
  readonly leases: readonly string[];
}

export interface Preview {
  /** Steps that can run side by side, level by level. */
  readonly levels: readonly (readonly PreviewStep[])[];
  /** Leases that the run takes before its first step. */
  readonly leases: readonly string[];
}

/** What is asked of conditions here. */
export interface ConditionReader {
  readonly evaluate: Judge;
  /** The ids of the steps that a condition reads. */
  readonly readsOf: (condition: string) => readonly string[];
}

export function previewOf(plan: Plan, conditions: ConditionReader): Preview {
  const primaryOf = new Map<StepId, StepId>();
  for (const { id, onFailure } of plan.steps)
    if (onFailure.kind === 'fallback') primaryOf.set(onFailure.step, id);
  const skipped = new Set<string>();
  const levels = levelsOf(graphOf(plan.steps)).map((level) =>
    level.map((index): PreviewStep => {
      const step = plan.steps[index]!;
      const what = fateOf(step, plan, primaryOf.get(step.id) ?? null, skipped, conditions);
      if (what.will === 'skip') skipped.add(step.id);
      return { step, ...what, leases: stepLeases(step) };
    }),
  );
  return { levels, leases: runLeases(plan) };
}

function fateOf(
  { condition }: Step,
  plan: Plan,
  primary: StepId | null,
  skipped: ReadonlySet<string>,
  { evaluate, readsOf }: ConditionReader,
): Pick<PreviewStep, 'will' | 'because'> {
  if (primary !== null) return { will: 'maybe', because: `only if ${quote(primary)} fails` };
  if (condition === null) return { will: 'run', because: null };
  // Of steps that will not run the end is known; all others have to come to it first.
  if (!readsOf(condition).every((id) => skipped.has(id)))
    return { will: 'maybe', because: `only if ${condition}` };
  const answer = evaluate(condition, {
    vars: plan.variables,
    step: (id) => (skipped.has(id) ? { state: 'skipped', exitCode: null, outputs: {} } : null),
  });
  switch (answer.kind) {
    case 'true':
      return { will: 'run', because: `since ${condition}` };
    case 'false':
      return { will: 'skip', because: `its condition is false: ${condition}` };
    case 'error':
      return { will: 'maybe', because: `its condition cannot be answered, and fails it: ${answer.message}` };
    default:
      throw new Error('BUG: no such answer');
  }
}
