/**
 * Files of a work tree that git does not track, ignored ones too, as far as they can be listed quickly.
 */
import { listBelow } from './odd-files.js';
import { MAX_LISTING } from './own-git.js';
import { fields, pathFromBytes } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';

/** Whole folders of others' files (`node_modules`) are looked into so far; beyond, only the folder itself is. */
const MAX_LISTED = 4_000;

/** Returns their paths. Folders that hold more than can be looked at stand for themselves. */
export async function findUntracked(
  tree: Repository,
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const top = tree.workTree ?? '';
  const args = ['ls-files', '-z', '--others', '--directory'];
  const answer = await gitIn(tree, args, { maxBytes: MAX_LISTING, env });
  const paths: string[] = [];
  let left = MAX_LISTED;
  for (const path of [...fields(answer.stdout)].map(pathFromBytes)) {
    if (!path.endsWith('/')) {
      paths.push(path);
      continue;
    }
    const folder = path.slice(0, -1);
    // A folder's own time tells of files that came or went directly in it.
    paths.push(folder);
    if (left <= 0) continue;
    const below = await listBelow(top, folder, { atMost: left });
    left -= below.length;
    paths.push(...below.map((entry) => entry.path));
  }
  return paths;
}
