/**
 * Finds the file that a command names, as execvp(3) would, but says what it met on the way.
 */
import { accessSync, constants, statSync, type Stats } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { codeOf } from './refusal.js';

export type FoundProgram =
  { readonly kind: 'found'; readonly path: string } | { readonly kind: 'problem'; readonly message: string };

/** Where execvp looks when PATH is not set. */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * Returns the absolute path of a command's executable, or what is in its way.
 *
 * A name with a slash is a path, relative to `cwd`; any other is looked for in the folders of `path`, where an empty
 * entry means `cwd`.
 */
export function findProgram(command: string, path: string | undefined, cwd: string): FoundProgram {
  if (command === '') return problem('no command: its name is empty');
  if (command.includes('/')) {
    const file = resolve(cwd, command);
    const flaw = flawOf(file);
    if (flaw === null) return { kind: 'found', path: file };
    return problem(flaw === 'missing' ? `no such command: "${file}" does not exist` : describe(flaw, file));
  }
  const folders = (path ?? DEFAULT_PATH).split(delimiter);
  let refused: string | null = null;
  for (const folder of folders) {
    const file = join(resolve(cwd, folder), command);
    const flaw = flawOf(file);
    if (flaw === null) return { kind: 'found', path: file };
    // Like execvp: go on looking, but remember what would have matched.
    if (flaw === 'not-executable') refused ??= describe(flaw, file);
  }
  const count = folders.length === 1 ? `the one folder` : `any of the ${folders.length} folders`;
  return problem(
    refused ?? `no such command: "${command}" is not in ${count} of PATH; install it, or name it by its path`,
  );
}

type Flaw = 'missing' | 'directory' | 'not-executable';

function flawOf(file: string): Flaw | null {
  let stats: Stats;
  try {
    stats = statSync(file);
  } catch (error) {
    return codeOf(error) === 'EACCES' ? 'not-executable' : 'missing';
  }
  if (stats.isDirectory()) return 'directory';
  try {
    accessSync(file, constants.X_OK);
    return null;
  } catch {
    return 'not-executable';
  }
}

function describe(flaw: Exclude<Flaw, 'missing'>, file: string): string {
  return flaw === 'directory'
    ? `not a command: "${file}" is a directory`
    : `not executable: this user may not execute "${file}"; chmod +x may help`;
}

const problem = (message: string): FoundProgram => ({ kind: 'problem', message });
