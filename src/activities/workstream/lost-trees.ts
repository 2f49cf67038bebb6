/**
 * Work trees that are removed while somebody works in them: noticed at once, noted with those who were at work then, and
 * begun again.
 *
 * Nothing tells who removed a directory. It was the tool in it, or one that was at work in the same moment, or a person. So:
 * where nobody else was at work, it is the tool's own doing. Else it is nothing against it, and each of the others is named;
 * where there was only one, or the output of only one speaks of that work tree, that is enough to hold its patch.
 */
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJson, writeJson } from '../../os/json-file.js';
import { exists, namesIn } from '../../os/paths.js';
import { lifeOf } from '../../os/process-identity.mjs';
import { isBare, isClosing, isIntact, placeOf, strangersFolder } from '../../tools/git/close-worktree.js';
import {
  findOwnWorktree,
  readNote,
  worktreesFolder,
  type OwnWorktree,
} from '../../tools/git/own-worktree.js';
import { takeLock, type ProcessLock } from '../../tools/git/process-lock.js';
import { whileQuiet } from '../../tools/git/published.js';
import type { Repository } from '../../tools/git/repository.js';
import { addNote, readNotes } from '../../tools/git/time-ledger.js';
import type { StepFiles } from '../attempt-files.js';
import { onMachine } from '../machine-trouble.js';
import { othersAtWork, stepsOf, type AtWork, type Span } from './at-work.js';
import type { LostAttempt } from './lost-attempts.js';

/** A work tree that was removed under its tool. The time: when it was last seen, and when it was missed. */
export interface TreeLoss extends AtWork, Span {
  readonly detail: string;
  /** At work then beside its own tool. */
  readonly suspects: readonly AtWork[];
  /** How many the attempt has lost by now. */
  readonly nth: number;
}

/** So many starts of an attempt may lose their work tree; then it has failed. */
export const MAX_LOSSES = 3;

const LOOK_MS = 250;

const lossesFile = (home: string, { commonDir }: Repository): string =>
  join(worktreesFolder(home, commonDir), '.losses.jsonl');

/** Says what became of a work tree that is not as it was opened any more; null: it is there, and git knows it. */
async function whatIsWrong(worktree: OwnWorktree): Promise<string | null> {
  const { path, note, repository } = worktree;
  if (!(await isIntact(worktree))) {
    const place = await placeOf(worktree);
    if (place !== null) return `"${path}" was moved to "${place}"`;
    const other = `and something else put in its place, which is kept in "${strangersFolder(dirname(path))}"`;
    return `"${path}" was removed${(await isBare(path)) ? '' : `, ${other}`}`;
  }
  if (note.adminDir === null || (await exists(note.adminDir))) return null;
  // A whole repository that is gone is another trouble than this one's.
  return (await exists(repository.commonDir))
    ? `what git knows of it, "${note.adminDir}", was removed`
    : null;
}

/**
 * Those of this worker, and since when they are watched no more: who removes a work tree may remove our notes of the others
 * with it, and come to its own end before the others have missed theirs.
 */
const watched = new Map<OwnWorktree, number | null>();

/** Nobody misses a work tree so much later. */
const REMEMBERED_MS = 60_000;

/** Looks after the work tree of an attempt while programs run in it. */
export class TreeWatch {
  loss: TreeLoss | null = null;
  readonly #gone = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #seen = Date.now();
  #missed = 0;
  #looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly home: string,
    private readonly repository: Repository,
    private readonly worktree: OwnWorktree,
    /** How many the attempt has lost before. */
    private readonly earlier: number,
  ) {
    watched.set(worktree, null);
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#glance()).catch(() => undefined);
    }, LOOK_MS);
  }

  /** What still runs in it works for nobody. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async #glance(): Promise<void> {
    if (this.loss !== null) return;
    const seenAt = Date.now();
    const detail = await whatIsWrong(this.worktree);
    this.#missed = detail === null ? 0 : this.#missed + 1;
    if (detail === null) this.#seen = seenAt;
    else if (this.#missed > 1) await this.#note(detail); // once may be a tool that puts it back
  }

  /** Looks now, when nothing runs in it any more. */
  async look(): Promise<TreeLoss | null> {
    await this.#looking;
    const detail = this.loss === null ? await whatIsWrong(this.worktree) : null;
    if (detail !== null) await this.#note(detail);
    return this.loss;
  }

  async #note(detail: string): Promise<void> {
    const { home, repository, worktree } = this;
    const span = { from: this.#seen, to: Date.now() };
    const { id, note } = worktree;
    const folder = worktreesFolder(home, repository.commonDir);
    const suspects =
      readNote(folder, id) === null
        ? neighboursOf(worktree, span)
        : await othersAtWork(home, repository, worktree, span);
    this.loss = { id, step: note.owner.step, ...span, detail, suspects, nth: this.earlier + 1 };
    this.#gone.abort(new Error('CANCELLED'));
    const { loss } = this;
    await whileQuiet(home, repository, () => addNote(lossesFile(home, repository), loss, ({ to }) => to));
  }

  async close(): Promise<void> {
    const now = Date.now();
    if (watched.get(this.worktree) === null) watched.set(this.worktree, now);
    for (const [one, closedAt] of watched)
      if (closedAt !== null && now - closedAt > REMEMBERED_MS) watched.delete(one);
    clearInterval(this.#timer);
    await this.#looking;
  }
}

