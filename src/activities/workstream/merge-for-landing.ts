/**
 * Patches onto a commit, on objects alone; and where a branch is.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/activity';
import { integratePatches, type Integrated } from '../../tools/git/integrate-patch.js';
import { holdMerge, releaseMerges } from '../../tools/git/held-merges.js';
import { withObjects } from '../../tools/git/objects.js';
import { moveRefs, readRef } from '../../tools/git/refs.js';
import { gitIn, line, openRepository, type Repository } from '../../tools/git/repository.js';
import { branchName } from '../../tools/git/names.js';
import { publishing } from '../../tools/git/published.js';
import { setBack } from '../../tools/workstream/set-back.js';
import type {
  BranchLook,
  LandingActivities,
  LandingPatch,
  MergeOutcome,
} from '../../workflows/landing-api.js';
import { MachineTrouble } from '../machine-trouble.js';
import type { WorkstreamWorld } from './start-line.js';

type World = Pick<WorkstreamWorld, 'home'>;

/** Returns the activity `mergeForLanding`. May run twice: it makes the same commits. */
export function mergeForLandingIn({ home }: World): LandingActivities['mergeForLanding'] {
  return async ({ runId, step, root, onto, patches, above = [], atSec }) => {
    const units = [patches, ...above];
    const wanted = units.flat().map(({ patchId, commit }) => ({ id: patchId, commit }));
    const repository = await openRepository(root);
    const merged = await withObjects(repository, await scratchFolder(home), (objects) =>
      integratePatches(objects, onto, wanted, atSec),
    );
    const outcomes = outcomesOf(units, merged);
    // The uppermost holds those below it.
    const made = outcomes.flatMap((one) => (one.kind === 'merged' ? [one.commit] : []));
    if (made.length > 0) await holdMerge(repository, runId, step, made.at(-1)!);
    const [first, ...others] = outcomes;
    return { ...first!, ...(others.length > 0 ? { above: others } : {}) };
  };
}

/** What came of each unit, up to the first that conflicted. */
function outcomesOf(units: readonly (readonly LandingPatch[])[], merged: Integrated): MergeOutcome[] {
  const outcomes: MergeOutcome[] = [];
  let count = 0;
  for (const patches of units) {
    count += patches.length;
    const last = merged.steps[count - 1];
    if (last !== undefined) {
      outcomes.push({ kind: 'merged', ...last });
      continue;
    }
    if (merged.kind === 'merged') throw new Error('BUG: merging left patches out');
    // The queue knows patches by their workstreams.
    const patch = patches.find(({ patchId }) => patchId === merged.patch)?.id ?? merged.patch;
    const { kind, files, detail } = merged.conflict;
    return [...outcomes, { kind: 'conflicted', patch, conflict: { kind, files, detail, with: [] } }];
  }
  return outcomes;
}

/** Returns the activity `releaseMerges`. May run twice: then there is nothing left to do. */
export function releaseMergesIn({ home }: World): LandingActivities['releaseMerges'] {
  return async ({ root, runId, step, branch = '', tip = '' }) => {
    const repository = await openRepository(root);
    await releaseMerges(repository, runId, step);
    return tip === '' ? {} : lookAtBranch(home, repository, branch, tip, runId);
  };
}

/** Sets a branch back if a tool moved it, and says what there was to do. */
async function lookAtBranch(
  home: string,
  repository: Repository,
  ref: string,
  known: string,
  runId: string,
): Promise<BranchLook> {
  if (!ref.startsWith(HEADS)) return {};
  const branch = branchName(ref.slice(HEADS.length));
  const done = await withObjects(repository, await scratchFolder(home), (objects) =>
    publishing(home, repository, () => setBack(repository, objects, { branch, known, runId })),
  );
  switch (done.kind) {
    case 'none':
      return {};
    case 'held':
      return { held: done.detail };
    default:
      return { stray: done.stray };
  }
}

const HEADS = 'refs/heads/';

/** Returns the activity `findTip`. May run twice: a branch that was set back is where it should be. */
export function findTipIn({ home }: World): LandingActivities['findTip'] {
  return async ({ root, at, since, runId }) => {
    const repository = await openRepository(root);
    const isMoved = since !== undefined && (await readRef(repository, at)) !== since;
    const look = isMoved ? await lookAtBranch(home, repository, at, since, runId) : {};
    const format = '--format=%H %T';
    const args = ['log', '-1', format, '--no-show-signature', '--end-of-options', at];
    const found = await gitIn(repository, args, { accept: [0, 128] });
    const [commit = '', tree = ''] = line(found).split(' ');
    if (found.exitCode === 0) return { commit, tree, ...look };
    throw ApplicationFailure.nonRetryable(
      `there is no branch or commit "${at}" in "${root}"${since === undefined ? '' : `; when the run began it was at ${since}: git branch ${at.replace(HEADS, '')} ${since}`}`,
      'NoSuchBranch',
      { at, root },
    );
  };
}

/** Keeps a merge by a ref of ours. */
export async function keepMerge(repository: Repository, ref: string, to: string): Promise<void> {
  if ((await readRef(repository, ref)) === to) return;
  const moved = await moveRefs(repository, [{ ref, from: 'any', to }], 'planwright: keep a merge');
  if (moved.kind === 'locked') throw new MachineTrouble(`"${moved.lock}" is in the way of "${ref}"`);
}

/** A folder of our own for what is gone when the work is done. */
export async function scratchFolder(home: string): Promise<string> {
  const folder = join(home, 'worktrees', '.scratch');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
