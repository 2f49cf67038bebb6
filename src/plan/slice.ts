/**
 * A part of a plan: some of its steps, run as if what they depend on outside the part had been done.
 */
import { nearest } from './nearest.js';
import type { Plan, Step, StepId } from './plan.js';
import { quote } from './quote.js';
import { referencesIn } from './references.js';

export interface Slice {
  readonly plan: Plan;
  /** Steps outside that steps inside depend on: taken as met. */
  readonly met: readonly StepId[];
}

export type Sliced =
  | { readonly kind: 'slice'; readonly slice: Slice }
  | { readonly kind: 'impossible'; readonly problems: readonly string[] };

/**
 * Returns the part of a plan that holds `only` these steps, or those with these tags (`tag:slow`, `phase:4`), and the fallbacks that may stand in for them.
 *
 * What a step inside reads of a step outside cannot be taken as met: that is a problem.
 *
 * @param readsOf - the ids of the steps that a condition reads
 */
export function slicePlan(
  plan: Plan,
  only: readonly string[],
  readsOf: (condition: string) => readonly string[],
): Sliced {
  const byId = new Map<string, Step>(plan.steps.map((step) => [step.id, step]));
  const problems: string[] = [];
  const inside = new Set<string>();
  for (const id of only.flatMap((wanted) => stepsMeant(wanted, plan.steps, problems))) {
    const step = byId.get(id);
    if (step === undefined) problems.push(noSuchStep(id, byId.keys()));
    // A step's fallback belongs to it: without it a failure would mean something else.
    for (let one = step; one !== undefined && !inside.has(one.id); one = fallbackOf(one, byId))
      inside.add(one.id);
  }
  for (const step of plan.steps) {
    const primary = step.onFailure.kind === 'fallback' && !inside.has(step.id) ? step.onFailure.step : null;
    if (primary !== null && inside.has(primary)) {
      problems.push(
        `step ${quote(primary)} is the fallback of ${quote(step.id)}, and does not run without it`,
      );
    }
  }
  const met = new Set<StepId>();
  const readers = new Map<string, string[]>();
  const steps = plan.steps.filter((step) => inside.has(step.id)).map((step) => cutOff(step));
  for (const [read, by] of readers) problems.push(leftOut(read, by));
  return problems.length > 0
    ? { kind: 'impossible', problems }
    : { kind: 'slice', slice: { plan: { ...plan, steps }, met: [...met] } };

  function cutOff(step: Step): Step {
    for (const read of readBy(step)) {
      if (!inside.has(read)) readers.set(read, [...(readers.get(read) ?? []), step.id]);
    }
    for (const id of step.dependsOn) if (!inside.has(id)) met.add(id);
    const provided = new Set(
      plan.steps.filter(({ id }) => inside.has(id)).flatMap(({ provides }) => provides),
    );
    return {
      ...step,
      dependsOn: step.dependsOn.filter((id) => inside.has(id)),
      consumes: step.consumes.filter((name) => provided.has(name)),
    };
  }

  function readBy(step: Step): readonly string[] {
    const outputs = referencesIn(step.work).map((reference) => reference.step);
    return [...new Set([...outputs, ...(step.condition === null ? [] : readsOf(step.condition))])];
  }
}

/** Says that steps need the outcome of one that is not in the slice, and what to do. */
function leftOut(read: string, by: readonly string[]): string {
  const some = by.slice(0, 3).map(quote).join(', ');
  const more = by.length > 3 ? ` and ${by.length - 3} more` : '';
  const who = by.length === 1 ? `step ${some} reads` : `steps ${some}${more} read`;
  return `${who} what step ${quote(read)} came to, which is left out: name ${quote(read)}, too`;
}

/**
 * Returns the ids that a word of a slice stands for: a step's id, or the steps with a tag, as `tag:slow`; a tag that has
 * a colon itself, such as `phase:4`, can be said as it is. No id has a colon.
 */
function stepsMeant(wanted: string, steps: readonly Step[], problems: string[]): readonly string[] {
  if (!wanted.includes(':')) return [wanted];
  const tags = new Set(steps.flatMap((step) => step.tags));
  const tag = tags.has(wanted) ? wanted : wanted.replace(/^tag:/, '');
  if (tags.has(tag)) return steps.filter((step) => step.tags.includes(tag)).map(({ id }) => id);
  const near = nearest(tag, tags);
  const meant = near === null ? '' : `; did you mean ${quote(near)}?`;
  problems.push(`no step in this plan has the tag ${quote(tag)}${meant}`);
  return [];
}

const fallbackOf = (step: Step, byId: ReadonlyMap<string, Step>): Step | undefined =>
  step.onFailure.kind === 'fallback' ? byId.get(step.onFailure.step) : undefined;

function noSuchStep(id: string, known: Iterable<string>): string {
  const near = nearest(id, known);
  return `there is no step ${quote(id)} in this plan${near === null ? '' : `; did you mean ${quote(near)}?`}`;
}
