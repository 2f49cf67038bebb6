/**
 * A cheap look at a person's work tree: its index, the files that differ from it, and what git does not track.
 *
 * Not a hash of every file: git knows from its index which tracked files were written to since, and of the others the times
 * of their last change tell. A tool can set back the time of a write, not the time of that.
 */
import { createHash } from 'node:crypto';
import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findUntracked } from './untracked-files.js';
import { MAX_LISTING } from './own-git.js';
import { fields, fileBytes, pathFromBytes, shownPath } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';
import type { Facts, SharedState } from './shared-state.js';

/** Returns the facts of a work tree. */
export async function checkoutState(tree: Repository, since: SharedState): Promise<Facts> {
  const top = tree.workTree ?? '';
  const prefix = `checkout ${top}/`;
  const [index, written, untracked] = await Promise.all([
    indexFact(tree),
    gitIn(tree, ['diff-files', '-z', '--name-only', '--ignore-submodules=all'], { maxBytes: MAX_LISTING }),
    findUntracked(tree),
  ]);
  const facts: Facts = [[`index ${top}`, index]];
  const paths = new Set([...fields(written.stdout)].map(pathFromBytes));
  for (const path of untracked) paths.add(path);
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

/** By the file of an index: which one it was, and what it held. A listing of many files is the dearest part of a look. */
const known = new Map<string, { readonly file: string; readonly fact: string }>();
/** Two writes within one tick of the file system's clock look the same. */
const TICK_MS = 100;

/** What the index holds; not the file itself, which a look at the status writes anew. */
async function indexFact(tree: Repository): Promise<string> {
  const path = join(tree.gitDir, 'index');
  const file = await factOf(Buffer.from(path));
  const seen = known.get(path);
  if (seen?.file === file) return seen.fact;
  const { stdout } = await gitIn(tree, ['ls-files', '-z', '-v', '--stage'], { maxBytes: MAX_LISTING });
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
    return 'missing';
  }
}
