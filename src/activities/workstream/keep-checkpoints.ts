/**
 * Checkpoints of an attempt: taken while its tool works, and kept where another worker finds them.
 *
 * Two places keep the newest. A file beside the repository serves hosts that share its disk. The heartbeat serves those that do not, as
 * far as a small pack goes: the server keeps it over the end of its worker. Each start writes under its own number, so that a host
 * which comes back late overwrites nothing.
 */
import { readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../os/paths.js';
import { writeAtomically } from '../../tools/git/atomic-file.js';
import { Checkpoints, type Checkpoint } from '../../tools/git/checkpoint.js';
import { checkpointsFolder } from '../../tools/git/checkpoint-files.js';
import { isIntact } from '../../tools/git/close-worktree.js';
import { fileNameOf } from '../../tools/git/names.js';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import type { Repository } from '../../tools/git/repository.js';
import { after } from '../clock.js';
import type { CarriedCheckpoint, WorkstreamTask } from './api.js';

/** The server writes a heartbeat down each second, for every attempt at work. */
const MAX_CARRIED_BYTES = 32 * 1024;
/** Looking at a large work tree takes a second of processor time: not more than this share of it goes into that. */
const REST = 20;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

export type AttemptKey = Pick<WorkstreamTask, 'runId' | 'step' | 'attempt'>;

/** A checkpoint of an earlier start, with all its bytes. */
export interface KeptCheckpoint extends Omit<CarriedCheckpoint, 'pack'> {
  readonly pack: Buffer;
}

const prefixOf = ({ step, attempt }: AttemptKey): string => `${fileNameOf(step)}-${attempt}.`;
const nameOf = (key: AttemptKey, start: number): string => `${prefixOf(key)}${start}.checkpoint`;

/** The checkpoints that one start keeps. */
export class CheckpointKeeper {
  /** What heartbeats carry: until there is one of its own, what it went on from itself. */
  carried: CarriedCheckpoint | null;
  /** Why the last could not be taken; null: it could. */
  trouble: string | null = null;
  #taker: Checkpoints | null = null;
  #isThere: () => Promise<boolean> = () => Promise.resolve(true);
  #pending: Promise<void> = Promise.resolve();
  #undo: () => void = () => undefined;

  constructor(
    private readonly repository: Repository,
    private readonly key: AttemptKey,
    private readonly start: number,
    private readonly host: string,
    private readonly everySec: number,
    inherited: CarriedCheckpoint | null,
  ) {
    this.carried = inherited;
  }

  /** Takes them of this work tree, as soon as it is told to go on. */
  open(worktree: OwnWorktree, isLitter: (path: string) => boolean): void {
    this.#taker = new Checkpoints(worktree, isLitter);
    this.#isThere = () => isIntact(worktree);
  }

  #goOn(waitMs: number): void {
    this.#undo = after(waitMs, () => {
      const began = Date.now();
      this.#pending = this.#take().then(() => {
        if (this.#taker !== null) this.#goOn(Math.max(this.everySec * 1_000, (Date.now() - began) * REST));
      });
    });
  }

  async #take(): Promise<void> {
    try {
      const taken = (await this.#taker?.take()) ?? null;
      // Of files that were removed with their work tree the one before is the newest.
      if (taken !== null && (await this.#isThere())) await this.#keep(taken);
      this.trouble = null;
    } catch (error) {
      // Files that come and go while they are read, a full disk, a pack that is too large: the one before stays, the tool goes on.
      this.trouble = error instanceof Error ? error.message : String(error);
    }
  }

  async #keep({ pack, ...checkpoint }: Checkpoint): Promise<void> {
    const head = { format: 1, start: this.start, host: this.host, ...checkpoint };
    const file = join(checkpointsFolder(this.repository, this.key.runId), nameOf(this.key, this.start));
    const told = pack.length <= MAX_CARRIED_BYTES ? pack.toString('base64') : null;
    this.carried = { start: this.start, host: this.host, ...checkpoint, pack: told };
    await writeAtomically(file, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), pack]));
  }

  /** Stops for as long as the tool does not work, with one of what it has come to. */
  async rest(): Promise<void> {
    this.#undo();
    await this.#pending;
    this.#undo(); // the one under way has set the next
    await this.#take();
  }

  goOn(): void {
    this.#goOn(this.everySec * 1_000);
  }

  /** Takes no more. */
  async close(): Promise<void> {
    const taker = this.#taker;
    this.#taker = null;
    this.#undo();
    await this.#pending;
    await taker?.close();
  }

  /** Removes files of this start; of those before too, when the attempt is over. */
  async remove(isOver: boolean): Promise<void> {
    const folder = checkpointsFolder(this.repository, this.key.runId);
    const prefix = prefixOf(this.key);
    for (const name of await namesIn(folder)) {
      const start = startOf(name, prefix);
      if (start !== null && (start === this.start || (isOver && start < this.start)))
        await rm(join(folder, name), { force: true });
    }
    await rmdir(folder).catch(() => undefined); // others may have some in it
  }
}

/** Which start a file is of; null: of another attempt. */
function startOf(name: string, prefix: string): number | null {
  const [, start] = /^(\d+)\.checkpoint$/.exec(name.slice(prefix.length)) ?? [];
  return name.startsWith(prefix) && start !== undefined ? Number(start) : null;
}

/** What there is of earlier starts: the newest checkpoint, or why the newest cannot be had. */
export type Found =
  | { readonly kind: 'found'; readonly checkpoint: KeptCheckpoint }
  | { readonly kind: 'none' }
  | { readonly kind: 'out-of-reach'; readonly host: string };

/** Finds the newest checkpoint of the starts before this one. */
export async function findCheckpoint(
  repository: Repository,
  key: AttemptKey,
  start: number,
  carried: CarriedCheckpoint | null,
): Promise<Found> {
  const folder = checkpointsFolder(repository, key.runId);
  const found: KeptCheckpoint[] = [];
  for (const name of await namesIn(folder)) {
    const of = startOf(name, prefixOf(key));
    const one = of !== null && of < start ? await readCheckpoint(join(folder, name), of) : null;
    if (one !== null) found.push(one);
  }
  if (carried !== null && carried.pack !== null && carried.start < start)
    found.push({ ...carried, pack: Buffer.from(carried.pack, 'base64') });
  const [newest] = found.sort((a, b) => b.start - a.start || b.takenAt - a.takenAt);
  if (newest !== undefined) return { kind: 'found', checkpoint: newest };
  return carried === null ? { kind: 'none' } : { kind: 'out-of-reach', host: carried.host };
}

async function readCheckpoint(file: string, start: number): Promise<KeptCheckpoint | null> {
  const bytes = await readFile(file).catch(() => null);
  if (bytes === null || bytes.length > MAX_FILE_BYTES) return null;
  const end = bytes.indexOf(10);
  try {
    const { format, ...head } = JSON.parse(bytes.toString('utf8', 0, end)) as CarriedCheckpoint & {
      format: unknown;
    };
    return format === 1 ? { ...head, start, pack: bytes.subarray(end + 1) } : null;
  } catch {
    return null; // not ours
  }
}
