/**
 * Step 10: publishes the merge. The remote first, then the branch here and its files; each moves once, and only from
 * where it was seen.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Objects, withObjects } from '../git/objects.js';
import type { ProcessLock } from '../git/process-lock.js';
import { line } from '../git/repository.js';
import { diffTrees, isSubmodule } from '../git/tree.js';
import { examine, type ExaminedCheckout } from './examine.js';
import { holdToLeases } from './fence.js';
import { fetchTarget } from './git-fetch.js';
import { authorshipOf, keep, readTips } from './git-merge.js';
import { passGates } from './gates.js';
import { integrate, type Integration } from './integrate.js';
import { landingProblem, landLocally, type Landing } from './land-locally.js';
import { refuseLfs } from './lfs.js';
import { handedOn } from './merge-record.js';
import { wholeNumber } from './options.js';
import { publish } from './publish.js';
import { holdBranch, noted } from './push-lock.js';
import { learn, type Plan, planned } from './push-plan.js';
import {
  isPublished,
  noteIntent,
  onlyRemote,
  overtaken,
  type Overtaken,
  unfit,
  withIntent,
} from './push-stops.js';
import { Stopped, stopped, type Problem, type Report } from './reasons.js';
import type { RunKey } from './state.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, listed, short } from './words.js';
import { wouldPush } from './would-push.js';

export const guardedPush: Tool = {
  name: 'guarded_push',
  patternId: 'MERGE-006',
  phase: 5,
  phaseName: 'guarded_pull_and_push',
  summary:
    'Publishes the merge: the remote branch first, then the branch here and its files. Never by force.',
  help: [
    'One process at a time does this for a branch of a repository. When the remote or the branch here moved since the',
    'merge, it fetches and merges again, up to --rounds times; conflicts stop it.',
    'Exit codes: 0 the remote and the branch here are at the merge, 1 not (see the report; starting again may help),',
    '2 the remote refuses, the lock was not free in time, or wrong use, 3 like 1, and starting again does not help',
    'before somebody has put right what it names.',
  ].join('\n'),
  options: [
    { flags: '--timeout <seconds>', description: 'how long to wait for the lock', default: '600' },
    {
      flags: '--rounds <count>',
      description: 'how often to merge again when somebody else was first',
      default: '3',
    },
  ],
  endsPhase: true,
  tolerated: false,
  run: pushStep,
};

async function pushStep(context: Context, options: OptionValues): Promise<Finding> {
  const timeout = wholeNumber('guarded_push_failed', options, 'timeout');
  const rounds = wholeNumber('guarded_push_failed', options, 'rounds');
  if (context.dryRun) return wouldPush(context);
  const plan = await planned(context);
  const lock = await holdBranch(context, 'guarded_push_failed', timeout);
  try {
    await holdToLeases(context);
    const finding = await withObjects(context.repository, context.directory, (objects) =>
      pushInRounds({ context, objects, lock, rounds }, plan),
    );
    await learn(context, plan.lessons);
    return finding;
  } catch (thrown) {
    const error = thrown instanceof Stopped ? await withIntent(context, thrown) : thrown;
    throw isFinal(error) ? new Stopped({ ...error.stop, exitCode: 3 }, error.report) : error;
  } finally {
    await lock.release();
  }
}

/** What may be otherwise in a moment, without anybody doing something. */
const PASSING = new Set([
  ...['lock_file_present', 'lock_unavailable', 'checkout_refused', 'target_moved', 'push_without_effect'],
  ...['remote_unreachable', 'remote_locked', 'local_not_updated'], // the latter comes with its reason
]);

const isFinal = (error: unknown): error is Stopped =>
  error instanceof Stopped &&
  error.stop.exitCode === 1 &&
  error.stop.problems.some(({ code }) => !PASSING.has(code));

interface Work {
  readonly context: Context;
  readonly objects: Objects;
  readonly lock: ProcessLock;
  readonly rounds: number;
}

async function pushInRounds(work: Work, first: Plan): Promise<Finding> {
  let plan = first;
  for (let round = 1; ; round += 1) {
    const outcome = await pushOnce(work, plan, round);
    if ('summary' in outcome) return outcome;
    if (round > work.rounds) throw outcome.giveUp;
    work.context.say(`guarded_push: ${outcome.why}; merging again (round ${round} of ${work.rounds})`);
    plan = await mergeAgain(work, outcome.giveUp);
  }
}

