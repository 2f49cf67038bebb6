/**
 * Values that are known only when a part of a plan is started: variables that a sub-plan is given out of outputs, the
 * item of a `for_each`, the round of a `repeat`.
 *
 * In a loaded plan they stand in the same texts as references to outputs and look like them: `${steps.~item.name}`. No
 * step has such an id, and what only looks like one is escaped, so that no value ever becomes a reference.
 */
import { folderLeft } from './climbing.js';
import type { Json, Plan, Step, Work } from './plan.js';
import { quote } from './quote.js';
import {
  escapeLiteral,
  MAX_OUTPUT_BYTES,
  parseReference,
  TEMPLATE,
  type OutputReference,
} from './references.js';
import { utf8Length } from './utf8.js';

export type LateName =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'item'; readonly path: readonly string[] }
  | { readonly kind: 'index' }
  | { readonly kind: 'round' };

/** Anything that may stand open in a text. */
export type OpenName = LateName | ({ readonly kind: 'output' } & OutputReference);

/** What a late variable may be, as its declaration says. */
export interface LateLimit {
  readonly type?: 'integer' | 'number' | 'boolean';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

const ITEM = /^item((?:\.[A-Za-z0-9_-]{1,64}){0,8})$/;

/** Returns what `${…}` means for each item of a `for_each`, or null: `item`, `item.name`, `index`. */
export function itemName(body: string): LateName | null {
  if (body === 'index') return { kind: 'index' };
  const found = ITEM.exec(body);
  return found === null ? null : { kind: 'item', path: found[1]!.split('.').slice(1) };
}

/** Returns the form in which a late value stands in a loaded plan. */
export function lateText(late: LateName): string {
  switch (late.kind) {
    case 'variable':
      return `\${steps.~var.${late.name}}`;
    case 'item':
      return `\${steps.~${['item', ...late.path].join('.')}}`;
    case 'index':
    case 'round':
      return `\${steps.~${late.kind}}`;
    default:
      return late satisfies never;
  }
}

function openNameOf(body: string): OpenName | null {
  if (!body.startsWith('steps.~')) {
    const reference = parseReference(body);
    return reference === null ? null : { kind: 'output', ...reference };
  }
  const rest = body.slice('steps.~'.length);
  if (rest.startsWith('var.')) return { kind: 'variable', name: rest.slice('var.'.length) };
  return rest === 'round' ? { kind: 'round' } : itemName(rest);
}

/** What keeps a value from being put in. Whoever starts the part makes a failure of it. */
export class Unfit extends Error {}

/** Returns a value; undefined for what is filled in later, or somewhere else. */
export type OpenValues = (name: OpenName) => Json | undefined;

/** Returns a template with values put in; what has none yet stays open. */
export function fillOpen(text: string, valueOf: OpenValues): string {
  if (!text.includes('${steps.')) return text;
  let filled = '';
  let literal = '';
  let end = 0;
  for (const match of text.matchAll(TEMPLATE)) {
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    const body = match[1];
    if (body === undefined) {
      literal += match[0].slice(1); // `$${steps.`: the text `${steps.`
      continue;
    }
    const name = openNameOf(body);
    const value = name === null ? undefined : valueOf(name);
    if (name !== null && value !== undefined) {
      literal += asText(value, name);
      continue;
    }
    if (literal.endsWith('$')) throw new Unfit(`a "$" would come to stand right before ${quote(match[0])}`);
    filled += escapeLiteral(literal) + match[0];
    literal = '';
  }
  return filled + escapeLiteral(literal + text.slice(end));
}

/** Returns a text that holds no references, as it was before it was escaped. */
export const plainText = (template: string): string => template.replaceAll('$${steps.', '${steps.');

/** Returns a template as its author may have written it, for people. */
export const asWritten = (template: string): string =>
  plainText(template.replaceAll(/\$\{steps\.~(?:var\.)?([A-Za-z0-9_.-]+)\}/g, '${$1}'));

export const hasReferences = (text: string): boolean =>
  [...text.matchAll(TEMPLATE)].some((match) => match[1] !== undefined);

function asText(value: Json, name: OpenName): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text.includes('\0')) throw new Unfit(`the value of ${wordFor(name)} holds a NUL character`);
  const bytes = utf8Length(text);
  if (bytes > MAX_OUTPUT_BYTES) {
    throw new Unfit(
      `the value of ${wordFor(name)} has ${bytes} bytes; at most ${MAX_OUTPUT_BYTES} are put in`,
    );
  }
  return text;
}

function wordFor(name: OpenName): string {
  switch (name.kind) {
    case 'variable':
      return quote(name.name);
    case 'item':
      return quote(['item', ...name.path].join('.'));
    case 'output':
      return `output ${quote(name.output)} of step ${quote(name.step)}`;
    default:
      return quote(name.kind);
  }
}

