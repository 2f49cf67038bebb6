/**
 * Puts variables into a document: after parsing, into texts only, once.
 *
 * Where `${…}` means something is a list (`Slots`). What names something (ids, dependencies, resources, tags, the plan's
 * own name) is never changed by a variable, nor is any key.
 */
import { quote } from '../quote.js';
import type { Findings } from './diagnostics.js';
import { TextFiller, type PlacedReference, type Spot } from './fill-text.js';
import type { PlanPath } from './places.js';
import { isObject } from './shape.js';
import { STEP_TYPES, stepTypeOf } from './step-types/registry.js';
import type { Slot, Slots, StepType } from './step-types/step-type.js';
import { piecesOf } from './template.js';
import type { VariableScope } from './variables.js';

export interface Substituted {
  readonly document: unknown;
  readonly references: readonly PlacedReference[];
  /** Names that stand somewhere in the text, known or not. */
  readonly used: ReadonlySet<string>;
  /** Names without a value, in order of their first place. */
  readonly unresolved: readonly string[];
  /** Characters of the texts that variables were put into. */
  readonly characters: number;
}

const PLAN_SLOTS: Slots = { description: 'text', exclusive: 'text' };
const METADATA_SLOTS: Slots = { project: 'text', phase_id: 'text' };
const GLOBALS_SLOTS: Slots = { env: 'shared-environment' };
const STEP_SLOTS: ReadonlyMap<StepType, Slots> = new Map(
  STEP_TYPES.map((type) => [type, { name: 'text', description: 'text', exclusive: 'text', ...type.slots }]),
);
/** Where a variable might be expected to work, and does not. */
const UNTOUCHED = ['id', 'depends_on', 'provides', 'consumes', 'tags'];

type Fields = Readonly<Record<string, unknown>>;
/** All of a spot but for the place in it. */
type Around = Omit<Spot, 'path' | 'slot' | 'isArgument' | 'isPath' | 'isScript'> & {
  readonly scriptIndex: number | null;
};

const AROUND_PLAN: Around = {
  subject: '',
  stepIndex: null,
  shellEnv: null,
  scriptIndex: null,
  locals: null,
};

/**
 * Returns the document with its variables put in. What cannot be put in is reported and left as it was.
 *
 * @param options.strict - a name without a value is an error, not a warning
 */
export function substitute(
  document: unknown,
  scope: VariableScope,
  findings: Findings,
  options: { readonly strict: boolean; readonly howToGive: (name: string) => string },
): Substituted {
  const filler = new TextFiller(scope, findings);
  const result = isObject(document) ? planOf(document, filler, findings) : document;
  for (const [name, { path, places }] of filler.unresolved) {
    const more = places > 1 ? ` (in ${places} places)` : '';
    findings.add({
      code: 'unresolved-variable',
      severity: options.strict ? 'error' : 'warning',
      path,
      message: `${quote(`\${${name}}`)} has no value and stays as it is${more}`,
      hint: findings.didYouMean(name, scope.values.keys()) ?? `give it with ${options.howToGive(name)}`,
    });
  }
  const { references, used, unresolved, characters } = filler;
  return { document: result, references, used, unresolved: [...unresolved.keys()], characters };
}

function planOf(document: Fields, filler: TextFiller, findings: Findings): Fields {
  const result: Record<string, unknown> = { ...fieldsOf(document, PLAN_SLOTS, [], AROUND_PLAN, filler) };
  const { metadata, globals, steps } = document;
  if (isObject(metadata))
    result['metadata'] = fieldsOf(metadata, METADATA_SLOTS, ['metadata'], AROUND_PLAN, filler);
  if (isObject(globals))
    result['globals'] = fieldsOf(globals, GLOBALS_SLOTS, ['globals'], AROUND_PLAN, filler);
  for (const key of ['plan_id', 'version']) warnOfVariables(document[key], [key], findings);
  if (Array.isArray(steps)) {
    const sharedEnv = isObject(globals) && isObject(globals['env']) ? Object.keys(globals['env']) : [];
    result['steps'] = steps.map((step: unknown, index) => stepOf(step, index, sharedEnv, filler, findings));
  }
  return result;
}

