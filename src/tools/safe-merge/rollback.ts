/**
 * Taking back what a run published, or brought only as far as here.
 */
import { join } from 'node:path';
import { identity, writeCommit } from '../git/commit.js';
import { isAncestor, mergeTrees } from '../git/merge-tree.js';
import { type Objects, withObjects } from '../git/objects.js';
import { readRef } from '../git/refs.js';
import { line } from '../git/repository.js';
import { examine } from './examine.js';
import { fetchTarget } from './git-fetch.js';
import { intentOf } from './push-stops.js';
import { type Landing, landingProblem, landLocally } from './land-locally.js';
import { setOwnRefs } from './own-refs.js';
import { publish } from './publish.js';
import { holdBranch, noted } from './push-lock.js';
import { type Problem, type Report, Stopped, stopped } from './reasons.js';
import { readReport, REPORT_FILES, runRefs } from './state.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { listed, short } from './words.js';
import { wholeNumber } from './options.js';

export const rollback: Tool = {
  name: 'rollback',
  patternId: 'MERGE-004-ROLLBACK',
  phase: 5,
  phaseName: 'rollback',
  argument: '<run>',
  example: 'rollback safe-merge-01jd3v9qk6',
  summary: 'Takes back what a run did: a reset where only this clone has it, else a revert that is pushed.',
  help: [
    'Nothing published: the branch here goes back to refs/planwright/rollback/<run>, if it was moved at all.',
    "Published: a new commit brings the branch back to the remote's state before, keeps what others did since, and is",
    'pushed like any other, never by force. Called again, it does nothing.',
    'Exit codes: 0 taken back, or nothing to take back; 1 not; 2 no such run, or wrong use.',
  ].join('\n'),
  options: [{ flags: '--timeout <seconds>', description: 'how long to wait for the lock', default: '600' }],
  tolerated: false,
  run: rollBack,
};

/** What the run did, from its own report. */
interface Done {
  readonly commit: string;
  /** Where the branch was before, here and on the remote. */
  readonly local: string;
  readonly remote: string;
  /** False when it was killed, or the remote went away, while it pushed. */
  readonly isCertain: boolean;
}

async function rollBack(context: Context, options: OptionValues): Promise<Finding> {
  const done = await whatWasDone(context);
  if (done === null) return nothing('this run has moved nothing: there is nothing to take back');
  const lock = await holdBranch(
    context,
    'rollback_failed',
    wholeNumber('rollback_failed', options, 'timeout'),
  );
  try {
    return await withObjects(context.repository, context.directory, (objects) =>
      takeBack(context, objects, done),
    );
  } finally {
    await lock.release();
  }
}

const nothing = (summary: string, report: Report = {}): Finding => ({
  summary,
  report: { action: 'nothing', commit: null, ...report },
});

async function whatWasDone(context: Context): Promise<Done | null> {
  const { directory, run } = context;
  const scan = await readReport(join(directory, REPORT_FILES.env_scan));
  const told = await readReport(join(directory, REPORT_FILES.guarded_push));
  if (scan === null) {
    throw stopped('rollback_failed', 2, {
      code: 'no_such_run',
      message: `this repository has no safe merge "${run}".`,
      hint: 'The reports of all runs lie in <git dir>/planwright/safe_merge.',
    });
  }
  return doneBy(told, true) ?? doneBy(await intentOf(context), false);
}

function doneBy(report: Report | null, isCertain: boolean): Done | null {
  const commit = report?.['commit'] ?? report?.['published'];
  const previous = report?.['previous'] as Partial<Done> | undefined;
  const ids = [commit, previous?.local, previous?.remote];
  if (!ids.every((id) => typeof id === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id))) return null;
  const [to, local, remote] = ids as [string, string, string];
  return { commit: to, local, remote, isCertain };
}

async function takeBack(context: Context, objects: Objects, done: Done): Promise<Finding> {
  const { target } = context;
  const [tip, there] = await tipsNow(context);
  const published = done.commit !== done.remote && (await isAncestor(objects, done.commit, there));
  const earlier = await readReport(join(context.directory, REPORT_FILES.rollback));
  const revert = earlier?.['commit'];
  if (typeof revert === 'string' && (await isKnownAncestor(objects, revert, there)) && tip === there) {
    return nothing(`already taken back by ${short(revert)}`, { commit: revert });
  }
  if (published) return revertThere(context, objects, done, { tip, there });
  if (!done.isCertain && tip !== done.commit)
    return nothing('this run has moved nothing: its push did not arrive');
  if (tip === done.local) return nothing(`${target.branch} is at ${short(tip)}, as before the run`);
  if (tip !== done.commit) {
    throw unfit({
      code: 'target_moved',
      message: `"${target.branch}" has moved on since the run, to ${short(tip)}; it is left there.`,
      hint: `Look at what came since: git log ${short(done.commit)}..${target.branch}`,
    });
  }
  if (done.commit === done.remote) {
    // The run only followed the remote: there is nothing of ours to take back from anybody.
    return nothing(
      `the run only followed ${target.remote}; to go back here: git reset --keep ${short(done.local)}`,
    );
  }
  if (context.dryRun) return nothing(`would set ${target.branch} here back to ${short(done.local)}`);
  await land(context, objects, tip, done.local);
  return {
    summary: `${target.branch} here is back at ${short(done.local)}; nothing of it was on ${target.remote}`,
    report: { action: 'reset', commit: done.local, previous: { local: tip, remote: there } },
  };
}

