/**
 * Asks a run's workflows what they know, page by page, leg by leg.
 */
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Plan, Step } from '../plan/plan.js';
import type { RunRecord, StepRecord } from '../plan/record.js';
import { CHANGES_QUERY, PLAN_QUERY, type Changes, type PlanPage } from '../workflows/api.js';
import { legOf, runOf } from './layout.js';
import { mergeRecord, readLegPart, type LegPart } from './legs.js';

/** Steps in one answer: far below the size at which a server refuses a payload, tails of output included. */
export const PAGE_STEPS = 500;
/** A query is answered by a worker in milliseconds; one that replays a long history first takes seconds. */
export const QUERY_MS = 20_000;

/** Returns what changed in one leg since `revision`; 0 asks for everything. */
export async function askChanges(
  client: Client,
  workflowId: string,
  revision: number,
  withinMs = QUERY_MS,
): Promise<Changes> {
  const handle = client.workflow.getHandle(workflowId);
  const ask = (since: number): Promise<Changes> =>
    query<Changes>(client, handle, withinMs, CHANGES_QUERY, since, PAGE_STEPS);
  let answer = await ask(revision);
  const steps = new Map<string, StepRecord>();
  for (const step of answer.steps) steps.set(step.id, step);
  while (answer.more) {
    answer = await ask(answer.revision);
    for (const step of answer.steps) steps.set(step.id, step);
  }
  return { ...answer, steps: [...steps.values()] };
}

/** Returns the plan of a run, as it was started; null while the run has not received the whole of it. */
export async function askPlan(client: Client, runId: string, withinMs = QUERY_MS): Promise<Plan | null> {
  const handle = client.workflow.getHandle(runId);
  const steps: Step[] = [];
  for (;;) {
    const page = await query<PlanPage | null>(client, handle, withinMs, PLAN_QUERY, steps.length, PAGE_STEPS);
    if (page === null) return null;
    steps.push(...page.plan.steps);
    if (steps.length >= page.total || page.plan.steps.length === 0) return { ...page.plan, steps };
  }
}

/**
 * Returns a run as its workflows tell it now, whether it is open or closed; null when it never received its plan.
 *
 * @param home - parts that closed legs have written there are read, not asked for again
 */
export async function askRun(
  client: Client,
  runId: string,
  home: string | null = null,
): Promise<RunRecord | null> {
  const [plan, first] = await Promise.all([askPlan(client, runId), askLeg(client, runId)]);
  if (plan === null) return null;
  const parts = [first];
  for (let next = first.nextLeg; next !== null;) {
    const written = home === null ? null : await readLegPart(home, runId, legOf(next));
    const part: LegPart = written ?? (await askLeg(client, next));
    parts.push(part);
    next = part.nextLeg;
  }
  return mergeRecord(plan, parts);
}

/** Returns one leg's part of the record. */
export async function askLeg(client: Client, workflowId: string): Promise<LegPart> {
  const { head, origin, steps, nextLeg } = await askChanges(client, workflowId, 0);
  return {
    format: 1,
    leg: legOf(workflowId),
    head: { ...head, runId: runOf(workflowId) },
    origin,
    steps,
    nextLeg,
  };
}

// Without a deadline a query waits as long as no worker is there.
const query = <T>(
  client: Client,
  handle: WorkflowHandle,
  withinMs: number,
  name: string,
  ...args: [number, number]
): Promise<T> =>
  client.withDeadline(Date.now() + withinMs, () => handle.query<T, [number, number]>(name, ...args));
