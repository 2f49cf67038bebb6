/**
 * The steps that a `for_each` comes to: one for each item, in a plan of their own. Made from values alone, so the same
 * items give the same plan.
 */
import { fillOpen, fillWork, plainText, Unfit, type OpenValues } from './late.js';
import type { ForEachWork, Json, Plan, Step, StepId } from './plan.js';
import { harmless, quote, show } from './quote.js';
import { parseReference, type Outputs } from './references.js';
import type { ConditionStep } from './run.js';
import { utf8Length } from './utf8.js';

/** The most items of a group, whatever it says: their steps are sent to the server in one piece. */
export const MAX_ITEMS = 10_000;
/** The most characters that their steps may have together. */
const MAX_CHARS = 8 * 1024 * 1024;

const MAX_NAME = 120;

export type Items =
  | { readonly kind: 'items'; readonly items: readonly Json[] }
  | { readonly kind: 'impossible'; readonly message: string };

/** Returns the items of a group as they are when it starts. */
export function itemsOf(work: ForEachWork, outputOf: Outputs): Items {
  const refuse = (message: string): Items => ({ kind: 'impossible', message });
  let items: unknown = work.items;
  if (typeof work.items === 'string') {
    const reference = parseReference(work.items.slice(2, -1));
    items = reference === null ? work.items : outputOf(reference);
    if (reference !== null && items === undefined)
      return refuse(
        `step ${quote(reference.step)} has no output ${quote(reference.output)} to take items from`,
      );
  }
  // A variable of a sub-plan, or an output that is a text, may hold the writing of a list.
  if (typeof items === 'string') items = parsed(items);
  if (!Array.isArray(items)) return refuse(`the items must be a list, found ${show(items)}`);
  return items.length <= work.maxItems
    ? { kind: 'items', items: items as Json[] }
    : refuse(`there are ${items.length} items; "max_items" allows ${work.maxItems}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export type ItemsPlan =
  { readonly kind: 'plan'; readonly plan: Plan } | { readonly kind: 'impossible'; readonly message: string };

/** Returns the id of the step that is made for an item. */
export const itemStepId = (index: number): StepId => `item-${index}` as StepId;

/**
 * Returns the plan of a group: a step for each item, none of which depends on another.
 *
 * @returns `impossible` when an item cannot be put where the step wants it: then none is begun
 */
export function planOfItems(group: Step, plan: Plan, items: readonly Json[], outputOf: Outputs): ItemsPlan {
  const { work } = group;
  if (work.kind !== 'for_each') throw new Error(`BUG: step "${group.id}" is no for_each`);
  const refuse = (message: string): ItemsPlan => ({ kind: 'impossible', message });
  const steps: Step[] = [];
  let chars = 0;
  for (const [index, item] of items.entries()) {
    try {
      const step = stepFor(group, work.template, valuesFor(item, index, outputOf), item, index, plan.secrets);
      chars += JSON.stringify(step.work).length + step.name.length;
      steps.push(step);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      return refuse(`item ${index} (${shortly(item)}): ${error.message}`);
    }
    if (chars > MAX_CHARS) {
      return refuse(
        `the steps for ${items.length} items have more than ${MAX_CHARS} characters: name files in place of long texts`,
      );
    }
  }
  const { exclusive: _, late: __, ...rest } = plan;
  return {
    kind: 'plan',
    plan: { ...rest, planId: `${plan.planId}/${group.id}`, maxConcurrency: work.maxParallel, steps },
  };
}

function stepFor(
  group: Step,
  template: Step,
  valueOf: OpenValues,
  item: Json,
  index: number,
  secrets: readonly string[],
): Step {
  const name =
    template.name === ''
      ? `${group.name}: ${shortly(item)}`
      : harmless(plainText(fillOpen(template.name, valueOf)));
  const work = fillWork(template.work, secrets, valueOf);
  return { ...template, id: itemStepId(index), name: name.slice(0, MAX_NAME), work };
}

function valuesFor(item: Json, index: number, outputOf: Outputs): OpenValues {
  return (name) => {
    switch (name.kind) {
      case 'index':
        return index;
      case 'item': {
        const found = fieldOf(item, name.path);
        if (found === undefined) throw new Unfit(`it has no field ${quote(name.path.join('.'))}`);
        return found;
      }
      case 'output': {
        const value = outputOf(name);
        if (value === undefined)
          throw new Unfit(`step ${quote(name.step)} has no output ${quote(name.output)} to put in`);
        return value;
      }
      default:
        return undefined;
    }
  };
}

/** Own fields alone: what an object has by being one, such as `constructor`, is no part of an item. */
function fieldOf(item: Json, path: readonly string[]): Json | undefined {
  let at: Json = item;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Readonly<Record<string, Json>>)[part]!;
  }
  return at;
}

const shortly = (item: Json): string =>
  typeof item === 'string' ? quote(item.slice(0, 60)) : harmless(JSON.stringify(item).slice(0, 60));

/** What a group came to, for the steps below it. */
export type GroupOutputs =
  | { readonly kind: 'outputs'; readonly outputs: Readonly<Record<string, Json>> }
  | { readonly kind: 'bad'; readonly message: string };

/**
 * Returns the outputs of a group: how many items there were, how many went well, and the outputs of each in the order of
 * the items, null for one that did not succeed.
 *
 * @param ended - what became of each item's step, by its id
 */
export function groupOutputs(
  work: ForEachWork,
  count: number,
  ended: Readonly<Record<string, ConditionStep>>,
): GroupOutputs {
  const endOf = (index: number): ConditionStep | undefined => ended[itemStepId(index)];
  const indices = Array.from({ length: count }, (_, index) => index);
  const succeeded = indices.filter((index) => endOf(index)?.state === 'succeeded').length;
  const failed = indices.filter((index) => endOf(index)?.state === 'failed').length;
  const results = indices.map((index): Json => {
    const end = endOf(index);
    return end?.state === 'succeeded' ? end.outputs : null;
  });
  const counts = { count, succeeded, failed };
  const bytes = utf8Length(JSON.stringify(results));
  const { maxBytes, isRead } = work.results;
  if (bytes <= maxBytes) return { kind: 'outputs', outputs: { ...counts, results } };
  if (!isRead) return { kind: 'outputs', outputs: counts };
  const message = `the results of ${count} items have ${bytes} bytes; ${maxBytes} may be handed on: let the items write files`;
  return { kind: 'bad', message };
}
