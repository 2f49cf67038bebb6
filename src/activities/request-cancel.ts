/**
 * Turns a signalled cancel into a native one.
 */
import { Context } from '@temporalio/activity';
import type { CancelRunTask } from './api.js';

/**
 * Asks the server to cancel the run that called it. Only a native request lets a workflow end as Canceled, and a
 * workflow cannot make one for itself.
 *
 * May run twice: a second request changes nothing.
 */
export async function requestCancel({ runId, temporalRunId }: CancelRunTask): Promise<void> {
  await Context.current().client.workflow.getHandle(runId, temporalRunId).cancel();
}
