/**
 * Moves of a branch that a tool of ours made: whose doing a move was, and which place of the branch was the last good one.
 *
 * Every git that a tool starts gives an address of ours as the committer's, and git writes it beside each move of a branch into
 * its reflog. So a careless tool is known. One that takes another's address on purpose cannot be told from that one.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../os/json-file.js';
import { gitIn, type Repository } from './repository.js';

const DOMAIN = 'tools.planwright.localhost';

/** The address of what is started in a work tree. */
export const addressOf = (worktree: string): string => `${worktree}@${DOMAIN}`;

/** Returns the work tree that an address names; null: it is nobody's of ours. */
const worktreeAt = (email: string): string | null =>
  email.endsWith(`@${DOMAIN}`) ? email.slice(0, -DOMAIN.length - 1) : null;

/** What tools did to a branch. */
export type Strays =
  | { readonly kind: 'none' }
  /** It is where a tool put it: `good` is where it was before. */
  | { readonly kind: 'on-top'; readonly good: string; readonly by: readonly string[] }
  /** Somebody else went on from where a tool had put it. */
  | {
      readonly kind: 'beneath';
      readonly good: string;
      readonly stray: string;
      readonly by: readonly string[];
    };

interface Move {
  readonly from: string;
  readonly to: string;
  /** The work tree whose tool did it; null: it was none. */
  readonly by: string | null;
}

/**
 * Looks at what has become of a branch.
 *
 * @param ref - its full name
 * @param known - where it was known to be good
 * @param tip - where it is
 */
export async function findStrays(
  repository: Repository,
  ref: string,
  known: string,
  tip: string,
): Promise<Strays> {
  if (known === tip) return { kind: 'none' };
  const all = await movesOf(repository, ref);
  const moves = all.at(-1)?.to === tip ? all : await commitsAsMoves(repository, known, tip);
  const since = moves.slice(moves.findLastIndex(({ to }) => to === known) + 1);
  const isKnown = since.length < moves.length || moves[0]?.from === known;
  const lastOther = since.findLastIndex(({ by }) => by === null);
  const onTop = since.slice(lastOther + 1);
  const names = (some: readonly Move[]): string[] => [...new Set(some.flatMap(({ by }) => by ?? []))];
  if (onTop[0] !== undefined && !/^0+$/.test(onTop[0].from))
    return { kind: 'on-top', good: onTop[0].from, by: names(onTop) };
  // Of a branch that was never seen at that place, old moves have been taken as they are.
  const first = isKnown ? since.findIndex(({ by }) => by !== null) : -1;
  if (first < 0) return { kind: 'none' };
  const { from: good } = since[first]!;
  for (const { to, by } of since) {
    // What a tool put there and somebody took away again is no matter.
    if (by === null || to === good || (await isIn(repository, to, good))) continue;
    if (await isIn(repository, to, tip)) return { kind: 'beneath', good, stray: to, by: names(since) };
  }
  // Or it took something away.
  if (/^0+$/.test(good) || (await isIn(repository, good, tip))) return { kind: 'none' };
  return { kind: 'beneath', good, stray: since[first]!.to, by: names(since) };
}

/** The reflog of a ref, oldest first; empty where git keeps none. */
async function movesOf({ commonDir }: Repository, ref: string): Promise<Move[]> {
  const text = await readFile(join(commonDir, 'logs', ref), 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  return text.split('\n').flatMap((row) => {
    const [, from, to, email] = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [^<]*<([^>]*)>/.exec(row) ?? [];
    return from === undefined ? [] : [{ from, to: to!, by: worktreeAt(email!) }];
  });
}

/** Without a reflog each commit stands for the move that brought it. */
async function commitsAsMoves(repository: Repository, known: string, tip: string): Promise<Move[]> {
  const args = ['log', '--first-parent', '--reverse', '--no-show-signature', '--format=%P%x00%H%x00%ce'];
  const answer = await gitIn(repository, [...args, '--end-of-options', `${known}..${tip}`], {
    accept: [0, 128],
    maxBytes: 64 * 1024 * 1024,
  });
  if (answer.exitCode !== 0) return [];
  return answer.stdout
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((row) => {
      const [parents = '', to = '', email = ''] = row.split('\0');
      return { from: parents.split(' ')[0]!, to, by: worktreeAt(email) };
    });
}

async function isIn(repository: Repository, commit: string, tip: string): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', commit, tip];
  return (await gitIn(repository, args, { accept: [0, 1, 128] })).exitCode === 0;
}
