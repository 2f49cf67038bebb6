/**
 * Git on the files of a work tree of ours, in a git directory that no tool works in.
 *
 * A tool may have changed the repository's configuration, the work tree's index or its `.git` file: nothing of that has a
 * say here. What decides how files look (line ends, ignore rules) was copied before the tool began; objects go into the
 * repository's own store.
 */
import { copyFile, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { git, type GitAnswer, type GitCall } from './call.js';
import type { Setting } from './overrides.js';
import { gitIn, line, settingsLike, type Repository } from './repository.js';

export interface OwnGit {
  readonly workTree: string;
  /** The index as the work tree was laid out, with the file system's facts on each file. */
  readonly index: string;
  /** Runs git; without `env.GIT_INDEX_FILE` on the index above. */
  readonly run: (args: readonly string[], options?: Omit<GitCall, 'args' | 'cwd'>) => Promise<GitAnswer>;
}

const MiB = 1024 * 1024;
/** Listings of a work tree: a million paths. */
export const MAX_LISTING = 512 * MiB;

/** Returns git for a work tree, with its directory as `prepareOwnGit` made it. */
export function ownGit(directory: string, workTree: string, commonDir: string): OwnGit {
  const index = join(directory, 'index');
  const env = {
    GIT_DIR: join(directory, 'git'),
    GIT_WORK_TREE: workTree,
    GIT_OBJECT_DIRECTORY: join(commonDir, 'objects'),
    GIT_INDEX_FILE: index,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
  };
  return {
    workTree,
    index,
    run: (args, options = {}) => git({ ...options, cwd: workTree, args, env: { ...env, ...options.env } }),
  };
}

/** What was put into such directories, by their path. A tool can find them: what it put there must not be run by us. */
const prepared = new Map<string, Readonly<Record<string, string>>>();

/** Makes the git directory, with all of the person's and the repository's settings that say how files look. */
export async function prepareOwnGit(directory: string, repository: Repository): Promise<void> {
  const gitDir = join(directory, 'git');
  const settings = await settingsLike(repository, LOOKED_FOR);
  const [ignore, attributes] = await Promise.all([
    pathSetting(repository, settings, 'core.excludesfile', 'ignore'),
    pathSetting(repository, settings, 'core.attributesfile', 'attributes'),
  ]);
  const config = configuration(repository, settings, gitDir);
  const info = join(repository.commonDir, 'info');
  const files = {
    HEAD: 'ref: refs/heads/none\n',
    ignore: await textOf(ignore),
    attributes: await textOf(attributes),
    'info/exclude': await textOf(join(info, 'exclude')),
    'info/attributes': await textOf(join(info, 'attributes')),
    config,
  };
  prepared.set(directory, files);
  await writeOwnGit(gitDir, files);
}

/** Makes the git directory once more, as it was before a tool began; by another process than that as it would be now. */
export async function renewOwnGit(directory: string, repository: Repository): Promise<void> {
  const files = prepared.get(directory);
  if (files === undefined) return prepareOwnGit(directory, repository);
  await writeOwnGit(join(directory, 'git'), files);
}

/** Forgets a directory that is removed. */
export const forgetOwnGit = (directory: string): void => void prepared.delete(directory);

async function writeOwnGit(gitDir: string, files: Readonly<Record<string, string>>): Promise<void> {
  await rm(gitDir, { recursive: true, force: true });
  for (const folder of ['refs', 'objects', 'info']) await mkdir(join(gitDir, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(gitDir, name), text);
}

/** A word of the configuration that says how files look, and what it may be. */
const LOOKS = /^core\.(autocrlf|eol|ignorecase|precomposeunicode)$/;
const LOOKED_FOR = '^core[.](autocrlf|eol|ignorecase|precomposeunicode|excludesfile|attributesfile)$';

function configuration(repository: Repository, settings: readonly Setting[], gitDir: string): string {
  const kept = settings.flatMap(([name, value]) =>
    LOOKS.test(name) && /^[a-z]+$/i.test(value) ? [`${name.slice('core.'.length)} = ${value}`] : [],
  );
  const sha256 = repository.objectFormat === 'sha256';
  return [
    '[core]',
    `repositoryformatversion = ${sha256 ? 1 : 0}`,
    ...kept,
    // The state directory's file system counts, not the repository's.
    'fileMode = true',
    'symlinks = true',
    // A tool can set a file's time back, but not the time of its last change: with both, no change passes unseen.
    'trustctime = true',
    'checkStat = default',
    'untrackedCache = false',
    'safecrlf = false',
    // One flush for all new objects instead of one each.
    'fsyncMethod = batch',
    `excludesFile = ${quoted(join(gitDir, 'ignore'))}`,
    `attributesFile = ${quoted(join(gitDir, 'attributes'))}`,
    '[checkout]',
    'workers = 0', // as many as there are processors
    ...(sha256 ? ['[extensions]', 'objectFormat = sha256'] : []),
    ...(repository.lfs ? lfs(repository) : []),
    '',
  ].join('\n');
}

/** Content that is not on this machine stays a pointer: a download needs credentials, which no step of ours has. */
const lfs = ({ commonDir }: Repository): string[] => [
  '[filter "lfs"]',
  'clean = git-lfs clean -- %f',
  'smudge = git-lfs smudge -- %f',
  'process = git-lfs filter-process',
  '[lfs]',
  `storage = ${quoted(join(commonDir, 'lfs'))}`,
  'skipdownloaderrors = true',
];

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** The file that a setting names, or git's own place for it. */
async function pathSetting(
  repository: Repository,
  settings: readonly Setting[],
  key: string,
  file: string,
): Promise<string> {
  if (settings.some(([name]) => name === key)) {
    return line(await gitIn(repository, ['config', '--type=path', '--get', key]));
  }
  const config = process.env['XDG_CONFIG_HOME'] || join(process.env['HOME'] ?? homedir(), '.config');
  return join(config, 'git', file);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return ''; // there is none, or it cannot be read: git passes over it too
  }
}

/** Makes a copy of an index that is as careful as the original about files changed in the moment it was written. */
export async function copyIndex(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const { mtime } = await stat(from);
  // git looks into files that are not older than the index. A copy that looked younger would hide changes.
  await utimes(to, mtime, new Date(Math.floor(mtime.getTime() / 1000) * 1000));
}
