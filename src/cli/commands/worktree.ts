/**
 * `planwright worktree`: the work trees of a repository, the engine's and people's.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  cleanWorktrees,
  createWorktree,
  listWorktrees,
  mergeBranch,
  removeWorktree,
  worktreeStatus,
  type ListedWorktree,
} from '../../client/worktrees.js';
import { stateHome } from '../../home.js';
import { examples, paintOf, print, printJson, type Host } from '../command.js';
import { addJson, ageOf } from '../options.js';
import { oneLine } from '../text/neutralise.js';
import { table } from '../text/table.js';
import { plural } from '../text/time.js';

interface Flags {
  readonly root?: string;
  readonly json: boolean;
}

const ROOT = ['--root <repository>', 'the repository (default: where you stand)'] as const;

export function define(command: Command, { world, exit }: Host): void {
  const rootOf = ({ root }: Flags): string => resolve(world.cwd, root ?? '.');
  const home = stateHome(world.env);
  const paint = paintOf(world);
  const width = world.out.isTerminal ? world.out.size().columns : Infinity;
  const cells = ({ path, branch, commit, kind, run, step, missing, locked }: ListedWorktree) => [
    { text: missing ? 'gone' : kind },
    { text: oneLine(branch ?? '-') },
    { text: commit?.slice(0, 10) ?? '-' },
    {
      text: `${oneLine(path)}${run === null ? '' : `  ${step ?? ''} of ${run}`}${locked ? '  (locked)' : ''}`,
    },
  ];
  addJson(
    command
      .command('list')
      .description('list them: path, branch, commit, whose')
      .option(...ROOT),
  ).action(async (flags: Flags) => {
    const trees = await listWorktrees(rootOf(flags), home);
    if (flags.json) printJson(world, trees);
    else print(world, ...table(['kind', 'branch', 'commit', 'path'], trees.map(cells), width, paint));
    exit(0);
  });
  const status = command
    .command('status')
    .description('say what is not committed in them')
    .argument('[worktree]', 'its path or branch (default: all)')
    .option(...ROOT);
  addJson(status).action(async (named: string | undefined, flags: Flags) => {
    const trees = await worktreeStatus(rootOf(flags), home, world.cwd, named);
    if (flags.json) printJson(world, trees);
    else
      print(
        world,
        ...trees.map(({ path, changed, untracked }) => {
          const says =
            changed === null
              ? 'cannot be looked at'
              : changed + (untracked ?? 0) === 0
                ? 'clean'
                : `${plural(changed, 'changed file')}, ${plural(untracked ?? 0, 'new one')}`;
          return `${oneLine(path)}  ${changed === 0 && untracked === 0 ? paint.dim(says) : paint.yellow(says)}`;
        }),
      );
    exit(0);
  });
  const create = command
    .command('create')
    .description('make one for yourself, on a branch that is made if it is not there')
    .argument('<branch>')
    .argument('[path]', 'where (default: <repository>.worktrees/<branch>)')
    .option('--from <commit>', 'where a new branch begins (default: what is checked out)')
    .option(...ROOT);
  addJson(create).action(
    async (branch: string, path: string | undefined, flags: Flags & { readonly from?: string }) => {
      const to = path === undefined ? null : resolve(world.cwd, path);
      const made = await createWorktree(rootOf(flags), branch, { path: to, from: flags.from ?? null });
      if (flags.json) printJson(world, made);
      else print(world, `${made.path}  ${made.branch}${made.made ? ' (new)' : ''}`);
      exit(0);
    },
  );
  const remove = command
    .command('remove')
    .description('remove one that has nothing uncommitted; its branch stays')
    .argument('<worktree>', 'its path or branch')
    .option(...ROOT);
  addJson(remove).action(async (named: string, flags: Flags) => {
    const removed = await removeWorktree(rootOf(flags), home, world.cwd, named);
    if (flags.json) printJson(world, removed);
    else
      print(
        world,
        `removed ${removed.path}${removed.branch === null ? '' : `; branch "${removed.branch}" stays`}`,
      );
    exit(0);
  });
  const merge = command
    .command('merge')
    .description('merge a branch into another by a merge commit; with conflicts nothing changes')
    .argument('<branch>')
    .requiredOption('--into <branch>', 'the branch that gets it')
    .option(...ROOT);
  addJson(merge).action(async (branch: string, flags: Flags & { readonly into: string }) => {
    const merged = await mergeBranch(rootOf(flags), home, branch, flags.into, world.now());
    if (flags.json) printJson(world, merged);
    else if (merged.merged)
      print(
        world,
        merged.already
          ? `"${flags.into}" has it already`
          : `"${flags.into}" is at ${merged.commit.slice(0, 10)}`,
      );
    else
      print(
        world,
        `${paint.red(paint.marks.failed)} not merged, and nothing has changed: ${oneLine(merged.reason)}`,
        ...merged.conflicts.map((path) => `  ${oneLine(path)}`),
      );
    exit(merged.merged ? 0 : 1);
  });
  const clean = command
    .command('clean')
    .description('remove those that nobody uses: what is in those of runs is kept as a patch')
    .option('--older-than <age>', 'only those made longer ago: 12h, 30d', ageOf, 24 * 3600e3)
    .option('--dry-run', 'say which, remove none', false)
    .option(...ROOT);
  addJson(clean).action(async (flags: Flags & { readonly olderThan: number; readonly dryRun: boolean }) => {
    const { olderThan: olderThanMs, dryRun } = flags;
    const done = await cleanWorktrees(rootOf(flags), home, { olderThanMs, dryRun, now: world.now() });
    if (flags.json) printJson(world, done);
    else if (done.length === 0) print(world, 'nothing to clean');
    else
      print(
        world,
        ...done.map(({ path, kept, patch }) =>
          kept === null
            ? `${dryRun ? 'would remove' : 'removed'} ${oneLine(path)}${patch === null ? '' : `; its patch is ${patch}`}`
            : `${oneLine(path)} stays: ${oneLine(kept)}`,
        ),
      );
    exit(0);
  });
  examples(
    command,
    'planwright worktree list --json',
    'planwright worktree status',
    'planwright worktree create feature/search',
    'planwright worktree remove feature/search',
    'planwright worktree merge feature/search --into main',
    'planwright worktree clean --older-than 24h --dry-run',
  );
}
