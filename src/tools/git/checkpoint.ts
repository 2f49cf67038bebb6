/**
 * What a tool has written so far, taken while it works, so that another worker can go on from there.
 *
 * The tool is not disturbed: its index, HEAD and files are only looked at. New objects go into a store beside the work tree; what
 * leaves it is one bounded pack, which takes the place of the one before. Nothing of it reaches the repository's objects or refs.
 */
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GitFailure } from './call.js';
import { PLANWRIGHT } from './capture-patch.js';
import { writeCommit } from './commit.js';
import {
  copyIndex,
  forgetOwnGit,
  MAX_LISTING,
  ownGit,
  prepareOwnGit,
  renewOwnGit,
  type OwnGit,
} from './own-git.js';
import type { OwnWorktree } from './own-worktree.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from './path-bytes.js';
import { line } from './repository.js';
import { allEnded } from '../../os/all-ended.js';

export interface Checkpoint {
  /** What the work tree was opened at. */
  readonly base: string;
  /** A commit on it, and its tree: the work tree as it was. */
  readonly commit: string;
  readonly tree: string;
  /** Paths that differ from the base, and changed ones that were too large to be taken. */
  readonly files: number;
  readonly omitted: number;
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  /** All objects that the base does not have, as git packs them. */
  readonly pack: Buffer;
}

export interface CheckpointLimits {
  /** A larger file is left as it was. */
  readonly maxFileBytes: number;
  /** Of all files that changed since the checkpoint before. */
  readonly maxBytes: number;
  readonly maxPackBytes: number;
  /** So much may lie beside the work tree before its store is begun anew. */
  readonly maxStoreBytes: number;
}

const MiB = 1024 * 1024;
export const CHECKPOINT_LIMITS: CheckpointLimits = {
  maxFileBytes: 8 * MiB,
  maxBytes: 64 * MiB,
  maxPackBytes: 16 * MiB,
  maxStoreBytes: 256 * MiB,
};

/** Takes checkpoints of one work tree, one at a time. */
export class Checkpoints {
  readonly #directory: string;
  readonly #git: OwnGit;
  #isReady = false;
  #stored = 0;
  /** The tree of the newest; at first that of nothing. */
  #tree: string | null = null;

