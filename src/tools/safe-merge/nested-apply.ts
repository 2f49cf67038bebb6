/**
 * Doing what nested_repos_normalize said: git directories, commit, branch and index, all of it or nothing, also across
 * a kill. The note of a broken-off one is the same as for a move of a work tree, and settled by the same recovery.
 */
import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { closeJournal, journalTo, openJournal, takeIndex } from '../git/checkout-journal.js';
import { copyOfIndex, replaceIndex } from '../git/checkout-move.js';
import { type People, writeCommit } from '../git/commit.js';
import { giveBack, takeAway } from '../git/git-directories.js';
import { withObjects } from '../git/objects.js';
import { moveRefs, readRef } from '../git/refs.js';
import { noteRefs, settleRefs } from '../git/ref-note.js';
import { type Step, stageAll } from './nested-take-in.js';
import { type Problem, type Stopped, stopped } from './reasons.js';
import type { Context } from './tool.js';

/** Where the commit goes. */
export interface Base {
  readonly branch: string;
  readonly tip: string;
  readonly people: People;
}

/**
 * Takes the repositories in by one commit. The caller holds the lock of the branch.
 *
 * @throws Stopped when the branch could not be moved; everything is as before then
 */
export async function applySteps(context: Context, base: Base, steps: readonly Step[]): Promise<void> {
  const { repository, run } = context;
  const taken = steps.flatMap(({ move }) => (move === null ? [] : [move]));
  const owner = `${run} takes nested repositories in`;
  const from = { branch: base.branch, from: base.tip, to: base.tip };
  let journal = await openJournal(repository, { ...from, owner, taken });
  if (!(await takeIndex(repository, journal))) {
    await closeJournal(repository, journal);
    throw refused({
      code: 'lock_file_present',
      message: `another git is at work, or was killed: "${join(repository.gitDir, 'index.lock')}" is there.`,
      hint: 'Wait for it. If no git runs in this repository, remove that file.',
    });
  }
  try {
    await takeAway(journal);
    const index = await copyOfIndex(repository);
    const { tree, modules } = await stageAll(repository, index, steps);
    const to = await commitOf(context, base, steps, tree);
    journal = await journalTo(repository, journal, to);
    await moveBranch(context, base, to);
    if (modules !== null) await putInPlace(modules, join(repository.workTree ?? '', '.gitmodules'));
    await replaceIndex(repository, index);
  } catch (error) {
    // Behind the move of the branch the note stays, and the next run finishes what is left. What git said of the move
    // does not count: it may have been killed when it was done.
    const at = await readRef(repository, `refs/heads/${base.branch}`);
    if (at === base.tip) {
      await giveBack(repository, journal);
      await closeJournal(repository, journal);
    }
    throw error;
  }
  await closeJournal(repository, journal);
}

function commitOf(
  { repository, run, now, directory }: Context,
  { tip, people }: Base,
  steps: readonly Step[],
  tree: string,
): Promise<string> {
  const names = steps.map(({ action: { path, action } }) => `- ${path}: ${action}`);
  const message = `Take nested repositories in\n\n${names.join('\n')}\n\nPlanwright-Run: ${run}\n`;
  return withObjects(repository, directory, (objects) =>
    writeCommit(objects, { tree, parents: [tip], message, people, atSec: Math.floor(now() / 1000) }),
  );
}

async function moveBranch({ repository, run }: Context, { branch, tip }: Base, to: string): Promise<void> {
  const ref = `refs/heads/${branch}`;
  await noteRefs(repository, branch, { [ref]: to }, [repository.gitDir]);
  try {
    const moves = [{ ref, from: tip, to }];
    const moved = await moveRefs(repository, moves, `planwright: ${run} takes nested repositories in`);
    if (moved.kind === 'moved') return;
    throw refused({
      code: moved.kind === 'locked' ? 'lock_file_present' : 'target_moved',
      message: `"${branch}" could not be moved: ${moved.kind === 'locked' ? `"${moved.lock}" is there` : 'somebody committed in between'}.`,
      hint: 'Everything is as before. Start again.',
    });
  } finally {
    await settleRefs(repository, branch);
  }
}

async function putInPlace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyFile(from, to);
    await rm(from, { force: true });
  }
}

const refused = (problem: Problem): Stopped => stopped('nested_repo_block', 1, problem);
