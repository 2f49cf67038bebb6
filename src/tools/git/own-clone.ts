/**
 * A clone for a tool that is not trusted: it shares nothing with the repository, neither refs nor configuration nor the files
 * of its objects.
 */
import { mkdir } from 'node:fs/promises';
import { git } from './call.js';
import { identity } from './commit.js';
import { openRepository, gitIn, type Repository } from './repository.js';

/**
 * Makes a repository with the history of one commit, HEAD detached there, no remote and no files yet.
 *
 * The objects are copied by a fetch: hard links, git's way for a local clone, would let the tool write into ours.
 */
export async function makeClone(repository: Repository, path: string, commit: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const format = `--object-format=${repository.objectFormat}`;
  await git({ cwd: path, args: ['init', '--quiet', '--template=', '--initial-branch=work', format, '.'] });
  const clone = await openRepository(path);
  // By protocol version 2 any commit may be asked for, not just a branch's.
  const settings = [
    ['protocol.version', '2'],
    ['gc.auto', '0'],
  ] as const;
  const refspec = `${commit}:refs/planwright/base`;
  const args = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
    '--update-shallow',
    repository.commonDir,
    refspec,
  ];
  await gitIn(clone, args, { settings });
  await gitIn(clone, ['update-ref', '--no-deref', 'HEAD', commit]);
  const people = await identity(repository);
  if (people === null) return;
  await gitIn(clone, ['config', 'user.name', people.author.name]);
  await gitIn(clone, ['config', 'user.email', people.author.email]);
}
