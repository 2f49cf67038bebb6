/**
 * The activity `moveBranch`: a branch goes to commits whose tree was tested, each with its proof.
 */
import { ApplicationFailure } from '@temporalio/activity';
import { resolvedText, type GateRecord } from '../../landing/landing.js';
import { PLANWRIGHT } from '../../tools/git/capture-patch.js';
import { identity } from '../../tools/git/commit.js';
import { treeOf } from '../../tools/git/integrate-patch.js';
import { branchName } from '../../tools/git/names.js';
import { withObjects, type Objects } from '../../tools/git/objects.js';
import { NotWhatWasTested, writeProvenCommits, type ProvenStep } from '../../tools/git/proof-commit.js';
import { publishing } from '../../tools/git/published.js';
import { openRepository } from '../../tools/git/repository.js';
import { publishBranch, type BranchMoved } from '../../tools/workstream/publish-branch.js';
import { setBack } from '../../tools/workstream/set-back.js';
import type {
  LandingActivities,
  MoveDone,
  MoveTask,
  ProvenPatch,
  StrayReport,
} from '../../workflows/landing-api.js';
import { scratchFolder } from './merge-for-landing.js';
import { learn } from './resolve-for-landing.js';
import type { WorkstreamWorld } from './start-line.js';

const HEADS = 'refs/heads/';

/** Returns the activity `moveBranch`. May run twice: a branch that is there already is not moved again. */
export function moveBranchIn({ home }: Pick<WorkstreamWorld, 'home'>): LandingActivities['moveBranch'] {
  return async (task) => {
    try {
      const done = await moveBranch(home, task);
      if (done.kind === 'landed') await learn(home, task);
      return done;
    } catch (error) {
      if (error instanceof NotWhatWasTested) return { kind: 'land-refused', detail: error.message };
      throw error;
    }
  };
}

async function moveBranch(home: string, task: MoveTask): Promise<MoveDone> {
  const { root, runId, from, tree, atSec } = task;
  const branch = branchName(task.branch.startsWith(HEADS) ? task.branch.slice(HEADS.length) : task.branch);
  const repository = await openRepository(root);
  const people = (await identity(repository)) ?? { author: PLANWRIGHT, committer: PLANWRIGHT };
  return withObjects(repository, await scratchFolder(home), async (objects): Promise<MoveDone> => {
    const steps = await stepsOf(objects, task);
    // The same input makes the same commits: a second start finds the branch where the first one left it.
    const to = await writeProvenCommits(objects, from, steps, { run: runId, tree }, people, atSec);
    const publish = (): Promise<BranchMoved> =>
      publishing(home, repository, () =>
        publishBranch(repository, objects, { branch, from, to, owner: runId }),
      );
    let moved = await publish();
    const strays: StrayReport[] = [];
    if (moved.kind === 'lost' && moved.found !== null) {
      // Where ours is already, it is the last that was good.
      const wish = { branch, known: moved.has ? to : from, runId };
      const back = await publishing(home, repository, () => setBack(repository, objects, wish));
      if (back.kind === 'held') return { kind: 'land-refused', detail: back.detail };
      if (back.kind === 'set-back') {
        strays.push(back.stray);
        moved = await publish();
      }
    }
    const told = strays.length === 0 ? {} : { strays };
    switch (moved.kind) {
      case 'moved':
      case 'already':
        return { kind: 'landed', commit: to, ...told };
      case 'lost':
        if (moved.has) return { kind: 'landed', commit: to, ...told }; // and somebody has gone on from there
        if (moved.found === null)
          return {
            kind: 'land-refused',
            detail: `branch "${branch}" is gone; it was at ${from}: git branch ${branch} ${from}`,
          };
        return { kind: 'land-lost', commit: moved.found, tree: await treeOf(objects, moved.found), ...told };
      case 'refused':
        if (moved.isLasting) return { kind: 'land-refused', detail: moved.detail };
        throw ApplicationFailure.retryable(moved.detail, 'BranchBusy');
      default:
        return moved satisfies never;
    }
  });
}

/** The merges of the queue, each with what is known of its patch. */
async function stepsOf(objects: Objects, { onto, to, patches }: MoveTask): Promise<ProvenStep[]> {
  const args = ['rev-list', '--reverse', '--first-parent', '--end-of-options', `${onto}..${to}`];
  const merges = (await objects.git(args)).stdout.toString('latin1').split('\n').filter(Boolean);
  if (merges.length !== patches.length) {
    throw new Error(
      `BUG: ${patches.length} patches are to land, and ${merges.length} commits lie between ${onto} and ${to}`,
    );
  }
  return patches.map((patch, at) => stepOf(patch, merges[at]!));
}

const stepOf = ({ patchId, base, sha256, title, proof }: ProvenPatch, merged: string): ProvenStep => ({
  ...{ patch: patchId, merged, base, message: title, patchSha256: sha256, testedTree: proof.tree },
  gates: Object.fromEntries(Object.entries(proof.gates).map(([gate, record]) => [gate, resultText(record)])),
  resolved: (proof.resolved ?? []).map(resolvedText),
});

function resultText({ green, reds }: GateRecord): string {
  if (!green) return 'not run';
  return reds === 0 ? 'passed' : `passed (red ${reds} ${reds === 1 ? 'time' : 'times'} before)`;
}