function stepOf(
  step: unknown,
  index: number,
  sharedEnv: readonly string[],
  filler: TextFiller,
  findings: Findings,
): unknown {
  const type = isObject(step) ? stepTypeOf(step['uses']) : undefined;
  if (!isObject(step) || type === undefined) return step;
  const path = ['steps', index];
  for (const key of UNTOUCHED) warnOfVariables(step[key], [...path, key], findings);
  const subject = `step ${typeof step['id'] === 'string' ? quote(step['id']) : index + 1}: `;
  const around: Around = { subject, stepIndex: index, locals: null, ...shellOf(step, sharedEnv) };
  const result = fieldsOf(step, STEP_SLOTS.get(type)!, path, around, filler);
  const input = step['with'];
  if (!isObject(input)) return result;
  const inside = { ...around, locals: type.locals?.(step) ?? null };
  let filled = fieldsOf(input, type.withSlots, [...path, 'with'], inside, filler);
  const { inner } = type;
  const below = inner === undefined ? undefined : input[inner.field];
  if (inner !== undefined && isObject(below)) {
    const place = [...path, 'with', inner.field];
    const its: Around = { ...around, locals: 'item', ...shellOf(below, sharedEnv) };
    filled = { ...filled, [inner.field]: fieldsOf(below, inner.slots, place, its, filler) };
  }
  return filled === input ? result : { ...result, with: filled };
}

function shellOf(command: Fields, sharedEnv: readonly string[]): Pick<Around, 'shellEnv' | 'scriptIndex'> {
  const ownEnv = isObject(command['env']) ? Object.keys(command['env']) : [];
  return command['shell'] === true
    ? { shellEnv: new Set([...sharedEnv, ...ownEnv]), scriptIndex: null }
    : { shellEnv: null, scriptIndex: scriptIndexOf(command['command'], command['args']) };
}

/** Returns the object with the texts in its slots filled; the object itself when nothing changes. */
function fieldsOf(holder: Fields, slots: Slots, path: PlanPath, around: Around, filler: TextFiller): Fields {
  let result = holder;
  for (const slot in slots) {
    const [key, below] = slot.split('.') as [string, string | undefined];
    if (!Object.hasOwn(holder, key)) continue;
    const before = holder[key];
    const place = [...path, key];
    const after =
      below === undefined
        ? valueOf(before, slots[slot]!, key, place, around, filler)
        : isObject(before)
          ? fieldsOf(before, { [below]: slots[slot]! }, place, around, filler)
          : before;
    if (after !== before) result = { ...result, [key]: after };
  }
  return result;
}

function valueOf(
  value: unknown,
  slot: Slot,
  field: string,
  path: PlanPath,
  around: Around,
  filler: TextFiller,
): unknown {
  const fill = (text: unknown, ...below: (string | number)[]): unknown => {
    if (typeof text !== 'string' || !text.includes('${')) return text;
    const isLine = field === 'command' || field === 'args';
    return filler.fill(text, {
      path: [...path, ...below],
      slot,
      subject: around.subject,
      stepIndex: around.stepIndex,
      locals: around.locals,
      shellEnv: isLine ? around.shellEnv : null,
      isArgument: field === 'args',
      isPath: field === 'cwd' || (field === 'command' && around.shellEnv === null),
      isScript: field === 'args' && below[0] === around.scriptIndex,
    });
  };
  if (Array.isArray(value)) {
    // A list that is written out holds what it holds: only a text may come to a list later.
    if (slot === 'items') return valueOf(value, 'text', field, path, around, filler);
    const items = value.map((item: unknown, index) => fill(item, index));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isObject(value)) return fill(value);
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => [name, fill(item, name)]);
  return entries.some(([name, item]) => item !== value[name]) ? Object.fromEntries(entries) : value;
}

/** The programs best known for taking a program as an argument. A help, not a fence: there are others. */
const INTERPRETERS: readonly { readonly programs: RegExp; readonly option: RegExp }[] = [
  { programs: /^(ba|da|z|k|fi)?sh$/, option: /^-[a-z]*c$/ },
  { programs: /^(node|perl|ruby)$/, option: /^(-[a-z]*[ep]|--eval|--print)$/i },
  { programs: /^(python[0-9.]*|pwsh|powershell|php)$/i, option: /^(-c|-r|-command)$/i },
  { programs: /^cmd$/i, option: /^\/[ck]$/i },
];

/** Returns which argument is a program for an interpreter, or null. */
function scriptIndexOf(command: unknown, args: unknown): number | null {
  if (typeof command !== 'string' || !Array.isArray(args)) return null;
  const program = command.replace(/^.*[/\\]/, '').replace(/\.exe$/i, '');
  const known = INTERPRETERS.find(({ programs }) => programs.test(program));
  const option = args.findIndex(
    (argument: unknown) => typeof argument === 'string' && known?.option.test(argument),
  );
  return option < 0 ? null : option + 1;
}

function warnOfVariables(value: unknown, path: PlanPath, findings: Findings): void {
  if (Array.isArray(value))
    return value.forEach((item, index) => warnOfVariables(item, [...path, index], findings));
  if (typeof value !== 'string' || !value.includes('${')) return;
  const variable = piecesOf(value).find((piece) => piece.kind === 'variable');
  if (variable === undefined) return;
  findings.add({
    code: 'not-substituted',
    severity: 'warning',
    path,
    message: `${quote(`\${${variable.name}}`)} is not replaced here: names stay as they are written`,
  });
}
