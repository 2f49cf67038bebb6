/**
 * A patch onto a commit with which it conflicts, for landing.
 */
import type { Context } from '@temporalio/activity';
import { readJson } from '../../os/json-file.js';
import { holdMerge } from '../../tools/git/held-merges.js';
import { integratePatches, takeInAs } from '../../tools/git/integrate-patch.js';
import { withObjects } from '../../tools/git/objects.js';
import { openRepository } from '../../tools/git/repository.js';
import { changeTree } from '../../tools/git/tree.js';
import { isLesson, remember } from '../../tools/safe-merge/remembered.js';
import type { LandingActivities, MoveTask, ResolveDone, ResolveTask } from '../../workflows/landing-api.js';
import { openStep } from '../attempt-files.js';
import { onMachine } from '../machine-trouble.js';
import { interruptible } from './interruptible.js';
import { scratchFolder } from './merge-for-landing.js';
import { resolveConflicts, takenFile, type Taken } from './resolve-conflicts.js';
import type { Bench, WorkstreamWorld } from './start-line.js';

/** Returns the activity `resolveForLanding`. May run twice: an answer that was taken lies in the run's directory. */
export function resolveForLandingIn(world: WorkstreamWorld): LandingActivities['resolveForLanding'] {
  return (task) => interruptible('conflicts', (context) => mergeWithHelp(world, task, context));
}

async function mergeWithHelp(
  world: WorkstreamWorld,
  task: ResolveTask,
  context: Context,
): Promise<ResolveDone> {
  const { root, runId, step: stepId, onto, patch, atSec } = task;
  const repository = await openRepository(root);
  const step = onMachine(() => openStep(world.home, world.host, runId, stepId));
  const bench: Bench = {
    ...{ world, runId, step, schedule: context.info.activityId, cancellation: context.cancellationSignal },
  };
  return withObjects(repository, await scratchFolder(world.home), async (objects): Promise<ResolveDone> => {
    const one = { id: patch.patchId, commit: patch.commit };
    const merged = await integratePatches(objects, onto, [one], atSec);
    if (merged.kind === 'merged') throw new Error(`BUG: the patch of "${patch.id}" is in no conflict`);
    const { kind, files, detail } = merged.conflict;
    const conflict = { kind, files, detail, with: [] };
    const { branch, help, env } = task;
    const wanted = { runId, branch, source: patch.id, help, ...(env === undefined ? {} : { env }) };
    const settled = await resolveConflicts(bench, wanted, objects, merged);
    if ('why' in settled)
      return { kind: 'conflicted', conflict: { ...conflict, detail: `${detail}; ${settled.why}` } };
    const tree = await changeTree(objects, merged.tree, settled.contents);
    const commit = await takeInAs(objects, tree, patch.patchId, onto, atSec);
    await holdMerge(repository, runId, stepId, commit);
    return { kind: 'merged', commit, tree, conflict, resolved: settled.resolved };
  });
}

/** Remembers how conflicts were resolved whose patches have landed: until then a gate may refuse them. */
export async function learn(home: string, { runId, patches }: MoveTask): Promise<void> {
  const keys = patches.flatMap(({ proof }) => (proof.resolved ?? []).flatMap(({ lesson }) => lesson ?? []));
  const lessons = keys.flatMap((key) => {
    const lesson = (readJson(takenFile(home, runId, key)) as Taken | null)?.lesson;
    return isLesson(lesson) ? [lesson] : [];
  });
  // The branch has moved, whatever becomes of this: what is not remembered is asked about once more.
  await remember(home, lessons).catch(() => undefined);
}
