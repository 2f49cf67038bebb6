/**
 * Setting a branch back that a tool moved: nothing lands on what nobody has proven.
 */
import type { Objects } from '../git/objects.js';
import { moveRefs, readRef } from '../git/refs.js';
import { gitIn, type Repository } from '../git/repository.js';
import { findStrays } from '../git/stray-moves.js';
import { checkoutsOf } from '../git/worktrees.js';
import { publishBranch } from './publish-branch.js';

/** What a tool made of a branch, and what was done about it. */
export interface StrayMove {
  /** Where the tool had put it. */
  readonly from: string;
  /** Where it was before, and is again. */
  readonly to: string;
  /** Whose tools did it, for a person. */
  readonly by: string;
  /** The ref that keeps what the tool had made of it. */
  readonly keptAs: string;
}

export type SetBack =
  /** It was moved by nobody of ours. */
  | { readonly kind: 'none' }
  | { readonly kind: 'set-back'; readonly stray: StrayMove }
  /** A person has to decide. */
  | { readonly kind: 'held'; readonly detail: string };

export interface SetBackWish {
  /** Short name. */
  readonly branch: string;
  /** Where it was known to be good. */
  readonly known: string;
  readonly runId: string;
}

const short = (id: string): string => id.slice(0, 12);
const worker = (id: string): string => {
  const [, step, attempt] = /^(.*)-(\d+)-[0-9a-f]+$/.exec(id) ?? [];
  return step === undefined ? `"${id}"` : `the tool of ${step} (attempt ${attempt})`;
};
const toolsText = (by: readonly string[]): string => by.map(worker).join(' and ');

/**
 * Sets a branch back to where it was before a tool moved it, by compare-and-swap, with what the tool had made of it kept. What a
 * person did stays: on top of a tool's commit it is for the person to say what shall become of it.
 *
 * Safe to run again: a branch that is back is as it should be.
 */
export async function setBack(
  repository: Repository,
  objects: Objects,
  { branch, known, runId }: SetBackWish,
): Promise<SetBack> {
  const ref = `refs/heads/${branch}`;
  const tip = await readRef(repository, ref);
  if (tip === null) return { kind: 'none' };
  const strays = await findStrays(repository, ref, known, tip);
  if (strays.kind === 'none') return strays;
  const { good } = strays;
  const who = toolsText(strays.by);
  const again = `then run it again: planwright retry ${runId}`;
  if (strays.kind === 'beneath') {
    const { stray } = strays;
    return held(
      `${who} moved "${branch}" from ${short(good)} to ${short(stray)}, and somebody went on from there to ${short(tip)}. ` +
        `Without it: git rebase --onto ${short(good)} ${short(stray)} ${branch}; or take it as it is; ${again}`,
    );
  }
  const keptAs = `refs/planwright/strays/${runId}/${short(tip)}`;
  await moveRefs(
    repository,
    [{ ref: keptAs, from: 'any', to: tip }],
    'planwright: what a tool made of a branch',
  );
  const stray: StrayMove = { from: tip, to: good, by: who, keptAs };
  // The index says whether its files came along: a tool that moved only the ref left them where they were.
  const stayed = await Promise.all(
    (await checkoutsOf(repository, branch)).map(async ({ repository: one }) =>
      one === null ? false : await hasIndexOf(one, good),
    ),
  );
  if (stayed.length > 0 && stayed.every(Boolean)) {
    const moved = await moveRefs(
      repository,
      [{ ref, from: tip, to: good }],
      `planwright: set back (${runId})`,
    );
    if (moved.kind === 'moved') return { kind: 'set-back', stray };
    if (moved.kind === 'locked')
      return held(`another git is at work, or was killed: "${moved.lock}" is there`);
    return setBack(repository, objects, { branch, known, runId });
  }
  const moved = await publishBranch(repository, objects, { branch, from: tip, to: good, owner: runId });
  if (moved.kind === 'moved' || moved.kind === 'already') return { kind: 'set-back', stray };
  if (moved.kind === 'lost') return setBack(repository, objects, { branch, known, runId });
  return held(
    `${who} moved "${branch}" from ${short(good)} to ${short(tip)}, and it cannot be set back: ${moved.detail}. ` +
      `By hand, where it is checked out: git reset --keep ${short(good)}; ${again}`,
  );
}

const held = (detail: string): SetBack => ({ kind: 'held', detail });

async function hasIndexOf(checkout: Repository, commit: string): Promise<boolean> {
  const args = ['diff-index', '--cached', '--quiet', '--ignore-submodules=all', commit];
  return (await gitIn(checkout, args, { accept: [0, 1, 128] })).exitCode === 0;
}
