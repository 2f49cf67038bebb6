/**
 * Files that are there whole or not at all.
 */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

let drafts = 0;

/**
 * Writes a file so that a reader finds the old content or the new, never a part; only its owner may read it.
 *
 * It comes in pieces because a record may hold many megabytes: between two of them the worker gets to its heartbeats.
 */
export async function writeWhole(file: string, pieces: Iterable<string>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  drafts += 1;
  const draft = `${file}.${process.pid}.${drafts}.draft`; // two writers of one file must not share a draft
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      for (const piece of pieces) await handle.write(piece);
      await handle.datasync(); // what is renamed before it is on the disk is an empty file after a power failure
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
