/**
 * Whether a repository is in a state in which its branch may be moved. Looks only; `env_scan` and `guarded_push` ask it.
 */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { shownText } from '../git/call.js';
import {
  type LockFile,
  lockFiles,
  type Operation,
  operationsInProgress,
  waysOut,
} from '../git/in-progress.js';
import { fileBytes } from '../git/path-bytes.js';
import { readRefs } from '../git/refs.js';
import { findRemote, remoteNames, trackingRef, type Remote } from '../git/remote.js';
import { type Repository, settingsOf } from '../git/repository.js';
import { readStatus, type Status } from '../git/status.js';
import { checkedOut, checkoutsOf, usesOf } from '../git/worktrees.js';
import type { Problem } from './reasons.js';
import { shownSource, type Target } from './target.js';
import { counted, listed } from './words.js';

/** A work tree that was looked at. */
export interface ExaminedCheckout {
  readonly path: string;
  readonly gitDir: string;
  /** It holds the target branch, so that it moves with it. */
  readonly moves: boolean;
  readonly operations: readonly Operation[];
  readonly locks: readonly LockFile[];
  readonly status: Status;
  /** Untracked nested repositories: for the next gate to judge. */
  readonly nested: readonly string[];
}

export interface Examined {
  readonly problems: readonly Problem[];
  /** What is worth knowing and stops nothing. */
  readonly notes: readonly string[];
  readonly checkouts: readonly ExaminedCheckout[];
  /** The commit of the target branch, or null. */
  readonly tip: string | null;
  readonly remote: Remote | null;
  /** Where the target's counterpart was when it was last fetched; null when it never was. */
  readonly known: { readonly ref: string; readonly commit: string } | null;
  /** The checked-out branch, for the report. */
  readonly current: string | null;
}

/** Files that the pipeline of old, its log and the sync daemon leave in a work tree: they make no tree dirty. */
const TRACES = [/^\.state(\/|$)/, /^logs(\/|$)/, /^\.sync-log\.txt(\.\d+)?$/];

/** Another git may be at work this very moment: its lock is gone before this is over. */
const LOCK_PATIENCE_MS = 3000;

/** Examines everything and names all that is wrong, not only the first. */
export async function examine(repository: Repository, target: Target, now: () => number): Promise<Examined> {
  // Side by side: the one is a few small questions, the other looks at every file.
  const [branches, checkouts] = await Promise.all([
    examineBranches(repository, target),
    examineCheckouts(repository, target, now),
  ]);
  const { current } = branches;
  const problems = [...historyProblems(repository), ...branches.problems, ...checkouts.problems];
  const inUse = checkouts.examined
    .filter(({ moves, status }) => !moves && status.changed.length > 0)
    .map(
      ({ path, status }) =>
        `${counted(status.changed.length, 'file')} not committed in ${path}: "${current ?? 'HEAD'}" is checked out there, not "${target.branch}", so they are not in the way.`,
    );
  const { tip, remote, known } = branches;
  const notes = [...branches.notes, ...inUse];
  return { problems, notes, checkouts: checkouts.examined, tip, remote, known, current };
}

async function examineBranches(
  repository: Repository,
  target: Target,
): Promise<Pick<Examined, 'tip' | 'remote' | 'known' | 'current' | 'problems' | 'notes'>> {
  const current = await checkedOut(repository);
  const remote = await findRemote(repository, target.remote);
  const tracking = remote === null ? null : trackingRef(remote.refspecs, target.branch);
  const branches = await branchProblems(repository, target, current, tracking);
  const problems = [...(await remoteProblems(repository, target, remote)), ...branches.problems];
  const notes = remote === null ? [] : await otherRemote(repository, target);
  return { ...branches, problems, notes, remote, current };
}

/** Whoever pulls and pushes with git itself may expect the branch to go where git would take it. */
async function otherRemote(repository: Repository, { branch, remote }: Target): Promise<string[]> {
  const [followed] = (await settingsOf(repository, `branch.${branch}.remote`)).slice(-1);
  if (followed === undefined || followed === '.' || followed === remote) return [];
  return [
    `"${branch}" follows the remote "${shownText(followed)}", and this run brings it together with "${remote}". If the other was meant, name it (REMOTE, --remote).`,
  ];
}

