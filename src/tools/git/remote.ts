/**
 * A remote as the repository knows it, and reading from it.
 */
import { GitFailure, shownText } from './call.js';
import type { RemoteName } from './names.js';
import { gitIn, settingsOf, type Repository } from './repository.js';

export interface Remote {
  readonly name: RemoteName;
  /** For a person: credentials taken out. */
  readonly shownUrl: string;
  /** Where pushes go, when that is another address than where fetches come from. */
  readonly pushUrl: string | null;
  /** More than one: a push would go to all of them, and could succeed on some. */
  readonly pushUrls: number;
  /** `remote.<name>.fetch`. */
  readonly refspecs: readonly string[];
}

/** Returns the names of all remotes. */
export async function remoteNames(repository: Repository): Promise<string[]> {
  return (await gitIn(repository, ['remote'])).stdout.toString('utf8').split('\n').filter(Boolean);
}

/** Returns a remote, or null when there is none of that name with an address. */
export async function findRemote(repository: Repository, name: RemoteName): Promise<Remote | null> {
  const [listed, refspecs] = await Promise.all([
    gitIn(repository, ['remote', '--verbose']),
    settingsOf(repository, `remote.${name}.fetch`),
  ]);
  // <name>\t<address> (fetch|push), with what `url.*.insteadOf` makes of it; newer gits add the filter of a partial clone
  const rows = listed.stdout
    .toString('utf8')
    .split('\n')
    .flatMap((row) => {
      const [, of, url, side] = /^([^\t]*)\t(.*) \((fetch|push)\)( \[[^\]]*\])?$/.exec(row) ?? [];
      return of === name && url !== undefined ? [{ url, side }] : [];
    });
  const url = rows.find((row) => row.side === 'fetch')?.url;
  if (url === undefined) return null;
  const pushUrls = rows.flatMap((row) => (row.side === 'push' ? [row.url] : []));
  return {
    name,
    shownUrl: shownText(url),
    pushUrl: pushUrls[0] === undefined || pushUrls[0] === url ? null : pushUrls[0],
    pushUrls: pushUrls.length,
    refspecs,
  };
}

/** Returns the remote-tracking ref that the remote's configuration gives a branch, or null. */
export function trackingRef(refspecs: readonly string[], branch: string): string | null {
  const source = `refs/heads/${branch}`;
  if (refspecs.some((spec) => spec.startsWith('^') && matched(spec.slice(1), source) !== null)) return null;
  for (const spec of refspecs) {
    const [from, to] = spec.replace(/^\+/, '').split(':');
    if (from === undefined || !to?.startsWith('refs/')) continue;
    const star = matched(from, source);
    if (star !== null) return to.replace('*', () => star);
  }
  return null;
}

/** What `*` in a refspec's side stands for; null when the side does not match. */
function matched(side: string, ref: string): string | null {
  const [head = '', tail] = side.split('*');
  if (tail === undefined) return side === ref ? '' : null;
  const fits = ref.length >= head.length + tail.length && ref.startsWith(head) && ref.endsWith(tail);
  return fits ? ref.slice(head.length, ref.length - tail.length) : null;
}

/** Why a remote gave no answer. `no-access` and `no-repository` stay as they are until a person does something. */
export type RemoteTrouble = 'no-access' | 'no-repository' | 'protocol' | 'unreachable';

/** A remote that did not answer. The message is what git or the remote said, safe to show. */
export class RemoteFailure extends Error {
  override readonly name = 'RemoteFailure';
  constructor(
    readonly trouble: RemoteTrouble,
    readonly said: string,
  ) {
    super(said);
  }
}

// git has one exit code for all of these. The words are git's own (in the C locale) and those of ssh and curl; what is
// not recognised counts as unreachable, which a retry may heal and which decides nothing else.
const WORDS: readonly [RemoteTrouble, RegExp][] = [
  [
    'protocol',
    /transport '[^']*' not allowed|remote helper|unable to find remote helper|strange (hostname|pathname|port) '[^\n]*' blocked/i,
  ],
  [
    'no-access',
    /permission denied|authentication failed|could not read (username|password)|access denied|host key verification failed|returned error: 40[13]|not authorized/i,
  ],
  [
    'no-repository',
    /does not appear to be a git repository|repository [^\n]*not found|not found in upstream|returned error: 404/i,
  ],
];

