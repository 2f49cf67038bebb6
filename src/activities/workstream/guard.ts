/**
 * The guard of a tool: what it may not change is looked at before and after.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../os/paths.js';
import { lifeOf } from '../../os/process-identity.mjs';
import { isIntact } from '../../tools/git/close-worktree.js';
import { readNote, worktreesFolder, type OwnWorktree } from '../../tools/git/own-worktree.js';
import { publishedSince, whileQuiet } from '../../tools/git/published.js';
import { findForged, markStore, type StoreMark } from '../../tools/git/object-store.js';
import type { Repository } from '../../tools/git/repository.js';
import { differenceText, sharedDifferences } from '../../tools/git/shared-differences.js';
import { readSharedState, type Difference, type SharedState } from '../../tools/git/shared-state.js';
import { addNote, readNotes } from '../../tools/git/time-ledger.js';
import type { WorkstreamTrouble } from './api.js';
import { allEnded } from '../../os/all-ended.js';

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
      together: await othersAtWork(home, repository, worktree, since),
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

/** Says what became of a work tree that is not the one that was opened; null: it is. Nothing in it is to be looked at. */
export async function replacedBreach(
  home: string,
  repository: Repository,
  worktree: OwnWorktree,
  { since }: Guard,
): Promise<WorkstreamTrouble | null> {
  if (await isIntact(worktree)) return null;
  return {
    reason: 'worktree-replaced',
    detail: `"${worktree.path}" was removed or moved away, or something else put in its place`,
    together: await othersAtWork(home, repository, worktree, since),
  };
}

interface Window {
  readonly id: string;
  readonly step: string;
  readonly from: number;
  readonly to: number;
}

const windowsFile = (home: string, { commonDir }: Repository): string =>
  join(worktreesFolder(home, commonDir), '.windows.jsonl');

/** Notes when a tool was at work: two who were at the same time cannot be told apart. */
async function noteWindow(
  home: string,
  repository: Repository,
  { id, note }: OwnWorktree,
  from: number,
): Promise<void> {
  const window: Window = { id, step: note.owner.step, from, to: Date.now() };
  await whileQuiet(home, repository, () => addNote(windowsFile(home, repository), window, ({ to }) => to));
}

async function othersAtWork(
  home: string,
  repository: Repository,
  worktree: OwnWorktree,
  since: number,
): Promise<string[]> {
  const found = new Set<string>();
  for (const window of await readNotes<Window>(windowsFile(home, repository)).catch(() => []))
    if (window.id !== worktree.id && window.to >= since) found.add(window.step);
  const folder = worktreesFolder(home, repository.commonDir);
  for (const id of await namesIn(join(folder, '.own'))) {
    const note = id === worktree.id ? null : readNote(folder, id);
    if (note !== null && lifeOf(note.worker) === 'alive') found.add(note.owner.step);
  }
  return [...found].sort();
}