async function tipsNow({ repository, target, run }: Context): Promise<[local: string, remote: string]> {
  const fetched = await fetchTarget(repository, target, run);
  const local = await readRef(repository, `refs/heads/${target.branch}`);
  if (local !== null) return [local, fetched.target];
  throw unfit({
    code: 'branch_missing',
    message: `there is no local branch "${target.branch}" any more.`,
    hint: `Make it: git branch ${target.branch} ${target.remote}/${target.branch}`,
  });
}

async function isKnownAncestor(objects: Objects, commit: string, of: string): Promise<boolean> {
  const known = await objects.git(['cat-file', '-e', `${commit}^{commit}`], { accept: [0, 1, 128] });
  return known.exitCode === 0 && (await isAncestor(objects, commit, of));
}

/** A new commit on the remote's tip that takes back what the run brought there. */
async function revertThere(
  context: Context,
  objects: Objects,
  done: Done,
  { tip, there }: { tip: string; there: string },
): Promise<Finding> {
  const { target, run } = context;
  if (!(await isAncestor(objects, tip, there))) {
    throw unfit({
      code: 'target_diverged',
      message: `"${target.branch}" here has commits that "${target.remote}" lacks: the revert could not come here.`,
      hint: 'First bring them together by a safe merge, then roll back.',
    });
  }
  const tree = await treeWithout(objects, done, there);
  if (tree === line(await objects.git(['rev-parse', '--verify', `${there}^{tree}`]))) {
    // By a rollback that was killed before it could say so, or by somebody else.
    if (tip !== there && !context.dryRun) await land(context, objects, tip, there);
    return nothing(`already taken back on ${target.remote}; ${target.branch} here is at ${short(there)}`, {
      commit: there,
    });
  }
  if (context.dryRun)
    return nothing(`would push a commit onto ${short(there)} that takes back ${short(done.commit)}`);
  const people = await identity(context.repository);
  if (people === null) {
    throw unfit({
      code: 'identity_missing',
      message: 'a commit is needed, and git does not know in whose name to make it.',
      hint: 'Tell it: git config user.name "…" && git config user.email "…"',
    });
  }
  const message = [
    `Revert safe merge of '${target.branch}'`,
    '',
    `This takes back what ${done.commit} brought to ${done.remote}.`,
    '',
    `Planwright-Rollback: ${run}`,
    '',
  ].join('\n');
  // The time of what is reverted: made again after a kill, it is the same commit.
  const atSec = Number(line(await objects.git(['log', '-1', '--format=%ct', there])));
  const commit = await writeCommit(objects, { tree, parents: [there], message, people, atSec });
  await setOwnRefs(
    context.repository,
    { [runRefs(run).merge]: commit },
    `${run} rolls back`,
    'rollback_failed',
  );
  await land(context, objects, tip, commit, there);
  return {
    summary: `${target.remote}/${target.branch} and ${target.branch} here are at ${short(commit)}, which takes back ${short(done.commit)}`,
    report: { action: 'revert', commit, reverted: done.commit, previous: { local: tip, remote: there } },
  };
}

/** The tree of `there` without what led from `done.remote` to `done.commit`. */
async function treeWithout(objects: Objects, done: Done, there: string): Promise<string> {
  const nobody = { name: 'planwright', email: 'planwright@invalid' };
  const people = { author: nobody, committer: nobody };
  // git 2.39 cannot be told a merge base: three commits of our own say it. They are left for git to collect.
  const make = async (treeish: string, parents: readonly string[]): Promise<string> => {
    const tree = line(await objects.git(['rev-parse', '--verify', `${treeish}^{tree}`]));
    return writeCommit(objects, { tree, parents, message: 'Base\n', people, atSec: 0 });
  };
  const base = await make(done.commit, []);
  const [ours, theirs] = [await make(there, [base]), await make(done.remote, [base])];
  const merged = await mergeTrees(objects, [base], ours, theirs);
  if (merged.kind === 'clean') return merged.tree;
  const paths = merged.conflicts.map((conflict) => conflict.path);
  throw unfit({
    code: 'conflicts',
    message: `others have built on what would be taken back: ${listed(paths)}.`,
    hint: `Revert by hand what ${short(done.remote)}..${short(done.commit)} brought; for a merge: git revert -m 2 ${short(done.commit)}`,
  });
}

/** Publishes, if `expected` says where the remote is, and brings the branch here there. */
async function land(
  context: Context,
  objects: Objects,
  from: string,
  to: string,
  expected?: string,
): Promise<void> {
  const { repository, target, run } = context;
  const examined = await examine(repository, target, context.now);
  const [problem, ...more] = examined.problems;
  if (problem !== undefined) throw unfit(problem, ...more);
  const { remote, tip } = examined;
  if (tip !== from) {
    throw unfit({
      code: 'target_moved',
      message: `"${target.branch}" moved here at this very moment.`,
      hint: 'Roll back again.',
    });
  }
  if (remote === null) throw new Error('BUG: a fit repository has a remote');
  const landing: Landing = { repository, objects, remote, target, owner: `${run} rolls back`, from, to };
  const obstacle = await landingProblem(landing);
  if (obstacle !== null) throw unfit(obstacle);
  const checkouts = examined.checkouts.filter((checkout) => checkout.moves);
  await noted(landing, checkouts, async () => {
    if (expected !== undefined) {
      const published = await publish({ repository, objects, remote, target, run, expected, commit: to });
      if (published.kind === 'moved') {
        throw unfit({
          code: 'target_moved',
          message: `"${target.branch}" moved on "${remote.name}" at this very moment.`,
          hint: 'Roll back again.',
        });
      }
    }
    const left = await landLocally(landing);
    if (left !== null) throw unfit(left);
  });
}

function unfit(problem: Problem, ...more: readonly Problem[]): Stopped {
  return new Stopped({ exitCode: 1, reasonCode: 'rollback_failed', problems: [problem, ...more] });
}
