/**
 * What we have published ourselves, in a person's repository: so that the guard of a tool that works at the same time does not
 * take it for the tool's doing.
 */
import { join } from 'node:path';
import { worktreesFolder } from './own-worktree.js';
import { takeLock } from './process-lock.js';
import type { Repository } from './repository.js';
import type { OwnChange } from './shared-differences.js';
import { readSharedState } from './shared-state.js';
import { addNote, readNotes } from './time-ledger.js';

interface Line extends OwnChange {
  readonly at: number;
}

const fileOf = (home: string, { commonDir }: Repository): string =>
  join(worktreesFolder(home, commonDir), '.published.jsonl');

/** A look takes a fraction of a second. */
const PATIENCE_SEC = 60;

/** Does something while no change of ours is under way, and no look that must not see the half of one. */
export async function whileQuiet<T>(
  home: string,
  repository: Repository,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(worktreesFolder(home, repository.commonDir), '.published.lock');
  const lock = await takeLock(path, PATIENCE_SEC);
  if (lock === null)
    throw new Error(`"${path}" has been held for ${PATIENCE_SEC} s by another process of ours`);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Makes a change of ours to what tools share, and notes what it changed. */
export async function publishing<T>(
  home: string,
  repository: Repository,
  work: () => Promise<T>,
): Promise<T> {
  return whileQuiet(home, repository, async () => {
    const was = await readSharedState(repository, home);
    try {
      return await work();
    } finally {
      const is = await readSharedState(repository, home, was);
      const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
        (key) => was[key] !== is[key],
      );
      const part = (state: Readonly<Record<string, string>>): OwnChange['before'] =>
        Object.fromEntries(keys.map((key) => [key, state[key] ?? null]));
      if (keys.length > 0) {
        const line: Line = { at: Date.now(), before: part(was), after: part(is) };
        await addNote(fileOf(home, repository), line, ({ at }) => at);
      }
    }
  });
}

/** Clocks are set back by less. */
const SLACK_MS = 60_000;

/** Returns the changes of ours since a moment, oldest first. */
export async function publishedSince(
  home: string,
  repository: Repository,
  since: number,
): Promise<OwnChange[]> {
  const lines = await readNotes<Line>(fileOf(home, repository));
  return lines.filter(({ at }) => at >= since - SLACK_MS);
}
