/**
 * The tools of workstreams that are out of order, as `doctor` sees them.
 */
import type { Connection } from '@temporalio/client';
import { BREAKER_QUERY, BREAKER_WORKFLOW, type BreakerView } from '../workflows/breaker-api.js';
import { describeBreaker } from '../workstream/breaker.js';
import { ok, warning, type Finding } from './finding.js';
import type { Target } from './target.js';

/** A breaker answers through a worker; without one nobody can say how it stands. */
const ANSWER_MS = 3_000;
const MOST = 20;

export async function examineTools(
  connection: Connection | null,
  target: Target | null,
): Promise<readonly Finding[]> {
  if (connection === null || target === null) return [];
  const what = 'breakers of tools';
  try {
    const { Client } = await import('../sdk/client.js');
    const client = new Client({ connection, namespace: target.namespace });
    const found: string[] = [];
    let isAnyOpen = false;
    const query = `WorkflowType = "${BREAKER_WORKFLOW}" AND ExecutionStatus = "Running"`;
    for await (const { workflowId } of client.workflow.list({ query, pageSize: MOST })) {
      const view = await client
        .withDeadline(Date.now() + ANSWER_MS, () =>
          client.workflow.getHandle(workflowId).query<BreakerView>(BREAKER_QUERY),
        )
        .catch(() => null);
      isAnyOpen ||= view?.breaker.kind !== 'closed';
      found.push(
        view === null ? `${workflowId} does not answer` : `${view.tool}: ${describeBreaker(view.breaker)}`,
      );
      if (found.length >= MOST) break;
    }
    if (found.length === 0) return [ok('worker', what, 'all closed')];
    const text = found.join('; ');
    return [isAnyOpen ? warning('worker', what, text, 'planwright breaker list') : ok('worker', what, text)];
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [warning('worker', what, `the server does not say: ${found}`, 'see to the credentials')];
  }
}
