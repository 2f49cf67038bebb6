/**
 * Work trees of our own: one for each attempt of a tool, outside the repository, opened at a commit and found again after a
 * crash. `close-worktree.ts` removes them.
 *
 * `<state home>/worktrees/<repository>/<id>` are the files; beside them in `.own/<id>` is what we must know of it, and a git
 * directory of our own (own-git.ts).
 */
import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { exists, namesIn } from '../../os/paths.js';
import { readJson, writeJson } from '../../os/json-file.js';
import { lifeOf, ownIdentity, type ProcessIdentity } from '../../os/process-identity.mjs';
import { ensureSpace, isDiskFull } from './disk-space.js';
import {
  dropAllKept,
  dropKept,
  noteLayout,
  putBack,
  takeKept,
  takeOver,
  type KeptFiles,
} from './kept-files.js';
import { makeClone } from './own-clone.js';
import { ownGit, prepareOwnGit, type OwnGit } from './own-git.js';
import { takeLock } from './process-lock.js';
import { removeTree } from './remove-tree.js';
import { gitIn, type Repository } from './repository.js';
import { copyIncluded, type Included } from './worktree-include.js';
import { WorktreeRefused } from './worktree-refused.js';

/**
 * `worktree`: linked to the repository, which it shares refs, configuration, hooks and stash with.
 * `clone`: a repository of its own with copies of the objects, for tools that are not trusted.
 */
export type Isolation = 'worktree' | 'clone';

export interface OwnWorktree {
  readonly id: string;
  readonly path: string;
  readonly isolation: Isolation;
  /** Where it belongs. */
  readonly repository: Repository;
  /** The commit it was opened at. */
  readonly base: string;
  readonly git: OwnGit;
  /** A folder outside the work tree that is its user's own. */
  readonly scratch: string;
  readonly note: WorktreeNote;
  /** It was there already, from an earlier call. */
  readonly isFound: boolean;
}

/** What is known of a work tree; plain JSON, beside it. */
export interface WorktreeNote {
  readonly format: 1;
  readonly state: 'making' | 'ready';
  readonly id: string;
  readonly isolation: Isolation;
  readonly commonDir: string;
  readonly workTree: string | null;
  readonly base: string;
  /** Inode of its directory and content of its `.git` file: so that a replaced one is seen. */
  readonly inode: number;
  /** When that directory was made, where the file system says so; notes of before have none. */
  readonly bornMs?: number;
  readonly link: string | null;
  /** Its directory in `.git/worktrees`; null for a clone. */
  readonly adminDir: string | null;
  /** Ignored files that were copied in. */
  readonly included: readonly Included[];
  readonly owner: WorktreeOwner;
  /** The process that opened it last. */
  readonly worker: ProcessIdentity;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
}

/** Whose it is, in the words of whoever asked for it. */
export interface WorktreeOwner {
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
}

export interface WorktreeRequest {
  /** State directory. */
  readonly home: string;
  readonly id: string;
  readonly commit: string;
  readonly owner: WorktreeOwner;
  /** Default `worktree`. */
  readonly isolation?: Isolation;
  /** So much must be left where it is made; default 256 MiB. */
  readonly minFreeBytes?: number;
  /** Whether files that `.worktreeinclude` names are copied in; default true. */
  readonly includes?: boolean;
  /** Whether files that an earlier one left may be used again; default false: each file is laid out anew. */
  readonly reuses?: boolean;
}

const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** git needs a hundredth of a second for one; fifty at once wait for each other. */
const PATIENCE_SEC = 300;

/** Becomes a name of a folder, and of a directory in `.git/worktrees`. */
const ID = /^[a-z0-9](?:[a-z0-9_-]|\.(?![.]|lock$)){0,119}$/i;

/** Returns the folder of a repository's work trees. */
export function worktreesFolder(home: string, commonDir: string): string {
  return join(home, 'worktrees', createHash('sha256').update(commonDir).digest('hex').slice(0, 12));
}

/** Returns where we keep what we know of a work tree. */
export const ownFolder = (folder: string, id: string): string => join(folder, '.own', id);
export const noteFile = (folder: string, id: string): string => join(ownFolder(folder, id), 'note.json');

