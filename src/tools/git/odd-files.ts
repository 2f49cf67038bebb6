/**
 * What lies in a work tree and git passes over in silence: repositories inside it, pipes and sockets, empty directories.
 */
import type { Dirent } from 'node:fs';
import { chmod, lstat, readdir } from 'node:fs/promises';
import { isMissing } from '../../os/json-file.js';
import { fileBytes, pathFromBytes } from './path-bytes.js';

export interface OddFiles {
  /** Directories with a `.git` of their own; not looked into. */
  readonly repositories: readonly string[];
  /** Neither file nor link nor directory. */
  readonly special: readonly { readonly path: string; readonly kind: 'pipe' | 'socket' | 'device' }[];
  readonly empty: readonly string[];
}

/** Directories read at the same time. */
const AT_ONCE = 8;

/**
 * Looks through a work tree. A directory that its owner may not read is made readable: git could not take it in either.
 *
 * @param below - where to begin, relative to `top`; '' for all of it
 */
export async function findOddFiles(top: string, below = ''): Promise<OddFiles> {
  const found = {
    repositories: [] as string[],
    special: [] as OddFiles['special'][number][],
    empty: [] as string[],
  };
  const open = [below];
  const look = async (): Promise<void> => {
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const entries = await entriesOf(top, path, true);
      if (path !== below && entries.length === 0) found.empty.push(path);
      if (path !== below && entries.some(({ name }) => name.toString('latin1') === '.git')) {
        found.repositories.push(path);
        continue;
      }
      for (const entry of entries) {
        const name = pathFromBytes(entry.name);
        const child = path === '' ? name : `${path}/${name}`;
        if (entry.isDirectory()) {
          if (child !== '.git') open.push(child);
        } else if (!entry.isFile() && !entry.isSymbolicLink()) {
          found.special.push({
            path: child,
            kind: entry.isFIFO() ? 'pipe' : entry.isSocket() ? 'socket' : 'device',
          });
        }
      }
    }
  };
  // One who finds nothing open while others still read ends early; the rest goes on without it.
  while (open.length > 0) await Promise.all(Array.from({ length: AT_ONCE }, look));
  const sorted = (paths: string[]): string[] => paths.sort();
  return {
    repositories: sorted(found.repositories),
    special: found.special.sort((a, b) => (a.path < b.path ? -1 : 1)),
    empty: sorted(found.empty),
  };
}

export interface ListOptions {
  /** Then it stops. */
  readonly atMost?: number;
  /** Makes readable what is not: only in work trees of ours. */
  readonly mends?: boolean;
}

/** Returns every file, link and directory below a directory, whatever its name; for what git does not list. */
export async function listBelow(
  top: string,
  below: string,
  { atMost = Infinity, mends = false }: ListOptions = {},
): Promise<{ path: string; isDirectory: boolean }[]> {
  const found: { path: string; isDirectory: boolean }[] = [];
  const open = [below];
  for (let path = open.pop(); path !== undefined && found.length < atMost; path = open.pop()) {
    for (const entry of await entriesOf(top, path, mends)) {
      const child = `${path}/${pathFromBytes(entry.name)}`;
      if (entry.isDirectory()) open.push(child);
      if (entry.isDirectory() || entry.isFile() || entry.isSymbolicLink())
        found.push({ path: child, isDirectory: entry.isDirectory() });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Makes every file of a work tree of ours readable to its owner: git takes in none that is not. Returns how many were not. */
export async function mendFiles(top: string): Promise<number> {
  let mended = 0;
  const open = [''];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const entry of await entriesOf(top, path, true)) {
      const name = pathFromBytes(entry.name);
      const child = path === '' ? name : `${path}/${name}`;
      if (entry.isDirectory()) open.push(child);
      if (!entry.isFile()) continue;
      const { mode } = await lstat(fileBytes(top, child));
      if ((mode & 0o400) !== 0) continue;
      await chmod(fileBytes(top, child), (mode & 0o7777) | 0o400);
      mended += 1;
    }
  }
  return mended;
}

async function entriesOf(top: string, path: string, mends: boolean): Promise<Dirent<Buffer>[]> {
  const directory = path === '' ? Buffer.from(top) : fileBytes(top, path);
  const read = (): Promise<Dirent<Buffer>[]> =>
    readdir(directory, { encoding: 'buffer', withFileTypes: true });
  try {
    return await read();
  } catch (error) {
    if (isMissing(error)) return []; // gone meanwhile
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    if (!mends) return [];
    await chmod(directory, 0o700);
    return read();
  }
}
