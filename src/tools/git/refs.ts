/**
 * Reading refs, and moving several of them at once, each from the value it was seen at.
 */
import { join } from 'node:path';
import { exists } from '../../os/paths.js';
import { GitFailure } from './call.js';
import { gitIn, type Repository } from './repository.js';

export interface Ref {
  /** The object it names, followed through a symbolic ref. */
  readonly id: string;
  /** The ref it stands for, when it is symbolic. */
  readonly symbolicFor: string | null;
}

/** Returns those of `names` (full ref names) that exist. */
export async function readRefs(repository: Repository, names: readonly string[]): Promise<Map<string, Ref>> {
  const format = '--format=%(refname)%00%(objectname)%00%(symref)';
  const answer = await gitIn(repository, ['for-each-ref', format, '--', ...names]);
  const found = new Map<string, Ref>();
  for (const row of answer.stdout.toString('utf8').split('\n')) {
    const [name, id, symbolic] = row.split('\0');
    // A pattern also matches everything below it.
    if (name !== undefined && id !== undefined && names.includes(name)) {
      found.set(name, { id, symbolicFor: symbolic || null });
    }
  }
  return found;
}

/** Returns the object a ref (full name) points at, or null. */
export async function readRef(repository: Repository, name: string): Promise<string | null> {
  return (await readRefs(repository, [name])).get(name)?.id ?? null;
}

export interface RefMove {
  readonly ref: string;
  /** Null: the ref must not exist before; `any` instead of an id: whatever it is (only for refs of our own). */
  readonly from: string | null;
  /** Null deletes it. */
  readonly to: string | null;
}

export type RefsMoved =
  | { readonly kind: 'moved' }
  /** Someone else was there first: `found` is its value now. Nothing was moved. */
  | {
      readonly kind: 'stale';
      readonly ref: string;
      readonly expected: string | null;
      readonly found: string | null;
    }
  /** A lock file is in the way. Nothing was moved. */
  | { readonly kind: 'locked'; readonly lock: string };

/**
 * Moves refs, all or none.
 *
 * @param reason - what the reflog says
 * @throws GitFailure when git refuses for another reason than a moved or locked ref
 */
export async function moveRefs(
  repository: Repository,
  moves: readonly RefMove[],
  reason: string,
): Promise<RefsMoved> {
  const none = '0'.repeat(repository.objectFormat === 'sha1' ? 40 : 64);
  const orders = moves.map(({ ref, from, to }) => {
    const old = from === 'any' ? '' : ` ${from ?? none}`;
    return to === null ? `delete ${ref}${old}` : `update ${ref} ${to}${old}`;
  });
  const input = ['start', ...orders, 'prepare', 'commit', ''].join('\n');
  try {
    // --no-deref: a symbolic ref is refused by its value, not followed to a branch that nobody named.
    await gitIn(repository, ['update-ref', '--no-deref', '--stdin', '-m', reason], { input });
    return { kind: 'moved' };
  } catch (error) {
    if (!(error instanceof GitFailure) || error.reason !== 'exit-code') throw error;
    const obstacle = await findObstacle(repository, moves);
    if (obstacle === null) throw error;
    return obstacle;
  }
}

/** What stood in the way, seen in the repository itself: git's words are not to be relied on. */
async function findObstacle(repository: Repository, moves: readonly RefMove[]): Promise<RefsMoved | null> {
  const now = await readRefs(
    repository,
    moves.map((move) => move.ref),
  );
  for (const { ref, from } of moves) {
    const found = now.get(ref)?.id ?? null;
    if (from !== 'any' && found !== from) return { kind: 'stale', ref, expected: from, found };
  }
  const locks = [...moves.map((move) => `${move.ref}.lock`), 'packed-refs.lock', 'HEAD.lock'];
  for (const lock of locks.map((name) => join(repository.commonDir, name))) {
    if (await exists(lock)) return { kind: 'locked', lock };
  }
  return null;
}