export function remoteFailure(failure: GitFailure): RemoteFailure {
  const trouble = WORDS.find(([, words]) => words.test(failure.stderr))?.[0] ?? 'unreachable';
  return new RemoteFailure(trouble, failure.stderr || failure.message);
}

/** Settings for talking to a remote: programs that its configuration could name are git's own. */
export function transport(name: RemoteName): [string, string][] {
  return [
    [`remote.${name}.uploadpack`, 'git-upload-pack'],
    [`remote.${name}.receivepack`, 'git-receive-pack'],
    [`remote.${name}.mirror`, 'false'], // a mirror refuses to push one branch alone, and would push and delete all
  ];
}

/**
 * Returns where the remote's branch is now, or null when it has no such branch.
 *
 * @param pushSide - ask where pushes go, not where fetches come from
 * @throws RemoteFailure
 */
export async function branchOnRemote(
  repository: Repository,
  remote: Remote,
  branch: string,
  pushSide: boolean,
): Promise<string | null> {
  const where = (pushSide ? remote.pushUrl : null) ?? remote.name;
  const ref = `refs/heads/${branch}`;
  try {
    const args = ['ls-remote', '--refs', '--upload-pack=git-upload-pack', '--end-of-options', where, ref];
    const answer = await gitIn(repository, args, { settings: transport(remote.name) });
    for (const row of answer.stdout.toString('utf8').split('\n')) {
      const [id, name] = row.split('\t');
      if (name === ref && id !== undefined) return id; // the pattern also matches the end of longer names
    }
    return null;
  } catch (error) {
    throw error instanceof GitFailure && error.reason === 'exit-code' ? remoteFailure(error) : error;
  }
}

/** Returns the branch that the remote opens with (short name), or null when it names none. */
export async function defaultBranch(repository: Repository, remote: Remote): Promise<string | null> {
  const args = ['ls-remote', '--symref', '--upload-pack=git-upload-pack', '--end-of-options'];
  try {
    const answer = await gitIn(repository, [...args, remote.name, 'HEAD'], {
      settings: transport(remote.name),
    });
    return /^ref: refs\/heads\/([^\t]+)\tHEAD$/m.exec(answer.stdout.toString('utf8'))?.[1] ?? null;
  } catch (error) {
    throw error instanceof GitFailure && error.reason === 'exit-code' ? remoteFailure(error) : error;
  }
}

export interface Fetch {
  readonly branch: string;
  /** Full name of a ref of our own. */
  readonly to: string;
}

/**
 * Brings branches of a remote to refs of our own. No other ref moves: not the remote-tracking ones, no tag, not FETCH_HEAD.
 *
 * @throws RemoteFailure, also when the remote has no such branch: `branchOnRemote` tells the two apart
 */
export async function fetchBranches(
  repository: Repository,
  remote: Remote,
  fetches: readonly Fetch[],
): Promise<void> {
  const args = [
    'fetch',
    '--quiet',
    '--no-progress',
    '--refmap=', // else the remote-tracking refs move too: on failure the repository must be as it was
    '--no-tags',
    '--no-prune',
    '--no-prune-tags',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--no-recurse-submodules',
    '--no-show-forced-updates', // reads history only to print a line
    '--upload-pack=git-upload-pack',
    '--end-of-options',
    remote.name,
    ...fetches.map(({ branch, to }) => `+refs/heads/${branch}:${to}`),
  ];
  try {
    await gitIn(repository, args, { settings: transport(remote.name) });
  } catch (error) {
    throw error instanceof GitFailure && error.reason === 'exit-code' ? remoteFailure(error) : error;
  }
}
