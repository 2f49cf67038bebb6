/**
 * `${steps.<id>.outputs.<name>}` in a command: what is left in a plan for the time when the step starts.
 *
 * In a loaded plan the texts of `args`, `cwd` and `env` are templates: a reference stands as written, and a text that
 * only looks like the beginning of one is escaped as `$${steps.`. So a variable's value, whatever it holds, never
 * becomes a reference: everything is put in once.
 */
import type { CommandWork, Json, Plan, StepId } from './plan.js';
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
const TEMPLATE = /\$\$\{steps\.|\$\{(steps\.[A-Za-z0-9_.-]*)\}/g;

/** Returns the reference between the braces of `${…}`, or null when the text is none. */
export function parseReference(body: string): OutputReference | null {
  const found = REFERENCE_BODY.exec(body);
  return found === null ? null : { step: found[1] as StepId, output: found[2]! };
}

/** Returns a text that `fillOutputs` gives back as it is. */
export const escapeLiteral = (text: string): string =>
  text.replaceAll('${steps.', (opening) => `$${opening}`);

/** Returns the references in a command, each place once. */
export function referencesIn(work: CommandWork): OutputReference[] {
  return [...work.args, work.cwd, ...Object.values(work.env)]
    .filter((text) => text.includes('${steps.'))
    .flatMap((text) => [...text.matchAll(TEMPLATE)].flatMap((match) => parseReference(match[1] ?? '') ?? []));
}

export type Filled =
  | { readonly kind: 'filled'; readonly work: CommandWork }
  | { readonly kind: 'impossible'; readonly message: string };

/**
 * Returns a step's command as it is to be run: `globals.env` below its own environment, outputs of earlier steps put in.
 *
 * @param outputOf - the value of an output; undefined when the step has none, because it was skipped or failed
 * @returns `impossible` when an output is missing or cannot be put there; the step has failed then
 */
export function commandFor(
  plan: Pick<Plan, 'env' | 'secrets'>,
  work: CommandWork,
  outputOf: (reference: OutputReference) => Json | undefined,
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
    return { kind: 'filled', work: { ...work, args, cwd: put(work.cwd), env: filledEnv } };
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

function putOutputs(text: string, outputOf: (reference: OutputReference) => Json | undefined): string {
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
