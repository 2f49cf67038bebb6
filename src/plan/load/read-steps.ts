/**
 * The steps of a document, each read by its own type.
 */
import type { Step, StepId } from '../plan.js';
import { quote, quoteAll, show } from '../quote.js';
import type { Finding, Findings } from './diagnostics.js';
import { checkLeases } from './check-leases.js';
import { checkLimits } from './limits.js';
import type { StepDocument } from './schema.js';
import { addIssues, addUnknownKeys, isObject, knownKeys, type KnownKeys } from './shape.js';
import { STEP_TYPES, stepTypeOf } from './step-types/registry.js';
import type { StepContext, StepDetails, StepType } from './step-types/step-type.js';

/** What steps are made with: everything of a step's context that is the same for all. */
export type StepsContext = Omit<StepContext, 'index' | 'loadSubPlan'> & {
  readonly loadSubPlan: (
    index: number,
    ...what: Parameters<StepContext['loadSubPlan']>
  ) => ReturnType<StepContext['loadSubPlan']>;
};

const KNOWN_KEYS: ReadonlyMap<StepType, KnownKeys> = new Map(
  STEP_TYPES.map((type) => [type, knownKeys(type.schema)]),
);

/** Returns the steps that could be made. Of the others the findings say why not. */
export async function readSteps(steps: readonly unknown[], context: StepsContext): Promise<Step[]> {
  const made: Step[] = [];
  for (const [index, raw] of steps.entries()) {
    const reading = readStep(raw, index, context);
    // Awaited only where there is something to wait for: 10,000 turns of the queue would be felt.
    const step = reading instanceof Promise ? await reading : reading;
    if (step === null) continue;
    checkLimits(step, context.globals.env, index, context.findings);
    checkLeases(step.exclusive ?? [], ['steps', index], `step ${quote(step.id)}: `, context.findings);
    made.push(step);
  }
  return made;
}

function readStep(raw: unknown, index: number, context: StepsContext): Step | null | Promise<Step | null> {
  const { findings, globals } = context;
  const path = ['steps', index];
  if (!isObject(raw)) {
    const message = `step ${index + 1} must be an object, found ${show(raw)}`;
    findings.add({ code: 'bad-value', path, message });
    return null;
  }
  const subject = `step ${typeof raw['id'] === 'string' ? quote(raw['id']) : index + 1}`;
  const type = stepTypeOf(raw['uses']);
  if (type === undefined) {
    findings.add({
      ...unknownType(raw['uses'], findings),
      path: [...path, 'uses'],
      message: `${subject}: "uses" must name a step type, found ${show(raw['uses'])}`,
    });
    return null;
  }
  addUnknownKeys(findings, raw, KNOWN_KEYS.get(type)!, path, `${subject}: `, (key) =>
    misplacedKey(key, type),
  );
  const reading = type.read(raw);
  if (reading.kind === 'bad') {
    addIssues(findings, reading.issues, raw, path, subject);
    return null;
  }
  const loadSubPlan: StepContext['loadSubPlan'] = (...what) => context.loadSubPlan(index, ...what);
  const { checkOver } = context;
  const details = reading.details({ globals, findings, index, loadSubPlan, checkOver });
  return details instanceof Promise
    ? details.then((awaited) => stepOf(reading.document, awaited))
    : stepOf(reading.document, details);
}

function stepOf(document: StepDocument, details: StepDetails | null): Step | null {
  if (details === null) return null;
  const { on_failure: policy, ui_hints: hints } = document;
  return {
    id: document.id as StepId,
    name: document.name,
    ...details,
    dependsOn: [...new Set(document.depends_on)] as StepId[],
    critical: document.critical,
    onFailure:
      typeof policy === 'string' ? { kind: policy } : { kind: 'fallback', step: policy.fallback as StepId },
    condition: document.condition,
    provides: document.provides,
    consumes: document.consumes,
    tags: document.tags,
    ...(document.exclusive.length === 0 ? {} : { exclusive: [...new Set(document.exclusive)] }),
    group: hints.group ?? null,
    weight: hints.weight ?? null,
  };
}

function unknownType(uses: unknown, findings: Findings): Pick<Finding, 'code' | 'hint'> {
  const known = STEP_TYPES.map((type) => type.uses);
  const near = typeof uses === 'string' ? findings.didYouMean(uses, known) : null;
  return { code: 'bad-value', hint: near ?? `there are ${quoteAll(known, 'and')}` };
}

/** Keys of another type: they mean something, so they may not be passed over. */
function misplacedKey(key: string, type: StepType): Pick<Finding, 'code' | 'message' | 'hint'> | null {
  const owners = STEP_TYPES.filter((other) => Object.hasOwn(other.schema.shape, key)).map(
    (other) => `"uses": "${other.uses}"`,
  );
  if (owners.length === 0) return null;
  return {
    code: 'conflict',
    message: `${quote(key)} means nothing for "uses": "${type.uses}"`,
    hint: `it belongs to ${[owners.slice(0, -1).join(', '), ...owners.slice(-1)].filter(Boolean).join(' and ')}`,
  };
}