async function pushOnce(
  { context, objects, lock }: Work,
  plan: Plan,
  round: number,
): Promise<Finding | Overtaken> {
  const { repository, target, run } = context;
  const { tips, result } = plan;
  const examined = await examine(repository, target, context.now);
  const [problem, ...more] = examined.problems;
  if (problem !== undefined && (await isPublished(context, result)))
    throw onlyRemote(context, result, problem, {});
  if (problem !== undefined) throw unfit([problem, ...more]);
  const { remote, tip } = examined;
  if (remote === null || tip === null) throw new Error('BUG: a fit repository has a remote and a branch');
  if (tip !== tips.local && tip !== result)
    return overtaken(`"${target.branch}" moved here, to ${short(tip)}`);
  await checkDescent(objects, plan);
  const landing: Landing = { repository, objects, remote, target, owner: run, from: tip, to: result };
  if (result !== tips.remote) {
    // Without a push the move itself finds out, and nothing is changed then either.
    const obstacle = await landingProblem(landing);
    if (obstacle !== null) throw unfit([obstacle]);
    await refuseLfs(context, objects, tips.remote, result);
    await checkGates(context, objects, result);
  }
  const checkouts = examined.checkouts.filter((checkout) => checkout.moves);
  await holdToLeases(context); // once more: gates and merges take their time
  const previous = { local: tips.local, remote: tips.remote };
  const intend = (): Promise<void> => noteIntent(context, result, previous);
  const outcome = await noted(landing, checkouts, () => bothSides(landing, run, tips.remote, intend));
  if ('why' in outcome) return outcome;
  const { pushed, left } = outcome;
  const report: Report = {
    action: plan.action,
    pushed,
    commit: result,
    previous,
    local_updated: left === null,
    rounds: round,
    lock: { resource: `branch_${target.branch}`, waited_ms: lock.waitedMs },
  };
  if (left !== null && result !== tips.remote) throw onlyRemote(context, result, left, report);
  if (left !== null) throw unfit([left]);
  const submodules = await movedSubmodules(objects, checkouts, tip, result);
  const bring = submodules.length === 0 ? '' : `; ${listed(submodules)} follows by: git submodule update`;
  return {
    summary: `${said(context, plan, pushed)}${bring}`,
    report,
    result: { action: plan.action, commit: result, pushed },
  };
}

/** Submodules that the files which moved here have at another commit now: what is in them is left alone. */
async function movedSubmodules(
  objects: Objects,
  checkouts: readonly ExaminedCheckout[],
  from: string,
  to: string,
): Promise<string[]> {
  if (from === to || !checkouts.some(({ path }) => existsSync(join(path, '.gitmodules')))) return [];
  const changes = await diffTrees(objects, from, to);
  return changes.filter(({ after }) => after !== null && isSubmodule(after.mode)).map(({ path }) => path);
}

/** What is pushed is what the gates saw, or they see it now: after another round, or when they ran on something else. */
async function checkGates(context: Context, objects: Objects, result: string): Promise<void> {
  const gates = await handedOn(context.directory, 'merge_gate');
  if (gates === null || gates.commands.length === 0 || gates.commit === result) return;
  context.say(`guarded_push: running ${counted(gates.commands.length, 'gate')} on ${short(result)}`);
  await passGates(context, objects, result, gates);
}

interface Landed {
  readonly pushed: boolean;
  /** What kept this side from following, or null. */
  readonly left: Problem | null;
}

/** The remote first, then here. */
async function bothSides(
  landing: Landing,
  run: RunKey,
  expected: string,
  intend: () => Promise<void>,
): Promise<Landed | Overtaken> {
  const { repository, objects, remote, target, to: commit } = landing;
  if (commit === expected) return { pushed: false, left: await landLocally(landing) };
  const published = await publish({ repository, objects, remote, target, run, expected, commit, intend });
  if (published.kind === 'moved') {
    return overtaken(
      `"${target.branch}" moved on "${remote.name}", to ${short(published.found ?? 'nothing')}`,
    );
  }
  return { pushed: true, left: await landLocally(landing) };
}

/** What a person wants to know at the end of a run: which of them it was. */
function said({ target }: Context, { action, tips, result }: Plan, pushed: boolean): string {
  const remote = `${target.remote}/${target.branch}`;
  const at = short(result);
  if (action === 'up_to_date') return `up to date: ${target.branch} and ${remote} are both at ${at}`;
  if (action === 'fast_forward')
    return `fast-forwarded: ${target.branch} here followed ${remote} from ${short(tips.local)} to ${at}`;
  const what = action === 'ahead' ? 'pushed' : pushed ? 'merged and pushed' : 'merged';
  return `${what}: ${remote} and ${target.branch} here are both at ${at}`;
}

/** What is pushed has both sides in its history, or it is not pushed. */
async function checkDescent(objects: Objects, { tips, result }: Plan): Promise<void> {
  const sides = [tips.local, tips.remote].filter((tip) => tip !== result);
  if (sides.length === 0) return;
  const missing = line(await objects.git(['rev-list', '--max-count=1', ...sides, `^${result}`]));
  if (missing !== '') throw new Error(`BUG: ${result} does not contain ${missing}`);
}

/** Fetches and merges as steps 6 and 7 do. */
async function mergeAgain({ context, objects }: Work, giveUp: Stopped): Promise<Plan> {
  const { repository, target, run } = context;
  const fetched = await fetchTarget(repository, target, run);
  const tips = await readTips(repository, target, { remote: fetched.target, source: fetched.source });
  const authorship = await authorshipOf(context, tips);
  const integration: Integration = await integrate(objects, target, tips, authorship);
  if (integration.action === 'conflicts') {
    const [problem] = giveUp.stop.problems;
    const paths = listed(integration.conflicts.map((conflict) => conflict.path));
    throw stopped('guarded_push_failed', 3, {
      ...problem,
      message: `${problem.message} What came is in conflict with this: ${paths}.`,
    });
  }
  if (integration.action === 'refused') throw unfit([integration.problem]);
  await keep(repository, objects, run, tips, integration, authorship);
  return { action: integration.action, tips, result: integration.result, lessons: [] };
}