async function examineCheckouts(
  repository: Repository,
  target: Target,
  now: () => number,
): Promise<{ readonly examined: ExaminedCheckout[]; readonly problems: Problem[] }> {
  const problems: Problem[] = [];
  const examined: ExaminedCheckout[] = [];
  for (const { repository: checkout, moves, path } of await relevantCheckouts(repository, target)) {
    if (checkout === null) {
      problems.push(unreachable(path, target));
      continue;
    }
    const one = await examineCheckout(checkout, target, moves, now);
    examined.push(one);
    problems.push(...checkoutProblems(one, target));
  }
  return { examined, problems };
}

function historyProblems(repository: Repository): Problem[] {
  const problems: Problem[] = [];
  if (repository.shallow) {
    problems.push({
      code: 'shallow_clone',
      message:
        'this clone has only the newest commits, so that the common ancestor of the two branches may be missing.',
      hint: 'Get the rest of the history first: git fetch --unshallow',
    });
  }
  if (repository.partial) {
    problems.push({
      code: 'partial_clone',
      message: 'this clone leaves some file contents on the remote; merging would need them.',
      hint: 'Merge in a complete clone: git clone without --filter.',
    });
  }
  return problems;
}

async function remoteProblems(
  repository: Repository,
  target: Target,
  remote: Remote | null,
): Promise<Problem[]> {
  if (remote === null) {
    const names = await remoteNames(repository);
    const known = names.length === 0 ? 'this repository has none' : `it has ${listed(names)}`;
    return [
      {
        code: 'remote_missing',
        message: `there is no remote "${target.remote}" with an address; ${known}.`,
        hint: `Add it (git remote add ${target.remote} <address>) or name another (REMOTE, --remote).`,
      },
    ];
  }
  if (remote.pushUrls <= 1) return [];
  return [
    {
      code: 'remote_ambiguous',
      message: `pushing to "${target.remote}" would push to ${remote.pushUrls} addresses, and could succeed on some of them only.`,
      hint: 'Name a remote with one push address (REMOTE, --remote).',
    },
  ];
}

async function branchProblems(
  repository: Repository,
  target: Target,
  current: string | null,
  tracking: string | null,
): Promise<{ tip: string | null; known: Examined['known']; problems: Problem[] }> {
  const name = `refs/heads/${target.branch}`;
  const sourceName = `refs/heads/${target.source.branch}`;
  const refs = await readRefs(repository, [name, sourceName, ...(tracking === null ? [] : [tracking])]);
  const tip = refs.get(name);
  const problems: Problem[] = [];
  if (tip === undefined && current === target.branch) {
    problems.push({
      code: 'unborn_branch',
      message: `the branch "${target.branch}" has no commit yet.`,
      hint: `Make the first commit, or start from the remote's: git pull ${target.remote} ${target.branch}`,
    });
  } else if (tip === undefined) {
    problems.push({
      code: 'branch_missing',
      message: `there is no local branch "${target.branch}".`,
      hint: `Make it (git branch ${target.branch} ${target.remote}/${target.branch}) or name another (BRANCH, --branch).`,
    });
  } else if (tip.symbolicFor !== null) {
    problems.push({
      code: 'branch_is_symbolic',
      message: `the branch "${target.branch}" only stands for "${tip.symbolicFor}".`,
      hint: 'Name that branch itself.',
    });
  }
  if (target.source.kind === 'local' && !refs.has(sourceName)) {
    problems.push({
      code: 'source_missing',
      message: `there is no local branch "${shownSource(target)}" to merge.`,
      hint: `Name one that exists; for a branch of the remote write "${target.remote}/${target.source.branch}".`,
    });
  }
  for (const { operation, gitDir } of await usesOf(repository, target.branch)) {
    problems.push({
      code: 'branch_in_use',
      message: `a ${operation} of "${target.branch}" is going on (${gitDir}): it would set the branch back.`,
      hint: `Finish it there (${waysOut(operation).finish}) or give it up (${waysOut(operation).giveUp}).`,
    });
  }
  const there = tracking === null ? undefined : refs.get(tracking)?.id;
  const known = tracking === null || there === undefined ? null : { ref: tracking, commit: there };
  return { tip: tip?.id ?? null, known, problems };
}

