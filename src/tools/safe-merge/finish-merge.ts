/**
 * The merge commit of a tree in which conflicts were resolved, and the place where an unfinished one is kept.
 */
import { writeCommit } from '../git/commit.js';
import type { Objects } from '../git/objects.js';
import type { MergeRecord } from './merge-record.js';
import { setOwnRefs } from './own-refs.js';
import { runRefs } from './state.js';
import type { Context } from './tool.js';

/** Makes the merge commit and keeps it for publishing. Making it again gives the same one. */
export async function finishMerge(
  context: Context,
  objects: Objects,
  merge: MergeRecord,
  tree: string | null,
): Promise<string> {
  const result = await commitOf(objects, merge, tree, merge.commit.message);
  const set = { [runRefs(context.run).merge]: result };
  await setOwnRefs(context.repository, set, `${context.run} resolved`, 'conflicts_unresolved');
  return result;
}

/** What an unfinished merge's commit says. */
export const UNFINISHED = 'Conflicts\n';
/** The same when somebody's work is in it: the only copy, perhaps. */
export const PARTLY_RESOLVED = 'Conflicts, partly resolved\n';

/** Keeps what is decided so far; refs/planwright/merge is for finished merges only. */
export async function keepUnfinished(
  context: Context,
  objects: Objects,
  merge: MergeRecord,
  tree: string | null,
  message = PARTLY_RESOLVED,
): Promise<string> {
  const commit = await commitOf(objects, merge, tree, message);
  const set = { [runRefs(context.run).conflicts]: commit };
  await setOwnRefs(context.repository, set, `${context.run} resolves`, 'conflicts_unresolved');
  return commit;
}

function commitOf(
  objects: Objects,
  { parents, commit: { people, at_sec: atSec } }: MergeRecord,
  tree: string | null,
  message: string,
): Promise<string> {
  if (tree === null || people === null) throw new Error('BUG: conflicts were resolved without a tree');
  return writeCommit(objects, { tree, parents, message, people, atSec });
}
