/**
 * Where this program lies, and which one it is: the same answers from `src/`, from `dist/` and from a bundle.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJson } from './os/json-file.js';

let root: string | undefined;

/** Returns the folder of the package: the checkout, or where npm installed it. */
export function packageRoot(): string {
  return (root ??= findRoot(dirname(fileURLToPath(import.meta.url))));
}

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error(`BUG: no package.json above ${from}`);
  }
}

/** Returns the path of a compiled file: `compiled('worker.js')`. It is there once the package is built. */
export const compiled = (name: string): string => join(packageRoot(), 'dist', name);

/** Returns the version in package.json. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/**
 * Returns what tells this build from others: the version and a hash of the sources it was made from.
 *
 * Workers of another build are replaced. `unbuilt` when nothing was built, as in tests that run from `src/`.
 */
export function buildId(): string {
  const stamp = readJson(compiled('build.json'));
  return isStamp(stamp) ? stamp.id : 'unbuilt';
}

const isStamp = (value: unknown): value is { id: string } =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
