/**
 * Reading the values of a tool's own options.
 */
import { type ReasonCode, stopped } from './reasons.js';
import type { OptionValues } from './tool.js';

/** Returns the value of `--<flag>` as text, empty when it was not given. */
export function textOf(options: OptionValues, flag: string): string {
  const value = options[camel(flag)];
  return typeof value === 'string' ? value : '';
}

/** Tells whether `--<flag>` was given. */
export const isGiven = (options: OptionValues, flag: string): boolean => options[camel(flag)] === true;

/**
 * Returns a whole number from 0 on.
 *
 * @throws Stopped, exit code 2
 */
export function wholeNumber(reasonCode: ReasonCode, options: OptionValues, flag: string): number {
  const text = textOf(options, flag);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw stopped(reasonCode, 2, {
    code: 'bad_option',
    message: `--${flag} takes a whole number, not "${text}".`,
    hint: `Give a number from 0 on, for example --${flag} 5.`,
  });
}

/**
 * Returns a number from 0 to 1.
 *
 * @throws Stopped, exit code 2
 */
export function fraction(reasonCode: ReasonCode, options: OptionValues, flag: string): number {
  const text = textOf(options, flag);
  if (/^(0|1|0?\.\d{1,6}|1\.0+|0\.\d{1,6})$/.test(text)) return Number(text);
  throw stopped(reasonCode, 2, {
    code: 'bad_option',
    message: `--${flag} takes a number from 0 to 1, not "${text}".`,
    hint: `Give for example --${flag} 0.7.`,
  });
}

/**
 * Returns one of a few words.
 *
 * @throws Stopped, exit code 2
 */
export function oneOf<Value extends string>(
  reasonCode: ReasonCode,
  options: OptionValues,
  flag: string,
  values: readonly Value[],
): Value {
  const text = textOf(options, flag);
  const value = values.find((known) => known === text);
  if (value !== undefined) return value;
  throw stopped(reasonCode, 2, {
    code: 'bad_option',
    message: `--${flag} takes ${values.join(', ')}, not "${text}".`,
    hint: `Give one of them, for example --${flag} ${values[0] ?? ''}.`,
  });
}

/** As commander calls it: `max-errors` → `maxErrors`. */
const camel = (flag: string): string =>
  flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
