/**
 * Which results of an earlier run a new one may use again: those of steps whose definition and inputs are the same.
 */
import { levelsOf } from './graph.js';
import type { ForEachWork, Plan, Reuse, Step } from './plan.js';
import type { RunRecord, StepRecord } from './record.js';
import { edgesOf } from './run.js';

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
  /** Groups of items that did not succeed and will be made of the same items: the runs that have what was done of them. */
  readonly groups: readonly { readonly step: string; readonly run: string }[];
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
  const groups: { step: string; run: string }[] = [];
  /** Steps that end in the new run as they did in the earlier one, reused or skipped by the same condition. */
  const settled = new Set<number>();
  for (const index of levelsOf(edges).flat()) {
    const step = plan.steps[index]!;
    const record = before.get(step.id);
    if (record === undefined) continue;
    const isKept = record.state === 'succeeded' || isSkippedByCondition(record);
    if (!isKept) {
      const isGroup = step.work.kind === 'for_each' && record.childRun !== null;
      if (isGroup && whyAgain(step, index) === null) groups.push({ step: step.id, run: record.childRun });
      continue;
    }
    const because = whyAgain(step, index);
    if (because === null) {
      settled.add(index);
      if (record.state === 'succeeded') {
        const runId = record.reusedFrom ?? earlier.head.runId;
        reuse[step.id] = { runId, outputs: record.outputs };
      }
    } else if (record.state === 'succeeded') again.push({ step: step.id, because });
  }
  return { reuse, again, groups };

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
  const env = work.kind === 'command' || work.kind === 'for_each' ? plan.env : {};
  const what = work.kind === 'for_each' ? whatIsDone(work) : work;
  return canonical({ work: what, condition, outputs, dependsOn: [...dependsOn].sort(), runsOn, env });
}

/** Of a group: how many items at once and at most changes nothing in what came of one. */
const whatIsDone = ({ items, template: { work, outputs, runsOn } }: ForEachWork): object => {
  return { kind: 'for_each', items, work, outputs, runsOn };
};

/** Returns the plan in which a group uses again what an earlier run of it has done well. */
export function withItemsDone(plan: Plan, group: string, earlier: RunRecord): Plan {
  const done = Object.fromEntries(
    earlier.steps.flatMap(({ id, state, outputs, reusedFrom }) =>
      state === 'succeeded' ? [[id, { runId: reusedFrom ?? earlier.head.runId, outputs }] as const] : [],
    ),
  );
  const steps = plan.steps.map((step) =>
    step.id === group && step.work.kind === 'for_each' ? { ...step, work: { ...step.work, done } } : step,
  );
  return { ...plan, steps };
}

/** JSON with its keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
