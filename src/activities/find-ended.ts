/**
 * Looks whether those that hold a lease are still there.
 */
import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Execution, FindEndedTask } from './api.js';

/** Returns those executions that are over, or that the server does not know any more. May run twice: it only reads. */
export async function findEnded({ askers }: FindEndedTask): Promise<readonly Execution[]> {
  const { client } = Context.current();
  const isOver = await Promise.all(askers.map((asker) => hasEnded(client, asker)));
  return askers.filter((_, at) => isOver[at]);
}

async function hasEnded(client: Client, { run, execution }: Execution): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(run, execution).describe();
    return status.name !== 'RUNNING' && status.name !== 'PAUSED';
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return true;
    throw error;
  }
}
