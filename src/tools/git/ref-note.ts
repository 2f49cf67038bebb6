/**
 * The note that refs of the person's are about to move. When the git that moves them is killed, its lock files stay:
 * whoever finds the note, with nobody at work any more, knows that these are ours.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeAtomically } from './atomic-file.js';
import { fileNameOf } from './names.js';
import type { Repository } from './repository.js';

interface RefNote {
  readonly format: 1;
  /** Full ref name → the commit it goes to. */
  readonly refs: Readonly<Record<string, string>>;
  /** Git directories of work trees whose HEAD git locks beside the branch, for the reflog. */
  readonly heads: readonly string[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

const notePath = (repository: Repository, branch: string): string =>
  join(repository.commonDir, 'planwright', 'refs', `${fileNameOf(branch)}.json`);

/**
 * Writes the note. The caller holds the lock between processes for this branch, until `settleRefs` is done.
 *
 * @param branch - short name
 */
export async function noteRefs(
  repository: Repository,
  branch: string,
  refs: Readonly<Record<string, string>>,
  heads: readonly string[],
): Promise<void> {
  const note: RefNote = { format: 1, refs, heads, at: Date.now() };
  await writeAtomically(notePath(repository, branch), `${JSON.stringify(note, null, 2)}\n`);
}

/**
 * Removes lock files that a git of ours left, and the note. Only by who holds the lock between processes, when no git
 * of ours moves these refs any more.
 *
 * @returns the lock files that were removed
 */
export async function settleRefs(repository: Repository, branch: string): Promise<string[]> {
  const note = await readNote(notePath(repository, branch));
  const removed: string[] = [];
  for (const [lock, content] of note === null ? [] : expectedLocks(repository, note)) {
    if (!(await isLeft(lock, content, note?.at ?? 0))) continue;
    await rm(lock, { force: true });
    removed.push(lock);
  }
  if (note !== null) await rm(notePath(repository, branch), { force: true });
  return removed;
}

/** Lock files that git makes while it moves the refs, with what it writes into them. */
function expectedLocks(repository: Repository, { refs, heads }: RefNote): [path: string, content: string][] {
  return [
    ...Object.entries(refs).map(([ref, to]): [string, string] => [
      join(repository.commonDir, `${ref}.lock`),
      `${to}\n`,
    ]),
    ...heads.map((gitDir): [string, string] => [join(gitDir, 'HEAD.lock'), '']),
  ];
}

/** A git of somebody else's holds such a lock for milliseconds. */
const PATIENCE_MS = 2000;
/** Clocks of file systems are coarse. */
const SLACK_MS = 2000;

/** Tells whether a lock file was made since the note, holds what ours would hold, and nobody comes to remove it. */
async function isLeft(path: string, content: string, since: number): Promise<boolean> {
  const first = await look(path);
  if (first === null || first.mtimeMs < since - SLACK_MS) return false;
  if (!content.startsWith(first.text)) return false; // git writes it in two goes
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await delay(50)) {
    const now = await look(path);
    if (now === null || now.ino !== first.ino || now.mtimeMs !== first.mtimeMs) return false;
  }
  return true;
}

async function look(path: string): Promise<{ ino: number; mtimeMs: number; text: string } | null> {
  try {
    const { ino, mtimeMs } = await stat(path);
    return { ino, mtimeMs, text: await readFile(path, 'utf8') };
  } catch {
    return null;
  }
}

/** Tells whether refs were about to be moved. They may be moving still. */
export const areMoving = async (repository: Repository, branch: string): Promise<boolean> =>
  (await readNote(notePath(repository, branch))) !== null;

async function readNote(path: string): Promise<RefNote | null> {
  try {
    const note = JSON.parse(await readFile(path, 'utf8')) as Partial<RefNote>;
    const whole = note.format === 1 && typeof note.refs === 'object' && Array.isArray(note.heads);
    return whole && typeof note.at === 'number' ? (note as RefNote) : null;
  } catch {
    return null; // written whole or not at all: then it is not ours
  }
}
