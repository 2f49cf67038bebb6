/**
 * Step 7: merges on objects. No branch, index or file of the user's is touched.
 */
import { writeAtomically } from '../git/atomic-file.js';
import { identity, writeCommit } from '../git/commit.js';
import { withObjects, type Objects } from '../git/objects.js';
import { readRef } from '../git/refs.js';
import { checkGitVersion, type Repository } from '../git/repository.js';
import { type Authorship, integrate, type Integration, mergeMessage, type Tips } from './integrate.js';
import { handedOn, type MergeRecord, required } from './merge-record.js';
import { setOwnRefs } from './own-refs.js';
import { stopped, type Report } from './reasons.js';
import { conflictFlag, runRefs, type RunKey } from './state.js';
import { shownSource, type Target } from './target.js';
import type { Context, Finding, Tool } from './tool.js';
import { counted, listed, short } from './words.js';

export const gitMerge: Tool = {
  name: 'git_merge',
  patternId: 'MERGE-004-LOCAL-MERGE',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: 'Merges what was fetched, on objects alone; says which files are in conflict.',
  help: [
    'The merge is kept as refs/planwright/merge/<run> until guarded_push publishes it; the point to go back to is',
    'refs/planwright/rollback/<run>. On conflicts conflicts_<branch>.flag lies beside the report.',
    'Exit codes: 0 merged or nothing to merge, 1 conflicts (the next steps see to them), 2 it cannot be merged.',
  ].join('\n'),
  options: [],
  tolerated: true,
  run: mergeStep,
};

async function mergeStep(context: Context): Promise<Finding> {
  const { repository, target, run, directory } = context;
  const fetched = await required(context, 'git_fetch', 'merge_refused');
  const tips = await readTips(repository, target, {
    remote: fetched.target_commit,
    source: fetched.source_commit,
  });
  return withObjects(repository, directory, async (objects) => {
    const authorship = await authorshipOf(context, tips);
    const integration = await integrate(objects, target, tips, authorship).catch(async (error: unknown) => {
      await checkGitVersion(repository); // an old git knows no such merge, and says so in its own words
      throw error;
    });
    await keep(repository, objects, run, tips, integration, authorship);
    if (integration.action === 'conflicts')
      await writeAtomically(conflictFlag(directory, target.branch), 'merge_conflicts\n');
    return verdict(target, tips, integration, authorship);
  });
}

/**
 * Reads the branches of this repository; those of the remote are given.
 *
 * @throws Stopped when one is gone
 */
export async function readTips(
  repository: Repository,
  target: Target,
  fetched: { readonly remote: string; readonly source: string | null },
): Promise<Tips> {
  const local = await readRef(repository, `refs/heads/${target.branch}`);
  const source = fetched.source ?? (await readRef(repository, `refs/heads/${target.source.branch}`));
  if (local !== null && source !== null) return { local, remote: fetched.remote, source };
  const name = local === null ? target.branch : target.source.branch;
  throw stopped('merge_refused', 2, {
    code: local === null ? 'branch_missing' : 'source_missing',
    message: `there is no local branch "${name}" any more.`,
    hint: 'Run env_scan again: it says what to do.',
  });
}

/** Returns who makes the merge, when and with what words: as the first time, when the same tips are merged again. */
export async function authorshipOf(context: Context, tips: Tips): Promise<Authorship> {
  const earlier = await handedOn(context.directory, 'git_merge');
  const same = tips.local === tips.remote && tips.remote === tips.source; // nothing is made then
  const people = same ? null : await identity(context.repository);
  const message = mergeMessage(context.target, context.run);
  const again = earlier !== null && JSON.stringify(earlier.tips) === JSON.stringify(tips);
  return { people, message, atSec: again ? earlier.commit.at_sec : Math.floor(context.now() / 1000) };
}

/** Keeps what was made from being collected, and the place to go back to. */
export async function keep(
  repository: Repository,
  objects: Objects,
  run: RunKey,
  tips: Tips,
  integration: Integration,
  authorship: Authorship,
): Promise<void> {
  const refs = runRefs(run);
  const set: Record<string, string> = { [refs.rollback]: tips.local };
  if (integration.action === 'conflicts' && authorship.people !== null) {
    const { tree, parents } = integration;
    const unfinished = {
      tree,
      parents,
      message: 'Conflicts\n',
      people: authorship.people,
      atSec: authorship.atSec,
    };
    set[refs.conflicts] = await writeCommit(objects, unfinished);
  }
  if ('result' in integration) set[refs.merge] = integration.result;
  await setOwnRefs(repository, set, `${run} merges`, 'merge_refused');
}

function verdict(target: Target, tips: Tips, integration: Integration, authorship: Authorship): Finding {
  const record: Omit<MergeRecord, 'problems'> = {
    action: integration.action,
    tips,
    result: 'result' in integration ? integration.result : null,
    parents: 'parents' in integration ? [...integration.parents] : [],
    tree: integration.action === 'conflicts' ? integration.tree : null,
    conflicts: integration.action === 'conflicts' ? [...integration.conflicts] : [],
    commit: { at_sec: authorship.atSec, message: authorship.message, people: authorship.people },
  };
  const report: Report = record;
  const source = shownSource(target);
  switch (integration.action) {
    case 'refused':
      throw stopped('merge_refused', 2, integration.problem, report);
    case 'conflicts': {
      const paths = integration.conflicts.map((conflict) => conflict.path);
      throw stopped(
        'conflicts_unresolved',
        1,
        {
          code: 'conflicts',
          message: `${counted(paths.length, 'file')} in conflict between ${target.branch} and ${source}: ${listed(paths)}.`,
          hint: 'The next steps resolve what they may; the rest needs a person.',
        },
        report,
      );
    }
    case 'up_to_date':
      return { summary: `${target.branch} and ${source} are the same: nothing to do`, report };
    case 'fast_forward':
      return {
        summary: `${target.branch} only follows ${target.remote}, to ${short(integration.result)}`,
        report,
      };
    case 'ahead':
      return { summary: `${target.branch} has all of ${source}; it will be pushed`, report };
    case 'merged':
      return { summary: `merged ${source} into ${target.branch}: ${short(integration.result)}`, report };
  }
}
