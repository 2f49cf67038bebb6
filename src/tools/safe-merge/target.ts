/**
 * What is merged into what, and where it is published.
 */
import { type BranchName, branchName, BadName, remoteName, type RemoteName } from '../git/names.js';
import { gitIn, line, type Repository } from '../git/repository.js';
import { checkedOut, leftFor } from '../git/worktrees.js';
import { type ReasonCode, stopped } from './reasons.js';

export interface Target {
  /** The branch that is merged into and published. */
  readonly branch: BranchName;
  readonly remote: RemoteName;
  readonly source: Source;
}

/** What is merged: a branch of the remote, or one of this repository. */
export interface Source {
  readonly kind: 'remote' | 'local';
  readonly branch: BranchName;
}

/** As a person gives it; an empty text is "not given". */
export interface TargetOptions {
  readonly branch: string;
  readonly source: string;
  readonly remote: string;
}

/** True when the branch is brought together with its own counterpart on the remote, and nothing else. */
export const isOwnCounterpart = ({ branch, source }: Target): boolean =>
  source.kind === 'remote' && source.branch === branch;

/** Returns the source as people write it: `origin/main`, `feature/x`. */
export const shownSource = ({ source, remote }: Target): string =>
  source.kind === 'remote' ? `${remote}/${source.branch}` : source.branch;

/**
 * Returns what the options mean. Without a branch: the one that is checked out. Without a source: the target's
 * counterpart on the remote. A source that opens with the remote's name is a branch there; any other is a local one.
 *
 * @throws Stopped on a name that is not used here, and when there is no branch to take
 */
export async function resolveTarget(
  repository: Repository,
  options: TargetOptions,
  reasonCode: ReasonCode,
): Promise<Target> {
  try {
    const remote = remoteName(options.remote || 'origin');
    const branch = branchName(options.branch || (await currentBranch(repository, reasonCode)));
    return { branch, remote, source: sourceOf(options.source, remote, branch) };
  } catch (error) {
    if (!(error instanceof BadName)) throw error;
    throw stopped(reasonCode, 2, {
      code: `bad_${error.kind}_name`,
      message: error.message,
      hint: `Give another ${error.kind} name.`,
    });
  }
}

function sourceOf(text: string, remote: RemoteName, branch: BranchName): Source {
  if (text === '') return { kind: 'remote', branch };
  const prefix = `${remote}/`;
  return text.startsWith(prefix)
    ? { kind: 'remote', branch: branchName(text.slice(prefix.length)) }
    : { kind: 'local', branch: branchName(text) };
}

async function currentBranch(repository: Repository, reasonCode: ReasonCode): Promise<string> {
  // In the middle of a rebase HEAD is detached: its branch is meant, and the rebase is what env_scan will name.
  const branch = (await checkedOut(repository)) ?? (await leftFor(repository));
  if (branch !== null) return branch;
  const head = await gitIn(repository, ['rev-parse', '--short', 'HEAD'], { accept: [0, 128] });
  throw stopped(reasonCode, 1, {
    code: 'detached_head',
    message: `no branch was given and none is checked out: HEAD is detached${head.exitCode === 0 ? ` at ${line(head)}` : ''}.`,
    hint: 'Give the branch to merge into (BRANCH, --branch), or check one out: git switch <branch>.',
  });
}
