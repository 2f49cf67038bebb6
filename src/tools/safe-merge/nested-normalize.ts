/**
 * Step 4: taking stray repositories in, when asked to; else only saying what would be done.
 */
import { resolve } from 'node:path';
import { identity } from '../git/commit.js';
import type { BranchName } from '../git/names.js';
import { readRef } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { readStatus } from '../git/status.js';
import { checkedOut } from '../git/worktrees.js';
import { applySteps, type Base } from './nested-apply.js';
import { describeScan, strays } from './nested-detect.js';
import { type NestedRepo, scanNested } from './nested-repos.js';
import { type Action, absorb, keepAsSubmodule, type Step, type Taking } from './nested-take-in.js';
import { isGiven, oneOf, textOf } from './options.js';
import { holdBranch } from './push-lock.js';
import { type Report, Stopped, stopped } from './reasons.js';
import { recover } from './recover.js';
import { readReport, REPORT_FILES } from './state.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, listed } from './words.js';

const WAYS = ['absorb_as_folder', 'keep_as_submodule'] as const;
type Way = (typeof WAYS)[number];

export const nestedNormalize: Tool = {
  name: 'nested_repos_normalize',
  patternId: 'MERGE-005',
  phase: 2,
  phaseName: 'nested_repo_gate',
  summary:
    'Takes stray repositories in, as folders or as submodules; without --apply it only says what it would do.',
  help: [
    'absorb_as_folder moves the inner git directory to <git dir>/planwright/nested/ and tracks the files;',
    'keep_as_submodule registers it with the address of its remote. Both make one commit on the branch that is checked',
    'out. Work that is only in the inner repository is refused without --force.',
    'Exit codes: 0 no stray is left, 1 strays are left or could not be taken in, 2 wrong use.',
  ].join('\n'),
  options: [
    {
      flags: '--input <file>',
      description: 'the report of nested_repos_detect; default: that of the run',
      default: '',
    },
    { flags: '--policy <policy>', description: `auto, ${WAYS.join(', ')}`, default: 'auto' },
    {
      flags: '--default <way>',
      description: 'what auto means for a path without --keep',
      default: 'absorb_as_folder',
    },
    {
      flags: '--keep <paths>',
      description: 'paths that auto keeps as submodules, separated by commas',
      default: '',
    },
    { flags: '--apply', description: 'do it' },
    { flags: '--force', description: 'also when the inner repository holds work that is nowhere else' },
  ],
  endsPhase: true,
  tolerated: false,
  run: normalize,
};

async function normalize(context: Context, options: OptionValues): Promise<Finding> {
  const { repository } = context;
  const policy = oneOf('nested_repo_block', options, 'policy', ['auto', ...WAYS] as const);
  const fallback = oneOf('nested_repo_block', options, 'default', WAYS);
  const keep = textOf(options, 'keep')
    .split(',')
    .map((path) => path.trim().replace(/\/+$/, ''));
  const wayOf = (path: string): Way => {
    if (policy !== 'auto') return policy;
    return keep.some((kept) => kept !== '' && (path === kept || path.startsWith(`${kept}/`)))
      ? 'keep_as_submodule'
      : fallback;
  };
  if (isGiven(options, 'apply') && !context.dryRun) await clearUp(context);
  const wanted = await reported(context, textOf(options, 'input'));
  // The report may be old: only what is a stray now is touched. Where it names none there is nothing to look for.
  const found =
    wanted?.size === 0
      ? []
      : strays(await scanNested(repository)).filter((repo) => wanted === null || wanted.has(repo.path));
  const head = { policy, default_policy: fallback };
  if (found.length === 0) {
    return { summary: 'no stray repositories', report: { ...head, actions: [], count: 0, successful: 0 } };
  }
  if (!isGiven(options, 'apply') || context.dryRun) throw onlySaid(found, wayOf, head);
  const actions = await takeAllIn(context, found, wayOf, isGiven(options, 'force'));
  return conclude(context, actions, head);
}

/** The strays that the detector named, or null when it was not asked. */
async function reported(context: Context, input: string): Promise<ReadonlySet<string> | null> {
  const file =
    input === '' ? resolve(context.directory, REPORT_FILES.nested_repos_detect) : resolve(context.cwd, input);
  const report = await readReport(file);
  if (report === null) {
    if (input === '') return null;
    throw stopped('nested_repo_block', 2, {
      code: 'input_missing',
      message: `"${file}" is no report of nested_repos_detect.`,
      hint: 'Run nested_repos_detect first, or leave --input out.',
    });
  }
  const repos = Array.isArray(report['nested_repos'])
    ? (report['nested_repos'] as Partial<NestedRepo>[])
    : [];
  return new Set(
    repos.flatMap((repo) =>
      repo.type === 'stray_nested_repo' && repo.path !== undefined ? [repo.path] : [],
    ),
  );
}

