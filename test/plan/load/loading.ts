/**
 * Loading for tests: plans as objects, other files beside them by name, what is wrong as short lines.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatProblem, type Problem } from '../../../src/plan/load/diagnostics.js';
import { loadPlan, type LoadedPlan } from '../../../src/plan/load/load-plan.js';
import type { CommandWork, Plan, Step } from '../../../src/plan/plan.js';

export interface Setting {
  readonly variables?: Readonly<Record<string, string>>;
  readonly strict?: boolean;
  /** Other files: objects become JSON, texts stay. */
  readonly files?: Readonly<Record<string, unknown>>;
  readonly path?: string;
}

/** A text is the file itself; an object becomes JSON on one line, so that columns are not what a test is about. */
export async function load(document: unknown, setting: Setting = {}): Promise<LoadedPlan> {
  const { files = {}, path = 'plan.json', ...request } = setting;
  const texts = new Map(
    Object.entries({ ...files, [path]: document }).map(([name, file]) => [name, textOf(file)]),
  );
  const readText = (name: string): string => {
    const text = texts.get(name);
    if (text === undefined) throw Object.assign(new Error(`no such file: ${name}`), { code: 'ENOENT' });
    return text;
  };
  return loadPlan({ path, readText, ...request });
}

const textOf = (file: unknown): string => (typeof file === 'string' ? file : JSON.stringify(file));

/** Loads a plan that must be right. Warnings are fine. */
export async function loaded(document: unknown, setting: Setting = {}): Promise<Plan> {
  const { plan, problems } = await load(document, setting);
  if (plan === null) throw new Error(problems.map(formatProblem).join('\n'));
  return plan;
}

/** Returns what is wrong as `code: message; hint`, errors only. */
export async function errorsOf(document: unknown, setting: Setting = {}): Promise<string[]> {
  const { plan, problems } = await load(document, setting);
  const errors = problems.filter((problem) => problem.severity === 'error');
  if ((plan === null) !== errors.length > 0) throw new Error('a plan comes exactly when there are no errors');
  return errors.map(briefly);
}

export async function warningsOf(document: unknown, setting: Setting = {}): Promise<string[]> {
  const { problems } = await load(document, setting);
  return problems.filter((problem) => problem.severity === 'warning').map(briefly);
}

const briefly = ({ code, message, hint }: Problem): string =>
  `${code}: ${message}${hint === null ? '' : `; ${hint}`}`;

/** A plan around some steps. */
export const planWith = (steps: readonly unknown[], more: object = {}): Record<string, unknown> => ({
  plan_id: 'TEST',
  version: '1',
  globals: {},
  steps,
  ...more,
});

/** A command step: only what the test is about. */
export const step = (id: string, more: object = {}): Record<string, unknown> => ({
  id,
  name: id,
  command: 'true',
  args: [],
  ...more,
});

export const commandOf = (made: Step | undefined): CommandWork => {
  if (made?.work.kind !== 'command') throw new Error(`a command was expected, found ${made?.work.kind}`);
  return made.work;
};

export const projectFile = (...path: string[]): string =>
  readFileSync(join(import.meta.dirname, '../../..', ...path), 'utf8');
