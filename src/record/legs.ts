/**
 * A long run is carried by several workflows, its legs. Each answers for the steps that ended in it; here their
 * parts become one record.
 */
import { readFile } from 'node:fs/promises';
import { isMissing } from '../os/json-file.js';
import type { Plan } from '../plan/plan.js';
import type { RunHead, RunOrigin, RunRecord, StepKind, StepRecord } from '../plan/record.js';
import { runFiles } from './layout.js';
import { writeWhole } from './whole-file.js';

/** What one leg knows of the run. */
export interface LegPart {
  readonly format: 1;
  readonly leg: number;
  readonly head: RunHead;
  readonly origin: RunOrigin;
  readonly steps: readonly StepRecord[];
  /** The workflow that took over from this leg, or null. */
  readonly nextLeg: string | null;
}

/** Writes a leg's part. Replaces what is there, so writing twice does no harm. */
export async function writeLegPart(home: string, runId: string, part: LegPart): Promise<void> {
  await writeWhole(runFiles(home, runId).leg(part.leg), [JSON.stringify(part)]);
}

/** Returns a leg's part, or null when it is not here: another host may have written it. */
export async function readLegPart(home: string, runId: string, leg: number): Promise<LegPart | null> {
  let part: unknown;
  try {
    part = JSON.parse(await readFile(runFiles(home, runId).leg(leg), 'utf8'));
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return null;
    throw error;
  }
  return typeof part === 'object' && part !== null && 'format' in part && part.format === 1
    ? (part as LegPart)
    : null;
}

/**
 * Puts the parts of a run together, first leg first.
 *
 * A step that was handed on is in more than one part: the last one that has it rules. What the newest leg says of the
 * whole run rules too, but the run began when its first leg did and is over when that is.
 */
export function mergeRecord(plan: Plan, parts: readonly LegPart[]): RunRecord {
  const first = parts[0];
  const last = parts.at(-1);
  if (first === undefined || last === undefined) throw new Error('BUG: a run without legs');
  const byId = new Map<string, StepRecord>();
  for (const part of parts) for (const step of part.steps) byId.set(step.id, step);
  const steps = plan.steps.map(({ id }) => byId.get(id) ?? pendingStep(id));
  const { runId, createdAt, startedAt } = first.head;
  const over = first.head.state !== 'running' && first.head.state !== 'pending' ? first.head : null;
  const head: RunHead = {
    ...(over ?? last.head),
    runId,
    createdAt,
    startedAt,
    endedAt: first.head.endedAt,
    counts: countsOf(steps),
    toleratedFailures: steps.filter((step) => step.tolerated).length,
    abortedBy: parts.find((part) => part.head.abortedBy !== null)?.head.abortedBy ?? null,
    cancel: parts.find((part) => part.head.cancel !== null)?.head.cancel ?? null,
  };
  return { format: 1, head, origin: first.origin, plan, steps };
}

export function countsOf(steps: readonly StepRecord[]): Record<StepKind, number> {
  const counts = { pending: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, canceled: 0 };
  for (const step of steps) counts[step.state] += 1;
  return counts;
}

/** The record of a step that no leg has told of yet: it stands in the plan, and nothing more is known. */
const pendingStep = (id: StepRecord['id']): StepRecord => ({
  id,
  state: 'pending',
  launchedAt: null,
  endedAt: null,
  attempts: [],
  attemptsOmitted: 0,
  failure: null,
  tolerated: false,
  cause: null,
  outputs: {},
  reusedFrom: null,
  childRun: null,
  canceling: false,
});
