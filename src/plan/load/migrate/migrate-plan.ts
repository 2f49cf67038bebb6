/**
 * What makes a plan of an older shape one of today. What it does not know stays as it is.
 */
import { isObject } from '../shape.js';
import type { PlanPath } from '../places.js';
import { SCHEMA_VERSION } from '../schema-version.js';
import { ChangeList, type Changes } from './change.js';

/** Names that plans had elsewhere and before. */
const PLAN_NAMES = { id: 'plan_id', vars: 'variables', defaults: 'globals' };
const GLOBAL_NAMES = {
  max_parallel: 'max_concurrency',
  concurrency: 'max_concurrency',
  default_timeout: 'default_timeout_sec',
  timeout_sec: 'default_timeout_sec',
  retries: 'default_retries',
  environment: 'env',
};
const STEP_NAMES = {
  step_id: 'id',
  title: 'name',
  cmd: 'command',
  arguments: 'args',
  working_dir: 'cwd',
  workdir: 'cwd',
  environment: 'env',
  dependencies: 'depends_on',
  requires: 'depends_on',
  timeout: 'timeout_sec',
  timeout_seconds: 'timeout_sec',
  max_retries: 'retries',
  retry_delay: 'retry_delay_sec',
  retry_delay_seconds: 'retry_delay_sec',
};
const LISTS = ['depends_on', 'provides', 'consumes', 'tags'];
/** Fields in which null said "as usual". Of these null is no value today. */
const NULLS = [
  'retries',
  'retry_delay_sec',
  'env',
  'args',
  'depends_on',
  'cwd',
  'shell',
  'critical',
  'on_failure',
];
const POLICIES: Readonly<Record<string, string>> = {
  skip: 'skip_dependents',
  stop: 'abort',
  ignore: 'continue',
};

/** Returns the changes for a plan that has no `schema_version`. */
export function changesOfPlan(raw: Readonly<Record<string, unknown>>): Changes {
  const list = new ChangeList();
  const plan = list.rename(raw, [], PLAN_NAMES);
  list.changes.unshift({
    ...{ kind: 'add', path: [], key: 'schema_version', value: SCHEMA_VERSION, at: 'front' },
    why: 'says what the file is written for',
  });
  textOf(list, plan['version'], ['version']);
  const globalsAt = Object.hasOwn(raw, 'globals') ? 'globals' : 'defaults';
  const globals = plan['globals'];
  if (isObject(globals)) {
    const read = list.rename(globals, [globalsAt], GLOBAL_NAMES);
    environmentOf(list, read['env'], [globalsAt, Object.hasOwn(globals, 'env') ? 'env' : 'environment']);
  } else if (globals === undefined || globals === null) {
    if (globals === null)
      list.changes.push({ kind: 'set', path: [globalsAt], value: {}, why: 'it is an object' });
    else
      list.changes.push({
        kind: 'add',
        path: [],
        key: 'globals',
        value: {},
        at: 'back',
        why: 'it is required',
      });
  }
  const { steps } = plan;
  if (!Array.isArray(steps)) list.refuse(['steps'], '"steps" is no list: nobody can know what the plan does');
  else steps.forEach((step: unknown, index) => changeStep(list, step, ['steps', index]));
  return list;
}

function changeStep(list: ChangeList, raw: unknown, path: PlanPath): void {
  if (!isObject(raw)) return list.refuse(path, 'this step is no object');
  const step = list.rename(raw, path, STEP_NAMES);
  const placeOf = (key: string): PlanPath => {
    const old = Object.entries(STEP_NAMES).find(([name, now]) => now === key && Object.hasOwn(raw, name));
    return [...path, Object.hasOwn(raw, key) ? key : (old?.[0] ?? key)];
  };
  for (const key of LISTS) list.listOf(step[key], placeOf(key), key);
  if (typeof step['args'] === 'string')
    list.refuse(
      placeOf('args'),
      '"args" is one text: only its author knows where one argument ends and the next begins',
    );
  for (const key of NULLS)
    if (step[key] === null)
      list.changes.push({ kind: 'remove', path: placeOf(key), why: `without a value "${key}" is left out` });
  const policy = step['on_failure'];
  if (typeof policy === 'string') {
    const now = POLICIES[policy.toLowerCase()] ?? policy.toLowerCase();
    if (now !== policy)
      list.changes.push({
        kind: 'set',
        path: placeOf('on_failure'),
        value: now,
        why: `this is called "${now}"`,
      });
  }
  const name = step['name'];
  if (name === undefined && typeof step['id'] === 'string')
    list.changes.push({
      kind: 'add',
      path,
      key: 'name',
      value: step['id'],
      at: 'back',
      why: 'it is required',
    });
  if (step['args'] === undefined && typeof step['command'] === 'string')
    list.changes.push({ kind: 'add', path, key: 'args', value: [], at: 'back', why: 'it is required' });
  environmentOf(list, step['env'], placeOf('env'));
  noteBareVariables(list, step, placeOf('args'));
}

/** `1.0` without quotes is a number, and its author meant a text. */
function textOf(list: ChangeList, value: unknown, path: PlanPath): void {
  if (typeof value !== 'number' && typeof value !== 'boolean') return;
  list.changes.push({ kind: 'set', path, value: String(value), why: `"${String(path.at(-1))}" is a text` });
}

function environmentOf(list: ChangeList, env: unknown, path: PlanPath): void {
  if (isObject(env)) for (const [name, value] of Object.entries(env)) textOf(list, value, [...path, name]);
}

/** The engine before put variables in without braces, too, and made `$` of `$$`: neither is done any more. */
function noteBareVariables(list: ChangeList, step: Readonly<Record<string, unknown>>, path: PlanPath): void {
  const { args } = step;
  if (!Array.isArray(args) || step['shell'] === true) return;
  args.forEach((text: unknown, index) => {
    if (typeof text !== 'string' || !/\$\$|\$[A-Za-z_]/.test(text)) return;
    list.note(
      [...path, index],
      'only "${NAME}" is replaced by a variable: "$NAME" and "$$" stay as they are written',
    );
  });
}
