/**
 * A cheap look at a person's work tree: its index, the files that differ from it, and what git does not track.
 *
 * Not a hash of every file: git knows from its index which tracked files were written to since, and of the others the times
 * of their last change tell. A tool can set back the time of a write, not the time of that.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allEnded } from '../../os/all-ended.js';
import { GitFailure } from './call.js';
import { findUntracked } from './untracked-files.js';
import { MAX_LISTING } from './own-git.js';
import { fields, fileBytes, pathFromBytes, shownPath } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';
import type { Facts, SharedState } from './shared-state.js';

/** The facts of a file that is not there, and of an index that git cannot read. */
export const MISSING = 'missing';
export const UNREADABLE = 'unreadable';

/** Returns the facts of a work tree. */
export async function checkoutState(tree: Repository, since: SharedState): Promise<Facts> {
  const top = tree.workTree ?? '';
  const prefix = `checkout ${top}/`;
  const [index, listed] = await Promise.all([indexFact(tree), listing(tree)]);
  const facts: Facts = [[`index ${top}`, index]];
  const before = since[`index ${top}`];
  const isNew = (path: string): boolean => since[`${prefix}${shownPath(path)}`] === undefined;
  // An index that is gone or emptied makes every file one that git does not know: that is said of the index, and once.
  const isAnother = before !== undefined && before !== index;
  const paths =
    isAnother && (listed === null || [...listed].filter(isNew).length > MAX_NEW)
      ? await listingByHead(tree)
      : (listed ?? new Set<string>());
  const seen = new Set<string>();
  for (const path of paths) {
    const key = `${prefix}${shownPath(path)}`;
    seen.add(key);
    facts.push([key, await factOf(fileBytes(top, path))]);
  }
  // Somebody's `git status` takes note of a file that looked changed: it is out of git's list then, and yet the same.
  for (const [key, fact] of Object.entries(since)) {
    if (!key.startsWith(prefix) || seen.has(key)) continue;
    if ((await factOf(fileBytes(top, key.slice(prefix.length)))) === fact) facts.push([key, fact]);
  }
  return facts;
}

/** So many files that are new to us may have been written one by one. */
const MAX_NEW = 20;

/** Paths that differ from the index, and those that it does not know; null: git cannot read it. */
async function listing(
  tree: Repository,
  env: Readonly<Record<string, string>> = {},
): Promise<Set<string> | null> {
  const options = { maxBytes: MAX_LISTING, env };
  const args = ['diff-files', '-z', '--name-only', '--ignore-submodules=all'];
  try {
    const [written, untracked] = await allEnded([gitIn(tree, args, options), findUntracked(tree, env)]);
    return new Set([...[...fields(written.stdout)].map(pathFromBytes), ...untracked]);
  } catch (error) {
    if (error instanceof GitFailure) return null;
    throw error;
  }
}

/** The same by an index of our own, made of the commit that is checked out. */
async function listingByHead(tree: Repository): Promise<Set<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'planwright-index-'));
  try {
    const env = { GIT_INDEX_FILE: join(folder, 'index') };
    const accept = [0, 1, 128];
    await gitIn(tree, ['read-tree', 'HEAD'], { env, accept });
    await gitIn(tree, ['update-index', '-q', '--refresh'], { env, accept, maxBytes: MAX_LISTING });
    return (await listing(tree, env)) ?? new Set();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** By the file of an index: which one it was, and what it held. A listing of many files is the dearest part of a look. */
const known = new Map<string, { readonly file: string; readonly fact: string }>();
/** Two writes within one tick of the file system's clock look the same. */
const TICK_MS = 100;

/** What the index holds; not the file itself, which a look at the status writes anew. */
async function indexFact(tree: Repository): Promise<string> {
  const path = join(tree.gitDir, 'index');
  const file = await factOf(Buffer.from(path));
  if (file === MISSING) return MISSING;
  const seen = known.get(path);
  if (seen?.file === file) return seen.fact;
  const args = ['ls-files', '-z', '-v', '--stage'];
  const { stdout, exitCode } = await gitIn(tree, args, { maxBytes: MAX_LISTING, accept: [0, 128] });
  if (exitCode !== 0) return UNREADABLE;
  const fact = createHash('sha256').update(stdout).digest('hex').slice(0, 40);
  const changedMs = await stat(path).then(
    ({ ctimeMs }) => ctimeMs,
    () => Infinity,
  );
  if (changedMs < Date.now() - TICK_MS && (await factOf(Buffer.from(path))) === file)
    known.set(path, { file, fact });
  else known.delete(path);
  return fact;
}

async function factOf(path: Buffer): Promise<string> {
  try {
    const { mode, size, ino, mtimeNs, ctimeNs } = await lstat(path, { bigint: true });
    return [mode.toString(8), size, ino, mtimeNs, ctimeNs].join(' ');
  } catch {
    return MISSING;
  }
}
