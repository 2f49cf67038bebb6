/**
 * Who was at work in a repository, and when: what became of it meanwhile may be the doing of each of them.
 */
import { join } from 'node:path';
import { namesIn } from '../../os/paths.js';
import { lifeOf } from '../../os/process-identity.mjs';
import { readNote, worktreesFolder, type OwnWorktree } from '../../tools/git/own-worktree.js';
import { whileQuiet } from '../../tools/git/published.js';
import type { Repository } from '../../tools/git/repository.js';
import { addNote, readNotes } from '../../tools/git/time-ledger.js';

/** An attempt, by its work tree. */
export interface AtWork {
  readonly id: string;
  readonly step: string;
}

/** Milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

type Window = AtWork & Span;

const windowsFile = (home: string, { commonDir }: Repository): string =>
  join(worktreesFolder(home, commonDir), '.windows.jsonl');

/** Notes when a tool was at work: two who were at the same time cannot be told apart. */
export async function noteWindow(
  home: string,
  repository: Repository,
  { id, note }: OwnWorktree,
  from: number,
): Promise<void> {
  const window: Window = { id, step: note.owner.step, from, to: Date.now() };
  await whileQuiet(home, repository, () => addNote(windowsFile(home, repository), window, ({ to }) => to));
}

/** Returns who else was at work in that time, each once, by name. */
export async function othersAtWork(
  home: string,
  repository: Repository,
  worktree: Pick<OwnWorktree, 'id'>,
  { from, to }: Span,
): Promise<AtWork[]> {
  const found = new Map<string, AtWork>();
  const add = (id: string, step: string): void => void found.set(id, { id, step });
  for (const window of await readNotes<Window>(windowsFile(home, repository)).catch(() => []))
    if (window.id !== worktree.id && window.to >= from && window.from <= to) add(window.id, window.step);
  const folder = worktreesFolder(home, repository.commonDir);
  for (const id of await namesIn(join(folder, '.own'))) {
    const note = id === worktree.id ? null : readNote(folder, id);
    if (note !== null && note.openedAt <= to && lifeOf(note.worker) === 'alive') add(id, note.owner.step);
  }
  return [...found.values()].sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : 0));
}

/** Their names, each once. */
export const stepsOf = (all: readonly AtWork[]): string[] => [...new Set(all.map(({ step }) => step))];