/** Those of this process wait here, not each with a program of its own. */
const queues = new Map<string, Promise<unknown>>();

/** Only one at a time adds or removes work trees of a repository: git is not made for two. */
export async function worktreesLocked<T>({ commonDir }: Repository, work: () => Promise<T>): Promise<T> {
  const path = join(commonDir, 'planwright', 'locks', 'worktrees.lock');
  const alone = async (): Promise<T> => {
    const lock = await takeLock(path, PATIENCE_SEC);
    if (lock === null) {
      throw new WorktreeRefused(
        'busy',
        `others have made and removed work trees for ${PATIENCE_SEC} s; "${path}" is held`,
      );
    }
    try {
      return await work();
    } finally {
      await lock.release();
    }
  };
  const turn = (queues.get(commonDir) ?? Promise.resolve()).then(alone, alone);
  queues.set(commonDir, turn);
  return turn.finally(() => {
    if (queues.get(commonDir) === turn) queues.delete(commonDir);
  });
}

/**
 * Opens the work tree of this id at a commit, or finds the one that is there. Safe to run again after a kill at any moment:
 * one that was only half made is made anew.
 *
 * @throws WorktreeRefused
 */
export async function openOwnWorktree(
  repository: Repository,
  request: WorktreeRequest,
): Promise<OwnWorktree> {
  const { home, id, commit } = request;
  if (!ID.test(id)) {
    throw new WorktreeRefused(
      'bad-id',
      `"${id}" cannot name a work tree: letters, digits, "_", "-" and single "." only`,
    );
  }
  const folder = worktreesFolder(home, repository.commonDir);
  const known = readNote(folder, id);
  if (known?.state === 'ready' && (await exists(join(folder, id)))) {
    if (known.base !== commit) {
      throw new WorktreeRefused(
        'other-base',
        `work tree "${id}" is there, but at ${known.base} instead of ${commit}; close it first`,
      );
    }
    const note = { ...known, worker: ownIdentity() };
    writeJson(noteFile(folder, id), note);
    return worktreeOf(folder, repository, note, true);
  }
  if (known?.state === 'making' && lifeOf(known.worker) === 'alive') {
    throw new WorktreeRefused(
      'busy',
      `work tree "${id}" is being made by process ${known.worker.pid}; wait for it`,
    );
  }
  if (known === null && (await exists(join(folder, id)))) {
    throw new WorktreeRefused(
      'occupied',
      `"${join(folder, id)}" is there, and nothing says whose it is; move it away`,
    );
  }
  const ensure = (): Promise<void> =>
    ensureSpace(home, request.minFreeBytes ?? MIN_FREE_BYTES, `work tree "${id}"`);
  await ensure().catch(async () => {
    await dropAllKept(folder);
    await ensure();
  });
  return make(repository, folder, request);
}

/** Returns the work tree of this id as it was opened, whatever has become of its files; null when there is none. */
export function findOwnWorktree(repository: Repository, home: string, id: string): OwnWorktree | null {
  const folder = worktreesFolder(home, repository.commonDir);
  const note = readNote(folder, id);
  return note === null || note.state !== 'ready' ? null : worktreeOf(folder, repository, note, true);
}

