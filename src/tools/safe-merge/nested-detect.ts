/**
 * Step 3: does the work tree hold repositories that are not known to be there?
 */
import { type NestedRepo, type NestedScan, type NestedType, scanNested } from './nested-repos.js';
import { isGiven, wholeNumber } from './options.js';
import { type Report, stopped } from './reasons.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, listed } from './words.js';

export const nestedDetect: Tool = {
  name: 'nested_repos_detect',
  patternId: 'MERGE-003',
  phase: 2,
  phaseName: 'nested_repo_gate',
  summary: 'Finds repositories inside the work tree: submodules, linked work trees, and strays.',
  help: [
    'Strays are neither submodules nor work trees of this repository nor in ignored directories.',
    'A directory that cannot be read is named; with tracked files in it, it stops the merge.',
    'Exit codes: 0 at most --max-stray strays (or --report-only), 2 more, or wrong use.',
  ].join('\n'),
  options: [
    { flags: '--max-stray <count>', description: 'strays that are allowed', default: '0' },
    { flags: '--report-only', description: 'never stop: nested_repos_normalize --apply comes next' },
  ],
  tolerated: false,
  run: detect,
};

async function detect(context: Context, options: OptionValues): Promise<Finding> {
  const maxStray = wholeNumber('nested_repo_block', options, 'max-stray');
  const scan = await scanNested(context.repository);
  const report = describeScan(context, scan);
  if (scan.hiding.length > 0) {
    throw stopped(
      'nested_repo_block',
      2,
      {
        code: 'unreadable_directory',
        message: `${counted(scan.hiding.length, 'directory', 'directories')} with files of this repository cannot be looked into: ${listed(scan.hiding)}. Whether something in there is not committed, nobody can tell.`,
        hint: 'Make them readable for whoever runs this (ls -ld <directory> says whose they are), or run it as their owner.',
      },
      report,
    );
  }
  const stray = strays(scan);
  if (stray.length > maxStray && !isGiven(options, 'report-only')) {
    throw stopped(
      'nested_repo_block',
      2,
      {
        code: 'stray_nested_repo',
        message: `${counted(stray.length, 'repository', 'repositories')} in the work tree that this one does not know: ${listed(stray.map((repo) => repo.path))}.`,
        hint: 'Move them elsewhere or ignore them (.gitignore); or take them in: planwright-merge nested_repos_normalize --apply',
      },
      report,
    );
  }
  const closed = scan.unreadable.length;
  const unseen = closed === 0 ? '' : `; not looked into: ${listed(scan.unreadable)}`;
  return {
    summary: `${counted(stray.length, 'stray')}, ${scan.repos.length - stray.length} others${unseen}`,
    report,
  };
}

export const strays = (scan: NestedScan): NestedRepo[] =>
  scan.repos.filter((repo) => repo.type === 'stray_nested_repo');

/** Returns what the report says of a scan. */
export function describeScan({ repository }: Context, { repos, unreadable }: NestedScan): Report {
  const count = (type: NestedType): number => repos.filter((repo) => repo.type === type).length;
  return {
    work_dir: repository.workTree,
    nested_repos: repos.map(({ path, type, gitDir, isFile }) => ({
      path,
      type,
      git_dir: gitDir,
      is_file: isFile,
    })),
    unreadable,
    summary: {
      total: repos.length,
      submodule_count: count('submodule'),
      stray_count: count('stray_nested_repo'),
      gitlink_without_entry_count: count('gitlink_without_entry'),
      worktree_count: count('worktree'),
      ignored_count: count('ignored'),
      bare_count: count('bare_repository'),
      unreadable_count: unreadable.length,
    },
  };
}
