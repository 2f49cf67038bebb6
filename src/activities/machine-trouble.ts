/**
 * What is not the command's fault: no disk space, no memory, no process number.
 */

import { statfsSync, type StatsFs } from 'node:fs';
import { isMissing } from '../os/json-file.js';

/** The machine could not serve: tried again later, and not counted as an attempt of the command. */
export class MachineTrouble extends Error {}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'disk full',
  EDQUOT: 'disk quota exceeded',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'no memory left',
  EROFS: 'the file system is read-only',
};

/** Does work on files of ours; an error of the system becomes trouble of the machine, one of ours passes. */
export function onMachine<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error)) {
      const word = WORDS[error.code];
      throw new MachineTrouble(word === undefined ? error.message : `${word} (${error.message})`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Says whether an error comes from the operating system, not from a mistake of ours. */
export const isSystemError = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';

/** A file system has blocks of 4 KB: with less than a few of them every write may fail. */
const FULL_BELOW_BYTES = 16 * 1024;

/** Says that the file system of a folder has no space left, or null: a command's failure is then no wonder. */
export function diskFullAt(folder: string): string | null {
  let space: StatsFs;
  try {
    space = statfsSync(folder);
  } catch (error) {
    if (isMissing(error)) return null; // the run was pruned while its step ran
    throw error;
  }
  const { bavail, bfree, bsize } = space;
  const left = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  return left < FULL_BELOW_BYTES ? `disk full: ${left} bytes are left where "${folder}" is` : null;
}
