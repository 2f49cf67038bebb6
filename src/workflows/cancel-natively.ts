/**
 * Ending a workflow as Canceled after a signal that asked for it.
 */
import { CancellationScope, condition, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/api.js';

/** Only a native request lets a workflow end as Canceled; after the signal alone we make one ourselves. */
export async function cancelNatively(outer: CancellationScope, summary: string): Promise<void> {
  const { workflowId, runId } = workflowInfo();
  const activities = proxyActivities<Activities>({
    activityId: 'request-cancel',
    summary,
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: '60s',
  });
  await activities.requestCancel({ runId: workflowId, temporalRunId: runId }).catch(() => undefined);
  await CancellationScope.nonCancellable(() => condition(() => outer.consideredCancelled, 10_000));
}
