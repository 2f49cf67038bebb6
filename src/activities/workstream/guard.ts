/**
 * The guard of a tool: what it may not change is looked at before and after.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import { publishedSince, whileQuiet } from '../../tools/git/published.js';
import { findForged, markStore, type StoreMark } from '../../tools/git/object-store.js';
import type { Repository } from '../../tools/git/repository.js';
import { differenceText, sharedDifferences } from '../../tools/git/shared-differences.js';
import { readSharedState, type Difference, type SharedState } from '../../tools/git/shared-state.js';
import type { WorkstreamTrouble } from './api.js';
import { allEnded } from '../../os/all-ended.js';
import { noteWindow, othersAtWork, stepsOf } from './at-work.js';

export interface Guard {
  readonly before: SharedState;
  readonly store: StoreMark;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Looks before a tool begins. */
export async function startGuard(home: string, repository: Repository): Promise<Guard> {
  const since = Date.now();
  const [before, store] = await Promise.all([readSharedState(repository, home), markStore(repository)]);
  return { since, before, store };
}

/** A history holds no more. */
const MAX_DIFFERENCES = 20;

/** Looks again when it has ended. Returns what it did to what is not its own, or null. */
export async function findBreach(
  home: string,
  repository: Repository,
  worktree: OwnWorktree,
  { before, store, since }: Guard,
): Promise<WorkstreamTrouble | null> {
  const look = async (): Promise<Difference[]> => {
    const after = await readSharedState(repository, home, before);
    return sharedDifferences(before, after, await publishedSince(home, repository, since));
  };
  // A look may fall into a change of ours: only one that cannot counts.
  const [forged, seen] = await allEnded([
    findForged(repository, store),
    look(),
    noteWindow(home, repository, worktree, since),
  ]);
  const differences = [
    ...(seen.length === 0 ? [] : await whileQuiet(home, repository, look)),
    ...forged.map(forgedObject),
  ];
  if (differences.length > 0) {
    return {
      reason: 'shared-state-changed',
      differences: differences.slice(0, MAX_DIFFERENCES),
      omitted: Math.max(0, differences.length - MAX_DIFFERENCES),
      together: stepsOf(await othersAtWork(home, repository, worktree, { from: since, to: Date.now() })),
    };
  }
  return linkBreach(worktree);
}

function forgedObject(name: string): Difference {
  const fact = { kind: 'object', name, change: 'changed', before: null, after: null } as const;
  return { ...fact, text: differenceText('object', name, 'changed', null, null) };
}

/** Says whether the work tree is still tied to its repository as it was. */
async function linkBreach(worktree: OwnWorktree): Promise<WorkstreamTrouble | null> {
  const { note, path } = worktree;
  if (note.link === null) return null; // a clone's is a directory, and its own affair
  const link = await readFile(join(path, '.git'), 'utf8').catch(() => null);
  if (link === note.link) return null;
  const detail =
    link === null ? `the file "${path}/.git" is gone` : `the file "${path}/.git" leads elsewhere now`;
  return { reason: 'worktree-replaced', detail };
}
