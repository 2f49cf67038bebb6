/**
 * `.worktreeinclude`: a list, in the words of `.gitignore`, of ignored files that a fresh work tree needs and git does not bring:
 * `.env`, a local configuration. They are copied from the person's work tree, and never enter a patch.
 */
import { copyFile, lstat, mkdir, readFile, readlink, symlink } from 'node:fs/promises';
import { isMissing } from '../../os/json-file.js';
import { MAX_LISTING, type OwnGit } from './own-git.js';
import { fileBytes, fields, pathFromBytes } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';

/** A file as it was copied in. */
export interface Included {
  readonly path: string;
  readonly size: number;
  /** When its content or its facts last changed: a tool can set back the first time of a file, not this one. */
  readonly changedMs: number;
}

export const INCLUDE_FILE = '.worktreeinclude';
const MAX_FILES = 10_000;
const MAX_BYTES = 1024 * 1024 * 1024;

/** There is more than may be copied. */
export class TooMuchIncluded extends Error {
  override readonly name = 'TooMuchIncluded';
}

/** Copies what the list in the person's work tree names, and git ignores there. What is in the way is left as it is. */
export async function copyIncluded(repository: Repository, to: OwnGit): Promise<Included[]> {
  const from = repository.workTree;
  if (from === null) return [];
  const list = await readFile(`${from}/${INCLUDE_FILE}`, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (list === null) return [];
  const paths = await named(repository);
  if (paths.length > MAX_FILES) {
    throw new TooMuchIncluded(
      `"${INCLUDE_FILE}" names ${paths.length} files; at most ${MAX_FILES} are copied`,
    );
  }
  const copied: Included[] = [];
  let bytes = 0;
  for (const path of paths) {
    bytes += (await lstat(fileBytes(from, path))).size;
    if (bytes > MAX_BYTES) {
      throw new TooMuchIncluded(
        `"${INCLUDE_FILE}" names more than ${MAX_BYTES / 1024 / 1024} MiB; make it name less`,
      );
    }
    if (await copyOne(fileBytes(from, path), fileBytes(to.workTree, path))) {
      const { size, ctimeMs } = await lstat(fileBytes(to.workTree, path));
      copied.push({ path, size, changedMs: ctimeMs });
    }
  }
  return copied;
}

/** Files that are not tracked, that the list names, and that git ignores: those it does not ignore are work in progress. */
async function named(repository: Repository): Promise<string[]> {
  const list = async (...rules: string[]): Promise<string[]> => {
    const args = ['ls-files', '-z', '--others', ...rules];
    const answer = await gitIn(repository, args, { maxBytes: MAX_LISTING });
    // One that ends in "/" is a repository.
    return [...fields(answer.stdout)].filter((path) => path.at(-1) !== 0x2f).map(pathFromBytes);
  };
  const inProgress = new Set(await list('--exclude-standard'));
  const all = await list('--ignored', `--exclude-from=${INCLUDE_FILE}`);
  return all.filter((path) => !inProgress.has(path));
}

async function copyOne(from: Buffer, to: Buffer): Promise<boolean> {
  const stats = await lstat(from);
  await mkdir(to.subarray(0, to.lastIndexOf(0x2f)), { recursive: true });
  try {
    if (stats.isSymbolicLink()) await symlink(await readlink(from, { encoding: 'buffer' }), to);
    else if (stats.isFile())
      await copyFile(from, to, 1); // 1: not over a file that is there
    else return false;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false; // the commit has it
    throw error;
  }
}
