/**
 * What is there in the file system, for those to whom "not there" and "not readable" are the same.
 */
import { lstat, readdir } from 'node:fs/promises';

/** Whether anything has this name, a link to nothing included. */
export async function exists(path: string | Buffer): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** Returns the names in a directory; none when it cannot be read. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}
