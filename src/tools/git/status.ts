/**
 * What is not committed in a work tree.
 */
import { fields, pathFromBytes, texts } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';

export interface Status {
  /** Differs from HEAD in the index or on disk. */
  readonly changed: readonly string[];
  /** Left in conflict by a merge that somebody began. */
  readonly unmerged: readonly string[];
  /** New files and (ending in `/`) directories. */
  readonly untracked: readonly string[];
  /** Submodules at another commit, or with changes of their own. Also in `changed`. */
  readonly submodules: readonly string[];
}

/**
 * Reads the status of the repository's work tree; takes no lock and does not refresh the index.
 *
 * @param untracked - whether new files are looked for, which takes as long as all the rest
 */
export async function readStatus(
  repository: Repository,
  untracked: 'normal' | 'no' = 'normal',
): Promise<Status> {
  const args = ['status', '--porcelain=v2', '-z', '--untracked-files=no', '--ignored=no', '--no-renames'];
  const maxBytes = 256 * 1024 * 1024;
  // Two gits side by side: in a large tree looking for new files takes as long as looking at the known ones.
  const [answer, found] = await Promise.all([
    gitIn(repository, [...args, '--ignore-submodules=none'], { maxBytes }),
    untracked === 'no' ? [] : newFiles(repository, maxBytes),
  ]);
  const changed: string[] = [];
  const unmerged: string[] = [];
  const submodules: string[] = [];
  for (const field of fields(answer.stdout)) {
    const kind = String.fromCharCode(field[0] ?? 0);
    if (kind === '1') {
      // 1 XY sub mH mI mW hH hI path
      const path = pathFromBytes(after(field, 8));
      changed.push(path);
      if (field.toString('latin1', 5, 6) === 'S') submodules.push(path);
    } else if (kind === 'u') {
      // u XY sub m1 m2 m3 mW h1 h2 h3 path
      unmerged.push(pathFromBytes(after(field, 10)));
    }
  }
  return { changed, unmerged, untracked: found, submodules };
}

/** As `git status` names them: a directory in which nothing is known stands for what is in it. */
async function newFiles(repository: Repository, maxBytes: number): Promise<string[]> {
  const args = ['ls-files', '-z', '--others', '--exclude-standard', '--directory', '--no-empty-directory'];
  return texts((await gitIn(repository, args, { maxBytes })).stdout);
}

/** What follows the first `count` blanks. */
function after(field: Buffer, count: number): Buffer {
  let at = 0;
  for (let seen = 0; seen < count; seen += 1) at = field.indexOf(0x20, at) + 1;
  return field.subarray(at);
}