/** Returns a step's work with values put in. Sub-plans are given theirs when they start. */
export function fillWork(work: Work, secrets: readonly string[], valueOf: OpenValues): Work {
  const put = (text: string): string => fillOpen(text, valueOf);
  switch (work.kind) {
    case 'command':
      return {
        ...work,
        args: work.args.map((text) => filledArgument(text, put(text))),
        cwd: filledPath(work.cwd, put(work.cwd)),
        env: Object.fromEntries(
          Object.entries(work.env).map(([name, text]) => [
            name,
            filledVariable(name, text, put(text), secrets),
          ]),
        ),
      };
    case 'approval':
      return { ...work, message: put(work.message) };
    case 'plan':
      return work.given === undefined ? work : { ...work, given: mapped(work.given, put) };
    case 'for_each': {
      const items = typeof work.items === 'string' ? put(work.items) : work.items;
      const template = { ...work.template, work: fillWork(work.template.work, secrets, valueOf) };
      return { ...work, items, template };
    }
    case 'workstream':
    case 'landing':
      return work;
    default:
      return work satisfies never;
  }
}

function filledArgument(template: string, text: string): string {
  // A value is data: it may not turn into an option of the command. A number may be negative.
  if (
    template.startsWith('${steps.') &&
    text !== template &&
    text.startsWith('-') &&
    !/^-[0-9.]+$/.test(text)
  ) {
    throw new Unfit(`an argument would become an option: it begins with ${quote(text.slice(0, 20))}`);
  }
  return text;
}

function filledPath(template: string, path: string): string {
  const folder = folderLeft(template, path);
  if (folder === null) return path;
  throw new Unfit(`a path would leave the folder ${quote(folder)}: it becomes ${quote(path.slice(0, 200))}`);
}

/** The worker takes exactly `${NAME}` for a secret: only the plan may ask for one, never a value. */
function filledVariable(name: string, template: string, text: string, secrets: readonly string[]): string {
  if (text !== template && secrets.some((secret) => text === `\${${secret}}`)) {
    throw new Unfit(
      `the environment variable ${quote(name)} would come to ask for the secret ${quote(text)}`,
    );
  }
  return text;
}

const mapped = (
  texts: Readonly<Record<string, string>>,
  put: (text: string) => string,
): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, put(text)]));

/**
 * Returns a sub-plan with the values of its late variables put in.
 *
 * @throws Unfit when a value is not what its declaration allows, or cannot stand where it should
 */
export function fillPlan(plan: Plan, values: Readonly<Record<string, string>>): Plan {
  const { late = {}, ...rest } = plan;
  if (Object.keys(late).length === 0) return plan;
  for (const [name, limit] of Object.entries(late)) {
    const complaint = whyNotValue(name, values[name] ?? '', limit);
    if (complaint !== null) throw new Unfit(complaint);
  }
  const valueOf: OpenValues = (name) => (name.kind === 'variable' ? values[name.name] : undefined);
  const filledStep = (step: Step): Step => ({ ...step, work: fillWork(step.work, plan.secrets, valueOf) });
  const env = Object.fromEntries(
    Object.entries(plan.env).map(([name, text]) => [
      name,
      filledVariable(name, text, fillOpen(text, valueOf), plan.secrets),
    ]),
  );
  return { ...rest, env, variables: { ...plan.variables, ...values }, steps: plan.steps.map(filledStep) };
}

/** Says why a variable cannot have this value, or null when it can. Used at load, too. */
export function whyNotValue(name: string, value: string, limit: LateLimit): string | null {
  const found = `variable ${quote(name)}: ${quote(value)}`;
  if (limit.enum !== undefined && !limit.enum.includes(value)) {
    return `${found} is not one of ${limit.enum.slice(0, 10).map(quote).join(', ')}`;
  }
  return whyNotType(value, limit, found);
}

export function whyNotType(
  value: string,
  { type, minimum, maximum }: LateLimit,
  found: string,
): string | null {
  if (type === undefined) return null;
  if (type === 'boolean') return /^(true|false)$/.test(value) ? null : `${found} is not true or false`;
  const form = type === 'integer' ? /^-?(0|[1-9][0-9]{0,15})$/ : /^-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,15})?$/;
  if (!form.test(value)) return `${found} is no ${type === 'integer' ? 'whole number' : 'number'}`;
  const number = Number(value);
  if (minimum !== undefined && number < minimum) return `${found} is less than ${minimum}`;
  return maximum !== undefined && number > maximum ? `${found} is more than ${maximum}` : null;
}
