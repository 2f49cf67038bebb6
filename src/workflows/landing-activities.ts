/**
 * How the activities of a landing are called: their limits, and how often the machinery may lose them.
 */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import { queueOf } from './api.js';
import type { ConflictHelp, LandingActivities, LandingGate, LandingInput } from './landing-api.js';

/** Short work on objects; a repository of millions of files may take its time. */
const GIT_LIMIT = '10 minutes';
const HEARTBEAT = '10 s';
/** Above the limits of the gates themselves: making the worktree, stopping what does not end. */
const GATE_MARGIN_SEC = 120;
// A gate only reads its own worktree, and merges write objects: both may be made again when a worker is lost.
/** Beside the limits of the resolver itself: the merge, and the check of each answer. */
const RESOLVE_MARGIN_SEC = 600;
const RETRY = { maximumAttempts: 10, initialInterval: '200 ms', maximumInterval: '10 s' };

export const gitActivities = ({
  runsOn,
}: Pick<LandingInput, 'runsOn'>): Pick<
  LandingActivities,
  'findTip' | 'mergeForLanding' | 'moveBranch' | 'releaseMerges'
> =>
  proxyActivities<LandingActivities>({
    taskQueue: queueOf(runsOn),
    startToCloseTimeout: GIT_LIMIT,
    heartbeatTimeout: HEARTBEAT,
    retry: RETRY,
  });

export const resolveActivities = (
  { runsOn }: LandingInput,
  workstream: string,
  { maxFiles, maxSeconds, check }: ConflictHelp,
): Pick<LandingActivities, 'resolveForLanding'> =>
  proxyActivities<LandingActivities>({
    taskQueue: queueOf(runsOn),
    summary: `${workstream}: its conflicts`.slice(0, 120),
    startToCloseTimeout: (maxFiles * maxSeconds * (check === '' ? 1 : 2) + RESOLVE_MARGIN_SEC) * 1000,
    heartbeatTimeout: HEARTBEAT,
    retry: RETRY,
    // A resolver that still runs would go on for nobody.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

export const gateActivities = (
  { runsOn }: LandingInput,
  gates: readonly LandingGate[],
): Pick<LandingActivities, 'runGates'> =>
  proxyActivities<LandingActivities>({
    taskQueue: queueOf(runsOn),
    summary: gates
      .map(({ name }) => name)
      .join(', ')
      .slice(0, 120),
    startToCloseTimeout:
      (gates.reduce((sum, { timeoutSec }) => sum + timeoutSec, 0) + GATE_MARGIN_SEC) * 1000,
    heartbeatTimeout: HEARTBEAT,
    retry: RETRY,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
