/**
 * The file in which the embedded server keeps its runs.
 *
 * It is never opened here: a second SQLite connection, in any process, can make the server fail. Its first bytes are
 * read, its locks are looked up, and it is moved; that is all.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, statSync } from 'node:fs';
import { readJson, writeJson } from '../os/json-file.js';

/** What we know of a database that served: written beside it once its server answered. */
export interface DatabaseMark {
  readonly format: 1;
  /** Of its namespace `default`: tells this database from any other. */
  readonly namespaceId: string;
  /** The server that made it. Temporal does not promise that another release can read it. */
  readonly serverVersion: string;
  /** The program of that server, when it was made. */
  readonly program: string;
}

const markFile = (file: string): string => `${file}.json`;

export function readMark(file: string): DatabaseMark | null {
  const mark = readJson(markFile(file));
  return isMark(mark) ? mark : null;
}

export const writeMark = (file: string, mark: DatabaseMark): void => writeJson(markFile(file), mark);

const isMark = (value: unknown): value is DatabaseMark =>
  typeof value === 'object' &&
  value !== null &&
  'format' in value &&
  value.format === 1 &&
  ['namespaceId', 'serverVersion', 'program'].every(
    (key) => typeof (value as Record<string, unknown>)[key] === 'string',
  );

/** Says why no server of this version should be started on the file, or null when it is sound or not there. */
export function unfitBecause(file: string, serverVersion: string): string | null {
  if (!existsSync(file)) return null;
  if (!hasSqliteHeader(file)) return 'it is not a whole SQLite database';
  const mark = readMark(file);
  if (mark === null)
    return 'no server of Planwright has ever served from it (it is half-made, or somebody else’s)';
  if (!sameSchema(mark.serverVersion, serverVersion)) {
    return `server ${mark.serverVersion} made it, and ${serverVersion} may not read it`;
  }
  return null;
}

/** Releases that differ in the last place only keep the schema. */
export const sameSchema = (one: string, other: string): boolean => minorOf(one) === minorOf(other);
const minorOf = (version: string): string => version.split('.', 2).join('.');

function hasSqliteHeader(file: string): boolean {
  const header = Buffer.alloc(16);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return header.toString('latin1') === 'SQLite format 3\0';
}

/**
 * Moves the database with all that belongs to it out of the way: the whole folder, at once. Returns its new path.
 *
 * File by file, a kill in between could part a database from its log, which holds the newest of its content.
 */
export function moveAside(folder: string, now: Date): string {
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let aside = `${folder}.aside-${stamp}`;
  for (let count = 2; existsSync(aside); count++) aside = `${folder}.aside-${stamp}-${count}`;
  renameSync(folder, aside);
  return aside;
}

/**
 * Returns the processes that have the database open (their numbers), as far as the system tells.
 *
 * Two servers on one file ruin it, and nothing in SQLite keeps a second one out. Each holds a lock, which Linux lists.
 */
export function holdersOf(file: string): readonly number[] {
  let locks;
  try {
    locks = readFileSync('/proc/locks', 'utf8');
  } catch {
    return []; // not Linux
  }
  const inodes = [file, `${file}-shm`, `${file}-wal`].map(
    (path) => statSync(path, { throwIfNoEntry: false })?.ino,
  );
  const holders = new Set<number>();
  for (const line of locks.split('\n')) {
    const [, pid, inode] = /^\d+: POSIX\s+\S+\s+\S+\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)/.exec(line) ?? [];
    if (pid !== undefined && inodes.includes(Number(inode))) holders.add(Number(pid));
  }
  return [...holders];
}
