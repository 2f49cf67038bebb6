/**
 * Step 9: what is left in conflict, and the finished merge when nothing is.
 */
import { writeCommit } from '../git/commit.js';
import { withObjects } from '../git/objects.js';
import { shownPath } from '../git/path-bytes.js';
import { mergeOf, required, type MergeRecord, type ResolutionRecord } from './merge-record.js';
import { wholeNumber } from './options.js';
import { setOwnRefs } from './own-refs.js';
import { Stopped, type Problem } from './reasons.js';
import { runRefs } from './state.js';
import { shownSource, type Target } from './target.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, short } from './words.js';

export const aiConflictResolver: Tool = {
  name: 'ai_conflict_resolver',
  patternId: 'MERGE-AI-CONFLICT',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: 'Finishes the merge when no conflict is left; else names each of them and stops.',
  help: [
    'No resolver can be plugged in yet: what time may not decide is left to a person.',
    'Exit codes: 0 no conflict is left, 1 some are, 2 more than --max-files are.',
  ].join('\n'),
  options: [
    {
      flags: '--max-files <count>',
      description: 'more files in conflict than this stop with exit code 2',
      default: '20',
    },
  ],
  tolerated: false,
  run: finishStep,
};

async function finishStep(context: Context, options: OptionValues): Promise<Finding> {
  const maxFiles = wholeNumber('conflicts_unresolved', options, 'max-files');
  const merge = await mergeOf(context);
  if (merge.action !== 'conflicts') {
    return finding('no conflicts', {
      action: 'clean',
      total_conflicts: 0,
      max_files: maxFiles,
      result: merge.result,
    });
  }
  const resolution = await required(context, 'timestamp_resolver', 'conflicts_unresolved');
  if (resolution.left.length > 0) throw unresolved(context.target, merge, resolution, maxFiles);
  const result = await finish(context, merge, resolution);
  const report = {
    action: 'clean',
    total_conflicts: 0,
    max_files: maxFiles,
    result,
    resolved: resolution.resolved,
  };
  return finding(`all conflicts are resolved: ${short(result)}`, report);
}

const finding = (summary: string, report: Record<string, unknown>): Finding => ({
  summary,
  report: { conflict_files: [], ...report },
});

/** Makes the merge commit of the resolved tree. */
async function finish(context: Context, merge: MergeRecord, { tree }: ResolutionRecord): Promise<string> {
  const { people, at_sec: atSec, message } = merge.commit;
  if (tree === null || people === null) throw new Error('BUG: conflicts were resolved without a tree');
  return withObjects(context.repository, context.directory, async (objects) => {
    const result = await writeCommit(objects, { tree, parents: merge.parents, message, people, atSec });
    const set = { [runRefs(context.run).merge]: result };
    await setOwnRefs(context.repository, set, `${context.run} resolved`, 'conflicts_unresolved');
    return result;
  });
}

function unresolved(
  target: Target,
  merge: MergeRecord,
  resolution: ResolutionRecord,
  maxFiles: number,
): Stopped {
  const hint = `Merge by hand (git switch ${target.branch} && git merge ${mergeArgument(target, merge)}), resolve, commit, then start again: the result is pushed.`;
  const problems = resolution.left.map(({ path, kind, class: name, why }): Problem => ({
    code: 'conflict',
    message: `"${shownPath(path)}": ${kind} conflict, class ${name}: ${why}.`,
    hint: `Both versions: git diff ${short(merge.parents[0] ?? '')} ${short(merge.parents[1] ?? '')} -- "${shownPath(path)}"`,
  }));
  const first: Problem = {
    code: 'conflicts_unresolved',
    message: `${counted(problems.length, 'file')} of ${target.branch} and ${shownSource(target)} in conflict; nothing was changed.`,
    hint,
  };
  return new Stopped(
    {
      exitCode: problems.length > maxFiles ? 2 : 1,
      reasonCode: 'conflicts_unresolved',
      problems: [first, ...problems],
    },
    {
      action: 'manual_review',
      conflict_files: resolution.left,
      total_conflicts: resolution.left.length,
      max_files: maxFiles,
      result: null,
      resolved: resolution.resolved,
    },
  );
}

/** The fetched commit: the remote-tracking branch has not moved. */
const mergeArgument = (target: Target, merge: MergeRecord): string =>
  target.source.kind === 'local' ? target.source.branch : short(merge.parents[1] ?? '');
