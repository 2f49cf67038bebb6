/**
 * Step 1: may this branch be moved at all?
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readRefs } from '../git/refs.js';
import { checkGitVersion, gitIn, line, type Repository } from '../git/repository.js';
import { examine, type Examined } from './examine.js';
import { sweepLeftovers } from './leftovers.js';
import { setOwnRefs } from './own-refs.js';
import { Stopped, type Problem, type Report } from './reasons.js';
import { recover, type Recovered } from './recover.js';
import { forgetOldRuns, KEEP } from './retention.js';
import { RUN_REPORT } from './report.js';
import { tellEndings } from './run-endings.js';
import { PUSHING, REPORT_FILES, runRefs, type RunKey } from './state.js';
import { shownSource } from './target.js';
import type { Context, Finding, Tool } from './tool.js';

export const envScan: Tool = {
  name: 'env_scan',
  patternId: 'MERGE-001-ENV-SCAN',
  phase: 0,
  phaseName: 'environment_scan',
  summary:
    'Says whether the branch may be moved: nothing uncommitted, nothing half-done, everything needed is there.',
  help: [
    'Looks at this work tree and at wherever the branch is checked out. It also puts right what a killed run left.',
    'Begins a run: reports of an earlier run of the same name are removed.',
    'Exit codes: 0 ready, 1 not ready (abort_reasons in the report), 2 wrong use.',
  ].join('\n'),
  options: [],
  endsPhase: true,
  tolerated: false,
  run: scan,
};

async function scan(context: Context): Promise<Finding> {
  const { repository, target, directory } = context;
  await checkGitVersion(repository);
  const swept = context.dryRun ? [] : await sweepLeftovers(context, context.run);
  await forgetEarlierRun(repository, directory, context.run);
  const recovered = context.dryRun ? NOTHING : await recover(repository, directory, target.branch);
  const examined = await examine(repository, target, context.now);
  const problems = [...recovered.problems, ...examined.problems];
  await seeToEarlier(context);
  const report = await describe(context, examined, problems, [
    ...swept.map((path) => `an earlier run was killed and left "${path}": removed.`),
    ...recovered.notes,
  ]);
  for (const note of examined.notes) context.say(`env_scan: note: ${note}`);
  const [first, ...more] = problems;
  if (first !== undefined) {
    throw new Stopped({ exitCode: 1, reasonCode: 'env_scan_failed', problems: [first, ...more] }, report);
  }
  return {
    summary: `ready to merge ${shownSource(target)} into ${target.branch}`,
    report,
    result: { branch: target.branch, source: shownSource(target), remote: target.remote },
  };
}

/** What is to be said and forgotten of earlier runs, when a new one begins. What keeps that from it does not keep the merge. */
async function seeToEarlier(context: Context): Promise<void> {
  if (context.dryRun) return;
  try {
    await tellEndings(context, context.run);
    await forgetOldRuns(context, context.run, { keep: KEEP, limit: 10, dryRun: false });
  } catch (error) {
    context.say(`env_scan: earlier runs could not be seen to: ${(error as Error).message}`);
  }
}

/** A dry run only looks: what a killed run left is then named as what stands in the way. */
const NOTHING: Recovered = { notes: [], problems: [] };

/** Reports and refs of a run of the same name would be taken for this one's. The rollback point stays. */
async function forgetEarlierRun(repository: Repository, directory: string, run: RunKey): Promise<void> {
  for (const file of [...Object.values(REPORT_FILES), RUN_REPORT, PUSHING])
    await rm(join(directory, file), { force: true });
  // What killed tools of it were at: nobody is, while this one has the run.
  for (const name of await readdir(directory)) {
    if (/^objects-|\.tmp$|^conflicts_.*\.flag$/.test(name))
      await rm(join(directory, name), { recursive: true, force: true });
  }
  const { target, source, conflicts, merge } = runRefs(run);
  const stale = await readRefs(repository, [target, source, conflicts, merge]);
  const gone = Object.fromEntries([...stale.keys()].map((ref) => [ref, null]));
  await setOwnRefs(repository, gone, `${run} begins`, 'env_scan_failed');
}

async function describe(
  context: Context,
  examined: Examined,
  problems: readonly Problem[],
  recovered: readonly string[],
): Promise<Report> {
  const { repository, target } = context;
  const codes = problems.map((problem) => problem.code);
  const operations = examined.checkouts.flatMap((checkout) => checkout.operations);
  return {
    feature_branch: examined.current,
    status: problems.length === 0 ? 'ready' : 'abort',
    checks: {
      working_tree_clean: !codes.includes('dirty_working_tree') && !codes.includes('unmerged_paths'),
      no_rebase_in_progress: !operations.includes('rebase') && !operations.includes('am'),
      no_merge_in_progress: !operations.includes('merge'),
      no_other_operation: !operations.some((one) => ['cherry-pick', 'revert', 'bisect'].includes(one)),
      no_lock_files: examined.checkouts.every((checkout) => checkout.locks.length === 0),
      no_dirty_submodules: !codes.includes('dirty_submodules'),
      branch_exists: examined.tip !== null,
      remote_exists: examined.remote !== null,
      complete_history: !repository.shallow && !repository.partial,
    },
    divergence: await divergence(repository, examined),
    commit: examined.tip,
    remote_url: examined.remote?.shownUrl ?? null,
    checkouts: examined.checkouts.map(({ path, moves, operations: open, locks, status, nested }) => ({
      path,
      has_target: moves,
      operations: open,
      locks,
      changed: status.changed.slice(0, 100),
      untracked: status.untracked.slice(0, 100),
      nested_repositories: nested,
    })),
    abort_reasons: codes,
    recovered,
    notes: examined.notes,
    target: { branch: target.branch, remote: target.remote, source: target.source },
  };
}

/** How far the branch and its counterpart are apart, as last fetched; null when it was never fetched. */
async function divergence(repository: Repository, { tip, known }: Examined): Promise<Report | null> {
  if (tip === null || known === null) return null;
  const args = ['rev-list', '--left-right', '--count', `${tip}...${known.commit}`];
  const answer = tip === known.commit ? '0\t0' : line(await gitIn(repository, args));
  const [ahead = 0, behind = 0] = answer.split('\t').map(Number);
  return { ahead, behind, diverged: ahead > 0 && behind > 0, compared_with: known.ref };
}
