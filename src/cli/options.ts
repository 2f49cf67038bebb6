/**
 * Options that several commands take, and how their values are read.
 */
import { InvalidArgumentError, type Command } from 'commander';
import type { Priority } from '../plan/plan.js';
import type { RunState } from '../plan/record.js';

const PRIORITIES: readonly Priority[] = ['critical', 'high', 'normal', 'low'];
const STATES: readonly RunState[] = ['pending', 'running', 'succeeded', 'failed', 'quarantined', 'canceled'];

export type Variables = Readonly<Record<string, string>>;

/** Adds `--var NAME=VALUE`, which may be given many times. */
export const addVariables = (command: Command): Command =>
  command.option('--var <name=value>', 'give a variable a value (repeatable)', takeVariable, {});

// A map without a prototype: a variable named `__proto__` is a variable.
function takeVariable(text: string, before: Variables): Variables {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError(`"${text}" is not of the form NAME=VALUE.`);
  const variables = Object.assign(Object.create(null) as Record<string, string>, before);
  variables[text.slice(0, at)] = text.slice(at + 1);
  return variables;
}

export const addOnly = (command: Command): Command =>
  command.option(
    '--only <step or tag>',
    'run this step alone, or those with a tag (tag:slow, phase:4), taking what they depend on as done (repeatable, or a,b)',
    collectIds,
    [],
  );

/** What `--reason` says: it is kept for those who ask later, so a blank is none. */
export function reasonText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must say something.');
  return text;
}

/** The name of something that comes to be by being named: a blank would, too. */
export function nameText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('A name is needed.');
  return text;
}

export const collect = (text: string, before: readonly string[]): readonly string[] => [...before, text];

/** Likewise, of words that have no comma. */
const collectIds = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  ...text.split(',').map((word) => word.trim()),
];

export const addPriority = (command: Command): Command =>
  command.option(
    '--priority <level>',
    `how urgent its steps are: ${PRIORITIES.join(', ')}`,
    oneOf(PRIORITIES),
  );

export const addState = (command: Command): Command =>
  command.option('--state <state>', `only runs in this state: ${STATES.join(', ')}`, oneOf(STATES));

export const addJson = (command: Command, what = 'print JSON'): Command =>
  command.option('--json', what, false);

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new InvalidArgumentError(`It must be one of: ${values.join(', ')}.`);
    return found;
  };
}

/** A whole number of 1 or more. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return value;
}

const UNITS: Readonly<Record<string, number>> = { m: 60e3, h: 3600e3, d: 86_400e3, w: 7 * 86_400e3 };

/** `12h`, `30d`: in milliseconds. */
export function ageOf(text: string): number {
  const [, value, unit] = /^(\d+(?:\.\d+)?)(m|h|d|w)$/.exec(text) ?? [];
  if (value === undefined || unit === undefined)
    throw new InvalidArgumentError('It must be a number and m, h, d or w: 30d.');
  return Number(value) * UNITS[unit]!;
}
