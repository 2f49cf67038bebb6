/**
 * Starting and stopping the workers of a queue: how many of its jobs run at once. And waiting until there is nothing to do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { newQueue } from '../../job/queue.js';
import { TASK_QUEUE } from '../../workflows/api.js';
import { RUN_STATE } from '../../workflows/attributes.js';
import {
  ASK_AGAIN_SIGNAL,
  JOB_WORKFLOW,
  jobPrefix,
  jobWorkflowId,
  QUEUE_QUERY,
  QUEUE_WORKFLOW,
  queueWorkflowId,
  SEAL_UPDATE,
  SET_WORKERS_UPDATE,
  type QueueInput,
  type QueueView,
  type SetWorkersRequest,
} from '../../workflows/job-api.js';
import type { Link } from '../link.js';
import { answered } from '../read-run.js';
import { countOpen, queueStats, type QueueStats } from './list-jobs.js';

/** Two thousand jobs that ask at once come before it. */
const ANSWER_MS = 120_000;

/** Says how many jobs of a queue run at once from now on. */
export async function setWorkers(link: Link, queue: string, request: SetWorkersRequest): Promise<QueueView> {
  const view = await toldQueue<[SetWorkersRequest]>(
    link,
    queue,
    SET_WORKERS_UPDATE,
    [request],
    request.places,
  );
  if (request.places > 0 && view.waiting + view.queued + view.running.length === 0) {
    await wakeForgotten(await link.client(), queue);
  }
  return view;
}

/** Nothing more is submitted: who waits for a job that is not there fails. */
export const sealQueue = (link: Link, queue: string): Promise<QueueView> =>
  toldQueue<[]>(link, queue, SEAL_UPDATE, [], 0);

/** Tells a queue something by an update, and starts it where there is none. */
export async function toldQueue<Args extends [SetWorkersRequest] | [number] | []>(
  link: Link,
  queue: string,
  update: string,
  args: Args,
  places: number,
): Promise<QueueView> {
  const [client, { WithStartWorkflowOperation }] = await Promise.all([
    link.client(),
    import('../../sdk/client.js'),
  ]);
  await link.ensureWorker(); // updates are answered by the workflow
  const input: QueueInput = { state: newQueue(queue), ask: null };
  return answered(queueWorkflowId(queue), () =>
    client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.executeUpdateWithStart<(input: QueueInput) => Promise<void>, QueueView, Args>(update, {
        args,
        startWorkflowOperation: new WithStartWorkflowOperation(QUEUE_WORKFLOW, {
          workflowId: queueWorkflowId(queue),
          taskQueue: TASK_QUEUE,
          workflowIdConflictPolicy: 'USE_EXISTING',
          args: [input],
          memo: { places },
          staticSummary: `jobs of the queue ${queue}`,
          priority: { priorityKey: 1 },
        }),
      }),
    ),
  );
}

/** A queue whose workflow was ended by hand has forgotten its jobs: those that wait ask again. Who did asks in vain, and no harm is done. */
async function wakeForgotten(client: Client, queue: string): Promise<void> {
  const query = `WorkflowType = "${JOB_WORKFLOW}" AND WorkflowId STARTS_WITH "${jobPrefix(queue)}" AND ExecutionStatus = "Running" AND (${RUN_STATE.name} = "queued" OR ${RUN_STATE.name} = "waiting")`;
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 1_000 })) {
    await client.workflow
      .getHandle(workflowId)
      .signal(ASK_AGAIN_SIGNAL)
      .catch(() => undefined); // it has ended meanwhile
  }
}

export interface WaitOptions {
  /** Ids that were submitted just now: lists of the server are a moment behind. */
  readonly submitted?: Iterable<string>;
  readonly everyMs?: number;
  /** Called at each look. */
  readonly onLook?: (stats: QueueStats) => void;
  readonly signal?: AbortSignal;
}

const LOOK_MS = 500;

/** Waits until no job of the queue is waiting, queued or at work, however they end. False when it was left before. */
export async function waitUntilEmpty(
  link: Link,
  queue: string,
  { submitted = [], everyMs = LOOK_MS, onLook, signal }: WaitOptions = {},
): Promise<boolean> {
  const unsure = new Set(submitted);
  for (let empty = 0; ;) {
    if (signal?.aborted === true) return false;
    onLook?.(await queueStats(link, queue));
    empty = (await isEmpty(link, queue, unsure)) ? empty + 1 : 0;
    // A job whose end is listed and the one that took over from it, whose beginning is not yet, are a moment apart.
    if (empty >= 2) return true;
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/** Says whether no job is waiting, queued or at work. */
export async function isEmpty(link: Link, queue: string, unsure: Set<string> = new Set()): Promise<boolean> {
  const client = await link.client();
  if ((await countOpen(client, queue)) > 0) return false;
  if ((await keptBy(client, queue)) > 0) return false;
  for (const id of unsure) {
    const { status } = await client.workflow.getHandle(jobWorkflowId(queue, id)).describe();
    if (status.name === 'RUNNING') return false;
    unsure.delete(id);
  }
  return true;
}

/** Returns how many jobs the queue itself knows; 0 when it does not answer: then the server's count is all there is. */
async function keptBy(client: Client, queue: string): Promise<number> {
  try {
    const view = await client.withDeadline(Date.now() + 3_000, () =>
      client.workflow.getHandle(queueWorkflowId(queue)).query<QueueView>(QUEUE_QUERY),
    );
    return view.waiting + view.queued + view.running.length;
  } catch {
    return 0;
  }
}
