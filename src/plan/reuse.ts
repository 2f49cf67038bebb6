/**
 * Which results of an earlier run a new one may use again: those of steps whose definition and inputs are the same.
 */
import { levelsOf } from './graph.js';
import type { Plan, Step } from './plan.js';
import type { RunRecord, StepRecord } from './record.js';
import { edgesOf } from './run.js';
import type { Reuse } from './schedule.js';

/** Why a step that succeeded in the earlier run is run again all the same. */
export type RunAgain =
  /** It is a fallback: whether it is needed is decided anew. */
  | 'fallback'
  | 'changed'
  /** Something it depends on is run again. */
  | 'dependency'
  /** It reads variables that have other values now. */
  | 'variables';

export interface Reusable {
  readonly reuse: Reuse;
  /** Steps that succeeded before and are run again. */
  readonly again: readonly { readonly step: string; readonly because: RunAgain }[];
}

/**
 * Compares a plan with a run of an earlier version of it.
 *
 * A step is the same when it does the same thing below steps that are the same. How often it is tried, how long it
 * may take and what its failure means do not count: they change nothing in a result that is there.
 */
export function reusable(earlier: RunRecord, plan: Plan): Reusable {
  const edges = edgesOf(plan.steps);
  const before = new Map(earlier.steps.map((record) => [record.id, record]));
  const definitionBefore = new Map(
    earlier.plan.steps.map((step) => [step.id, definitionOf(step, earlier.plan)]),
  );
  const sameVariables = canonical(earlier.plan.variables) === canonical(plan.variables);

  const reuse: Record<string, Reuse[string]> = {};
  const again: { step: string; because: RunAgain }[] = [];
  /** Steps that end in the new run as they did in the earlier one, reused or skipped by the same condition. */
  const settled = new Set<number>();
  for (const index of levelsOf(edges).flat()) {
    const step = plan.steps[index]!;
    const record = before.get(step.id);
    if (record === undefined) continue;
    const isKept = record.state === 'succeeded' || isSkippedByCondition(record);
    if (!isKept) continue;
    const because = whyAgain(step, index);
    if (because === null) {
      settled.add(index);
      if (record.state === 'succeeded') {
        const runId = record.reusedFrom ?? earlier.head.runId;
        reuse[step.id] = { runId, outputs: record.outputs };
      }
    } else if (record.state === 'succeeded') again.push({ step: step.id, because });
  }
  return { reuse, again };

  function whyAgain(step: Step, index: number): RunAgain | null {
    if (edges.primary[index]! >= 0) return 'fallback';
    if (definitionBefore.get(step.id) !== definitionOf(step, plan)) return 'changed';
    if (step.condition !== null && !sameVariables) return 'variables';
    return edges.dependencies[index]!.every((dependency) => settled.has(dependency)) ? null : 'dependency';
  }
}

const isSkippedByCondition = (record: StepRecord): boolean =>
  record.state === 'skipped' && record.cause?.kind === 'condition';

/** What a step does, as a text that is the same for the same thing. */
function definitionOf(step: Step, plan: Plan): string {
  const { work, condition, outputs, dependsOn, runsOn } = step;
  const env = work.kind === 'command' ? plan.env : {};
  return canonical({ work, condition, outputs, dependsOn: [...dependsOn].sort(), runsOn, env });
}

/** JSON with its keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
