/**
 * A cheap look at a person's work tree: its index, the files that differ from it, and what git does not track.
 *
 * Not a hash of every file: git knows from its index which tracked files were written to since, and of the others the times
 * of their last change tell. A tool can set back the time of a write, not the time of that.
 */
import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
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
    gitIn(tree, ['ls-files', '-z', '-v', '--stage'], { maxBytes: MAX_LISTING }),
    gitIn(tree, ['diff-files', '-z', '--name-only', '--ignore-submodules=all'], { maxBytes: MAX_LISTING }),
    findUntracked(tree),
  ]);
  const facts: Facts = [
    [`index ${top}`, createHash('sha256').update(index.stdout).digest('hex').slice(0, 40)],
  ];
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

async function factOf(path: Buffer): Promise<string> {
  try {
    const { mode, size, ino, mtimeNs, ctimeNs } = await lstat(path, { bigint: true });
    return [mode.toString(8), size, ino, mtimeNs, ctimeNs].join(' ');
  } catch {
    return 'missing';
  }
}
