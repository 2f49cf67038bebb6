/**
 * What all work trees of a repository share, and a person's own: looked at before a tool and after it.
 *
 * A linked work tree is no border: a tool in it can move branches, set configuration, plant hooks, or simply write elsewhere.
 * What concurrent work of ours changes is left out (`refs/planwright`, work trees of ours) or accounted for (published.ts).
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { namesIn } from '../../os/paths.js';
import { isMissing } from '../../os/json-file.js';
import { git } from './call.js';
import { checkoutState } from './checkout-state.js';
import { fields, shownPath } from './path-bytes.js';
import { gitIn, openRepository, settingsOf, type Repository } from './repository.js';
import { listWorkTrees } from './worktrees.js';

export type SharedKind =
  | 'ref'
  | 'reflog'
  | 'config'
  | 'hook'
  | 'head'
  | 'index'
  /** Another file in the git directory. */
  | 'git-file'
  /** A work tree of the person's, as git knows it. */
  | 'worktree'
  /** A file of the person's work tree. */
  | 'checkout'
  /** An object that is not what its name says. */
  | 'object';

/** Facts by `<kind> <name>`; equal facts, equal things. Plain JSON. */
export type SharedState = Readonly<Record<string, string>>;

export interface Difference {
  readonly kind: SharedKind;
  readonly name: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** Facts before and after; null where there was nothing. */
  readonly before: string | null;
  readonly after: string | null;
  /** For a person: "branch refs/heads/x moved from … to …". */
  readonly text: string;
}

/**
 * Reads the shared state. Takes no lock and changes nothing, not even the index.
 *
 * @param home - the state directory: work trees below it are ours
 * @param since - what was seen before: files named there are looked at again
 */
export async function readSharedState(
  repository: Repository,
  home: string,
  since: SharedState = {},
): Promise<SharedState> {
  const settings = await config(repository);
  if (settings.some(([key]) => key.startsWith(BROKEN))) {
    // No git works here any more, and that is what must be told.
    return { ...since, ...Object.fromEntries(settings.filter(([key]) => key.startsWith(BROKEN))) };
  }
  const parts = await Promise.all([
    refs(repository),
    reflogs(repository),
    hooks(repository),
    gitFiles(repository),
    linkedWorkTrees(repository, home),
    ofThePerson(),
    ...(await peoplesTrees(repository, home)).map((tree) => checkoutState(tree, since)),
  ]);
  return Object.fromEntries([...settings, ...parts.flat()]);
}

export type Facts = [key: string, fact: string][];

async function refs(repository: Repository): Promise<Facts> {
  const format = '--format=%(refname)%00%(objectname)%00%(symref)';
  const answer = await gitIn(repository, ['for-each-ref', format], { maxBytes: 512 * 1024 * 1024 });
  return answer.stdout
    .toString('utf8')
    .split('\n')
    .flatMap((row): Facts => {
      const [name = '', id = '', symbolic = ''] = row.split('\0');
      if (name === '' || (isOurs(name) && !isWritten(name))) return [];
      return [[`ref ${name}`, symbolic === '' ? id : `→ ${symbolic}`]];
    });
}

const isOurs = (ref: string): boolean => ref.startsWith('refs/planwright/');
/** Patches are written once, and a tool that is at work moves none. */
const isWritten = (ref: string): boolean => /^refs\/planwright\/(patches|evidence)(\/|$)/.test(ref);

/** A branch that was moved and moved back leaves its trace here. */
async function reflogs({ commonDir }: Repository): Promise<Facts> {
  const files = await filesBelow(join(commonDir, 'logs'), (name) => name === 'refs/planwright');
  return files.map(([name, fact]) => [`reflog ${name}`, fact]);
}

const BROKEN = 'git-file unreadable ';

/** Values may be secrets: only their hash is kept. */
async function config({ commonDir }: Repository): Promise<Facts> {
  const facts: Facts = [];
  for (const name of ['config', 'config.worktree']) {
    const file = join(commonDir, name);
    const fact = await factOf(file);
    if (fact === null) continue;
    const answer = await git({
      cwd: commonDir,
      args: ['config', '--file', file, '--null', '--list'],
      env: { GIT_DIR: '/dev/null' }, // a configuration that is broken would keep git from starting
      accept: [0, 1, 3, 128],
    });
    // One that git cannot read is looked at as a file.
    if (answer.exitCode !== 0) facts.push([`${BROKEN}${name}`, fact]);
    const values = new Map<string, string[]>();
    for (const field of fields(answer.stdout)) {
      const [key = '', ...value] = field.toString('utf8').split('\n');
      values.set(key, [...(values.get(key) ?? []), value.join('\n')]);
    }
    for (const [key, all] of values) facts.push([`config ${key}`, hashOf(all.join('\0'))]);
  }
  return facts;
}

