/**
 * How a job talks to its queue, and how it starts the job that takes over from it.
 */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { askedTool } from '../job/guarded-tool.js';
import { rankOf } from '../job/job.js';
import type { JobAsk } from '../job/job-table.js';
import type { JobEnding } from '../job/queue.js';
import { RUN_STATE, TOOL, WORKSTREAM } from './attributes.js';
import {
  ASK_PLACE_SIGNAL,
  HOLD_SIGNAL,
  JOB_ENDED_SIGNAL,
  JOB_WORKFLOW,
  jobWorkflowId,
  queueWorkflowId,
  type HoldRequest,
  type JobEndedRequest,
  type JobInput,
  type JobMemo,
} from './job-api.js';
import { startQueue } from './start-queue.js';

/** A queue that ends and a job that asks may cross so often. */
const CROSSINGS = 20;

export class QueueDoor {
  readonly #input: JobInput;
  readonly #execution = workflowInfo().runId;

  constructor(input: JobInput) {
    this.#input = input;
  }

  /** Asks for a place, and starts the queue where there is none. `isBack`: it had one before. */
  async ask(isBack: boolean): Promise<void> {
    const { queue, job, priority, dependsOn, queuedAt } = this.#input;
    const ask: JobAsk = {
      id: job.id,
      execution: this.#execution,
      rank: rankOf(priority),
      queuedAt,
      dependsOn: isBack ? [] : dependsOn, // they were met before
      ...askedTool(this.#input),
    };
    for (let tries = 0; tries < CROSSINGS; tries += 1) {
      if ((await this.#signal(ASK_PLACE_SIGNAL, ask)) || (await startQueue(queue, ask))) return;
    }
  }

  /** Says how the job ended; null: it gives its place back, and asks again. A queue that is gone has forgotten it. */
  async ended(how: JobEnding | null): Promise<void> {
    const request: JobEndedRequest = { id: this.#input.job.id, execution: this.#execution, how };
    await this.#signal(JOB_ENDED_SIGNAL, request);
  }

  /** Says that the job's tool is out of order, or may be used again. */
  async held(isHeld: boolean): Promise<void> {
    const request: HoldRequest = { id: this.#input.job.id, execution: this.#execution, isHeld };
    await this.#signal(HOLD_SIGNAL, request);
  }

  /** False when there is no such queue. */
  #signal(name: string, argument: object): Promise<boolean> {
    return getExternalWorkflowHandle(queueWorkflowId(this.#input.queue))
      .signal<[object]>(name, argument)
      .then(
        () => true,
        () => false,
      );
  }
}

/** Starts the job that takes over from another. One of that name that is under way already is taken for it. */
export async function startNextJob(from: string, input: JobInput): Promise<void> {
  const { queue, job, priority, queuedAt, runsBefore } = input;
  const memo: JobMemo = {
    ...{ priority, queuedAt, runsBefore, tool: job.tool, workstream: job.workstream },
    ...{ dependsOn: [], hash: `escalation of ${from}`, run: null },
  };
  try {
    const handle = await startChild(JOB_WORKFLOW, {
      workflowId: jobWorkflowId(queue, job.id),
      args: [input],
      memo: { ...memo },
      typedSearchAttributes: [
        { key: RUN_STATE, value: 'queued' },
        { key: TOOL, value: job.tool },
        { key: WORKSTREAM, value: job.workstream },
      ],
      staticSummary: `${job.tool}: ${job.id}`.slice(0, 200),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
    });
    handle.result().catch(() => undefined);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
