/**
 * Starts a plan as a run of its own below this one, and waits for its end.
 */
import { ChildWorkflowCancellationType, startChild } from '@temporalio/workflow';
import type { Plan, Reuse, Step } from '../plan/plan.js';
import { packPlan } from '../plan/wire.js';
import {
  ADD_CHUNK_SIGNAL,
  LEG_EVENTS,
  RUN_WORKFLOW,
  type ReportWanted,
  type RunEnd,
  type RunInput,
} from './api.js';
import { chunksOf } from './chunks.js';
import { summaryOf, type Surroundings } from './run-command-step.js';

export interface ChildRun {
  readonly id: string;
  readonly plan: Plan;
  /** Where the plan comes from, for people. */
  readonly path: string;
  readonly reuse?: Reuse;
  readonly report?: ReportWanted;
}

/** Runs a plan below a step of this run. Rejects when it fails or is canceled. */
export async function runChild(step: Step, child: ChildRun, around: Surroundings): Promise<RunEnd> {
  const chunks = chunksOf(packPlan(child.plan));
  const { origin } = around;
  const input: RunInput = {
    origin: {
      ...origin,
      planPath: child.path,
      planHash: `${origin.planHash}/${step.id}`,
      parentRun: around.runId,
    },
    chunks: chunks.length,
    firstChunk: chunks[0]!,
    reuse: child.reuse ?? {},
    priority: around.priority,
    searchAttributes: false,
    ...((around.legEvents ?? LEG_EVENTS) === LEG_EVENTS ? {} : { legEvents: around.legEvents! }),
    ...(Object.keys(around.leases).length === 0 ? {} : { inherited: around.leases }),
    ...(child.report === undefined ? {} : { report: child.report }),
  };
  const handle = await startChild<(input: RunInput) => Promise<RunEnd>>(RUN_WORKFLOW, {
    workflowId: child.id,
    args: [input],
    staticSummary: summaryOf(step),
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  for (const [index, text] of chunks.entries())
    if (index > 0) await handle.signal(ADD_CHUNK_SIGNAL, { index, text });
  return handle.result();
}
