/**
 * Makes the state directory, or says in words why it cannot be had.
 */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder with all above it, usable by us.
 *
 * Not `mkdirSync` with `recursive`: below `/proc` that one never returns.
 *
 * @returns null, or why it cannot be used
 */
export function makeFolder(folder: string): string | null {
  try {
    make(folder);
    if (!statSync(folder).isDirectory()) return `"${folder}" is not a folder`;
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function make(folder: string): void {
  if (existsSync(folder)) return;
  const above = dirname(folder);
  if (above !== folder) make(above);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!isThere(error)) throw error; // another process was faster
  }
}

const isThere = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST';
