/**
 * Files of work trees that are done with, kept for the next attempt: to lay out and remove twenty thousand files takes seconds,
 * and the next one wants nearly the same.
 *
 * Nothing of the earlier attempt may be in it. git's index was written when the files were laid out, before a tool began, and
 * a file that is written to, linked to, or has its permissions changed gets another time of change, which no tool can set
 * back. So what differs from the index is removed, and all that the index does not name. Which index that was only this process
 * knows, by its hash: a tool that writes one of its own makes the files worthless.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJson, writeJson } from '../../os/json-file.js';
import { lifeOf, ownIdentity, type ProcessIdentity } from '../../os/process-identity.mjs';
import { MAX_LISTING, ownGit, type OwnGit } from './own-git.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from './path-bytes.js';
import { programOutput } from './program-output.js';
import type { Repository } from './repository.js';
import { removeTree } from './remove-tree.js';
import { submodulesOf } from './commit-facts.js';

export interface KeptFiles {
  readonly files: string;
  readonly index: string;
  /** What the index is known by. */
  readonly hash: string;
  /** What decides how files look, besides their commit. */
  readonly looks: string;
  readonly commit: string;
}

/** More than there are attempts at once only costs space. */
const MAX_KEPT = 8;

/** By the folder of a repository's work trees; and what was laid out, by the path of its index. */
const kept = new Map<string, KeptFiles[]>();
const layouts = new Map<string, Pick<KeptFiles, 'hash' | 'looks' | 'commit'>>();

export const keptFolder = (folder: string): string => join(folder, '.kept');

/** Notes how a work tree was laid out, before any tool is in it. What lies in folders of submodules git cannot tell: those go. */
export async function noteLayout({ index, run }: OwnGit, commit: string): Promise<void> {
  if ((await submodulesOf(run, commit)).length > 0) return;
  layouts.set(index, { hash: await hashOf(index), looks: await looksOf(index), commit });
}

/**
 * Keeps the files of a work tree, which was moved to `files` already. What cannot be used again is not kept.
 *
 * @returns false when they are to be removed
 */
export async function keepFiles(folder: string, { index }: OwnGit, files: string): Promise<boolean> {
  const layout = layouts.get(index);
  layouts.delete(index);
  const here = kept.get(folder) ?? [];
  if (layout === undefined || here.length >= MAX_KEPT) return false;
  const place = join(keptFolder(folder), randomBytes(6).toString('hex'));
  await mkdir(place, { recursive: true, mode: 0o700 });
  writeJson(join(place, 'owner.json'), ownIdentity());
  await rename(index, join(place, 'index'));
  await rename(files, join(place, 'files'));
  here.push({ ...layout, files: join(place, 'files'), index: join(place, 'index') });
  kept.set(folder, here);
  return true;
}

/** Takes files for a commit that look as those would that are laid out with this index; null when there are none. */
export async function takeKept(
  folder: string,
  git: OwnGit,
  repository: Repository,
  commit: string,
): Promise<KeptFiles | null> {
  // What its filter brings depends on what has been fetched meanwhile.
  if (repository.lfs) return null;
  const here = kept.get(folder) ?? [];
  const looks = await looksOf(git.index);
  const at = Math.max(
    here.findIndex((one) => one.looks === looks && one.commit === commit),
    here.findIndex((one) => one.looks === looks),
  );
  const [taken] = at < 0 ? [] : here.splice(at, 1);
  if (taken === undefined) return null;
  const isGood =
    (await hashOf(taken.index).catch(() => null)) === taken.hash &&
    (taken.commit === commit ||
      !(await changesAttributes(gitOfKept(taken, git.index, repository), taken.commit, commit)));
  if (isGood) return taken;
  await dropKept(taken);
  return null;
}

/** Returns git for kept files where they lie, with the settings and the index of the work tree they are to become. */
const gitOfKept = ({ files }: KeptFiles, index: string, { commonDir }: Repository): OwnGit =>
  ownGit(dirname(index), files, commonDir);

/** Makes kept files those of the commit, where they lie. Returns false when they are of no use. */
export async function takeOver(
  old: KeptFiles,
  index: string,
  repository: Repository,
  commit: string,
): Promise<boolean> {
  await rename(old.index, index);
  return cleanse(gitOfKept(old, index, repository), old.commit, commit);
}

/** Puts kept files in the place of the empty work tree. */
export async function putBack(old: KeptFiles, { workTree }: OwnGit): Promise<void> {
  const link = await readFile(join(workTree, '.git'), 'utf8');
  await rm(join(old.files, '.git'), { recursive: true, force: true });
  await writeFile(join(old.files, '.git'), link);
  await rm(workTree, { recursive: true });
  await rename(old.files, workTree);
}

