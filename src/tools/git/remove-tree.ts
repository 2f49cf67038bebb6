/**
 * Removing a directory that a tool has been in.
 */
import { chmod, rm } from 'node:fs/promises';
import { listBelow } from './odd-files.js';
import { fileBytes } from './path-bytes.js';
import { programOutput } from './program-output.js';

// A program that was told to end may still write something for a moment.
const ALL = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;

/** Removes a directory, also one with directories in it that may not be written to. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, ALL);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Deeper than any path can say: this program goes down step by step.
    if (code === 'ENAMETOOLONG' && (await programOutput('rm', ['-rf', '--', path], '/')) !== null) return;
    if (code !== 'EACCES') throw error;
    await chmod(path, 0o700);
    for (const entry of await listBelow(path, '.', { mends: true })) {
      if (entry.isDirectory) await chmod(fileBytes(path, entry.path), 0o700);
    }
    await rm(path, ALL);
  }
}
