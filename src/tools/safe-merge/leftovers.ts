/**
 * What killed runs left in the repository and beside it: the next run that begins removes it, where nobody is at work for
 * it any more. Only what no person can have written in; work trees for resolving stay.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { stateHome } from '../../home.js';
import { exists, namesIn } from '../../os/paths.js';
import type { ProcessLock } from '../git/process-lock.js';
import { NoRepository, openRepository, type Repository } from '../git/repository.js';
import { idle, sweepOwnLocks } from './run-lock.js';
import { runDirectory, type RunKey } from './state.js';
import type { Context } from './tool.js';
import { closeWorkshop, GATE, workshopFolder, workshopsFolder } from './workshop.js';

type Place = Pick<Context, 'repository' | 'env' | 'say'>;

/** Indexes and attributes that git was at work with, files that were not renamed yet. */
const SCRATCH = /^objects-|\.tmp$/;

/**
 * Removes the leftovers of all runs of the repository that nobody is at work for; `run` is held by the caller.
 *
 * @returns what was removed, as paths
 */
export async function sweepLeftovers(place: Place, run: RunKey): Promise<string[]> {
  const { repository } = place;
  const removed = await sweepOwnLocks(repository, run);
  for (const owner of await namesIn(runDirectory(repository, '' as RunKey))) {
    const left = (await namesIn(runDirectory(repository, owner as RunKey))).filter((name) =>
      SCRATCH.test(name),
    );
    if (left.length === 0) continue;
    const held = await hold(repository, owner, run);
    for (const name of held === null ? [] : left) {
      const path = join(runDirectory(repository, owner as RunKey), name);
      await rm(path, { recursive: true, force: true });
      removed.push(path);
    }
    await held?.release();
  }
  return [...removed, ...(await sweepUnfinished(place)), ...(await sweepGates(place, run))];
}

/** What `writeAtomically` makes before it renames. */
const UNFINISHED = /\.[0-9a-f]{12}\.tmp$/;
/** Writing one takes milliseconds; who was stopped in the middle of it for so long fails at the rename, and says so. */
const ABANDONED_MS = 60 * 60 * 1000;

/** Removes files that were never renamed, of whomever, where runs share a directory: by their age. */
async function sweepUnfinished({ repository, env }: Place): Promise<string[]> {
  const { commonDir } = repository;
  const linked = join(commonDir, 'worktrees');
  const directories = [
    join(commonDir, 'planwright'),
    join(commonDir, 'planwright', 'refs'),
    ...(await namesIn(linked)).map((name) => join(linked, name, 'planwright')),
    ...['fences', 'resolutions'].map((name) => join(stateHome(env), 'safe-merge', name)),
  ];
  const removed: string[] = [];
  for (const directory of directories) {
    for (const name of (await namesIn(directory)).filter((one) => UNFINISHED.test(one))) {
      const path = join(directory, name);
      const written = (await stat(path).catch(() => null))?.mtimeMs ?? Infinity;
      if (Date.now() - written < ABANDONED_MS) continue;
      await rm(path, { force: true });
      removed.push(path);
    }
  }
  return removed;
}

/** Takes a run that nobody is at work for; one without a directory never had anybody, or was forgotten. */
async function hold(repository: Repository, owner: string, run: RunKey | null): Promise<ProcessLock | null> {
  const free: ProcessLock = { waitedMs: 0, release: () => Promise.resolve() };
  if (owner === run || !(await exists(runDirectory(repository, owner as RunKey)))) return free;
  return idle(repository, owner as RunKey);
}

/** Removes work trees in which a gate ran when its tool was killed. Nothing of a person's is in them. */
async function sweepGates(place: Place, run: RunKey | null): Promise<string[]> {
  const folder = workshopFolder(place);
  const removed: string[] = [];
  for (const name of await namesIn(folder)) {
    if (!name.endsWith(GATE)) continue;
    const owner = name.slice(0, -GATE.length) as RunKey;
    const held = await hold(place.repository, owner, run);
    if (held === null) continue;
    try {
      await closeWorkshop({ ...place, run: owner }, 'gate');
      removed.push(join(folder, name));
    } finally {
      await held.release();
    }
  }
  return removed;
}

export interface SweptGates {
  readonly removed: readonly string[];
  /** What could not be removed, in words. */
  readonly trouble: readonly string[];
}

/** The same for all repositories that a state directory knows of, for whoever tidies it up. */
export async function sweepAllGates(home: string): Promise<SweptGates> {
  const env = { PLANWRIGHT_HOME: home };
  const removed: string[] = [];
  const trouble: string[] = [];
  const top = workshopsFolder(home);
  for (const clone of await namesIn(top)) {
    for (const name of await namesIn(join(top, clone))) {
      if (!name.endsWith(GATE)) continue;
      const path = join(top, clone, name);
      try {
        const repository = await ownerOf(path);
        if (repository === 'unknown') continue;
        if (repository === 'gone') {
          await rm(path, { recursive: true, force: true });
          removed.push(path);
          continue;
        }
        const place = { repository, env, say: () => undefined };
        // A repository that was moved has another folder: its own next run knows nothing of this one.
        if (basename(workshopFolder(place)) === clone) removed.push(...(await sweepGates(place, null)));
      } catch (error) {
        trouble.push(`${path}: ${(error as Error).message}`);
      }
    }
  }
  return { removed, trouble };
}

/** The repository that a work tree belongs to, by the file that links it; `gone` when that is not there any more. */
async function ownerOf(path: string): Promise<Repository | 'gone' | 'unknown'> {
  const link = await readFile(join(path, '.git'), 'utf8').catch(() => '');
  const admin = /^gitdir: (.+)$/m.exec(link)?.[1];
  if (admin === undefined) return 'unknown'; // half made, or half removed: the next run of its repository finds it
  const common = resolve(path, admin, '../..');
  if (!(await exists(common))) return 'gone';
  try {
    const opened = await openRepository(path);
    return { ...opened, workTree: null, gitDir: opened.commonDir };
  } catch (error) {
    if (error instanceof NoRepository) return 'unknown';
    throw error;
  }
}
