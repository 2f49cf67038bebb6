/**
 * `${steps.<id>.outputs.<name>}` in a command or a question: what is left in a plan for the time when the step starts.
 *
 * In a loaded plan the texts of `args`, `cwd` and `env`, and the message of an approval, are templates: a reference stands as written, and a text that
 * only looks like the beginning of one is escaped as `$${steps.`. So a variable's value, whatever it holds, never
 * becomes a reference: everything is put in once.
 */
import { folderLeft } from './climbing.js';
import type { CommandWork, Json, Plan, StepId, Work } from './plan.js';
import { quote } from './quote.js';

export interface OutputReference {
  readonly step: StepId;
  readonly output: string;
}

/** What an output may be called. */
export const OUTPUT_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** The bytes that all outputs of a step may have together, as JSON: what they may add to a command is bounded by it. */
export const MAX_OUTPUT_BYTES = 4_096;

// A step's id may hold dots, but never a brace.
const REFERENCE_BODY = /^steps\.([A-Za-z0-9][A-Za-z0-9_.-]*)\.outputs\.([A-Za-z_][A-Za-z0-9_]{0,63})$/;
/** A reference to an output, or what `late.ts` says of values that come later; or the mark of a text that is neither. */
export const TEMPLATE = /\$\$\{steps\.|\$\{(steps\.[A-Za-z0-9_.~-]*)\}/g;

/** Returns the reference between the braces of `${…}`, or null when the text is none. */
export function parseReference(body: string): OutputReference | null {
  const found = REFERENCE_BODY.exec(body);
  return found === null ? null : { step: found[1] as StepId, output: found[2]! };
}

/** Returns a text that `fillOutputs` gives back as it is. */
export const escapeLiteral = (text: string): string =>
  text.replaceAll('${steps.', (opening) => `$${opening}`);

/** Returns the references in what a step does, each place once. */
export function referencesIn(work: Work): OutputReference[] {
  return templatesOf(work)
    .filter((text) => text.includes('${steps.'))
    .flatMap((text) => [...text.matchAll(TEMPLATE)].flatMap((match) => parseReference(match[1] ?? '') ?? []));
}

function templatesOf(work: Work): readonly string[] {
  switch (work.kind) {
    case 'command':
      return [...work.args, work.cwd, ...Object.values(work.env)];
    case 'approval':
      return [work.message];
    case 'plan':
      return Object.values(work.given ?? {});
    case 'for_each':
      return [...(typeof work.items === 'string' ? [work.items] : []), ...templatesOf(work.template.work)];
    // Nothing of them is left open: patches are handed on whole.
    case 'workstream':
    case 'landing':
      return [];
    default:
      return work satisfies never;
  }
}

/** The value of an output; undefined when the step has none, because it was skipped or failed. */
export type Outputs = (reference: OutputReference) => Json | undefined;

export type Filled =
  | { readonly kind: 'filled'; readonly work: CommandWork }
  | { readonly kind: 'impossible'; readonly message: string };

/**
 * Returns a step's command as it is to be run: `globals.env` below its own environment, outputs of earlier steps put in.
 *
 * @returns `impossible` when an output is missing or cannot be put there; the step has failed then
 */
export function commandFor(
  plan: Pick<Plan, 'env' | 'secrets'>,
  work: CommandWork,
  outputOf: Outputs,
): Filled {
  const env = { ...plan.env, ...work.env };
  const texts = [...work.args, work.cwd, ...Object.values(env)];
  if (!texts.some((text) => text.includes('${steps.'))) return { kind: 'filled', work: { ...work, env } };
  try {
    const put = (text: string): string => putOutputs(text, outputOf);
    const filledEnv = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, put(text)]));
    for (const [name, text] of Object.entries(filledEnv)) {
      // The worker takes exactly `${NAME}` for a secret. Only the plan may ask for one, never what a command printed.
      if (text !== env[name] && plan.secrets.some((secret) => text === `\${${secret}}`)) {
        throw new Unfillable(
          `the environment variable ${quote(name)} would come to ask for the secret ${quote(text)}`,
        );
      }
    }
    const args = work.args.map((text) => putArgument(text, put(text)));
    return { kind: 'filled', work: { ...work, args, cwd: putPath(work.cwd, put(work.cwd)), env: filledEnv } };
  } catch (error) {
    if (error instanceof Unfillable) return { kind: 'impossible', message: error.message };
    throw error;
  }
}

/** A question is to be read by a person: what a command printed may not make it longer than that. */
const MAX_MESSAGE = 8_000;

/** Returns the question of an approval with outputs of earlier steps put in. */
export function messageFor(
  template: string,
  outputOf: Outputs,
): { readonly kind: 'filled'; readonly message: string } | (Filled & { readonly kind: 'impossible' }) {
  if (!template.includes('${steps.')) return { kind: 'filled', message: template };
  try {
    const message = putOutputs(template, outputOf);
    const isLong = message.length > MAX_MESSAGE;
    return { kind: 'filled', message: isLong ? `${message.slice(0, MAX_MESSAGE)}…` : message };
  } catch (error) {
    if (error instanceof Unfillable) return { kind: 'impossible', message: error.message };
    throw error;
  }
}

class Unfillable extends Error {}

function putArgument(template: string, text: string): string {
  // What a command printed is data: it may not turn into an option of the next one. A number may be negative.
  if (template.startsWith('${steps.') && text.startsWith('-') && !/^-[0-9.]+$/.test(text)) {
    throw new Unfillable(
      `the argument ${quote(template)} would become an option: it begins with ${quote(text.slice(0, 20))}`,
    );
  }
  return text;
}

function putPath(template: string, path: string): string {
  const folder = folderLeft(template, path);
  if (folder === null) return path;
  throw new Unfillable(
    `the path ${quote(template)} would leave the folder ${quote(folder)}: it becomes ${quote(path.slice(0, 200))}`,
  );
}

function putOutputs(text: string, outputOf: Outputs): string {
  return text.replace(TEMPLATE, (match, body: string | undefined) => {
    if (body === undefined) return match.slice(1);
    const reference = parseReference(body);
    if (reference === null) return match;
    const value = outputOf(reference);
    if (value === undefined) {
      throw new Unfillable(
        `step ${quote(reference.step)} has no output ${quote(reference.output)} to put in`,
      );
    }
    const put = typeof value === 'string' ? value : JSON.stringify(value);
    if (put.includes('\0')) {
      throw new Unfillable(
        `output ${quote(reference.output)} of step ${quote(reference.step)} holds a NUL character`,
      );
    }
    return put;
  });
}
