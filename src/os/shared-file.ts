/**
 * Files in a person's repository: there whole or not at all, and with the rights that the person's files have.
 */
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

let drafts = 0;

/**
 * Writes a file so that a reader finds the old content or the new, never a part.
 *
 * @param isNew - the file must not be there yet: somebody else's is never overwritten, however close in time
 * @throws an `EEXIST` error when it is there
 */
export async function writeShared(file: string, text: string, isNew = false): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  drafts += 1;
  const draft = `${file}.${process.pid}.${drafts}.draft`;
  try {
    const handle = await open(draft, 'wx');
    try {
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    if (isNew) await link(draft, file);
    else await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

export const isThere = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST';
