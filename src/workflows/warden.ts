/**
 * Gives back what a run held, however the run ended. A terminated run cannot do it itself: no code of it runs any more.
 */
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import { leaseId } from '../plan/lease-names.js';
import { FORGET_SIGNAL, WARDEN_WORKFLOW, wardenId, type WardenInput } from './lease-api.js';

/** Signals on their way at once; the server takes 2,000. */
const AT_ONCE = 100;

/**
 * Waits for the end of the run that started it: the server cancels it then, whether the run completed, failed, was
 * canceled, terminated or ran out of time.
 */
export async function watchLeases({ run, execution, names }: WardenInput): Promise<void> {
  await CancellationScope.current().cancelRequested.catch(() => undefined);
  await CancellationScope.nonCancellable(async () => {
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const part = names.slice(at, at + AT_ONCE).map(
        (name) =>
          getExternalWorkflowHandle(leaseId(name))
            .signal(FORGET_SIGNAL, { run, execution })
            .catch(() => undefined), // nobody has that lease
      );
      await Promise.all(part);
    }
  });
}

/** Starts the warden of a run, before the run asks for anything. */
export async function startWarden(input: WardenInput): Promise<void> {
  // Not in the run's own scope: a cancel of the run is not its end.
  await CancellationScope.nonCancellable(async () => {
    const warden = await startChild(WARDEN_WORKFLOW, {
      workflowId: wardenId(input.run),
      args: [input],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: 'gives back the leases of the run',
    });
    warden.result().catch(() => undefined);
  });
}
