/**
 * Going on from what an earlier start of an attempt had written when it was lost with its worker.
 */
import { takeInCheckpoint } from '../../tools/git/checkpoint.js';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import type { Repository } from '../../tools/git/repository.js';
import type { CarriedCheckpoint, WorkstreamHeartbeat } from './api.js';
import { findCheckpoint, type AttemptKey, type KeptCheckpoint } from './keep-checkpoints.js';
import type { LostAttempt } from './lost-attempts.js';
import { bringBack } from './run-checks.js';

/** What there is to go on from. */
export interface EarlierWork {
  readonly host: string;
  /** What heartbeats of this start carry on until it has a checkpoint of its own; null: nothing that could be carried. */
  readonly carried: CarriedCheckpoint | null;
  readonly source:
    | { readonly kind: 'checkpoint'; readonly checkpoint: KeptCheckpoint }
    /** Its work tree was still on this host: that is all it wrote. */
    | { readonly kind: 'worktree'; readonly base: string; readonly tree: string }
    | { readonly kind: 'out-of-reach' };
}

export interface EarlierRequest extends AttemptKey {
  readonly start: number;
  /** What was found on this host. */
  readonly saved: readonly LostAttempt[];
  /** What the start before told last. */
  readonly heartbeat: WorkstreamHeartbeat | null;
}

/** Finds the newest that was kept of earlier starts of an attempt; null: there were none, or they wrote nothing. */
export async function findEarlier(
  host: string,
  repository: Repository,
  { start, saved, heartbeat, ...key }: EarlierRequest,
): Promise<EarlierWork | null> {
  const carried = heartbeat?.checkpoint ?? null;
  const found = await findCheckpoint(repository, key, start, carried);
  const mine = saved.findLast(({ attempt }) => attempt === key.attempt);
  // Elsewhere somebody may have gone on since with what was begun here.
  const newest = found.kind === 'found' ? found.checkpoint : carried;
  if (mine !== undefined && (newest?.host ?? host) === host) {
    const { base, tree } = mine.patch;
    return { host, carried, source: { kind: 'worktree', base, tree } };
  }
  if (found.kind === 'none') return null;
  if (found.kind === 'out-of-reach') return { host: found.host, carried, source: found };
  return {
    host: found.checkpoint.host,
    carried,
    source: { kind: 'checkpoint', checkpoint: found.checkpoint },
  };
}

/**
 * Lays it into a fresh work tree.
 *
 * @returns the paths that it changes, none when it cannot be laid, and a note for a person
 */
export async function layEarlier(
  worktree: OwnWorktree,
  { host, source }: EarlierWork,
  isLitter: (path: string) => boolean,
): Promise<{ readonly paths: string[]; readonly note: string }> {
  const again = (why: string): { paths: string[]; note: string } => ({
    paths: [],
    note: `begun again, though something was kept of a start that was lost on "${host}": ${why}`,
  });
  if (source.kind === 'out-of-reach')
    return again('it was too much to travel with a heartbeat, and that host keeps it in another repository');
  if (source.kind === 'worktree' && source.base !== worktree.base)
    return again(`it was made for ${source.base}, and this begins at ${worktree.base}`);
  const why = source.kind === 'checkpoint' ? await takeInCheckpoint(worktree, source.checkpoint) : null;
  if (why !== null) return again(why);
  const tree = source.kind === 'checkpoint' ? source.checkpoint.tree : source.tree;
  const paths = await bringBack(worktree, tree, isLitter);
  const omitted = source.kind === 'checkpoint' ? source.checkpoint.omitted : 0;
  const when =
    source.kind === 'checkpoint' ? `, kept at ${new Date(source.checkpoint.takenAt).toISOString()}` : '';
  const lacks = omitted === 0 ? '' : `; ${omitted} more were too large to be kept`;
  const count = `${paths.length} file${paths.length === 1 ? '' : 's'}`;
  return { paths, note: `went on from a start that was lost on "${host}": ${count}${when}${lacks}` };
}
