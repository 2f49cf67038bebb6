/**
 * How the activities of a landing are called: their limits, and how often the machinery may lose them.
 */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import { queueOf } from './api.js';
import type { LandingActivities, LandingGate, LandingInput } from './landing-api.js';

/** Short work on objects; a repository of millions of files may take its time. */
const GIT_LIMIT = '10 minutes';
const HEARTBEAT = '10 s';
/** Above the limits of the gates themselves: making the worktree, stopping what does not end. */
const GATE_MARGIN_SEC = 120;
// A gate only reads its own worktree, and merges write objects: both may be made again when a worker is lost.
const RETRY = { maximumAttempts: 10, initialInterval: '200 ms', maximumInterval: '10 s' };

export const gitActivities = ({
  runsOn,
}: Pick<LandingInput, 'runsOn'>): Pick<LandingActivities, 'findTip' | 'mergeForLanding' | 'moveBranch'> =>
  proxyActivities<LandingActivities>({
    taskQueue: queueOf(runsOn),
    startToCloseTimeout: GIT_LIMIT,
    heartbeatTimeout: HEARTBEAT,
    retry: RETRY,
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
