/**
 * Reads bundle files from disk: the one module of workstreams that does.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readInputText } from '../../os/input-text.js';
import { covers } from '../scope.js';
import { loadSet, type LoadedSet } from './load-set.js';

/** `PIPELINE_WORKSTREAM_DIR` says where bundles are, else this folder of the repository. */
export const WORKSTREAM_DIR = 'workstreams';
export const BUNDLE_PATTERN = 'ws-*.json';

export interface ReadSetRequest {
  /** A folder, or one bundle file. */
  readonly path: string;
  /** Which files of the folder are bundles. */
  readonly pattern?: string;
  readonly strict?: boolean;
}

/**
 * Loads the bundles of a folder, in order of their names, or one file.
 *
 * @throws when `path` itself cannot be read; what is wrong with a bundle comes back in the set
 */
export async function readSet({
  path,
  pattern = BUNDLE_PATTERN,
  strict = false,
}: ReadSetRequest): Promise<LoadedSet> {
  const isFolder = (await stat(path)).isDirectory();
  const files = isFolder
    ? (await readdir(path, { withFileTypes: true }))
        .filter((entry) => !entry.isDirectory() && covers(pattern, entry.name))
        .map((entry) => join(path, entry.name))
        .sort()
    : [path];
  return loadSet({ files, strict, readText: readInputText });
}

/** Returns the folder of bundles for a repository. */
export const workstreamFolder = (
  root: string,
  env: Readonly<Record<string, string | undefined>>,
  configured: string = WORKSTREAM_DIR,
): string => join(root, env['PIPELINE_WORKSTREAM_DIR'] || configured);
