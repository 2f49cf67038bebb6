/**
 * Between steps 9 and 10: what a person decided about the files that were left.
 */
import { withObjects, type Objects } from '../git/objects.js';
import { changeTree, listTree, readBlob } from '../git/tree.js';
import { finishMerge, keepUnfinished } from './finish-merge.js';
import { mergeOf, required, type MergeRecord, type ResolutionRecord } from './merge-record.js';
import { oneOf } from './options.js';
import { stopped } from './reasons.js';
import type { Lesson } from './remembered.js';
import { takeResolved } from './settle-worktree.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, listed, short } from './words.js';
import { closeWorkshop } from './workshop.js';

const DECISIONS = ['ours', 'theirs', 'resolved', 'abort'] as const;

export const conflictSettle: Tool = {
  name: 'conflict_settle',
  patternId: 'MERGE-AI-CONFLICT-SETTLE',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: "Applies a person's answer to the conflicts that were left, and finishes the merge.",
  help: [
    'ours and theirs take that side of every file that is left; resolved takes the files from the work tree that',
    'ai_conflict_resolver --on-unresolved pause made (its output names it); abort gives the merge up.',
    'Exit codes: 0 the merge is finished, 1 given up or not all resolved, 2 nothing to settle, or wrong use.',
  ].join('\n'),
  example: 'conflict_settle --branch main --decision theirs',
  options: [{ flags: '--decision <answer>', description: DECISIONS.join(', '), default: '' }],
  tolerated: false,
  run: settleStep,
};

async function settleStep(context: Context, options: OptionValues): Promise<Finding> {
  const decision = oneOf('conflicts_unresolved', options, 'decision', DECISIONS);
  const merge = await mergeOf(context);
  const record = await required(context, 'ai_conflict_resolver', 'conflicts_unresolved');
  if (record.action !== 'undecided') {
    if (record.action === 'clean') {
      const report = { decision, action: 'nothing', result: record.result };
      return { summary: 'nothing is left to decide', report };
    }
    throw stopped('conflicts_unresolved', 2, {
      code: 'nothing_to_settle',
      message: 'the conflicts of this run were not left for a decision.',
      hint: 'Run ai_conflict_resolver with --on-unresolved pause first.',
    });
  }
  const resolution = {
    tree: record.tree ?? null,
    resolved: record.resolved ?? [],
    left: record.conflict_files ?? [],
  };
  if (context.dryRun) {
    const report = { decision, action: 'dry_run', result: null };
    return { summary: `would decide ${counted(resolution.left.length, 'file')} for ${decision}`, report };
  }
  if (decision === 'abort') {
    await closeWorkshop(context, 'conflicts');
    throw stopped('conflicts_unresolved', 1, {
      code: 'given_up',
      message: `the merge was given up, with ${counted(resolution.left.length, 'file')} in conflict; nothing was changed.`,
      hint: 'Start again when it shall be tried once more.',
    });
  }
  return withObjects(context.repository, context.directory, async (objects) => {
    const tree =
      decision === 'resolved'
        ? await takeResolved(context, objects, resolution)
        : await takeSide(objects, merge, resolution, decision);
    const lessons = decision === 'resolved' ? await lessonsOf(objects, resolution, tree) : [];
    await keepUnfinished(context, objects, merge, tree);
    const result = await finishMerge(context, objects, merge, tree);
    await closeWorkshop(context, 'conflicts', decision !== 'resolved');
    const paths = resolution.left.map(({ path }) => path);
    return {
      summary: `decided for ${decision}: ${listed(paths)}; the merge is ${short(result)}`,
      report: {
        decision,
        action: 'settled',
        paths,
        result,
        lessons: [...(record.lessons ?? []), ...lessons],
      },
      result: { commit: result },
    };
  });
}

/** Conflicts about a name that both sides use for different kinds of things: a side cannot be taken file by file. */
const ABOUT_NAMES = /file\/directory|distinct (types|modes)|directory rename/;

async function takeSide(
  objects: Objects,
  merge: MergeRecord,
  { tree, left }: ResolutionRecord,
  side: 'ours' | 'theirs',
): Promise<string> {
  const about = left.filter(({ kind }) => ABOUT_NAMES.test(kind)).map(({ path }) => path);
  if (about.length > 0) {
    throw stopped('conflicts_unresolved', 1, {
      code: 'no_side_to_take',
      message: `both sides use these names for different things, so that neither can be taken alone: ${listed(about)}.`,
      hint: 'Resolve them in the work tree and settle with "resolved", or abort.',
    });
  }
  if (tree === null) throw new Error('BUG: conflicts without a tree');
  const contents = left.map(({ path }) => {
    const conflict = merge.conflicts.find((one) => one.path === path);
    if (conflict === undefined) throw new Error(`BUG: "${path}" is not in conflict`);
    return [path, conflict[side]] as const;
  });
  return changeTree(objects, tree, new Map(contents));
}

const MAX_TEXT = 10 * 1024 * 1024;

/** What the person's work teaches for the next time the same lines meet. */
async function lessonsOf(objects: Objects, { tree, left }: ResolutionRecord, now: string): Promise<Lesson[]> {
  const asked = new Set(
    left.filter(({ kind }) => ['content', 'add/add'].includes(kind)).map(({ path }) => path),
  );
  const blobs = async (treeish: string): Promise<Map<string, string>> =>
    new Map(
      (await listTree(objects, treeish))
        .entries()
        .flatMap(({ path, id }) => (asked.has(path) ? [[path, id]] : [])),
    );
  if (tree === null || asked.size === 0) return [];
  const [before, after] = [await blobs(tree), await blobs(now)];
  const lessons: Lesson[] = [];
  for (const [path, id] of before) {
    const to = after.get(path);
    if (to === undefined) continue;
    const [marked, resolved] = [await readBlob(objects, id, MAX_TEXT), await readBlob(objects, to, MAX_TEXT)];
    lessons.push({ marked: marked.toString('utf8'), resolved: resolved.toString('utf8') });
  }
  return lessons;
}
