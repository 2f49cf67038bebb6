/**
 * What makes a workstream's bundle of an older shape one of today. What it does not know stays as it is.
 */
import { quoteAll } from '../../quote.js';
import { isObject } from '../shape.js';
import type { PlanPath } from '../places.js';
import { SCHEMA_VERSION } from '../schema-version.js';
import { ChangeList, type Changes } from './change.js';

const REQUIRED = ['id', 'openspec_change', 'ccpm_issue', 'gate', 'files_scope', 'tasks', 'tool'];
const LISTS = ['files_scope', 'files_create', 'tasks', 'acceptance_tests', 'compensation_actions'];
/** Of the shape that planned phases had: urgency, where today the scheduling class is meant. */
const CLASSES: Readonly<Record<string, string>> = {
  ...{
    critical: 'foreground',
    high: 'foreground',
    medium: 'foreground',
    normal: 'foreground',
    low: 'background',
  },
};

/** Returns the changes for a bundle at `path`, which has no `schema_version`. */
export function changesOfBundle(raw: Readonly<Record<string, unknown>>, path: PlanPath): Changes {
  const list = new ChangeList();
  list.changes.push({
    ...{ kind: 'add', path, key: 'schema_version', value: SCHEMA_VERSION, at: 'front' },
    why: 'says what the file is written for',
  });
  changeDependencies(list, raw, path);
  for (const key of LISTS) list.listOf(raw[key], [...path, key], key);
  const added = addFromElsewhere(list, raw, path);
  const { priority } = raw;
  if (typeof priority === 'string' && Object.hasOwn(CLASSES, priority.toLowerCase())) {
    const value = CLASSES[priority.toLowerCase()]!;
    list.changes.push({ kind: 'set', path: [...path, 'priority'], value, why: 'it is a scheduling class' });
    list.note([...path, 'priority'], `"${priority}" became "${value}": how urgent it is stands nowhere else`);
  }
  const missing = REQUIRED.filter((key) => !Object.hasOwn(raw, key) && !added.includes(key));
  if (missing.length > 0) {
    const what =
      missing.length === 1
        ? 'is missing, and nothing in the file says it'
        : 'are missing, and nothing in the file says them';
    list.refuse(
      path,
      `${quoteAll(missing, 'and')} ${what}: write ${missing.length === 1 ? 'it' : 'them'}, and migrate again`,
    );
  }
  return list;
}

/** One list under one name, each id once. */
function changeDependencies(list: ChangeList, raw: Readonly<Record<string, unknown>>, path: PlanPath): void {
  const other = raw['dependencies'];
  const own = idsOf(raw['depends_on']);
  const further = idsOf(isObject(other) ? (other['depends_on'] ?? []) : other);
  if (own === null || further === null)
    return list.refuse(
      [...path, own === null ? 'depends_on' : 'dependencies'],
      'these are no ids of workstreams',
    );
  const all = [...new Set([...own, ...further])];
  const isOther = other !== undefined;
  const isSame = Array.isArray(raw['depends_on']) && all.length === raw['depends_on'].length;
  if (raw['depends_on'] !== undefined && !isSame)
    list.changes.push({
      kind: 'set',
      path: [...path, 'depends_on'],
      value: all,
      why: 'it is a list, each id once',
    });
  if (!isOther) return;
  const rest = isObject(other) ? Object.keys(other).filter((key) => key !== 'depends_on') : [];
  if (rest.length > 0) {
    // What else is said there is somebody's, and stays: only the ids are said where they are read.
    if (raw['depends_on'] === undefined)
      list.changes.push({
        kind: 'add',
        path,
        key: 'depends_on',
        value: all,
        at: 'back',
        why: 'the ids are read here',
      });
    list.changes.push({
      ...{ kind: 'remove', path: [...path, 'dependencies', 'depends_on'] },
      why: 'the ids are said in "depends_on"',
    });
    list.changes.push({
      ...{ kind: 'rename', path: [...path, 'dependencies'], key: '_dependencies' },
      why: 'nothing reads what else is in it',
    });
  } else if (raw['depends_on'] === undefined) {
    const at = [...path, 'dependencies'];
    list.changes.push({
      kind: 'rename',
      path: at,
      key: 'depends_on',
      why: '"dependencies" is called "depends_on"',
    });
    if (!Array.isArray(other) || all.length !== other.length)
      list.changes.push({ kind: 'set', path: at, value: all, why: 'it is a list, each id once' });
  } else {
    list.changes.push({ kind: 'remove', path: [...path, 'dependencies'], why: 'it is said in "depends_on"' });
  }
}

function idsOf(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  return Array.isArray(value) && value.every((id) => typeof id === 'string') ? value : null;
}

/** Takes what the "next" bundles say under other names. Returns the keys that were found. */
function addFromElsewhere(
  list: ChangeList,
  raw: Readonly<Record<string, unknown>>,
  path: PlanPath,
): readonly string[] {
  const scope = isObject(raw['scope']) ? raw['scope'] : {};
  const steps = Array.isArray(raw['execution_steps']) ? raw['execution_steps'] : [];
  const actions = steps.flatMap((step: unknown) =>
    isObject(step) && typeof step['action'] === 'string' ? [step['action']] : [],
  );
  const found = { files_scope: scope['files_in_scope'], tasks: actions };
  return Object.entries(found).flatMap(([key, value]) => {
    const isThere = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
    if (Object.hasOwn(raw, key) || !isThere) return [];
    const why = key === 'tasks' ? 'from the actions of "execution_steps"' : 'from "scope.files_in_scope"';
    list.changes.push({ kind: 'add', path, key, value: value, at: 'back', why });
    return [key];
  });
}
