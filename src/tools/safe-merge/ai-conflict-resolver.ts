/**
 * Step 9: what is left in conflict, and the finished merge when nothing is.
 */
import { join } from 'node:path';
import { withObjects, type Objects } from '../git/objects.js';
import { shownPath } from '../git/path-bytes.js';
import { changeTree } from '../git/tree.js';
import { stateHome } from '../../home.js';
import { finishMerge, keepUnfinished } from './finish-merge.js';
import { mergeOf, required, type MergeRecord, type ResolutionRecord } from './merge-record.js';
import { runPersonCommand } from './person-command.js';
import { fraction, oneOf, textOf, wholeNumber } from './options.js';
import { Stopped, type Problem, type Report } from './reasons.js';
import { type Asking, resolveLeft, type ResolverLimits } from './resolver.js';
import { layOut } from './settle-worktree.js';
import { shownSource, type Target } from './target.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, listed, short } from './words.js';

const ENDS = ['abort', 'pause'] as const;

export const aiConflictResolver: Tool = {
  name: 'ai_conflict_resolver',
  patternId: 'MERGE-AI-CONFLICT',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: 'Asks a resolver about what time may not decide; finishes the merge when no conflict is left.',
  help: [
    'A resolver is a command of yours: the three versions of a file in, merged text and a confidence out; see',
    'docs/safe-merge.md. How the same lines were resolved before is tried first. Without one, a person decides.',
    'Exit codes: 0 no conflict is left (or --on-unresolved pause), 1 some are, 2 more than --max-files are.',
  ].join('\n'),
  options: [
    {
      flags: '--resolver <command>',
      description:
        'a line for the shell, or a JSON list of program and arguments; default: SAFE_MERGE_RESOLVER',
      default: '',
    },
    {
      flags: '--check <command>',
      description: 'must accept each resolved file (SAFE_MERGE_FILE); default: SAFE_MERGE_CHECK',
      default: '',
    },
    {
      flags: '--max-files <count>',
      description: 'more files in conflict than this are not asked about, and stop with exit code 2',
      default: '20',
    },
    { flags: '--max-seconds <count>', description: 'the most one file may take', default: '120' },
    {
      flags: '--min-confidence <number>',
      description: 'from 0 to 1; less is left to a person',
      default: '0.7',
    },
    {
      flags: '--on-unresolved <what>',
      description: 'abort; or pause: succeed, and leave the rest to conflict_settle',
      default: 'abort',
    },
  ],
  endsPhase: true,
  tolerated: false,
  run: finishStep,
};

async function finishStep(context: Context, options: OptionValues): Promise<Finding> {
  const maxFiles = wholeNumber('conflicts_unresolved', options, 'max-files');
  const limits = limitsOf(context, options);
  const onUnresolved = oneOf('conflicts_unresolved', options, 'on-unresolved', ENDS);
  const head = { max_files: maxFiles };
  const merge = await mergeOf(context);
  if (merge.action !== 'conflicts') return finding('no conflicts', { ...head, result: merge.result });
  const before = await required(context, 'timestamp_resolver', 'conflicts_unresolved');
  return withObjects(context.repository, context.directory, async (objects) => {
    const tooMany = before.left.length > maxFiles;
    const after: Asked =
      tooMany || context.dryRun ? before : await asked(context, objects, merge, before, limits);
    const report = { ...head, resolved: after.resolved, lessons: after.lessons ?? [] };
    if (after.left.length === 0) {
      const result = await finishMerge(context, objects, merge, after.tree);
      return finding(`all conflicts are resolved: ${short(result)}`, { ...report, result });
    }
    const stop = unresolved(context.target, merge, after, report, tooMany ? 2 : 1);
    if (context.dryRun) return undecided(context, merge, after, report, null, limits.resolver !== '');
    if (onUnresolved === 'abort') throw stop;
    await keepUnfinished(context, objects, merge, after.tree);
    return undecided(context, merge, after, report, await layOut(context, objects, merge, after), false);
  });
}

