/**
 * The kinds of value a plan's fields hold. Each carries the phrase that completes "must be …" when it holds something else.
 */
import * as z from 'zod';

/** A text. */
export const text = (phrase = 'a text') => z.string({ error: phrase });

/** A text with something in it, at most `most` characters. */
export const filledText = (most: number, phrase = `a text of 1 to ${most} characters`) =>
  z.string({ error: phrase }).min(1, { error: phrase }).max(most, { error: phrase });

export const flag = () => z.boolean({ error: 'true or false' });

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number) {
  const phrase = `a whole number from ${least} to ${most}`;
  return z.int({ error: phrase }).min(least, { error: phrase }).max(most, { error: phrase });
}

/** A whole number, or a text that comes to one when variables are put in: `"${ROUNDS}"`. */
export function counted(least: number, most: number) {
  const phrase = `a whole number from ${least} to ${most}`;
  return z.union(
    [
      whole(least, most),
      z.string().transform((text, context) => {
        const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : NaN;
        if (number >= least && number <= most) return number;
        context.issues.push({ code: 'custom', message: phrase, input: text });
        return z.NEVER;
      }),
    ],
    { error: phrase },
  );
}

/** A number from `least` to `most`, whole or not. */
export function amount(least: number, most: number) {
  const phrase = `a number from ${least} to ${most}`;
  return z.number({ error: phrase }).min(least, { error: phrase }).max(most, { error: phrase });
}

export const texts = (phrase = 'a list of texts') =>
  z.array(z.string({ error: 'a text' }), { error: phrase });

/** A name that others refer to: not empty, and short enough to be shown. */
const label = () => filledText(200);
export const labels = () => z.array(label(), { error: 'a list of names' });

export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `one of ${values.map((value) => `"${value}"`).join(', ')}` });

/** Free form: anything under any key. */
export const freeForm = () => z.record(z.string(), z.unknown(), { error: 'an object' });

const STEP_ID_PHRASE =
  'a step id: letters, digits, "_", "." and "-", opening with a letter or digit, without "..", at most 128';
/** It becomes the name of a folder and of an activity, so the alphabet is closed. */
export const stepId = () =>
  z
    .string({ error: STEP_ID_PHRASE })
    .regex(/^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, { error: STEP_ID_PHRASE });

/** References to steps are not held to the alphabet: that no step has such an id says more. */
export const stepIds = () =>
  z.array(z.string({ error: 'the id of a step' }), { error: 'a list of step ids' });

const ENV_NAME_PHRASE = 'a name of letters, digits and "_", not opening with a digit';
export const envName = () =>
  z.string({ error: ENV_NAME_PHRASE }).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: ENV_NAME_PHRASE });

export const environment = () =>
  z.record(envName(), z.string({ error: 'a text (write numbers and true or false in quotes)' }), {
    error: 'an object of names and texts',
  });
