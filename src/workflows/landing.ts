/**
 * The landing of patches onto a branch: asks the queue (`src/landing`) what comes next, has it done, and takes in what
 * came back. It decides nothing itself.
 */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { LandingCounts } from '../landing/counts.js';
import { newLanding } from '../landing/landing.js';
import {
  ENDED_SIGNAL,
  LANDING_COUNTS_QUERY,
  LANDING_EVENTS,
  LANDING_QUERY,
  WITHDRAW_SIGNAL,
  type CarriedLanding,
  type LandingInput,
  type LandingReport,
  type WithdrawRequest,
  type WorkstreamsEnded,
} from './landing-api.js';
import { RUN_STATE } from './attributes.js';
import { noteStrays, whyNotAll } from './landing-outputs.js';
import { landingDetails } from './landing-details.js';
import { gitActivities } from './landing-activities.js';
import { LandingQueue } from './landing-queue.js';

/**
 * Drives a landing to its end and returns what became of every patch.
 *
 * A landing that is canceled returns its report too, and says so there: what has landed by then must not be forgotten.
 */
export async function landPatches(input: LandingInput): Promise<LandingReport> {
  let queue: LandingQueue | null = null;
  // What comes before the queue is there waits for it.
  const early: ((queue: LandingQueue) => void)[] = [];
  const told = (tell: (queue: LandingQueue) => void): void =>
    void (queue === null ? early.push(tell) : tell(queue));
  const report = input.carried?.report ?? newReport();
  setHandler(defineQuery<LandingReport>(LANDING_QUERY), () => report);
  setHandler(defineQuery<LandingCounts | null>(LANDING_COUNTS_QUERY), () => queue?.counts ?? null);
  setHandler(defineSignal<[WorkstreamsEnded]>(ENDED_SIGNAL), (ended) => told((to) => to.ended(ended)));
  setHandler(defineSignal<[WithdrawRequest]>(WITHDRAW_SIGNAL), ({ patch, reason }) =>
    told((to) => to.tell({ kind: 'withdrawn', patch, reason })),
  );
  setHandler(
    defineUpdate<void, [WithdrawRequest]>(WITHDRAW_SIGNAL),
    ({ patch, reason }) => queue!.tell({ kind: 'withdrawn', patch, reason }),
    {
      validator: ({ patch, reason }: WithdrawRequest) => {
        const refused = whyNotWithdraw(queue, patch, reason);
        if (refused !== null) throw ApplicationFailure.nonRetryable(refused, 'Refused');
      },
    },
  );
  try {
    queue = await open(input, report);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return { ...report, canceled: true };
  }
  for (const tell of early) tell(queue);
  await drive(queue);
  if (queue.deferred.length > 0 && !report.canceled) {
    const { landing, patches, deferred: commands } = queue;
    const carried: CarriedLanding = { landing, patches, report, commands };
    await continueAsNew<typeof landPatches>({ ...input, known: { patches: [], absent: {} }, carried });
  }
  queue.noteUndecided();
  sayHowItEnded(input, report);
  await release(input, report);
  return report;
}

/** For the server's lists, where it was started with attributes. */
function sayHowItEnded({ branch }: LandingInput, report: LandingReport): void {
  if (workflowInfo().typedSearchAttributes.get(RUN_STATE) === undefined) return;
  const state = report.canceled
    ? 'canceled'
    : whyNotAll(report, branch, []) === null
      ? 'succeeded'
      : 'failed';
  upsertSearchAttributes([{ key: RUN_STATE, value: state }]);
}

/** Nothing waits for its gates any more, and no tool of the run is at work. */
async function release(
  { runId, step, root, runsOn, branch }: LandingInput,
  report: LandingReport,
): Promise<void> {
  if (!patched('merges-are-held')) return; // a landing of before held none
  const done = CancellationScope.nonCancellable(() =>
    gitActivities({ runsOn }).releaseMerges({ runId, step, root, branch, tip: report.tip }),
  );
  const look = await done.catch(() => undefined); // what landed has landed; `prune` lets go of the rest
  noteStrays(report, look?.stray === undefined ? [] : [look.stray]);
  if (look?.held !== undefined) report.halt ??= { reason: 'landing-refused', detail: look.held };
}

function whyNotWithdraw(queue: LandingQueue | null, patch: string, reason: string): string | null {
  if (reason.trim() === '') return 'a patch is withdrawn only with a reason';
  if (queue === null) return 'landing has just begun: try again in a moment';
  const fate = queue.landing.patches[patch]?.fate.kind;
  if (fate === undefined) return `there is no patch of "${patch}" in this landing, or not yet`;
  return fate === 'waiting' ? null : `the patch of "${patch}" is ${fate}: only one that waits is withdrawn`;
}

const newReport = (): LandingReport => ({
  ...{ fates: {}, gateRuns: [], gateRunsOmitted: 0, conflicts: [], moves: [] },
  ...{ tip: '', halt: null, canceled: false },
});

async function open(input: LandingInput, report: LandingReport): Promise<LandingQueue> {
  const { carried, policy, branch, base, runId, root, maxEvents = LANDING_EVENTS } = input;
  const isFull = (): boolean => workflowInfo().historyLength > maxEvents;
  if (carried !== undefined) {
    const queue = new LandingQueue(input, carried.landing, report, carried.patches, isFull);
    for (const command of carried.commands) queue.carryOut(command);
    return queue;
  }
  const at = branch === '' ? base : branch;
  const look = { runId, root, at, ...(branch === '' ? {} : { since: base }) };
  const { stray, held, ...tip } = await gitActivities(input).findTip(look);
  report.tip = tip.commit;
  noteStrays(report, stray === undefined ? [] : [stray]);
  const landing = newLanding(policy, tip, policy.gates.length === 0);
  const queue = new LandingQueue(input, landing, report, [], isFull);
  if (held !== undefined) queue.tell({ kind: 'land-refused', detail: held });
  queue.ended(input.known);
  return queue;
}

async function drive(queue: LandingQueue): Promise<void> {
  const { input, report } = queue;
  for (;;) {
    queue.takeIn();
    setCurrentDetails(landingDetails(input, report, queue.counts, queue.atWork));
    if (queue.isAtRest) return;
    try {
      await condition(() => queue.hasNews);
    } catch (error) {
      if (!isCancellation(error)) throw error;
      // A move of the branch cannot be called back: whether it happened must be known. Gates end by themselves or are killed.
      await CancellationScope.nonCancellable(() => condition(() => queue.underWay === 0));
      queue.takeInMoves();
      report.canceled = true;
      setCurrentDetails(landingDetails(input, report, queue.counts, queue.atWork));
      return;
    }
  }
}
