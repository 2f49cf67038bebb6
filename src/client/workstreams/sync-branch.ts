/**
 * The branch that workstreams are synchronised to: made or gone on with, never the default one, and pushed.
 */
import { identity } from '../../tools/git/commit.js';
import { GitFailure } from '../../tools/git/call.js';
import { BadName, branchName, remoteName } from '../../tools/git/names.js';
import { pushCommit } from '../../tools/git/push.js';
import { readRef } from '../../tools/git/refs.js';
import {
  branchOnRemote,
  fetchBranches,
  findRemote,
  RemoteFailure,
  type Remote,
} from '../../tools/git/remote.js';
import { gitIn, line, NoRepository, openRepository, type Repository } from '../../tools/git/repository.js';
import { checkoutsOf } from '../../tools/git/worktrees.js';
import type { People } from '../../tools/git/commit.js';
import { PlanwrightError } from '../errors.js';

export interface SyncBranch {
  readonly repository: Repository;
  readonly branch: string;
  readonly remote: Remote | null;
  /** Where it is here; null when it is to be made. */
  readonly from: string | null;
  /** Where it begins then. */
  readonly start: string;
  readonly people: People;
}

/** Names of default branches, refused where a remote cannot be asked. */
const USUAL: readonly string[] = ['main', 'master', 'trunk'];

/**
 * Looks at everything that could stand in the way, before anything is changed.
 *
 * @throws PlanwrightError `bad-request`
 */
export async function syncBranch(root: string, named: string, remoteText: string): Promise<SyncBranch> {
  const refuse = (message: string, ...remedies: string[]): PlanwrightError =>
    new PlanwrightError('bad-request', message, remedies);
  try {
    const branch = branchName(named);
    const repository = await openRepository(root);
    if (repository.workTree === null)
      throw refuse(`"${root}" has no files: it is a bare repository`, 'name a clone: --root <repository>');
    const remote = await findRemote(repository, remoteName(remoteText));
    const standard = await defaultBranch(repository, remoteText);
    if (branch === standard || (standard === null && USUAL.includes(branch))) {
      throw refuse(
        `"${branch}" is the default branch: workstreams are never pushed to it`,
        'name another: --branch feature/…',
      );
    }
    const [checkout] = await checkoutsOf(repository, branch);
    if (checkout !== undefined) {
      throw refuse(
        `branch "${branch}" is checked out in ${checkout.path}: its files would no longer be what is committed`,
        'name another branch, or switch to another there',
      );
    }
    const people = await identity(repository);
    if (people === null)
      throw refuse('git does not know who you are', 'git config user.name "…"; git config user.email "…"');
    const from = await readRef(repository, `refs/heads/${branch}`);
    const start = from ?? (await onRemote(repository, remote, branch)) ?? (await headOf(repository));
    if (start === null) throw refuse(`"${root}" has no commit yet`, 'make a first commit');
    return { repository, branch, remote, from, start, people };
  } catch (error) {
    if (error instanceof BadName) throw refuse(error.message);
    if (error instanceof NoRepository) throw refuse(error.message, error.hint);
    throw error;
  }
}

async function defaultBranch(repository: Repository, remote: string): Promise<string | null> {
  const ref = `refs/remotes/${remote}/HEAD`;
  const local = await gitIn(repository, ['symbolic-ref', '--quiet', ref], { accept: [0, 1] });
  const prefix = `refs/remotes/${remote}/`;
  if (local.exitCode === 0 && line(local).startsWith(prefix)) return line(local).slice(prefix.length);
  try {
    const args = [
      'ls-remote',
      '--symref',
      '--upload-pack=git-upload-pack',
      '--end-of-options',
      remote,
      'HEAD',
    ];
    const answer = await gitIn(repository, args);
    return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(answer.stdout.toString('utf8'))?.[1] ?? null;
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    return null; // no such remote, or no network
  }
}

/** A branch that only the remote has is gone on with. */
async function onRemote(
  repository: Repository,
  remote: Remote | null,
  branch: string,
): Promise<string | null> {
  if (remote === null) return null;
  try {
    if ((await branchOnRemote(repository, remote, branch, false)) === null) return null;
    const to = `refs/planwright/sync/${branch}`;
    await fetchBranches(repository, remote, [{ branch, to }]);
    return await readRef(repository, to);
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    return null; // the push will say what is wrong with the remote
  }
}

async function headOf(repository: Repository): Promise<string | null> {
  const args = ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'];
  const answer = await gitIn(repository, args, { accept: [0, 1, 128] });
  return answer.exitCode === 0 ? line(answer) : null;
}

/** Pushes the branch, and remembers where it goes. Returns why it could not, or null. */
export async function pushBranch(
  { repository, branch }: SyncBranch,
  remote: Remote,
  tip: string,
): Promise<string | null> {
  try {
    if ((await branchOnRemote(repository, remote, branch, true)) !== tip) {
      const pushed = await pushCommit(repository, remote, branch, tip);
      if (pushed.kind === 'moved')
        return `the remote's "${branch}" has commits that are not here: ${pushed.said}`;
      if (pushed.kind === 'refused') return `the remote refuses: ${pushed.said}`;
      // An answer can be lost: where the branch is decides.
      if (pushed.kind === 'no-answer' && (await branchOnRemote(repository, remote, branch, true)) !== tip)
        return `no answer from the remote: ${pushed.said}`;
    }
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    return `the remote cannot be reached: ${error.said}`;
  }
  await gitIn(repository, ['config', `branch.${branch}.remote`, remote.name]);
  await gitIn(repository, ['config', `branch.${branch}.merge`, `refs/heads/${branch}`]);
  return null;
}