function onlySaid(found: readonly NestedRepo[], wayOf: (path: string) => Way, head: Report): Stopped {
  const actions = found.map(({ path }) => ({ action: 'dry_run', path, success: false, would: wayOf(path) }));
  return stopped(
    'nested_repo_block',
    1,
    {
      code: 'stray_nested_repo',
      message: `${counted(found.length, 'stray')} would be taken in: ${listed(found.map((repo) => repo.path))}.`,
      hint: 'Say --apply to do it, after a look at the report.',
    },
    { ...head, actions, count: actions.length, successful: 0 },
  );
}

/** What a killed run left half taken in is given back or finished first. */
async function clearUp({ repository, directory, target }: Context): Promise<void> {
  const branch = (await checkedOut(repository)) ?? target.branch;
  const { problems } = await recover(repository, directory, branch);
  const [problem, ...more] = problems;
  if (problem === undefined) return;
  throw new Stopped({ exitCode: 1, reasonCode: 'nested_repo_block', problems: [problem, ...more] });
}

async function takeAllIn(
  context: Context,
  found: readonly NestedRepo[],
  wayOf: (path: string) => Way,
  force: boolean,
): Promise<Action[]> {
  const { repository } = context;
  const base = await committable(repository, found);
  const outcomes: (Step | Action)[] = [];
  for (const repo of found) {
    const taking: Taking = { repository, run: context.run, repo, force };
    outcomes.push(await (wayOf(repo.path) === 'absorb_as_folder' ? absorb(taking) : keepAsSubmodule(taking)));
  }
  const steps = outcomes.flatMap((outcome) => ('move' in outcome ? [outcome] : []));
  if (steps.length > 0) {
    const branch = { ...context, target: { ...context.target, branch: base.branch as BranchName } };
    const lock = await holdBranch(branch, 'nested_repo_block', LOCK_PATIENCE_SEC);
    try {
      await applySteps(context, base, steps);
    } finally {
      await lock.release();
    }
  }
  return outcomes.map((outcome) => ('move' in outcome ? outcome.action : outcome));
}

/** Another run may be publishing the branch. */
const LOCK_PATIENCE_SEC = 600;

/** One commit of ours must hold these paths and nothing else. */
async function committable(repository: Repository, found: readonly NestedRepo[]): Promise<Base> {
  const refuse = (code: string, message: string, hint: string): Stopped =>
    stopped('nested_repo_block', 1, { code, message, hint });
  const branch = await checkedOut(repository);
  const tip = branch === null ? null : await readRef(repository, `refs/heads/${branch}`);
  if (branch === null || tip === null) {
    throw refuse(
      'no_branch',
      'no branch with a commit is checked out to take the strays in.',
      'Check one out: git switch <branch>',
    );
  }
  const { changed, unmerged } = await readStatus(repository);
  const inside = (path: string): boolean =>
    found.some((repo) => path === repo.path || path.startsWith(`${repo.path}/`));
  const others = [...changed, ...unmerged].filter((path) => !inside(path));
  if (others.length > 0) {
    throw refuse(
      'dirty_working_tree',
      `files are not committed: ${listed(others)}.`,
      'Commit them or put them aside (git stash -u).',
    );
  }
  const people = await identity(repository);
  if (people === null) {
    throw refuse(
      'identity_missing',
      'a commit is needed, and git does not know in whose name to make it.',
      'Tell it: git config user.name "…" && git config user.email "…"',
    );
  }
  return { branch, tip, people };
}

async function conclude(context: Context, actions: readonly Action[], head: Report): Promise<Finding> {
  const scan = await scanNested(context.repository);
  const left = strays(scan);
  const successful = actions.filter((action) => action.success).length;
  const report = { ...head, actions, count: actions.length, successful, after: describeScan(context, scan) };
  if (left.length === 0)
    return { summary: `${counted(successful, 'repository', 'repositories')} taken in`, report };
  const why = actions
    .filter((action) => !action.success)
    .map((action) => `${action.path}: ${action.error ?? action.action}`);
  throw stopped(
    'nested_repo_block',
    1,
    {
      code: 'stray_nested_repo',
      message: `${counted(left.length, 'stray')} left: ${why.join('; ') || listed(left.map((repo) => repo.path))}.`,
      hint: 'See to them by hand, or say --force where their history may stay behind in the backup.',
    },
    report,
  );
}