async function make(repository: Repository, folder: string, request: WorktreeRequest): Promise<OwnWorktree> {
  const { id, commit, owner, isolation = 'worktree' } = request;
  const path = join(folder, id);
  const own = ownFolder(folder, id);
  const making: WorktreeNote = {
    ...{
      format: 1,
      state: 'making',
      id,
      isolation,
      owner,
      base: commit,
      inode: 0,
      link: null,
      adminDir: null,
    },
    ...{ commonDir: repository.commonDir, workTree: repository.workTree, included: [] },
    ...{ worker: ownIdentity(), openedAt: Date.now() },
  };
  let old: KeptFiles | null = null;
  try {
    await discard(repository, path);
    await mkdir(join(own, 'scratch'), { recursive: true, mode: 0o700 });
    writeJson(noteFile(folder, id), making);
    await prepareOwnGit(own, repository);
    const git = ownGit(own, path, repository.commonDir);
    const mayReuse = request.reuses === true && isolation === 'worktree';
    old = mayReuse ? await takeKept(folder, git, repository, commit) : null;
    const [taken, added] = await Promise.allSettled([
      old === null ? false : takeOver(old, git.index, repository, commit),
      isolation === 'clone' ? makeClone(repository, path, commit) : addLinked(repository, path, commit),
    ]);
    if (added.status === 'rejected') throw added.reason;
    if (old !== null && taken.status === 'fulfilled' && taken.value) await putBack(old, git);
    else {
      await rm(git.index, { force: true });
      await git.run(['read-tree', '--reset', '-u', commit]);
    }
    if (mayReuse) await noteLayout(git, commit);
    const link = isolation === 'clone' ? null : await readFile(join(path, '.git'), 'utf8');
    // "gitdir: …", as git has just written it.
    const adminDir =
      link === null ? join(path, '.git') : resolve(path, link.trimEnd().slice('gitdir: '.length));
    await copyFile(git.index, join(adminDir, 'index'));
    const included = request.includes === false ? [] : await copyIncluded(repository, git);
    const { ino, birthtimeMs, ctimeMs } = await lstat(path);
    const note: WorktreeNote = {
      ...making,
      state: 'ready',
      inode: ino,
      // Where a file system does not know, this is said to be the time of the last change.
      ...(birthtimeMs === ctimeMs ? {} : { bornMs: birthtimeMs }),
      link,
      adminDir: isolation === 'clone' ? null : adminDir,
      included,
    };
    writeJson(noteFile(folder, id), note);
    return worktreeOf(folder, repository, note, false);
  } catch (error) {
    const isFull = isDiskFull(error, request.home); // before what was written goes again
    await discard(repository, path);
    await rm(own, { recursive: true, force: true });
    if (isFull) {
      throw new WorktreeRefused(
        'disk-full',
        `disk full while work tree "${id}" was made in "${folder}"; free some space`,
      );
    }
    throw error;
  } finally {
    if (old !== null) await dropKept(old);
  }
}

async function addLinked(repository: Repository, path: string, commit: string): Promise<void> {
  const args = ['worktree', 'add', '--detach', '--no-checkout', path, commit];
  await worktreesLocked(repository, () => gitIn(repository, args));
}

const worktreeOf = (
  folder: string,
  repository: Repository,
  note: WorktreeNote,
  isFound: boolean,
): OwnWorktree => {
  const path = join(folder, note.id);
  const own = ownFolder(folder, note.id);
  return {
    ...{ id: note.id, path, isolation: note.isolation, repository, base: note.base, note, isFound },
    git: ownGit(own, path, note.commonDir),
    scratch: join(own, 'scratch'),
  };
};

/** Returns what is known of a work tree, or null. */
export function readNote(folder: string, id: string): WorktreeNote | null {
  const note = readJson(noteFile(folder, id)) as WorktreeNote | null;
  return note?.format === 1 && note.id === id ? note : null;
}

/** Removes what a broken-off making left. No tool has seen it: there is nothing in it to lose. */
async function discard(repository: Repository, path: string): Promise<void> {
  await removeTree(path);
  const entries = await namesIn(join(repository.commonDir, 'worktrees'));
  // Its own id is in the path: nobody else makes an entry of this name.
  if (entries.some((name) => name.startsWith(basename(path))))
    await worktreesLocked(repository, () => forgetLinked(repository, path));
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
}

/** Removes the entries in `.git/worktrees` that belong to this path. `worktree prune` would take the person's own too. */
export async function forgetLinked({ commonDir }: Repository, path: string): Promise<void> {
  const entries = join(commonDir, 'worktrees');
  for (const name of await namesIn(entries)) {
    // git numbers entries of the same name.
    if (!name.startsWith(basename(path))) continue;
    const link = await readFile(join(entries, name, 'gitdir'), 'utf8').catch(() => null);
    const isHalfMade = link === null && name === basename(path);
    if (link?.trimEnd() === join(path, '.git') || isHalfMade)
      await rm(join(entries, name), { recursive: true, force: true });
  }
  await rmdir(entries).catch(() => undefined); // as git does: it goes with the last one
}