  constructor(
    private readonly worktree: OwnWorktree,
    /** Files that shall not be taken unless the base has them. */
    private readonly isLitter: (path: string) => boolean,
    private readonly limits: CheckpointLimits = CHECKPOINT_LIMITS,
  ) {
    this.#directory = join(dirname(worktree.git.index), 'checkpoint');
    const { commonDir } = worktree.repository;
    const own = ownGit(this.#directory, worktree.path, commonDir);
    // Others' objects are found by its list of alternates.
    const env = { GIT_OBJECT_DIRECTORY: join(this.#directory, 'objects') };
    this.#git = {
      ...own,
      run: (args, options = {}) => own.run(args, { ...options, env: { ...env, ...options.env } }),
    };
  }

  /**
   * Takes one.
   *
   * @returns null when nothing has changed since the one before, or since the work tree was opened
   * @throws GitFailure when the files could not be taken just then; the next try may do better
   */
  async take(): Promise<Checkpoint | null> {
    await this.#prepare();
    const { base } = this.worktree;
    const { paths, bytes, omitted } = await this.#changed();
    if (paths.length > 0) {
      this.#stored += bytes;
      const input = Buffer.concat(paths.flatMap((path) => [bytesFromPath(path), NUL]));
      await this.#git.run(['update-index', '-z', '--add', '--remove', '--replace', '--stdin'], { input });
    }
    const tree = line(await this.#git.run(['write-tree']));
    if (tree === (this.#tree ?? (await this.#treeOf(base)))) return null;
    const takenAt = Date.now();
    const commit = await writeCommit(
      { git: this.#git.run },
      {
        ...{ tree, parents: [base], message: 'checkpoint\n', people: PEOPLE },
        atSec: Math.floor(takenAt / 1000),
      },
    );
    const [files, pack] = await allEnded([this.#filesOf(base, tree), this.#pack(commit)]);
    this.#tree = tree;
    return { base, commit, tree, files, omitted, takenAt, pack };
  }

  async #prepare(): Promise<void> {
    const objects = join(this.#directory, 'objects');
    const alternates = join(objects, 'info', 'alternates');
    if (!this.#isReady || this.#stored > this.limits.maxStoreBytes) {
      await rm(this.#directory, { recursive: true, force: true });
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await prepareOwnGit(this.#directory, this.worktree.repository);
      await copyIndex(this.worktree.git.index, this.#git.index);
      this.#stored = 0;
      this.#isReady = true;
    } else {
      // The tool can find it: what it put there has no say.
      await renewOwnGit(this.#directory, this.worktree.repository);
    }
    await mkdir(dirname(alternates), { recursive: true });
    await writeFile(alternates, `${join(this.worktree.repository.commonDir, 'objects')}\n`);
  }

  /** What to take: one walk over the files finds those that are not as in the index, and only those are read. */
  async #changed(): Promise<{ paths: string[]; bytes: number; omitted: number }> {
    const { maxFileBytes, maxBytes } = this.limits;
    const included = new Set(this.worktree.note.included.map(({ path }) => path));
    const args = ['ls-files', '-z', '-t', '--modified', '--deleted', '--others', '--exclude-standard'];
    const listed = await this.#git.run(args, { maxBytes: MAX_LISTING });
    const paths = new Set<string>();
    let bytes = 0;
    let omitted = 0;
    for (const row of fields(listed.stdout)) {
      const path = pathFromBytes(row.subarray(2)); // "<letter> <path>"
      if (paths.has(path) || path.endsWith('/')) continue; // a repository of its own
      if (row[0] === NEW && (included.has(path) || this.isLitter(path))) continue;
      const stats = await lstat(fileBytes(this.worktree.path, path)).catch(() => null);
      if (stats !== null && !stats.isFile() && !stats.isSymbolicLink() && !stats.isDirectory()) continue;
      const size = stats?.isFile() === true ? stats.size : 0;
      if (size > maxFileBytes || bytes + size > maxBytes) {
        omitted += 1;
        continue;
      }
      bytes += size;
      paths.add(path);
    }
    return { paths: [...paths], bytes, omitted };
  }

  async #pack(commit: string): Promise<Buffer> {
    const args = ['pack-objects', '--revs', '--thin', '--delta-base-offset', '--stdout', '-q'];
    const input = `${commit}\n^${this.worktree.base}\n`;
    return (await this.#git.run(args, { input, maxBytes: this.limits.maxPackBytes })).stdout;
  }

  async #filesOf(base: string, tree: string): Promise<number> {
    const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--end-of-options', base, tree];
    return [...fields((await this.#git.run(args, { maxBytes: MAX_LISTING })).stdout)].length;
  }

  async #treeOf(commit: string): Promise<string> {
    return line(await this.#git.run(['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`]));
  }

  /** Forgets them all; what was handed out stays good. */
  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    forgetOwnGit(this.#directory);
  }
}

const NUL = Buffer.from([0]);
/** `ls-files -t` marks what the index does not have with "?". */
const NEW = 0x3f;
const PEOPLE = { author: PLANWRIGHT, committer: PLANWRIGHT };

/**
 * Brings a checkpoint's objects into the repository of a work tree that is to go on from it. Safe to run twice.
 *
 * @returns why that cannot be, or null: its tree is there
 */
export async function takeInCheckpoint(
  { git, base }: Pick<OwnWorktree, 'git' | 'base'>,
  checkpoint: Pick<Checkpoint, 'base' | 'commit' | 'tree' | 'pack'>,
): Promise<string | null> {
  if (checkpoint.base !== base) return `it was made for ${checkpoint.base}, and this begins at ${base}`;
  try {
    await git.run(['unpack-objects', '-q', '--strict'], { input: checkpoint.pack });
    const names = ['^{tree}', '^1'].map((suffix) => `${checkpoint.commit}${suffix}`);
    const said = (await git.run(['rev-parse', '--verify', '--end-of-options', names[0]!])).stdout;
    const parent = (await git.run(['rev-parse', '--verify', '--end-of-options', names[1]!])).stdout;
    if (said.toString('latin1').trim() === checkpoint.tree && parent.toString('latin1').trim() === base)
      return null;
    return `its commit ${checkpoint.commit} is not what was said of it`;
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    return `its objects cannot be read: ${error.message}`;
  }
}
