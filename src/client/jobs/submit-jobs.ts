/**
 * Submits jobs. Each is one start of a workflow under the job's id: there is no moment in which it is half there.
 */
import type { Client } from '@temporalio/client';
import { askedTool } from '../../job/guarded-tool.js';
import { rankOf } from '../../job/job.js';
import type { JobAsk } from '../../job/job-table.js';
import { MOST_OPEN_JOBS } from '../../job/pack-queue.js';
import { newQueue } from '../../job/queue.js';
import { packageVersion } from '../../package.js';
import { quote } from '../../plan/quote.js';
import { TASK_QUEUE } from '../../workflows/api.js';
import { RUN_STATE, TOOL, WORKSTREAM } from '../../workflows/attributes.js';
import {
  ASK_PLACES_SIGNAL,
  JOB_WORKFLOW,
  jobWorkflowId,
  QUEUE_WORKFLOW,
  queueWorkflowId,
  type JobInput,
  type JobMemo,
  type QueueInput,
} from '../../workflows/job-api.js';
import { PlanwrightError } from '../errors.js';
import type { Link } from '../link.js';
import { currentActor } from '../start-plan.js';
import { lacksSearchAttributes } from '../start-run.js';
import { cancelJob } from './cancel-job.js';
import { assertNoCircle } from './circles.js';
import { known, type KnownJob } from './known-jobs.js';
import { countOpen } from './list-jobs.js';
import { assertFolders, type PreparedJob, type PreparedJobs } from './prepare-jobs.js';

export interface SubmitOptions {
  /** Replaces a job of the same id and other content; one that is open is canceled first. */
  readonly force?: boolean;
  /** Runs a job again that has ended. */
  readonly again?: boolean;
  /** Who submits; the system's user unless said. */
  readonly actor?: string;
}

export interface Submitted {
  readonly id: string;
  /** `same`: it was there already, with the same content; `again`: it had ended, and runs once more. */
  readonly how: 'new' | 'same' | 'again' | 'replaced';
  readonly priority: JobInput['priority'];
  readonly dependsOn: readonly string[];
}

/** As one of so many. */
interface SubmittedWith extends SubmitOptions {
  readonly together: number;
}

const START_MS = 30_000;
/** Starts on their way at once: the server has one database. */
const AT_ONCE = 32;
/** Jobs that one message asks places for. */
const ANNOUNCED_AT_ONCE = 200;
/** Above that the server warns; it takes four times as much. */
const MESSAGE_BYTES = 500_000;

/**
 * Submits jobs, in their order.
 *
 * @throws PlanwrightError `bad-request` for dependencies that go in a circle or folders that are not there, `refused` for
 *   ids that other jobs have and for more jobs than the queue takes; nothing is submitted then
 */
export async function submitJobs(
  link: Link,
  { queue, jobs }: PreparedJobs,
  options: SubmitOptions = {},
): Promise<Submitted[]> {
  const [client, target] = await Promise.all([link.client(), link.target()]);
  if (target.embedded) assertFolders(jobs);
  const [before, open] = await Promise.all([known(client, queue, jobs), countOpen(client, queue)]);
  assertRoom(queue, open, jobs.filter(({ input }) => before.get(input.job.id)?.isOpen !== true).length);
  for (const job of jobs) {
    const other = before.get(job.input.job.id);
    if (other !== undefined && options.force !== true) assertSame(job, other);
  }
  await assertNoCircle(client, queue, jobs);
  const ready = link.ensureWorker();
  ready.catch(() => undefined); // awaited below
  // One after the other in time, so that those of one priority run in the order in which they were named.
  const now = Date.now();
  const answers = new Array<Submitted>(jobs.length);
  for (let from = 0; from < jobs.length; from += ANNOUNCED_AT_ONCE) {
    const to = Math.min(from + ANNOUNCED_AT_ONCE, jobs.length);
    const asks: JobAsk[] = [];
    let next = from;
    const lane = async (): Promise<void> => {
      for (let at = next++; at < to; at = next++) {
        const job = jobs[at]!;
        const { answer, ask } = await submitOne(link, client, job, now + at, before.get(job.input.job.id), {
          ...options,
          together: open + jobs.length,
        });
        answers[at] = answer;
        if (ask !== null) asks.push(ask);
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, to - from) }, lane));
    await announce(client, queue, asks); // also when one of them failed: the others are there
    for (const one of lanes) if (one.status === 'rejected') throw one.reason;
  }
  await ready;
  return answers;
}

/** All that a queue knows must fit into one message. */
function assertRoom(queue: string, open: number, more: number): void {
  if (more === 0 || open + more <= MOST_OPEN_JOBS) return;
  throw new PlanwrightError(
    'refused',
    `the queue "${queue}" takes ${MOST_OPEN_JOBS} jobs that have not ended: it has ${open}, and ${more} more are too many`,
    [
      'submit some of them when others have ended, or into another queue: --queue <name>',
      'planwright job stats    says how far it is',
    ],
  );
}

/** Asks the queue for the places of jobs that are there, with one message for as many as fit one. */
async function announce(client: Client, queue: string, asks: readonly JobAsk[]): Promise<void> {
  let [from, bytes] = [0, 0];
  for (const [at, ask] of asks.entries()) {
    const more = ask.dependsOn.reduce((sum, id) => sum + id.length + 3, 300);
    if (at > from && bytes + more > MESSAGE_BYTES) {
      await announceSome(client, queue, asks.slice(from, at));
      [from, bytes] = [at, 0];
    }
    bytes += more;
  }
  await announceSome(client, queue, asks.slice(from));
}