function limitsOf({ env }: Context, options: OptionValues): ResolverLimits {
  return {
    resolver: textOf(options, 'resolver') || (env['SAFE_MERGE_RESOLVER'] ?? ''),
    check: textOf(options, 'check') || (env['SAFE_MERGE_CHECK'] ?? ''),
    maxSeconds: wholeNumber('conflicts_unresolved', options, 'max-seconds'),
    minConfidence: fraction('conflicts_unresolved', options, 'min-confidence'),
  };
}

/** How far the resolver came. */
interface Asked extends ResolutionRecord {
  readonly lessons?: readonly unknown[];
}

async function asked(
  context: Context,
  objects: Objects,
  merge: MergeRecord,
  { tree, resolved, left }: ResolutionRecord,
  limits: ResolverLimits,
): Promise<Asked> {
  const { directory, env, run, target } = context;
  const asking: Asking = {
    ...{ folder: join(directory, 'resolve'), home: stateHome(env), run },
    ...{ branch: target.branch, source: shownSource(target) },
    start: (command) => runPersonCommand({ ...command, env: { ...env, ...command.env } }),
  };
  const answer = await resolveLeft(asking, objects, merge, left, limits);
  const changed = tree !== null && answer.contents.size > 0;
  return {
    tree: changed ? await changeTree(objects, tree, answer.contents) : tree,
    resolved: [...resolved, ...answer.resolved],
    left: answer.left,
    lessons: answer.lessons,
  };
}

/** The plan's outputs are there on every ending that goes on. */
const finding = (summary: string, report: Report): Finding => ({
  summary,
  report: { action: 'clean', conflict_files: [], total_conflicts: 0, ...report },
  result: { undecided: 0, question: '' },
});

const MAX_SUMMARY = 1500;

/** What a person is asked. */
function undecided(
  { target, run, dryRun }: Context,
  merge: MergeRecord,
  { left, tree }: ResolutionRecord,
  report: Report,
  worktree: string | null,
  wouldAsk: boolean,
): Finding {
  const count = counted(left.length, 'file');
  const names = left.map(({ path, kind, why }) => `- ${shownPath(path)} (${kind}): ${why}`).join('\n');
  const cut = names.length > MAX_SUMMARY ? `${names.slice(0, MAX_SUMMARY)} …` : names;
  const text = [
    `${count} of ${target.branch} and ${shownSource(target)} in conflict:`,
    cut,
    'ours: keep the versions of the branch here. theirs: take those that are merged in. abort: leave everything as it is.',
    ...(worktree === null ? [] : [`resolved: first resolve them in ${worktree}, and git add each.`]),
  ].join('\n');
  const would = wouldAsk ? 'the resolver would be asked about' : 'a person must decide';
  return {
    summary: `${would} ${count}: ${listed(left.map(({ path }) => path))}`,
    report: {
      ...report,
      action: 'undecided',
      conflict_files: left,
      total_conflicts: left.length,
      tree,
      worktree,
      parents: merge.parents,
      result: null,
    },
    // In a dry run nobody is asked.
    result: { undecided: dryRun ? 0 : left.length, question: text, worktree: worktree ?? '', run },
  };
}

function unresolved(
  target: Target,
  merge: MergeRecord,
  resolution: ResolutionRecord,
  report: Report,
  exitCode: 1 | 2,
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
      exitCode,
      reasonCode: 'conflicts_unresolved',
      problems: [first, ...problems],
    },
    {
      ...report,
      action: 'manual_review',
      conflict_files: resolution.left,
      total_conflicts: resolution.left.length,
      result: null,
    },
  );
}

/** The fetched commit: the remote-tracking branch has not moved. */
const mergeArgument = (target: Target, merge: MergeRecord): string =>
  target.source.kind === 'local' ? target.source.branch : short(merge.parents[1] ?? '');