const neighboursOf = ({ id: own, repository: { commonDir } }: OwnWorktree, { from }: Span): AtWork[] =>
  [...watched].flatMap(([{ id, note, repository }, closedAt]) =>
    id === own || repository.commonDir !== commonDir || (closedAt !== null && closedAt < from)
      ? []
      : [{ id, step: note.owner.step }],
  );

/** Says for a person what was lost, and who may have done it. */
export function lossText({ detail, suspects, to }: TreeLoss): string {
  const who =
    suspects.length === 0 ? 'nobody else was at work' : `at work then: ${stepsOf(suspects).join(', ')}`;
  return `at ${new Date(to).toISOString()} ${detail} (${who})`;
}

/** What earlier starts of an attempt lost, and what was kept of them. */
export interface LostStart {
  readonly loss: TreeLoss;
  readonly saved: readonly LostAttempt[];
  /** What its calls cost; null: they did not say. */
  readonly usd: number | null;
}

const startsFile = ({ directory }: StepFiles, attempt: number): string =>
  join(directory, `lost-trees-${attempt}.json`);

/** Returns them, oldest first. */
export const lostStarts = (step: StepFiles, attempt: number): readonly LostStart[] =>
  onMachine(() => readJson(startsFile(step, attempt)) as readonly LostStart[] | null) ?? [];

export function noteLostStart(step: StepFiles, attempt: number, start: LostStart): void {
  onMachine(() => writeJson(startsFile(step, attempt), [...lostStarts(step, attempt), start]));
}

/**
 * Waits until no other attempt of this repository is begun again after such a loss. Two that lost theirs in one moment may each
 * have done it to the other: apart from one another it shows.
 *
 * @param isOver - whether nobody waits for it any more
 */
export async function apart({ commonDir }: Repository, isOver: () => boolean): Promise<ProcessLock | null> {
  const path = join(commonDir, 'planwright', 'locks', 'begun-again.lock');
  for (;;) {
    const lock = isOver() ? null : await takeLock(path, 1);
    if (lock !== null || isOver()) return lock;
  }
}

/** How sure it is that somebody removed the work tree of another. */
export interface Blame {
  readonly loss: TreeLoss;
  /** Null: it may have been one of several. */
  readonly proof: 'alone' | 'log' | null;
}

const PATIENCE_MS = 5_000;

/** Returns what was lost beside an attempt while it worked, and what speaks for its having done it. */
export async function lossesBeside(
  home: string,
  repository: Repository,
  worktree: OwnWorktree,
  since: number,
  logs: readonly string[],
): Promise<Blame[]> {
  await untilNoticed(home, repository, worktree);
  const losses = (await readNotes<TreeLoss>(lossesFile(home, repository))).filter(
    ({ to, suspects }) => to >= since && suspects.some(({ id }) => id === worktree.id),
  );
  const blames: Blame[] = [];
  for (const loss of losses) {
    // Who loses one again may be doing it itself: then who is at work beside it proves nothing.
    const isAlone = loss.suspects.length === 1 && loss.nth === 1;
    const isSaid = !isAlone && (await speakOf(logs, loss.id));
    blames.push({ loss, proof: isAlone ? 'alone' : isSaid ? 'log' : null });
  }
  return blames;
}

/** Waits, for a moment, until those whose work trees have just been removed have seen it. */
async function untilNoticed(home: string, repository: Repository, { id: own }: OwnWorktree): Promise<void> {
  const folder = worktreesFolder(home, repository.commonDir);
  const isBeingNoticed = async (id: string): Promise<boolean> => {
    const note = readNote(folder, id);
    if (note === null || lifeOf(note.worker) !== 'alive' || (await isClosing(folder, id))) return false;
    const worktree = findOwnWorktree(repository, home, id);
    if (worktree === null || (await whatIsWrong(worktree)) === null) return false;
    const noted = await readNotes<TreeLoss>(lossesFile(home, repository));
    return !noted.some((loss) => loss.id === id && loss.to >= note.openedAt);
  };
  const until = performance.now() + PATIENCE_MS;
  for (const id of await namesIn(join(folder, '.own'))) {
    while (id !== own && performance.now() < until && (await isBeingNoticed(id)))
      await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const MAX_LOG = 16 * 1024 * 1024;

/** Says whether the output of its calls names that work tree. */
async function speakOf(logs: readonly string[], id: string): Promise<boolean> {
  for (const log of logs) {
    const file = await open(log).catch(() => null);
    if (file === null) continue;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_LOG), 0, MAX_LOG, 0);
      if (buffer.subarray(0, bytesRead).includes(id)) return true;
    } finally {
      await file.close();
    }
  }
  return false;
}
