/**
 * Moving the git directories of repositories inside a work tree out of it, and back.
 */
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists } from '../../os/paths.js';
import type { Journal } from './checkout-journal.js';
import { dropNewIndex } from './checkout-journal.js';
import { bytesFromPath } from './path-bytes.js';
import type { Repository } from './repository.js';

/** Moves each to its backup; those that were moved already stay. */
export async function takeAway({ taken = [] }: Journal): Promise<void> {
  for (const { from, to } of taken) {
    if (await exists(bytesFromPath(to))) continue;
    await mkdir(dirname(to), { recursive: true });
    await move(bytesFromPath(from), bytesFromPath(to));
  }
}

/** Undoes what was done before the branch moved. */
export async function giveBack(checkout: Repository, { taken = [] }: Journal): Promise<void> {
  await dropNewIndex(checkout);
  for (const { from, to } of taken) {
    if (!(await exists(bytesFromPath(to)))) continue;
    // What is left there was being removed: the backup is whole.
    await rm(bytesFromPath(from), { recursive: true, force: true });
    await move(bytesFromPath(to), bytesFromPath(from));
  }
}

/** A rename where that goes; else a whole copy first. */
async function move(from: Buffer, to: Buffer): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    const partial = Buffer.concat([to, Buffer.from('.partial')]);
    await rm(partial, { recursive: true, force: true });
    await cp(from.toString('utf8'), partial.toString('utf8'), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
    await rename(partial, to);
    await rm(from, { recursive: true });
  }
}
