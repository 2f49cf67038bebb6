/**
 * What lies on the disk at a path of a work tree, compared with what git has.
 */
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { blobId } from './blob-id.js';
import { fileBytes, pathFromBytes } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';
import { isLink, isSubmodule, type TreeChange } from './tree.js';

export type OnDisk = 'nothing' | 'file' | 'link' | 'directory' | 'other';

/** Returns what is at a path, not following a link. */
export async function onDisk(top: string, path: string): Promise<OnDisk> {
  try {
    const stats = await lstat(fileBytes(top, path));
    if (stats.isFile()) return 'file';
    if (stats.isSymbolicLink()) return 'link';
    return stats.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'nothing';
    throw error;
  }
}

/** Returns every file below a directory (with `path/` before it), not following links. */
export async function filesBelow(top: string, path: string): Promise<string[]> {
  const found: string[] = [];
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const entries = await readdir(fileBytes(top, next), { withFileTypes: true, encoding: 'buffer' });
    for (const entry of entries) {
      const below = `${next}/${pathFromBytes(entry.name)}`;
      if (entry.isDirectory()) open.push(below);
      else found.push(below);
    }
  }
  return found;
}

/** Returns the directories a path is in: `a/b/c` → `a`, `a/b`. */
export function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * What a path holds that a move changes: its content before or after, a `part` (a write that was cut short, or nothing
 * where both sides have something), or something we cannot have put there.
 */
export type Lying = 'before' | 'after' | 'part' | 'foreign';

/** Returns what lies at the path of a change. */
export async function whatLies(checkout: Repository, top: string, change: TreeChange): Promise<Lying> {
  const { before, after } = change;
  // Moves leave the inside of a submodule alone; its directory says nothing.
  if ([before, after].some((side) => side !== null && isSubmodule(side.mode))) return 'before';
  const kind = await onDisk(top, change.path);
  if (kind === 'other') return 'foreign';
  // What is in a directory is looked at by its own path.
  if (kind === 'nothing' || kind === 'directory')
    return before === null ? 'before' : after === null ? 'after' : 'part';
  const bytes =
    kind === 'link'
      ? await readlink(fileBytes(top, change.path), { encoding: 'buffer' })
      : await readFile(fileBytes(top, change.path));
  const id = blobId(bytes, checkout.objectFormat);
  if (before?.id === id && after?.id === id && kind === 'file') {
    const executable = ((await lstat(fileBytes(top, change.path))).mode & 0o100) !== 0;
    return executable === (before.mode === '100755') ? 'before' : 'after';
  }
  const fits = (side: Side): side is NonNullable<Side> =>
    side !== null && isLink(side.mode) === (kind === 'link');
  if (fits(before) && before.id === id) return 'before';
  if (fits(after) && after.id === id) return 'after';
  for (const [side, lying] of [
    [before, 'before'],
    [after, 'after'],
  ] as const) {
    if (!fits(side)) continue;
    for (const expected of await versions(checkout, change.path, side.id)) {
      if (expected.equals(bytes)) return lying;
      if (expected.subarray(0, bytes.length).equals(bytes)) return 'part';
    }
  }
  return 'foreign';
}

type Side = TreeChange['before'];

/** The content of a blob as stored, and as a checkout writes it (line ends, encoding). */
async function versions(checkout: Repository, path: string, id: string): Promise<Buffer[]> {
  const maxBytes = 1024 * 1024 * 1024;
  const stored = await gitIn(checkout, ['cat-file', 'blob', id], { maxBytes });
  const written = await gitIn(checkout, ['cat-file', '--filters', `--path=${path}`, id], { maxBytes });
  return [stored.stdout, written.stdout];
}
