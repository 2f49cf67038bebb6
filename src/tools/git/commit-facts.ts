/**
 * What is asked of a commit again and again: attempts of a run begin with the same few, and a commit never changes.
 */
import { MAX_LISTING, type OwnGit } from './own-git.js';
import { fields, pathFromBytes } from './path-bytes.js';
import { line } from './repository.js';
import { isSubmodule } from './tree.js';

const MAX_KNOWN = 64;

function remembered<T>(
  find: (run: OwnGit['run'], commit: string) => Promise<T>,
): (run: OwnGit['run'], commit: string) => Promise<T> {
  const known = new Map<string, T>();
  return async (run, commit) => {
    const seen = known.get(commit);
    if (seen !== undefined) return seen;
    const found = await find(run, commit);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(commit, found);
    return found;
  };
}

/** Returns the tree of a commit. */
export const treeOfCommit = remembered(async (run, commit) =>
  line(await run(['rev-parse', '--verify', `${commit}^{tree}`])),
);

/** Returns the folders of the submodules that a commit has. */
export const submodulesOf = remembered(async (run, commit): Promise<readonly string[]> => {
  const answer = await run(['ls-tree', '-r', '-z', '--full-tree', commit], { maxBytes: MAX_LISTING });
  return [...fields(answer.stdout)].flatMap((field) =>
    isSubmodule(field.toString('latin1', 0, 6)) ? [pathFromBytes(field.subarray(field.indexOf(9) + 1))] : [],
  );
});
