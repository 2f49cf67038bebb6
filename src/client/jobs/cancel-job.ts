/**
 * Cancels a job, wherever it stands.
 */
import { CANCEL_SIGNAL, type CancelRequest } from '../../workflows/api.js';
import { jobWorkflowId } from '../../workflows/job-api.js';
import type { Because } from '../control.js';
import { PlanwrightError } from '../errors.js';
import { isNotFound } from '../follow.js';
import type { Link } from '../link.js';

const ANSWER_MS = 15_000;
/** A command that does not stop is killed after 5 s; the rest is for a busy machine. */
const END_MS = 120_000;

/** What became of a request. */
export type Canceled = { readonly canceled: true } | { readonly canceled: false; readonly why: 'ended' };

/**
 * Cancels a job and waits until it has ended: then nothing of it is at work.
 *
 * @throws PlanwrightError `no-such-job`, or `no-worker` when it is asked and nobody carries it out
 */
export async function cancelJob(link: Link, queue: string, id: string, because: Because): Promise<Canceled> {
  const client = await link.client();
  const handle = client.workflow.getHandle(jobWorkflowId(queue, id));
  try {
    const { status } = await client.withDeadline(Date.now() + ANSWER_MS, () => handle.describe());
    if (status.name !== 'RUNNING' && status.name !== 'PAUSED') return { canceled: false, why: 'ended' };
    await link.ensureWorker();
    await client.withDeadline(Date.now() + ANSWER_MS, () =>
      handle.signal<[CancelRequest]>(CANCEL_SIGNAL, because),
    );
    await client.withDeadline(Date.now() + ANSWER_MS, () => handle.cancel());
  } catch (error) {
    if (isNotFound(error)) throw noSuchJob(id, queue, error);
    throw error;
  }
  const isOver = await client
    .withDeadline(Date.now() + END_MS, () => handle.result())
    .then(
      () => true,
      (error: unknown) => error instanceof Error && error.name === 'WorkflowFailedError',
    );
  if (!isOver)
    throw new PlanwrightError(
      'no-worker',
      `job "${id}" is asked to end and has not: no worker is there, or it is busy`,
      [`planwright job status ${id}`, 'planwright up        starts a worker where none is'],
    );
  const { status } = await handle.describe();
  return status.name === 'CANCELLED' ? { canceled: true } : { canceled: false, why: 'ended' };
}

export const noSuchJob = (id: string, queue: string, cause?: unknown): PlanwrightError =>
  new PlanwrightError(
    'no-such-job',
    `there is no job "${id}" in the queue "${queue}"`,
    ['planwright job list    shows the jobs'],
    { cause },
  );