async function announceSome(client: Client, queue: string, asks: readonly JobAsk[]): Promise<void> {
  const [first] = asks;
  if (first === undefined) return;
  const input: QueueInput = { state: newQueue(queue), ask: first };
  await client.withDeadline(Date.now() + START_MS, () =>
    client.workflow.signalWithStart(QUEUE_WORKFLOW, {
      taskQueue: TASK_QUEUE,
      workflowId: queueWorkflowId(queue),
      args: [input],
      memo: { places: 0 },
      staticSummary: `jobs of the queue ${queue}`.slice(0, 200),
      priority: { priorityKey: 1 }, // all jobs wait for it
      signal: ASK_PLACES_SIGNAL,
      signalArgs: [asks],
    }),
  );
}

/** What became of a job, and what its queue is to be asked for it; null for one that the queue knows. */
interface Started {
  readonly answer: Submitted;
  readonly ask: JobAsk | null;
}

async function submitOne(
  link: Link,
  client: Client,
  prepared: PreparedJob,
  queuedAt: number,
  before: KnownJob | undefined,
  options: SubmittedWith,
): Promise<Started> {
  const { job, priority, dependsOn, queue } = prepared.input;
  const answer = (how: Submitted['how'], execution: string | null, since = queuedAt): Started => ({
    answer: { id: job.id, how, priority, dependsOn },
    ask:
      execution === null
        ? null
        : {
            ...{ id: job.id, execution, rank: rankOf(priority), queuedAt: since, dependsOn },
            ...askedTool(prepared.input),
          },
  });
  let other = before;
  for (;;) {
    if (other === undefined) {
      const execution = await start(client, prepared, queuedAt, 0, options);
      if (execution !== null) return answer('new', execution);
      other = await known(client, queue, [prepared]).then((jobs) => jobs.get(job.id));
      continue;
    }
    const isSame = other.memo.hash === prepared.hash;
    if (!isSame && options.force !== true) assertSame(prepared, other);
    if (isSame && (other.isOpen || (options.again !== true && options.force !== true))) {
      // Who submitted it may have died before the queue heard of it.
      const isUnheard = other.isOpen && other.memo.run === null;
      return answer('same', isUnheard ? other.execution : null, other.memo.queuedAt);
    }
    // Two copies must never be at work at once: the old one is dead before the new one is there.
    if (other.isOpen) {
      await cancelJob(link, queue, job.id, { reason: 'replaced', actor: options.actor ?? currentActor() });
    }
    const execution = await start(client, prepared, queuedAt, other.runs, options, true);
    if (execution !== null) return answer(isSame ? 'again' : 'replaced', execution);
    other = await known(client, queue, [prepared]).then((jobs) => jobs.get(job.id));
  }
}

function assertSame(prepared: PreparedJob, other: KnownJob): void {
  const { id } = prepared.input.job;
  if (other.memo.hash === prepared.hash) return;
  throw new PlanwrightError(
    'refused',
    `${prepared.file}: there is a job ${quote(id)} already, ${other.isOpen ? 'not ended' : 'ended'}, with other content, priority or dependencies`,
    [`planwright job status ${id}`, 'give the new one another id, or replace the old one: --force'],
  );
}

/** Starts the workflow and returns its execution; null when one of the id is there. */
async function start(
  client: Client,
  { input, hash }: PreparedJob,
  queuedAt: number,
  runsBefore: number,
  { actor, together }: SubmittedWith,
  isAgain = false,
): Promise<string | null> {
  const { queue, job, priority, dependsOn } = input;
  const whole: JobInput = {
    ...input,
    queuedAt,
    runsBefore,
    isAnnounced: true,
    announcedWith: together,
    actor: actor ?? currentActor(),
    engineVersion: packageVersion(),
  };
  const memo: JobMemo = {
    ...{ priority, dependsOn, queuedAt, hash, runsBefore, tool: job.tool, workstream: job.workstream },
    run: null,
  };
  try {
    const handle = await client.withDeadline(Date.now() + START_MS, () =>
      client.workflow.start(JOB_WORKFLOW, {
        taskQueue: TASK_QUEUE,
        workflowId: jobWorkflowId(queue, job.id),
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: isAgain ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
        args: [whole],
        memo: { ...memo },
        staticSummary: `${job.tool}: ${job.id}`.slice(0, 200),
        // Its own beginning comes before those of jobs that are less urgent.
        priority: { priorityKey: rankOf(priority) + 1 },
        typedSearchAttributes: [
          { key: RUN_STATE, value: dependsOn.length === 0 ? 'queued' : 'waiting' },
          { key: TOOL, value: job.tool },
          { key: WORKSTREAM, value: job.workstream },
        ],
      }),
    );
    return handle.firstExecutionRunId;
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError') return null;
    if (!lacksSearchAttributes(error)) throw error;
    throw new PlanwrightError(
      'bad-request',
      'this cluster does not know our search attributes, and jobs are found by them',
      ['planwright doctor    says how to register them'],
      { cause: error },
    );
  }
}