/** Removes what processes that have died had kept. */
export async function sweepKept(folder: string): Promise<void> {
  for (const name of await readdir(keptFolder(folder)).catch(() => [])) {
    const place = join(keptFolder(folder), name);
    const owner = readJson(join(place, 'owner.json')) as ProcessIdentity | null;
    if (owner === null || lifeOf(owner) === 'dead') await removeTree(place);
  }
}

export const dropKept = ({ files }: KeptFiles): Promise<void> => removeTree(dirname(files));

/** Removes all that is kept for a repository: there is too little space. */
export async function dropAllKept(folder: string): Promise<void> {
  const here = kept.get(folder) ?? [];
  kept.delete(folder);
  await Promise.all(here.map(dropKept));
}

/**
 * Takes everything out of a work tree that was not laid out by us, and brings it to a commit.
 *
 * @returns false when something in it is so odd that it is better made anew
 */
async function cleanse(git: OwnGit, before: string, commit: string): Promise<boolean> {
  const [shape, written, others] = await Promise.all([
    shapeOf(git.workTree),
    git.run(['diff-files', '-z', '--name-only', '--ignore-submodules=none'], { maxBytes: MAX_LISTING }),
    git.run(['ls-files', '-z', '--others', '--directory'], { maxBytes: MAX_LISTING }),
  ]);
  if (shape === null) return false;
  const { directories, odd } = shape;
  const gone = [...new Set([...[...fields(written.stdout)].map(pathFromBytes), ...odd])];
  for (const path of [...gone, ...[...fields(others.stdout)].map(pathFromBytes)]) {
    const file = path.replace(/\/$/, '');
    const parent = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '';
    // Only through directories: what a link leads to is somebody else's.
    if (directories.has(parent)) await rm(fileBytes(git.workTree, file), { recursive: true, force: true });
  }
  // For a few files of the same commit git need not look at all the others once more.
  if (before !== commit || gone.some(isAttributes)) await git.run(['read-tree', '--reset', '-u', commit]);
  else if (gone.length > 0) {
    const input = Buffer.concat(gone.flatMap((path) => [bytesFromPath(path), NUL]));
    // What was odd and never ours is not in the index.
    const args = ['checkout-index', '--quiet', '--force', '--index', '-z', '--stdin'];
    await git.run(args, { input, accept: odd.length > 0 ? [0, 1] : [0] });
  }
  return true;
}

const NUL = Buffer.from([0]);
const isAttributes = (path: string): boolean => /(^|\/)\.gitattributes$/i.test(path);

interface Shape {
  readonly directories: ReadonlySet<string>;
  /** Files and links that are not as git makes them: other permissions, a second name. */
  readonly odd: readonly string[];
}

/**
 * Looks through a work tree for what git's index says nothing of; or within the second in which it was written.
 *
 * @returns null when a directory is not as git makes them, something no commit can hold is there, or nobody can look
 */
async function shapeOf(top: string): Promise<Shape | null> {
  const [file, runs, directory] = [0o666, 0o777, 0o777].map((mode) => (mode & ~process.umask()).toString(8));
  const plainFile = ['-type', 'f', '(', '-perm', file!, '-o', '-perm', runs!, ')'];
  const plain = ['-links', '1', '!', '-iname', '.git', '(', ...plainFile, '-o', '-type', 'l', ')'];
  // One program that looks at each file is several times as quick as we are.
  const tests = ['-path', './.git', '-prune', '-o', ...plain, '-o', '-printf', '%y %m %p\\0'];
  const found = await programOutput('find', ['.', ...tests], top);
  if (found === null) return null;
  const directories = new Set<string>();
  const odd: string[] = [];
  for (const field of fields(found)) {
    const [type, mode, ...rest] = pathFromBytes(field).split(' ');
    const path = rest.join(' ').replace(/^\.\/?/, '');
    if (path !== '.git' && /(^|\/)\.git$/i.test(path)) return null;
    if (type === 'd' && mode === directory) directories.add(path);
    else if (type === 'f' || type === 'l') odd.push(path);
    else return null;
  }
  return { directories, odd };
}

/** A file that stays the same may look different when its attributes change, and git would not see that. */
async function changesAttributes({ run }: OwnGit, before: string, after: string): Promise<boolean> {
  const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', before, after];
  const { stdout } = await run(args, { maxBytes: MAX_LISTING });
  return [...fields(stdout)].map(pathFromBytes).some(isAttributes);
}

/** The settings of our own git directory beside the index. */
async function looksOf(index: string): Promise<string> {
  const own = join(dirname(index), 'git');
  const hash = createHash('sha256');
  for (const name of ['config', 'attributes', 'info/attributes']) {
    hash.update((await readFile(join(own, name), 'utf8')).replaceAll(own, ''));
    hash.update('\0');
  }
  return hash.digest('hex');
}

const hashOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
