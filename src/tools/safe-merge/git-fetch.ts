/**
 * Step 6: brings the branches over, to refs of our own.
 */
import {
  branchOnRemote,
  defaultBranch,
  type Fetch,
  fetchBranches,
  findRemote,
  type Remote,
  RemoteFailure,
} from '../git/remote.js';
import { readRef } from '../git/refs.js';
import { settingsOf, type Repository } from '../git/repository.js';
import { type BranchName, isBranchName } from '../git/names.js';
import { type Problem, stopped, type Stopped } from './reasons.js';
import { runRefs, type RunKey } from './state.js';
import { isOwnCounterpart, type Target } from './target.js';
import type { Context, Finding, Tool } from './tool.js';
import { short } from './words.js';

export const gitFetch: Tool = {
  name: 'git_fetch',
  patternId: 'MERGE-004-FETCH',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: 'Fetches the branch (and the source) from the remote, to private refs.',
  help: [
    'No other ref moves: remote-tracking branches follow when the merge is published.',
    'Exit codes: 0 fetched, 1 the remote cannot be reached (try again), 2 it has no such branch or refuses.',
  ].join('\n'),
  options: [],
  tolerated: false,
  run: fetchStep,
};

async function fetchStep(context: Context): Promise<Finding> {
  const { repository, target, run } = context;
  const fetched = await fetchTarget(repository, target, run);
  return {
    summary: `${target.remote}/${target.branch} is at ${short(fetched.target)}`,
    report: { target_commit: fetched.target, source_commit: fetched.source },
  };
}

export interface Fetched {
  /** Where the remote has the target branch. */
  readonly target: string;
  /** Where the remote has the source; null when the source is a local branch. */
  readonly source: string | null;
}

/**
 * Fetches what a merge needs.
 *
 * @throws Stopped
 */
export async function fetchTarget(repository: Repository, target: Target, run: RunKey): Promise<Fetched> {
  const remote = await findRemote(repository, target.remote);
  if (remote === null) throw gone(target);
  const refs = runRefs(run);
  const fetches: Fetch[] = [{ branch: target.branch, to: refs.target }];
  const other = target.source.kind === 'remote' && !isOwnCounterpart(target) ? target.source.branch : null;
  if (other !== null) fetches.push({ branch: other, to: refs.source });
  try {
    await fetchBranches(repository, remote, fetches);
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    throw await explain(repository, remote, target, other, error);
  }
  const atTarget = await readRef(repository, refs.target);
  const atSource = other === null ? atTarget : await readRef(repository, refs.source);
  if (atTarget === null || atSource === null)
    throw new Error('BUG: git fetch succeeded without moving its refs');
  return { target: atTarget, source: target.source.kind === 'local' ? null : atSource };
}

/** git fails in the same way for a branch that is not there: ask which it is. */
async function explain(
  repository: Repository,
  remote: Remote,
  target: Target,
  other: BranchName | null,
  failure: RemoteFailure,
): Promise<Stopped> {
  try {
    for (const branch of [target.branch, other]) {
      if (branch === null || (await branchOnRemote(repository, remote, branch, false)) !== null) continue;
      return stopped('fetch_failed', 2, {
        code: branch === target.branch ? 'remote_branch_missing' : 'source_missing',
        message: `"${target.remote}" (${remote.shownUrl}) has no branch "${branch}".`,
        hint:
          branch === target.branch
            ? await otherName(repository, remote, branch)
            : 'Name a branch that is there (SOURCE, --source).',
      });
    }
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    return remoteStopped('fetch_failed', remote, error);
  }
  return remoteStopped('fetch_failed', remote, failure);
}

/** Often the branch is there under another name: the one it follows, or the one the remote opens with. */
async function otherName(repository: Repository, remote: Remote, branch: BranchName): Promise<string> {
  const publish = `publish it once: git push ${remote.name} ${branch}`;
  const [of] = await settingsOf(repository, `branch.${branch}.remote`);
  const [merges = ''] = await settingsOf(repository, `branch.${branch}.merge`);
  const followed = merges.replace(/^refs\/heads\//, '');
  if (of === remote.name && followed !== branch && isBranchName(followed)) {
    if ((await branchOnRemote(repository, remote, followed, false)) !== null) {
      return `"${branch}" here follows "${remote.name}/${followed}": give it that name (git branch -m ${branch} ${followed}). Or ${publish}`;
    }
  }
  const opening = await defaultBranch(repository, remote);
  const also =
    opening === null || opening === branch || !isBranchName(opening)
      ? 'Or name another (BRANCH, --branch).'
      : `Or name another (BRANCH, --branch); the one that "${remote.name}" opens with is "${opening}".`;
  return `${publish.replace('publish', 'Publish')}. ${also}`;
}

/** Returns the stop for a remote that does not answer: exit code 1 where trying again may help, else 2. */
export function remoteStopped(
  reasonCode: 'fetch_failed' | 'guarded_push_failed',
  remote: Remote,
  failure: RemoteFailure,
): Stopped {
  const where = `"${remote.name}" (${remote.shownUrl})`;
  const problems: Readonly<Record<RemoteFailure['trouble'], Problem>> = {
    'no-access': {
      code: 'remote_access_denied',
      message: `${where} does not let us in: ${failure.said}`,
      hint: 'Nobody can be asked for a password here: give the worker an ssh key or a credential helper.',
    },
    'no-repository': {
      code: 'remote_repository_missing',
      message: `there is no repository at ${where}: ${failure.said}`,
      hint: `Correct its address: git remote set-url ${remote.name} <address>`,
    },
    protocol: {
      code: 'remote_protocol_refused',
      message: `${where} is not reached by file, http, https or ssh: ${failure.said}`,
      hint: 'Use an address of one of these kinds: others start programs.',
    },
    unreachable: {
      code: 'remote_unreachable',
      message: `${where} cannot be reached: ${failure.said}`,
      hint: 'Check the network and the address, then start again.',
    },
  };
  return stopped(reasonCode, failure.trouble === 'unreachable' ? 1 : 2, problems[failure.trouble]);
}

function gone(target: Target): Stopped {
  return stopped('fetch_failed', 2, {
    code: 'remote_missing',
    message: `there is no remote "${target.remote}".`,
    hint: `Add it: git remote add ${target.remote} <address>`,
  });
}
