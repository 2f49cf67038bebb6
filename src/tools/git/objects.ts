/**
 * Work on a repository's objects alone: merging, reading trees, making commits.
 *
 * It happens in a git directory of our own that borrows the repository's object store. So neither its configuration
 * nor its index, hooks, attributes or replaced objects have a say, and nothing but new objects can come of it.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git, type GitAnswer, type GitCall } from './call.js';
import type { Repository } from './repository.js';

export interface Objects {
  /** A directory of our own, gone when the work is done. */
  readonly directory: string;
  /** Where `.gitattributes` files are put that shall count (attributes.ts). */
  readonly attributes: string;
  /** Runs git on the objects. */
  git(args: readonly string[], options?: Omit<GitCall, 'args' | 'cwd'>): Promise<GitAnswer>;
}

/**
 * Lends the repository's objects to `work`.
 *
 * @param parent - an existing directory of our own, for temporary files
 */
export async function withObjects<T>(
  repository: Repository,
  parent: string,
  work: (objects: Objects) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(parent, 'objects-'));
  try {
    const gitDir = join(directory, 'git');
    const attributes = join(directory, 'tree');
    await Promise.all([mkdir(join(gitDir, 'refs'), { recursive: true }), mkdir(attributes)]);
    await mkdir(join(gitDir, 'objects'));
    await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/none\n');
    await writeFile(join(gitDir, 'config'), configuration(repository.objectFormat));
    const env = {
      GIT_DIR: gitDir,
      GIT_WORK_TREE: attributes,
      GIT_OBJECT_DIRECTORY: join(repository.commonDir, 'objects'),
      GIT_INDEX_FILE: join(directory, 'index'),
      // Neither the machine's nor the person's settings: the same merge comes out everywhere.
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
    };
    return await work({
      directory,
      attributes,
      git: (args, options = {}) =>
        git({ ...options, cwd: attributes, args, env: { ...env, ...options.env } }),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function configuration(objectFormat: Repository['objectFormat']): string {
  const version = objectFormat === 'sha1' ? 0 : 1;
  const core = [
    '[core]',
    `repositoryformatversion = ${version}`,
    'attributesFile = /dev/null',
    'autocrlf = false',
  ];
  const extensions = objectFormat === 'sha1' ? [] : ['[extensions]', `objectFormat = ${objectFormat}`];
  return [...core, ...extensions, ''].join('\n');
}
