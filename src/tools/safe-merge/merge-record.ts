/**
 * What the steps of the merge itself hand on in their reports.
 */
import { join } from 'node:path';
import type { People } from '../git/commit.js';
import type { Conflict } from '../git/merge-tree.js';
import type { GateRecord } from './gates.js';
import type { Integration, Tips } from './integrate.js';
import { type Problem, Stopped, stopped, type ReasonCode, type Report } from './reasons.js';
import type { Lesson } from './remembered.js';
import { readReport, REPORT_FILES } from './state.js';
import type { Context } from './tool.js';

/** In `fetch.json`. */
export interface FetchRecord {
  readonly target_commit: string;
  /** Null when the source is a local branch. */
  readonly source_commit: string | null;
}

/** In `merge.json`. */
export interface MergeRecord {
  readonly action: Integration['action'];
  readonly tips: Tips;
  /** The commit to publish; null with conflicts, and when git would not merge. */
  readonly result: string | null;
  readonly parents: readonly string[];
  /** Tree in which conflicts are being resolved, or null. */
  readonly tree: string | null;
  readonly conflicts: readonly Conflict[];
  readonly commit: { readonly at_sec: number; readonly message: string; readonly people: People | null };
  /** Why it was refused. */
  readonly problems: readonly Problem[];
}

/** In `timestamp.json`: how far it came. */
export interface ResolutionRecord {
  readonly tree: string | null;
  readonly resolved: readonly Report[];
  readonly left: readonly {
    readonly path: string;
    readonly kind: string;
    readonly class: string;
    readonly why: string;
  }[];
}

/** In `conflicts.json`: the finished merge; `undecided` with the rest of what is known when a person must decide. */
export interface FinishRecord {
  readonly action: 'clean' | 'manual_review' | 'undecided';
  readonly result: string | null;
  readonly tree?: string | null;
  readonly resolved?: readonly Report[];
  readonly conflict_files?: ResolutionRecord['left'];
  readonly lessons?: readonly Lesson[];
}

/** In `settled.json`. */
export interface SettleRecord {
  readonly result: string | null;
  readonly lessons?: readonly Lesson[];
}

/** In `file_classes.json`, as far as it is needed later. */
export interface ClassesRecord {
  readonly commit: string;
  readonly rules: Readonly<Record<string, readonly string[]>>;
  readonly timestamp_safe_classes: readonly string[];
  readonly never_timestamp_classes: readonly string[];
}

export interface Records {
  readonly git_fetch: FetchRecord;
  readonly git_merge: MergeRecord;
  readonly timestamp_resolver: ResolutionRecord;
  readonly ai_conflict_resolver: FinishRecord;
  readonly conflict_settle: SettleRecord;
  readonly merge_gate: GateRecord;
  readonly file_classification: ClassesRecord;
}

type Check = (value: unknown) => boolean;

const isId: Check = (value) => typeof value === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value);
const isIdOrNull: Check = (value) => value === null || isId(value);
const isText: Check = (value) => typeof value === 'string';
const isList: Check = Array.isArray;
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isIds: Check = (value) => Array.isArray(value) && value.every(isId);
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isOptional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const isTips: Check = (value) =>
  isObject(value) && Object.values(value as object).length === 3 && isIds(Object.values(value as object));

/**
 * What must be true of a report before it is believed. A step that stopped half-way wrote one, too; and what goes from
 * here into git's arguments must be ids.
 */
const CHECKS: { readonly [Name in keyof Records]: Readonly<Partial<Record<keyof Records[Name], Check>>> } = {
  git_fetch: { target_commit: isId, source_commit: isIdOrNull },
  git_merge: {
    action: isText,
    tips: isTips,
    result: isIdOrNull,
    parents: isIds,
    tree: isIdOrNull,
    conflicts: isList,
    commit: isObject,
    problems: isList,
  },
  timestamp_resolver: { tree: isIdOrNull, resolved: isList, left: isList },
  ai_conflict_resolver: {
    action: isText,
    result: isIdOrNull,
    tree: isOptional(isIdOrNull),
    resolved: isOptional(isList),
    conflict_files: isOptional(isList),
    lessons: isOptional(isList),
  },
  merge_gate: { commands: isTexts, maxSeconds: Number.isInteger, commit: isIdOrNull, tree: isIdOrNull },
  conflict_settle: { result: isIdOrNull, lessons: isOptional(isList) },
  file_classification: {
    commit: isId,
    rules: (value) => isObject(value) && Object.values(value as object).every(isTexts),
    timestamp_safe_classes: isTexts,
    never_timestamp_classes: isTexts,
  },
};

/** Returns what an earlier step of the run handed on, or null when it did not come so far. */
export function handedOn<Name extends keyof Records>(
  directory: string,
  step: Name,
): Promise<Records[Name] | null> {
  return recordIn(join(directory, REPORT_FILES[step]), step);
}

/** The same from a file that was named. */
export async function recordIn<Name extends keyof Records>(
  path: string,
  step: Name,
): Promise<Records[Name] | null> {
  const report = await readReport(path);
  if (report === null) return null;
  const fits = Object.entries<Check | undefined>(CHECKS[step]).every(
    ([key, check]) => check?.(report[key]) ?? true,
  );
  return fits ? (report as unknown as Records[Name]) : null;
}

/**
 * The same for a step that must have been there.
 *
 * @throws Stopped naming the step to run first
 */
export async function required<Name extends keyof Records>(
  context: Context,
  step: Name,
  reasonCode: ReasonCode,
): Promise<Records[Name]> {
  const record = await handedOn(context.directory, step);
  if (record !== null) return record;
  throw stopped(reasonCode, 2, {
    code: 'missing_step',
    message: `this run ("${context.run}") has no usable report of ${step}.`,
    hint: `Run it first: planwright-merge ${step} --run ${context.run}`,
  });
}

/**
 * Returns the merge of this run. A merge that was refused ends the pipeline here: its own step may fail.
 *
 * @throws Stopped
 */
export async function mergeOf(context: Context): Promise<MergeRecord> {
  const merge = await handedOn(context.directory, 'git_merge');
  if (merge !== null && merge.action !== 'refused') return merge;
  const [problem, ...more] = merge?.problems ?? [];
  if (problem !== undefined) {
    throw new Stopped({ exitCode: 1, reasonCode: 'merge_refused', problems: [problem, ...more] });
  }
  throw stopped('merge_refused', 1, {
    code: 'missing_step',
    message: 'git_merge has not come to a result.',
    hint: 'Its output says why; put that right and start again.',
  });
}
