/**
 * Step 8: conflicts in files that may be decided by time go to the side that changed last.
 */
import { resolve } from 'node:path';
import { useAttributesOf } from '../git/attributes.js';
import { withObjects, type Objects } from '../git/objects.js';
import { binaryChanges, changeTree, lastTouched } from '../git/tree.js';
import { type AnyClass, CLASSES, classFinder, classifierOf, type FileClass, rulesOf } from './classes.js';
import { keepUnfinished, UNFINISHED } from './finish-merge.js';
import {
  type ClassesRecord,
  handedOn,
  mergeOf,
  type MergeRecord,
  recordIn,
  type ResolutionRecord,
} from './merge-record.js';
import { oneOf, textOf } from './options.js';
import { stopped } from './reasons.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted } from './words.js';

const MODES = ['off', 'conservative', 'lww_for_generated'] as const;
type Mode = (typeof MODES)[number];

export const timestampResolver: Tool = {
  name: 'timestamp_resolver',
  patternId: 'MERGE-004-TIMESTAMP',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: 'Decides conflicts in timestamp-safe files for the side whose last commit there is newer.',
  help: [
    'Modes: off decides nothing; conservative decides where both sides have a file; lww_for_generated also lets the newer',
    'side delete or keep a generated file. Equal times keep our side. All else is left to ai_conflict_resolver.',
    'Exit codes: 0 done (conflicts may be left), 1 the merge before it failed, 2 a class it must not decide was asked for,',
    'or the classification is missing or of another commit.',
  ].join('\n'),
  options: [
    {
      flags: '--input <file>',
      description: 'the report of file_classification; default: that of the run',
      default: '',
    },
    { flags: '--mode <mode>', description: MODES.join(', '), default: 'conservative' },
    { flags: '--classes <names>', description: 'decide only these, separated by commas', default: '' },
  ],
  tolerated: false,
  run: resolveStep,
};

async function resolveStep(context: Context, options: OptionValues): Promise<Finding> {
  const mode = oneOf('unsafe_timestamp_usage', options, 'mode', MODES);
  const merge = await mergeOf(context);
  if (merge.action !== 'conflicts' || merge.tree === null) {
    const report = { action: 'nothing', tree: null, resolved: [], left: [] };
    return { summary: 'no conflicts', report };
  }
  const { tree } = merge;
  const input = textOf(options, 'input');
  const classes = await classesFor(context, merge, input === '' ? null : resolve(context.cwd, input));
  const allowed = allowedClasses(classes, textOf(options, 'classes'));
  return withObjects(context.repository, context.directory, async (objects) => {
    const decided = await decideAll(
      objects,
      merge,
      await conflictClasses(objects, merge, classes),
      allowed,
      mode,
    );
    const paths = new Map(decided.resolved.map(({ path, content }) => [path, content]));
    const resolvedTree = paths.size === 0 ? tree : await changeTree(objects, tree, paths);
    await keepUnfinished(context, objects, merge, resolvedTree, UNFINISHED);
    const report = {
      action: 'resolved',
      mode,
      tree: resolvedTree,
      safe_classes: classes.timestamp_safe_classes,
      forbidden_classes: classes.never_timestamp_classes,
      safe_candidates: decided.candidates,
      forbidden_hits: decided.left.filter((left) => classes.never_timestamp_classes.includes(left.class)),
      resolved: decided.resolved.map(({ content: _, ...rest }) => rest),
      left: decided.left,
    };
    const summary = `${counted(decided.resolved.length, 'conflict')} decided by time, ${decided.left.length} left`;
    return { summary, report };
  });
}

async function classesFor(context: Context, merge: MergeRecord, path: string | null): Promise<ClassesRecord> {
  const classes =
    path === null
      ? await handedOn(context.directory, 'file_classification')
      : await recordIn(path, 'file_classification');
  if (classes === null) {
    throw stopped('unsafe_timestamp_usage', 2, {
      code: 'classification_missing',
      message: `there is no usable classification of files${path === null ? ' in this run' : ` in "${path}"`}.`,
      hint: 'Run file_classification first.',
    });
  }
  if (classes.commit !== merge.tips.local) {
    throw stopped('unsafe_timestamp_usage', 2, {
      code: 'classification_stale',
      message: `files were classified at ${classes.commit}, but the merge began at ${merge.tips.local}.`,
      hint: 'Start the safe merge again: the branch has moved in between.',
    });
  }
  return classes;
}

