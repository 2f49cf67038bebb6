/**
 * Space where files are made: asked for before, and the reason found after.
 */
import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing } from '../../os/json-file.js';
import { WorktreeRefused } from './worktree-refused.js';

const MiB = 1024 * 1024;

/**
 * Makes sure that so much space is left where `path` is, or will be.
 *
 * @throws WorktreeRefused
 */
export async function ensureSpace(path: string, minFreeBytes: number, what: string): Promise<void> {
  const free = await freeBytes(path);
  if (free >= minFreeBytes) return;
  throw new WorktreeRefused(
    'disk-limit',
    `${what} is not made: ${Math.floor(free / MiB)} MiB are left where "${path}" is, and ${Math.ceil(minFreeBytes / MiB)} MiB must be; ` +
      'free some space, or lower the limit',
  );
}

async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    if (isMissing(error) && dirname(path) !== path) return freeBytes(dirname(path));
    throw error;
  }
}

/** A file system has blocks of 4 KB: with less than a few of them every write may fail. */
const FULL_BELOW_BYTES = 64 * 1024;

const WRITE_FAILED =
  /No space left on device|Disk quota exceeded|unable to write (new )?(file|index)|write error/i;

/** Says whether an error, of git or of a write of ours, came of a full disk. */
export function isDiskFull(error: unknown, path: string): boolean {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return true;
  // git says of a file it could not write neither why, nor does it leave the half of it: there is space again by then.
  if (error instanceof Error && WRITE_FAILED.test(error.message)) return true;
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}
