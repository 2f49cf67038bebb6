/**
 * Which outputs are nothing but lists for a `for_each`: they go no further than the workflow, so they may be larger
 * than what is put into a command.
 */
import type { Step } from '../plan.js';
import { MAX_OUTPUT_BYTES, referencesIn, type OutputReference } from '../references.js';

/** The most bytes of such a list, as JSON. */
export const MAX_LIST_BYTES = 256 * 1024;

const key = ({ step, output }: OutputReference): string => `${step}\n${output}`;

/** Returns the steps, each output that is only a list noted as one. */
export function noteLists(steps: readonly Step[]): readonly Step[] {
  if (!steps.some(({ work }) => work.kind === 'for_each')) return steps;
  const asList = new Set<string>();
  const asText = new Set<string>();
  for (const { work } of steps) {
    const { lists, texts } = readsOf(work);
    for (const reference of lists) asList.add(key(reference));
    for (const reference of texts) asText.add(key(reference));
  }
  // Of a condition every word counts: a list that is taken for a text is only held to the smaller bound.
  const words = new Set(steps.flatMap(({ condition }) => condition?.match(/[A-Za-z0-9_]+/g) ?? []));
  const isList = (step: string, output: string): boolean => {
    const name = `${step}\n${output}`;
    return asList.has(name) && !asText.has(name) && !words.has(output);
  };
  const readAs = namesOfAll(steps);
  return steps.map((step) => {
    const names = readAs(step);
    if (step.work.kind === 'for_each') {
      const isRead = names.some((name) => [asList, asText].some((reads) => reads.has(`${name}\nresults`)));
      const isText = words.has('results') || names.some((name) => asText.has(`${name}\nresults`));
      const results = {
        maxBytes: isText ? MAX_OUTPUT_BYTES : MAX_LIST_BYTES,
        isRead: isRead || words.has('results'),
      };
      return { ...step, work: { ...step.work, results } };
    }
    const lists = Object.keys(step.outputs).filter((output) => names.some((name) => isList(name, output)));
    if (lists.length === 0) return step;
    const noted = lists.map((output) => [output, { ...step.outputs[output]!, isList: true }] as const);
    return { ...step, outputs: { ...step.outputs, ...Object.fromEntries(noted) } };
  });
}

function readsOf(work: Step['work']): Readonly<Record<'lists' | 'texts', readonly OutputReference[]>> {
  if (work.kind !== 'for_each') return { lists: [], texts: referencesIn(work) };
  return { lists: referencesIn({ ...work, template: NO_TEMPLATE }), texts: referencesIn(work.template.work) };
}

const NO_TEMPLATE = { work: { kind: 'command', args: [], cwd: '', env: {} } } as unknown as Step;

/** Returns the ids under which a step's outputs are read: its own, and those of the steps it stands in for. */
function namesOfAll(steps: readonly Step[]): (step: Step) => readonly string[] {
  const primaryOf = new Map<string, string>();
  for (const { id, onFailure } of steps) if (onFailure.kind === 'fallback') primaryOf.set(onFailure.step, id);
  return ({ id }) => {
    const names: string[] = [];
    for (let at: string | undefined = id; at !== undefined && !names.includes(at); at = primaryOf.get(at))
      names.push(at);
    return names;
  };
}
