/**
 * Pushing one commit to one branch, never by force.
 */
import { GitFailure, shownText } from './call.js';
import { type Remote, remoteFailure, transport, type RemoteTrouble } from './remote.js';
import { gitIn, type Repository } from './repository.js';

export type Pushed =
  | { readonly kind: 'accepted' }
  /** The branch on the remote is no longer where it was: look again. */
  | { readonly kind: 'moved'; readonly said: string }
  /** A hook or a rule of the remote says no; it will say so again. */
  | { readonly kind: 'refused'; readonly said: string }
  /** No answer about the branch: it may or may not have moved. */
  | { readonly kind: 'no-answer'; readonly trouble: RemoteTrouble; readonly said: string };

// What git and its server say when another push came first. Anything else that is rejected was refused on purpose.
const MOVED =
  /fetch first|non-fast-forward|stale info|incorrect old value|cannot lock ref|failed to update ref|failed to lock/i;
const BROKEN =
  /unpack|remote failure|failed to report status|no space left|disk quota|internal server error/i;

/**
 * Pushes `commit` to `branch`. The caller has looked at the remote before, and looks again afterwards: an answer can be lost.
 */
export async function pushCommit(
  repository: Repository,
  remote: Remote,
  branch: string,
  commit: string,
): Promise<Pushed> {
  const args = [
    'push',
    '--porcelain',
    '--no-progress',
    '--no-force', // a setting may say otherwise
    '--no-verify', // pre-push hooks are programs
    '--no-follow-tags',
    '--no-signed',
    '--no-recurse-submodules',
    '--receive-pack=git-receive-pack',
    '--end-of-options',
    remote.name,
    `${commit}:refs/heads/${branch}`,
  ];
  try {
    const answer = await gitIn(repository, args, { accept: [0, 1], settings: transport(remote.name) });
    return verdict(answer.stdout.toString('utf8'), answer.stderr, branch);
  } catch (error) {
    // Ended in the middle, it may have arrived all the same.
    if (!(error instanceof GitFailure) || !['exit-code', 'signal'].includes(error.reason)) throw error;
    const { trouble, said } = remoteFailure(error);
    return { kind: 'no-answer', trouble, said };
  }
}

/** Reads `<flag>\t<from>:<to>\t<summary> (<reason>)`. */
function verdict(output: string, stderr: string, branch: string): Pushed {
  for (const row of output.split('\n')) {
    const [flag, refs, summary = ''] = row.split('\t');
    if (flag === undefined || !refs?.endsWith(`:refs/heads/${branch}`)) continue;
    if (flag !== '!') return { kind: 'accepted' };
    const said = remoteWords(stderr, summary);
    if (MOVED.test(summary)) return { kind: 'moved', said };
    if (BROKEN.test(summary)) return { kind: 'no-answer', trouble: 'unreachable', said };
    return { kind: 'refused', said };
  }
  return { kind: 'no-answer', trouble: 'unreachable', said: shownText(stderr || output) };
}

/** What the remote said, then git's own summary. */
function remoteWords(stderr: string, summary: string): string {
  const said = stderr
    .split('\n')
    .filter((text) => text.startsWith('remote:'))
    .map((text) => text.slice('remote:'.length).trim())
    .filter((text) => text !== '');
  return [...said, shownText(summary)].join('\n');
}
