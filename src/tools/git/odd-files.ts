/**
 * What lies in a work tree and git passes over in silence: repositories inside it, pipes and sockets, empty directories.
 */
import type { Dirent } from 'node:fs';
import { chmod, lstat, readdir } from 'node:fs/promises';
import { isMissing } from '../../os/json-file.js';
import { parents } from './checkout-files.js';
import { fileBytes, pathFromBytes, texts } from './path-bytes.js';
import { programOutput } from './program-output.js';

export interface OddFiles {
  /** Directories with a `.git` of their own; not looked into. */
  readonly repositories: readonly string[];
  /** Neither file nor link nor directory. */
  readonly special: readonly { readonly path: string; readonly kind: 'pipe' | 'socket' | 'device' }[];
  readonly empty: readonly string[];
  /** Files by whose whole path nothing can be opened: git passes over them with a warning. */
  readonly tooDeep: readonly string[];
}

/** The longest path that the system takes, without the NUL at its end. */
const MAX_PATH = 4_095;

/**
 * Looks through a work tree. A directory that its owner may not read is made readable: git could not take it in either.
 */
export async function findOddFiles(top: string): Promise<OddFiles> {
  // One program that looks for them is several times as quick as we are; where it is not there, or may not look, we do.
  const found = (await byProgram(top)) ?? (await byOurselves(top));
  const sorted = (paths: string[]): string[] => paths.sort();
  return {
    repositories: sorted(found.repositories),
    special: found.special.sort((a, b) => (a.path < b.path ? -1 : 1)),
    empty: sorted(found.empty),
    tooDeep: sorted(found.tooDeep),
  };
}

interface Found {
  readonly repositories: string[];
  readonly special: OddFiles['special'][number][];
  readonly empty: string[];
  readonly tooDeep: string[];
}

const SPECIAL: Readonly<Record<string, 'pipe' | 'socket' | 'device'>> = { p: 'pipe', s: 'socket' };

async function byProgram(top: string): Promise<Found | null> {
  const inside = ['-name', '.git', '-printf', 'r %h\\0', '-prune'];
  const empty = ['-type', 'd', '-empty'];
  const special = ['!', '-type', 'd', '!', '-type', 'f', '!', '-type', 'l'];
  const longest = MAX_PATH - Buffer.byteLength(top) - '/'.length;
  const deep = [
    '!',
    '-type',
    'd',
    '-regextype',
    'posix-extended',
    '-regex',
    `.{${longest + './'.length + 1},}`,
  ];
  const odd = ['(', ...empty, '-o', ...special, '-o', ...deep, ')'];
  const tests = ['-path', './.git', '-prune', '-o', ...inside, '-o', ...odd, '-printf', '%y %p\\0'];
  const output = await programOutput('find', ['.', '-mindepth', '1', ...tests], top);
  if (output === null) return null;
  const rows = texts(output).map((row) => ({ type: row.slice(0, 1), path: row.slice('? ./'.length) }));
  const repositories = rows.flatMap(({ type, path }) => (type === 'r' ? [path] : []));
  // What is in a repository is its own affair; so is one inside it.
  const isInside = (path: string): boolean => parents(path).some((one) => inner.has(one));
  const inner = new Set(repositories);
  const outside = rows.filter(({ path }) => !isInside(path));
  return {
    repositories: repositories.filter((path) => !isInside(path)),
    empty: outside.flatMap(({ type, path }) => (type === 'd' ? [path] : [])),
    special: outside.flatMap(({ type, path }) =>
      PLAIN.has(type) ? [] : [{ path, kind: SPECIAL[type] ?? 'device' }],
    ),
    tooDeep: outside.flatMap(({ type, path }) => (type === 'f' || type === 'l' ? [path] : [])),
  };
}

const PLAIN: ReadonlySet<string> = new Set(['r', 'd', 'f', 'l']);

/** Directories read at the same time. */
const AT_ONCE = 8;

async function byOurselves(top: string): Promise<Found> {
  const found: Found = { repositories: [], special: [], empty: [], tooDeep: [] };
  const open = [''];
  const look = async (): Promise<void> => {
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (fileBytes(top, path).length > MAX_PATH) {
        found.tooDeep.push(path); // what is in it cannot be seen
        continue;
      }
      const entries = await entriesOf(top, path, true);
      if (path !== '' && entries.length === 0) found.empty.push(path);
      if (path !== '' && entries.some(({ name }) => name.toString('latin1') === '.git')) {
        found.repositories.push(path);
        continue;
      }
      for (const entry of entries) {
        const name = pathFromBytes(entry.name);
        const child = path === '' ? name : `${path}/${name}`;
        if (entry.isDirectory()) {
          if (child !== '.git') open.push(child);
        } else if (fileBytes(top, child).length > MAX_PATH) {
          found.tooDeep.push(child);
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
  return found;
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
    if (fileBytes(top, path).length > MAX_PATH) continue; // named by itself, and nothing of it can be read
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
    if (fileBytes(top, path).length > MAX_PATH) continue;
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
