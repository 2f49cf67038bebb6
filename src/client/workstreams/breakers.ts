/**
 * The breakers of tools as people see them, and how they are moved by hand.
 */
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { rfc3339 } from '../../plan/event.js';
import { TASK_QUEUE } from '../../workflows/api.js';
import {
  BREAKER_QUERY,
  BREAKER_WORKFLOW,
  breakerId,
  MOVE_BREAKER_UPDATE,
  type BreakerInput,
  type BreakerMove,
  type BreakerView,
} from '../../workflows/breaker-api.js';
import { CLOSED, DEFAULT_BREAKER_LIMITS, describeBreaker } from '../../workstream/breaker.js';
import { PlanwrightError } from '../errors.js';
import { isNotFound } from '../follow.js';
import type { Link } from '../link.js';
import { answered } from '../read-run.js';

/** One tool's breaker. */
export interface BreakerReport {
  readonly tool: string;
  readonly state: 'closed' | 'open' | 'half-open';
  /** In words. */
  readonly text: string;
  /** When it lets an attempt try the tool; null when it is closed, is being tried, or only a person can close it. */
  readonly until: string | null;
  readonly waiting: readonly { readonly run_id: string; readonly step_id: string }[];
  /** Oldest first. */
  readonly changes: readonly {
    readonly at: string;
    readonly from: string;
    readonly to: string;
    readonly reason: string;
    readonly run_id: string | null;
    readonly step_id: string | null;
    readonly actor: string | null;
  }[];
}

const ANSWER_MS = 10_000;
/** A list is for the eye. */
const MOST = 200;

/** Returns the breakers that have something to tell, by tool. A tool that is not among them works, as far as is known. */
export async function listBreakers(link: Link): Promise<BreakerReport[]> {
  const client = await link.client();
  await link.ensureWorker();
  return breakersOf(client);
}

/** The same, of a server that is there. */
export async function breakersOf(client: Client): Promise<BreakerReport[]> {
  const ids: string[] = [];
  const query = `WorkflowType = "${BREAKER_WORKFLOW}" AND ExecutionStatus = "Running"`;
  for await (const { workflowId } of client.workflow.list({ query, pageSize: MOST })) {
    ids.push(workflowId);
    if (ids.length >= MOST) break;
  }
  const views = await Promise.all(ids.map((id) => viewOf(client, id)));
  return views
    .flatMap((view) => (view === null ? [] : [reportOf(view)]))
    .sort((a, b) => (a.tool < b.tool ? -1 : 1));
}

/** Returns the breaker of a tool, with what changed lately; of one that nobody ever had trouble with, that it is closed. */
export async function readBreaker(link: Link, tool: string): Promise<BreakerReport> {
  const client = await link.client();
  await link.ensureWorker();
  const view = await viewOf(client, breakerId(tool));
  return reportOf(view ?? { tool, breaker: CLOSED, waiting: [], changes: [] });
}

/**
 * Moves a breaker by hand: `reset` closes it and forgets what was counted, `open` holds the tool until somebody closes it.
 *
 * @throws PlanwrightError `refused` when it is as asked already
 */
export async function moveBreaker(link: Link, tool: string, move: BreakerMove): Promise<BreakerReport> {
  const client = await link.client();
  await link.ensureWorker();
  for (let tries = 0; tries < 5; tries += 1) {
    const moved = await update(client, tool, move);
    if (moved !== null) return reportOf(moved);
    if (move.what !== 'open') {
      throw new PlanwrightError('refused', `the breaker of tool "${tool}" is closed already`, [
        'planwright breaker list    shows those that are not',
      ]);
    }
    if (await start(client, tool, move)) return readBreaker(link, tool);
  }
  throw new PlanwrightError('refused', `the breaker of tool "${tool}" is changing just now`, [
    'try again in a moment',
  ]);
}

/** Null: there is none that is open to be moved. */
async function update(client: Client, tool: string, move: BreakerMove): Promise<BreakerView | null> {
  try {
    return await answered(tool, () =>
      client.withDeadline(Date.now() + ANSWER_MS, () =>
        client.workflow
          .getHandle(breakerId(tool))
          .executeUpdate<BreakerView, [BreakerMove]>(MOVE_BREAKER_UPDATE, { args: [move] }),
      ),
    );
  } catch (error) {
    if (error instanceof PlanwrightError && error.code === 'no-such-run') return null;
    const cause = error instanceof Error && error.name === 'WorkflowUpdateFailedError' ? error.cause : null;
    if (cause instanceof Error) throw new PlanwrightError('refused', cause.message);
    throw error;
  }
}

async function start(client: Client, tool: string, moved: BreakerMove): Promise<boolean> {
  const input: BreakerInput = {
    ...{ tool, limits: DEFAULT_BREAKER_LIMITS, breaker: CLOSED, changes: [], waiting: [] },
    ...{ probe: null, ended: null, moved },
  };
  try {
    await client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.start(BREAKER_WORKFLOW, {
        taskQueue: TASK_QUEUE,
        workflowId: breakerId(tool),
        args: [input],
        staticSummary: `breaker of ${tool}`.slice(0, 200),
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/** A breaker that has ended still answers: what it changed last. */
async function viewOf(client: Client, id: string): Promise<BreakerView | null> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.getHandle(id).query<BreakerView>(BREAKER_QUERY),
    );
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

const reportOf = ({ tool, breaker, waiting, changes }: BreakerView): BreakerReport => ({
  tool,
  state: breaker.kind,
  text: describeBreaker(breaker),
  until: breaker.kind === 'open' && breaker.until !== null ? rfc3339(breaker.until) : null,
  waiting: waiting.map(({ run, step }) => ({ run_id: run, step_id: step })),
  changes: changes.map(({ at, from, to, why, run, step, actor }) => ({
    ...{ at: rfc3339(at), from, to, reason: why, run_id: run, step_id: step, actor },
  })),
});
