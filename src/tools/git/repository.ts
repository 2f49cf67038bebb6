/**
 * A repository as it was found: where its parts are, and git calls that run in it.
 */
import { realpath, stat } from 'node:fs/promises';
import { git, GitFailure, type GitAnswer, type GitCall } from './call.js';
import { disarmed, type Setting } from './overrides.js';
import { fields } from './path-bytes.js';

export interface Repository {
  /** Top of the work tree; null in a bare repository. */
  readonly workTree: string | null;
  /** The git directory of this work tree (in a linked one: `.git/worktrees/<name>`). */
  readonly gitDir: string;
  /** What all work trees share: refs, objects, configuration. */
  readonly commonDir: string;
  readonly objectFormat: 'sha1' | 'sha256';
  readonly shallow: boolean;
  /** Some objects are only on a remote (a partial clone). */
  readonly partial: boolean;
  /** Git LFS keeps some files; its filter is the one that runs. */
  readonly lfs: boolean;
  /** Content filters and merge drivers of the configuration, switched off. */
  readonly disarmed: readonly Setting[];
}

/** Why a directory cannot be worked with. */
export type NoRepositoryReason =
  'no-such-directory' | 'not-a-repository' | 'not-trusted' | 'old-git' | 'unusable';

export class NoRepository extends Error {
  override readonly name = 'NoRepository';
  constructor(
    readonly reason: NoRepositoryReason,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** `merge-tree --write-tree` came with 2.38. */
const OLDEST_GIT = [2, 38] as const;

/**
 * Finds the repository that `directory` is in.
 *
 * @throws NoRepository with a reason and a way out
 */
export async function openRepository(directory: string): Promise<Repository> {
  if (!(await isDirectory(directory))) {
    throw new NoRepository(
      'no-such-directory',
      `there is no directory "${directory}".`,
      'Name one that exists.',
    );
  }
  const cwd = await realpath(directory);
  const asked = configured(cwd); // side by side with the other question, whose failure says more
  asked.catch(() => undefined);
  const found = await locate(cwd);
  const settings = await asked;
  const drivers = settings.filter(([name]) => DRIVER.test(name));
  const off = disarmed(drivers);
  return {
    ...found,
    partial: settings.length > drivers.length,
    lfs: drivers.some(([name]) => name.startsWith('filter.lfs.') && !off.some(([other]) => other === name)),
    disarmed: off,
  };
}

/** Runs git in the repository: its configuration counts, but for what `overrides.ts` forbids. */
export function gitIn(
  repository: Repository,
  args: readonly string[],
  options: Omit<GitCall, 'args' | 'cwd'> = {},
): Promise<GitAnswer> {
  const { settings = [], ...rest } = options;
  return git({
    ...rest,
    cwd: repository.workTree ?? repository.gitDir,
    args,
    settings: [...repository.disarmed, ...settings],
  });
}

/** Returns stdout without its final newline. */
export const line = (answer: GitAnswer): string => answer.stdout.toString('utf8').replace(/\n$/, '');

/** Returns the values of one key of the configuration, none when it is not set. */
export async function settingsOf(repository: Repository, key: string): Promise<string[]> {
  const answer = await gitIn(repository, ['config', '--null', '--get-all', key], { accept: [0, 1] });
  return [...fields(answer.stdout)].map((value) => value.toString('utf8'));
}

/** Returns the settings whose names (all of them small) a pattern of git's matches; one that is set twice comes twice. */
export async function settingsLike(repository: Repository, pattern: string): Promise<Setting[]> {
  const args = ['config', '--null', '--get-regexp', pattern];
  return settingsIn(await gitIn(repository, args, { accept: [0, 1] })); // 1: none
}

/** Settings that name drivers, or say that objects are left on a remote. */
const DRIVER = /^(filter|merge)\./;
const LOOKED_FOR =
  '^(filter\\..*\\.(clean|smudge|process|required)|merge\\..*\\.driver|extensions\\.partialclone|remote\\..*\\.promisor)$';

/** The settings that decide how the repository is handled, as git writes them; one that is set twice comes twice. */
async function configured(cwd: string): Promise<Setting[]> {
  const answer = await git({
    cwd,
    args: ['config', '--null', '--get-regexp', LOOKED_FOR],
    accept: [0, 1], // 1: none
  });
  return settingsIn(answer);
}

const settingsIn = ({ stdout }: GitAnswer): Setting[] =>
  [...fields(stdout)].map((field) => {
    const text = field.toString('utf8');
    const end = text.indexOf('\n'); // a name with nothing behind it stands for `true`
    return end < 0 ? [text, 'true'] : [text.slice(0, end), text.slice(end + 1)];
  });

/**
 * Makes sure that git can merge without a work tree.
 *
 * @throws NoRepository when it is too old
 */
export async function checkGitVersion(repository: Repository): Promise<void> {
  const text = line(await gitIn(repository, ['version']));
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  const [oldMajor, oldMinor] = OLDEST_GIT;
  if (Number(major) < oldMajor || (Number(major) === oldMajor && Number(minor) < oldMinor)) {
    throw new NoRepository(
      'old-git',
      `${text} is too old.`,
      `Install git ${OLDEST_GIT.join('.')} or newer: merging without a work tree came with it.`,
    );
  }
}

type Located = Pick<Repository, 'workTree' | 'gitDir' | 'commonDir' | 'shallow' | 'objectFormat'>;

const WHERE = [
  '--path-format=absolute',
  '--git-dir',
  '--git-common-dir',
  '--is-shallow-repository',
  '--show-object-format',
];

async function locate(cwd: string): Promise<Located> {
  // Without a work tree the first question has no answer and fails the whole call.
  const inside = await git({ cwd, args: ['rev-parse', ...WHERE, '--show-toplevel'], accept: [0, 128] });
  if (inside.exitCode === 0) return located(cwd, line(inside).split('\n'), true);
  try {
    const [bare, ...answers] = line(
      await git({ cwd, args: ['rev-parse', '--is-bare-repository', ...WHERE] }),
    ).split('\n');
    if (bare === 'true') return await located(cwd, answers, false);
  } catch (error) {
    throw error instanceof GitFailure && error.reason === 'exit-code' ? refusal(cwd, error) : error;
  }
  throw new NoRepository(
    'not-a-repository',
    `"${cwd}" is inside the git directory of a repository.`,
    'Name the directory with the files (the one that holds ".git").',
  );
}

async function located(cwd: string, answers: readonly string[], hasWorkTree: boolean): Promise<Located> {
  const [gitDir, commonDir, shallow, format, workTree, ...more] = answers;
  if (
    gitDir === undefined ||
    commonDir === undefined ||
    more.length > 0 ||
    (workTree !== undefined) !== hasWorkTree
  ) {
    throw new NoRepository(
      'unusable',
      `the path of the repository in "${cwd}" cannot be read.`,
      'Use a path without line breaks.',
    );
  }
  if (format !== 'sha1' && format !== 'sha256') {
    throw new NoRepository('unusable', `objects of format "${format}" are not known.`, 'Use sha1 or sha256.');
  }
  return {
    workTree: workTree ?? null,
    gitDir: await realpath(gitDir),
    commonDir: await realpath(commonDir),
    objectFormat: format,
    shallow: shallow === 'true',
  };
}

function refusal(cwd: string, error: GitFailure): NoRepository {
  if (error.stderr.includes('dubious ownership')) {
    return new NoRepository(
      'not-trusted',
      `the repository in "${cwd}" belongs to another user, and git does not trust it.`,
      `Run as its owner, or, if you trust it: git config --global --add safe.directory "${cwd}"`,
    );
  }
  return new NoRepository(
    'not-a-repository',
    `"${cwd}" is not in a git repository: ${error.stderr.split('\n')[0] ?? ''}`,
    'Name a clone with --root, or stand in one.',
  );
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
