/**
 * Attempts that were lost with their worker: what they wrote is kept, and their work trees go.
 */
import { join } from 'node:path';
import { namesIn } from '../../os/paths.js';
import { closeOwnWorktree, isIntact } from '../../tools/git/close-worktree.js';
import { findOwnWorktree, readNote, worktreesFolder } from '../../tools/git/own-worktree.js';
import type { Repository } from '../../tools/git/repository.js';
import { readClosing, startsOf } from '../attempt-files.js';
import { endLeftover } from '../leftovers.js';
import { onMachine } from '../machine-trouble.js';
import type { PatchSummary } from './api.js';
import { holdsAnything, recordPatch } from './patch-records.js';
import type { Bench } from './start-line.js';

/** What one left, and which attempt of the workstream it was. */
export interface LostAttempt {
  readonly attempt: number;
  readonly patch: PatchSummary;
}

/**
 * Ends what earlier starts of this step left running on this host, keeps what they wrote as evidence, and removes their work
 * trees.
 *
 * @throws MachineTrouble when a process survives
 */
export async function saveLost(
  { world, runId, step }: Bench,
  repository: Repository,
  isLitter: (path: string) => boolean,
): Promise<LostAttempt[]> {
  for (const files of onMachine(() => startsOf(step))) {
    if (readClosing(files) === null) await endLeftover(files);
  }
  const saved: LostAttempt[] = [];
  const folder = worktreesFolder(world.home, repository.commonDir);
  for (const id of await namesIn(join(folder, '.own'))) {
    const note = readNote(folder, id);
    if (note === null || note.owner.run !== runId || note.owner.step !== step.step) continue;
    const worktree = findOwnWorktree(repository, world.home, id);
    if (worktree === null) continue; // half made: whoever opens it makes it anew
    const name = `${note.owner.attempt}.lost`;
    const message = `What attempt ${note.owner.attempt} of ${step.step} had written when it was lost`;
    const recorded = (await isIntact(worktree))
      ? await recordPatch(worktree, {
          runId,
          step: step.step,
          name,
          folder: step.directory,
          message,
          isLitter,
        })
      : null;
    const file = join(step.directory, 'patches', `${name}-rest.patch`);
    const atSec = Math.floor(Date.now() / 1000);
    await closeOwnWorktree(worktree, { captured: recorded?.patch ?? null, file, atSec, isLitter });
    if (recorded !== null && holdsAnything(recorded.patch))
      saved.push({ attempt: note.owner.attempt, patch: recorded.summary });
  }
  return saved;
}