/** The work tree that was named, and wherever the target is checked out. */
async function relevantCheckouts(
  repository: Repository,
  target: Target,
): Promise<{ path: string; repository: Repository | null; moves: boolean }[]> {
  const moving = (await checkoutsOf(repository, target.branch)).map((checkout) => ({
    ...checkout,
    moves: true,
  }));
  if (repository.workTree === null || moving.some((checkout) => checkout.path === repository.workTree))
    return moving;
  return [{ path: repository.workTree, repository, moves: false }, ...moving];
}

function unreachable(path: string, target: Target): Problem {
  return {
    code: 'checkout_unreachable',
    message: `"${target.branch}" is checked out in "${path}", which cannot be reached: moving the branch would leave its files behind.`,
    hint: 'Make it reachable, or remove it from the list: git worktree unlock <path>, git worktree prune',
  };
}

async function examineCheckout(
  checkout: Repository,
  target: Target,
  moves: boolean,
  now: () => number,
): Promise<ExaminedCheckout> {
  const locks = await lastingLocks(checkout, target.branch, now);
  const [operations, status] = [await operationsInProgress(checkout), await readStatus(checkout)];
  const top = checkout.workTree ?? '';
  const nested = status.untracked.filter(
    (path) => path.endsWith('/') && existsSync(fileBytes(top, `${path}.git`)),
  );
  const untracked = status.untracked.filter(
    (path) => !nested.includes(path) && !TRACES.some((trace) => trace.test(path)),
  );
  return {
    path: top,
    gitDir: checkout.gitDir,
    moves,
    operations,
    locks,
    status: { ...status, untracked },
    nested,
  };
}

async function lastingLocks(
  checkout: Repository,
  branch: string,
  now: () => number,
): Promise<readonly LockFile[]> {
  const patience = now() + LOCK_PATIENCE_MS;
  for (;;) {
    const found = await lockFiles(checkout, branch, now());
    const young = found.some((lock) => lock.ageSec * 1000 < LOCK_PATIENCE_MS);
    if (!young || now() > patience) return found;
    await delay(100);
  }
}

function checkoutProblems(checkout: ExaminedCheckout, target: Target): Problem[] {
  const problems: Problem[] = [];
  const { status, path } = checkout;
  for (const operation of checkout.operations) {
    const { finish, giveUp } = waysOut(operation);
    problems.push({
      code: `${operation.replace('-', '_')}_in_progress`,
      message: `${operation === 'am' ? 'an am' : `a ${operation}`} was begun in ${path} and is not finished.`,
      hint: finish === giveUp ? `End it: ${finish}` : `Finish it (${finish}) or give it up (${giveUp}).`,
    });
  }
  for (const lock of checkout.locks) {
    problems.push({
      code: 'lock_file_present',
      message: `another git is at work, or was killed: "${lock.path}" is there, ${lock.ageSec} s old.`,
      hint: `Wait for it. If no git runs in this repository: rm "${lock.path}"`,
    });
  }
  if (!checkout.moves) return problems;
  if (status.unmerged.length > 0) {
    problems.push({
      code: 'unmerged_paths',
      message: `${counted(status.unmerged.length, 'file')} in conflict in ${path}: ${listed(status.unmerged)}.`,
      hint: 'Resolve them and commit, or give up what made them.',
    });
  }
  if (status.submodules.length > 0) {
    problems.push({
      code: 'dirty_submodules',
      message: `submodules in ${path} hold changes or stand at another commit: ${listed(status.submodules)}.`,
      hint: 'Commit in them, then commit them here; or bring them back: git submodule update',
    });
  }
  const plain = status.changed.filter((file) => !status.submodules.includes(file));
  const dirty = [...plain, ...status.untracked];
  if (dirty.length > 0) {
    problems.push({
      code: 'dirty_working_tree',
      message: `${counted(dirty.length, 'file')} not committed in ${path}, where "${target.branch}" is checked out: ${listed(dirty)}.`,
      hint: 'Commit them, put them in .gitignore, or put them aside (git stash -u), then start again.',
    });
  }
  return problems;
}