function allowedClasses(classes: ClassesRecord, asked: string): ReadonlySet<string> {
  if (asked === '') return new Set(classes.timestamp_safe_classes);
  const names = asked.split(',').map((name) => name.trim());
  for (const name of names) {
    if (classes.timestamp_safe_classes.includes(name)) continue;
    throw stopped('unsafe_timestamp_usage', 2, {
      code: CLASSES.some((known) => known === name) ? 'forbidden_class' : 'unknown_class',
      message: `conflicts in files of class "${name}" are not decided by time; safe are ${classes.timestamp_safe_classes.join(', ') || 'none'}.`,
      hint: 'Leave the class out; its conflicts go to ai_conflict_resolver or a person.',
    });
  }
  return new Set(names);
}

/** The class of each path in conflict: by the same rules also for those the classification did not know of yet. */
async function conflictClasses(
  objects: Objects,
  merge: MergeRecord,
  classes: ClassesRecord,
): Promise<ReadonlyMap<string, AnyClass>> {
  const [ours = '', theirs = ''] = merge.parents;
  const attributed = await useAttributesOf(objects, ours);
  const rules = rulesOf((name) => classes.rules[name] ?? []);
  const paths = merge.conflicts.map((conflict) => conflict.path);
  const binary = await binaryChanges(objects, ours, theirs);
  const classOf = await classFinder(objects, classifierOf(rules), binary, attributed ? paths : null);
  return new Map(paths.map((path) => [path, classOf(path)]));
}

interface Resolved {
  readonly path: string;
  readonly class: AnyClass;
  readonly took: 'ours' | 'theirs';
  readonly ours_at: string;
  readonly theirs_at: string;
  readonly tie: boolean;
  readonly content: { readonly mode: string; readonly id: string } | null;
}

interface Decided {
  readonly candidates: string[];
  readonly resolved: Resolved[];
  readonly left: ResolutionRecord['left'][number][];
}

async function decideAll(
  objects: Objects,
  merge: MergeRecord,
  classes: ReadonlyMap<string, AnyClass>,
  allowed: ReadonlySet<string>,
  mode: Mode,
): Promise<Decided> {
  const decided: Decided = { candidates: [], resolved: [], left: [] };
  for (const conflict of merge.conflicts) {
    const { path, kind } = conflict;
    const name = classes.get(path) ?? 'unknown';
    const leave = (why: string): number => decided.left.push({ path, kind, class: name, why });
    if (!allowed.has(name)) {
      leave(`files of class "${name}" are not decided by time`);
      continue;
    }
    decided.candidates.push(path);
    const why = undecidable(conflict, name as FileClass, mode);
    if (why !== null) {
      leave(why);
      continue;
    }
    const [ours = '', theirs = ''] = merge.parents;
    const oursAt = await lastTouched(objects, ours, theirs, path);
    const theirsAt = await lastTouched(objects, theirs, ours, path);
    if (oursAt === null || theirsAt === null) {
      leave('no commit of its own on one side tells when it changed');
      continue;
    }
    const took = theirsAt > oursAt ? 'theirs' : 'ours';
    decided.resolved.push({
      path,
      class: name,
      took,
      ours_at: new Date(oursAt * 1000).toISOString(),
      theirs_at: new Date(theirsAt * 1000).toISOString(),
      tie: oursAt === theirsAt,
      content: conflict[took],
    });
  }
  return decided;
}

/** Why time cannot decide a conflict, or null. */
function undecidable(conflict: MergeRecord['conflicts'][number], name: FileClass, mode: Mode): string | null {
  if (mode === 'off') return 'the mode is off';
  if (['content', 'add/add', 'binary'].includes(conflict.kind)) {
    return conflict.ours !== null && conflict.theirs !== null ? null : 'one side does not have it';
  }
  if (conflict.kind === 'modify/delete') {
    if (mode === 'lww_for_generated' && name === 'generated') return null;
    return 'one side deleted it: that is not decided by time in this mode';
  }
  return `a conflict of kind "${conflict.kind}" is more than two versions of one file`;
}