/** Settings of the person's for all repositories: programs may be named there that every git of theirs starts. */
async function ofThePerson(): Promise<Facts> {
  const top = process.env['HOME'] ?? homedir();
  const more = process.env['XDG_CONFIG_HOME'] || join(top, '.config');
  const files = [
    process.env['GIT_CONFIG_GLOBAL'] ?? join(top, '.gitconfig'),
    ...['config', 'attributes', 'ignore'].map((name) => join(more, 'git', name)),
  ];
  const facts: Facts = [];
  for (const file of files) {
    const fact = await factOf(file);
    if (fact !== null) facts.push([`config of the person, ${file}`, fact]);
  }
  return facts;
}

async function hooks(repository: Repository): Promise<Facts> {
  const { commonDir, workTree } = repository;
  const own = join(commonDir, 'hooks');
  const configured = (await settingsOf(repository, 'core.hooksPath')).at(-1);
  // One inside the work tree is made of the repository's own files: those of this attempt are in the patch.
  const other =
    configured === undefined
      ? null
      : isAbsolute(configured)
        ? configured
        : resolve(workTree ?? commonDir, configured);
  const folders = other === null || other === own ? [own] : [own, other];
  const found = await Promise.all(folders.map((folder) => filesBelow(folder, () => false)));
  return found.flat().map(([name, fact]) => [`hook ${name}`, fact]);
}

/** What is looked at more closely elsewhere, is ours, or changes by itself. */
const NOT_FILES =
  /^(objects|refs|logs|worktrees|planwright|hooks|lfs|rr-cache|config|config\.worktree|index|packed-refs|gc\.(pid|log)|fsmonitor--daemon.*)$|(^|\/)(objects|[^/]*\.lock)$/;

async function gitFiles({ commonDir }: Repository): Promise<Facts> {
  const files = await filesBelow(commonDir, (name) => NOT_FILES.test(name));
  const facts = files.map(([name, fact]): Facts[number] => [
    name === 'HEAD' ? `head ${commonDir}` : `git-file ${name}`,
    fact,
  ]);
  for (const name of ['objects/info/alternates', 'objects/info/http-alternates']) {
    const fact = await factOf(join(commonDir, name));
    if (fact !== null) facts.push([`git-file ${name}`, fact]);
  }
  return facts;
}

const OF_A_WORKTREE = ['HEAD', 'gitdir', 'commondir', 'config.worktree', 'locked'];

async function linkedWorkTrees({ commonDir }: Repository, home: string): Promise<Facts> {
  const facts: Facts = [];
  for (const name of await namesIn(join(commonDir, 'worktrees'))) {
    const folder = join(commonDir, 'worktrees', name);
    const path = await readFile(join(folder, 'gitdir'), 'utf8').catch(() => '');
    if (path === '' || isBelow(home, path)) continue; // ours, or just being made
    for (const file of OF_A_WORKTREE) {
      const fact = await factOf(join(folder, file));
      if (fact !== null) facts.push([`worktree ${name}/${file}`, fact]);
    }
  }
  return facts;
}

const isBelow = (home: string, path: string): boolean => !relative(home, path.trimEnd()).startsWith('..');

/** The main work tree, and the one that the run was started in. */
async function peoplesTrees(repository: Repository, home: string): Promise<Repository[]> {
  const own = repository.workTree === null || isBelow(home, repository.workTree) ? [] : [repository];
  if (repository.gitDir === repository.commonDir) return own;
  const [main] = await listWorkTrees(repository);
  if (main === undefined || main.bare) return own;
  const opened = await openRepository(main.path).catch(() => null);
  return opened === null || opened.workTree === null ? own : [opened, ...own];
}

/** Files below a folder by their path in it, each with its fact. Names that are no UTF-8 are written out. */
async function filesBelow(top: string, isLeftOut: (name: string) => boolean): Promise<Facts> {
  const found: Facts = [];
  const open = [''];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const entries = await readdir(join(top, folder), { withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    for (const entry of entries) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (isLeftOut(name)) continue;
      if (entry.isDirectory()) open.push(name);
      else {
        const fact = await factOf(join(top, name));
        if (fact !== null) found.push([shownPath(name), fact]);
      }
    }
  }
  return found;
}

/** Above this size a file's times stand for its content. */
const MAX_READ = 8 * 1024 * 1024;

async function factOf(path: string): Promise<string | null> {
  try {
    const stats = await lstat(path);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isSymbolicLink()) return `link ${await readlink(path)}`;
    if (!stats.isFile()) return `other ${mode}`;
    if (stats.size > MAX_READ) return `${mode} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
    return `${mode} ${hashOf(await readFile(path))}`;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

const hashOf = (content: Buffer | string): string =>
  createHash('sha256').update(content).digest('hex').slice(0, 40);
