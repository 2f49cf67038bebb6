/**
 * Repositories inside the work tree of a repository: finding them and saying what each is.
 */
import { type Dirent, readdirSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type IndexListing, listIndex } from '../git/index-listing.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from '../git/path-bytes.js';
import { gitIn, type Repository } from '../git/repository.js';
import { hasLinked, listWorkTrees } from '../git/worktrees.js';

export type NestedType =
  /** In the index, and in `.gitmodules`. */
  | 'submodule'
  /** In the index as a submodule, but `.gitmodules` does not say where it comes from. */
  | 'gitlink_without_entry'
  /** A linked work tree of this very repository. */
  | 'worktree'
  /** In a directory that git ignores. */
  | 'ignored'
  /** Looks like a bare repository; git sees plain files. */
  | 'bare_repository'
  /** Anybody else's: its files would be lost to the outer repository, and its history to everyone. */
  | 'stray_nested_repo';

export interface NestedRepo {
  /** Relative to the top, without a slash at the end. */
  readonly path: string;
  readonly type: NestedType;
  /** What its `.git` leads to; null when it has none. */
  readonly gitDir: string | null;
  /** Its `.git` is a file. */
  readonly isFile: boolean;
}

export interface NestedScan {
  readonly repos: readonly NestedRepo[];
  /** Directories that could not be looked into. */
  readonly unreadable: readonly string[];
  /** Those of them with files of the index in them: whether these are changed cannot be seen, by git neither. */
  readonly hiding: readonly string[];
}

/** What git knows of the tree. */
interface Known {
  readonly index: IndexListing;
  readonly gitlinks: ReadonlySet<string>;
  readonly registered: ReadonlySet<string>;
  /** Directories; asked for as they are found. */
  readonly ignored: Set<string>;
  readonly worktrees: ReadonlySet<string>;
}

/**
 * Looks through the whole work tree. Links are not followed; what lies inside a nested repository or below an ignored
 * directory is not looked at.
 */
export async function scanNested(repository: Repository): Promise<NestedScan> {
  const top = repository.workTree;
  if (top === null) return { repos: [], unreadable: [], hiding: [] };
  const known = await whatGitKnows(repository, top);
  const repos: NestedRepo[] = [];
  const unreadable: string[] = [];
  const open = [''];
  // Nothing of them is in the index: only these can be ignored, and git is asked about all of a level at once.
  let strange: string[] = [];
  for (;;) {
    for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
      const entries = list(top, directory);
      if (entries === null) {
        unreadable.push(directory);
        continue;
      }
      const nested = directory === '' ? null : await identify(top, directory, entries, known);
      if (nested !== null) repos.push(nested);
      if (nested !== null || known.ignored.has(directory)) continue;
      for (const entry of entries) {
        if (!entry.isDirectory() || entry.name === '.git') continue;
        const name = pathFromBytes(Buffer.from(entry.name, 'latin1'));
        const path = directory === '' ? name : `${directory}/${name}`;
        if (known.index.holds(path) || known.gitlinks.has(path)) open.push(path);
        else strange.push(path);
      }
    }
    if (strange.length === 0) break;
    for (const path of await ignoredOf(repository, strange)) known.ignored.add(path);
    for (const path of strange) open.push(path);
    strange = [];
  }
  for (const path of known.gitlinks) {
    if (!known.registered.has(path) && !repos.some((repo) => repo.path === path)) {
      repos.push({ path, type: 'gitlink_without_entry', gitDir: null, isFile: false });
    }
  }
  return {
    repos: repos.sort((a, b) => (a.path < b.path ? -1 : 1)),
    unreadable: unreadable.sort(),
    hiding: unreadable.filter((directory) => known.index.holds(directory)),
  };
}

/** Not one after the other by promises: a tree has tens of thousands of directories, and each answer is there at once. */
function list(top: string, directory: string): Dirent[] | null {
  try {
    // latin1 keeps every byte; only names of directories are made into paths.
    return readdirSync(fileBytes(top, directory), { withFileTypes: true, encoding: 'latin1' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It went while we looked, or it is closed to us.
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    if (code === 'EACCES' || code === 'EPERM') return null;
    throw error;
  }
}

async function identify(
  top: string,
  path: string,
  entries: readonly Dirent[],
  known: Known,
): Promise<NestedRepo | null> {
  const entry = (name: string): Dirent | undefined => entries.find((one) => one.name === name);
  const dotGit = entry('.git');
  if (dotGit === undefined) {
    const bare = entry('HEAD')?.isFile() && entry('objects')?.isDirectory() && entry('refs')?.isDirectory();
    return bare ? { path, type: 'bare_repository', gitDir: resolve(top, path), isFile: false } : null;
  }
  const isFile = dotGit.isFile();
  const gitDir = isFile ? await target(top, path) : resolve(top, path, '.git');
  return { path, type: typeOf(top, path, known), gitDir, isFile };
}

function typeOf(top: string, path: string, known: Known): NestedType {
  if (known.gitlinks.has(path)) return known.registered.has(path) ? 'submodule' : 'gitlink_without_entry';
  if (known.worktrees.has(real(resolve(top, path)))) return 'worktree';
  const inIgnored = path
    .split('/')
    .some((_, at, parts) => known.ignored.has(parts.slice(0, at + 1).join('/')));
  return inIgnored ? 'ignored' : 'stray_nested_repo';
}

/** Where a `.git` file leads. */
async function target(top: string, path: string): Promise<string | null> {
  const text = await readFile(fileBytes(top, `${path}/.git`), 'utf8').catch(() => '');
  const to = /^gitdir: (.+)$/m.exec(text)?.[1];
  return to === undefined ? null : resolve(top, path, to);
}

async function whatGitKnows(repository: Repository, top: string): Promise<Known> {
  const [index, inModules, linked] = await Promise.all([
    listIndex(repository),
    registered(repository, top),
    hasLinked(repository).then((has) => (has ? listWorkTrees(repository) : [])),
  ]);
  return {
    index,
    gitlinks: new Set(index.submodules()),
    registered: inModules,
    ignored: new Set(),
    worktrees: new Set(linked.map((tree) => real(tree.path))),
  };
}

/** Returns those of some directories without tracked files that git ignores. */
async function ignoredOf(repository: Repository, directories: readonly string[]): Promise<string[]> {
  const input = Buffer.concat(directories.flatMap((path) => [HERE, bytesFromPath(path), NUL]));
  // 1: none. The index need not be read: it has nothing in them. This command takes no literal paths by that name; with
  // a `./` before them they are.
  const answer = await gitIn(repository, ['check-ignore', '--no-index', '-z', '--stdin'], {
    ...{ input, env: { GIT_LITERAL_PATHSPECS: '0' }, accept: [0, 1], maxBytes: 512 * 1024 * 1024 },
  });
  return [...fields(answer.stdout)].map((field) => pathFromBytes(field.subarray(HERE.length)));
}

const HERE = Buffer.from('./');
const NUL = Buffer.from([0]);

/** The paths in `.gitmodules`. */
async function registered(repository: Repository, top: string): Promise<Set<string>> {
  const args = [
    'config',
    '--null',
    '--file',
    `${top}/.gitmodules`,
    '--get-regexp',
    '^submodule\\..*\\.path$',
  ];
  // 1: no such key; 128: no such file, or one that is not a configuration
  const answer = await gitIn(repository, args, { accept: [0, 1, 128] });
  if (answer.exitCode === 128) return new Set();
  const values = [...fields(answer.stdout)].map((field) => field.subarray(field.indexOf(0x0a) + 1));
  return new Set(values.map((value) => pathFromBytes(value).replace(/\/+$/, '')));
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
