/**
 * The file that `--output` names.
 */
import { statSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { quote } from '../plan/quote.js';
import { UsageError } from './errors.js';

/**
 * Returns the path of a file that is to be written.
 *
 * Folders are made for it below where the person stands and in the repository. Elsewhere one that is not there is a slip.
 *
 * @throws UsageError for what cannot be meant
 */
export function outputFile(cwd: string, root: string, name: string): string {
  const file = resolve(cwd, name);
  if (name.trim() === '' || /[/\\]$/.test(name) || isFolder(file)) {
    throw new UsageError(`--output needs the name of a file, and ${quote(name)} is none`);
  }
  const folder = dirname(file);
  if (!isBelow(cwd, file) && !isBelow(root, file) && !isFolder(folder)) {
    throw new UsageError(`${quote(name)} cannot be written: there is no folder ${quote(folder)}`, [
      'make it first, or name a file of the repository',
    ]);
  }
  return file;
}

function isBelow(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== '..' && !path.startsWith(`..${sep}`);
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
