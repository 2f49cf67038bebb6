/**
 * What the checks between steps need to know of each, read from the document itself: so they can be made even when
 * other fields of a step are wrong, and all problems come at once.
 */
import { quote } from '../quote.js';
import { isObject } from './shape.js';
import { stepTypeOf } from './step-types/registry.js';

export interface StepOutline {
  readonly index: number;
  /** Null when the step has none, or none that is a text. */
  readonly id: string | null;
  /** `step "build"`, or `step 3`. */
  readonly subject: string;
  /** Lists of names, each name at the index it has in the document. */
  readonly dependsOn: readonly string[];
  readonly provides: readonly string[];
  readonly consumes: readonly string[];
  readonly fallback: string | null;
  readonly condition: string | null;
  readonly outputs: ReadonlySet<string>;
  /** False when a field read here has another shape than it should: what is below the step is then not known. */
  readonly isSound: boolean;
}

const NONE: ReadonlySet<string> = new Set();

export function outlineOf(step: unknown, index: number): StepOutline {
  const fields = isObject(step) ? step : {};
  let isSound = isObject(step);
  const names = (key: string): readonly string[] => {
    const list = fields[key];
    if (list === undefined) return [];
    if (Array.isArray(list) && list.every((name) => typeof name === 'string')) return list;
    isSound = false;
    return [];
  };
  const { id, on_failure: policy, outputs, condition } = fields;
  const fallback = isObject(policy) ? policy['fallback'] : undefined;
  if (typeof id !== 'string') isSound = false;
  const dependsOn = names('depends_on');
  const provides = names('provides');
  const consumes = names('consumes');
  return {
    index,
    id: typeof id === 'string' ? id : null,
    subject: `step ${typeof id === 'string' ? quote(id) : index + 1}`,
    dependsOn,
    provides,
    consumes,
    fallback: typeof fallback === 'string' ? fallback : null,
    condition: typeof condition === 'string' ? condition : null,
    outputs: outputsOf(fields, outputs),
    isSound,
  };
}

function outputsOf(fields: Readonly<Record<string, unknown>>, outputs: unknown): ReadonlySet<string> {
  const own = stepTypeOf(fields['uses'])?.ownOutputs(fields) ?? [];
  const declared = isObject(outputs) ? Object.keys(outputs) : [];
  return own.length + declared.length === 0 ? NONE : new Set([...own, ...declared]);
}
