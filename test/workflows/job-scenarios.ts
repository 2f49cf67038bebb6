/**
 * Jobs and queues whose histories are kept in `test/histories`, beside those of runs (`scenarios.ts`). Commands of jobs are
 * held there (`holdsJobs`): each ends as its scenario says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import { DEFAULT_RULES } from '../../src/job/escalation.js';
import { newQueue } from '../../src/job/queue.js';
import { PRESETS } from '../../src/job/retry.js';
import { breakerId, MOVE_BREAKER_UPDATE } from '../../src/workflows/breaker-api.js';
import {
  CANCEL_JOB_SIGNAL,
  JOB_QUERY,
  JOB_WORKFLOW,
  jobWorkflowId,
  QUEUE_QUERY,
  QUEUE_WORKFLOW,
  queueWorkflowId,
  SEAL_UPDATE,
  SET_WORKERS_UPDATE,
  WAITED_UPDATE,
  type JobInput,
  type JobView,
  type QueueView,
} from '../../src/workflows/job-api.js';
import { DEFAULT_BREAKER_LIMITS } from '../../src/workstream/breaker.js';
import { loaded, shortForm, TOOLS } from '../job/loading.js';
import type { Engine, HeldCommand } from './engine.js';

const QUEUE = 'q';
const because = { reason: 'why not', actor: 'ann' };

/** The queue of a scenario, spoken to as the client does. */
function queueOf({ client, jobs }: Engine) {
  const job = (id: string): WorkflowHandle => client.workflow.getHandle(jobWorkflowId(QUEUE, id));
  const keeper = (): WorkflowHandle => client.workflow.getHandle(queueWorkflowId(QUEUE));
  const update = (name: string, ...args: unknown[]): Promise<unknown> =>
    client.workflow.executeUpdateWithStart<(input: object) => Promise<void>, unknown, unknown[]>(name, {
      args,
      startWorkflowOperation: new WithStartWorkflowOperation(QUEUE_WORKFLOW, {
        workflowId: queueWorkflowId(QUEUE),
        taskQueue: 'planwright',
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ state: newQueue(QUEUE), ask: null }],
      }),
    });
  const until = async (fact: () => Promise<boolean>): Promise<void> => {
    while (!(await fact().catch(() => false))) await sleep(20);
  };
  return {
    ...{ job, keeper, update },
    workers: (places: number, graceful = true) => update(SET_WORKERS_UPDATE, { places, graceful }),
    async submit(id: string, over: Partial<JobInput> = {}): Promise<WorkflowHandle> {
      const input: JobInput = {
        ...{ queue: QUEUE, job: await loaded(shortForm({ job_id: id })), priority: 'normal' },
        ...{ dependsOn: [], queuedAt: Date.now(), runsBefore: 0, root: '/', actor: 'ann' },
        ...{ engineVersion: '0', retry: PRESETS.none, rules: {}, tools: TOOLS },
        ...over,
      };
      return client.workflow.start(JOB_WORKFLOW, {
        taskQueue: 'planwright',
        workflowId: jobWorkflowId(QUEUE, id),
        args: [input],
        memo: { priority: input.priority, dependsOn: input.dependsOn, run: null },
      });
    },
    /** Waits for the command of a job. */
    async commandOf(id: string): Promise<HeldCommand> {
      const at = (): number => jobs.findIndex(({ task }) => task.work.job?.id === id);
      while (at() < 0) await sleep(20);
      return jobs.splice(at(), 1)[0]!;
    },
    becomes: (id: string, state: string) =>
      until(async () => (await job(id).query<JobView>(JOB_QUERY)).state === state),
    knows: (what: Partial<QueueView>) =>
      until(async () => {
        const view = await keeper().query<QueueView>(QUEUE_QUERY);
        return Object.entries(what).every(([name, value]) => view[name as keyof QueueView] === value);
      }),
  };
}

async function over(handle: WorkflowHandle): Promise<WorkflowHandle> {
  await handle.result().catch(() => undefined); // how it ends is the scenario's own business
  return handle;
}

type JobScenario = (q: ReturnType<typeof queueOf>, engine: Engine) => Promise<WorkflowHandle>;

const jobs: Readonly<Record<string, JobScenario>> = {
  'job-success': async (q) => {
    await q.workers(1);
    const handle = await q.submit('a');
    (await q.commandOf('a')).succeed();
    return over(handle);
  },
  'job-failure': async (q) => {
    await q.workers(1);
    const handle = await q.submit('a');
    (await q.commandOf('a')).fail();
    return over(handle);
  },
  'job-retry': async (q) => {
    await q.workers(1);
    const handle = await q.submit('a', { retry: { ...PRESETS.fast, strategy: 'immediate' } });
    (await q.commandOf('a')).failForNow();
    (await q.commandOf('a')).succeed();
    return over(handle);
  },
  'job-escalation': async (q) => {
    const rules = { ...DEFAULT_RULES, aider: { ...DEFAULT_RULES['aider']!, retries: 0 } };
    await q.workers(1);
    const handle = await q.submit('a', { rules });
    (await q.commandOf('a')).fail();
    (await q.commandOf('a-escalated-codex')).succeed();
    await over(q.job('a-escalated-codex'));
    return over(handle);
  },
  'job-canceled': async (q) => {
    await q.workers(1);
    const handle = await q.submit('a');
    await q.commandOf('a');
    await handle.signal(CANCEL_JOB_SIGNAL, because);
    await handle.cancel();
    return over(handle);
  },
  'job-canceled-by-signal': async (q) => {
    const handle = await q.submit('a');
    await q.becomes('a', 'queued');
    await handle.signal(CANCEL_JOB_SIGNAL, because);
    return over(handle);
  },
  'job-dependency-failed': async (q) => {
    await q.workers(1);
    const below = await q.submit('b', { dependsOn: ['a'] });
    await q.knows({ waiting: 1 });
    await q.submit('a');
    (await q.commandOf('a')).fail();
    return over(below);
  },
  // Its worker was stopped: it ran again from its beginning.
  'job-given-back': async (q) => {
    await q.workers(1);
    const handle = await q.submit('a');
    const command = await q.commandOf('a');
    await q.workers(0, false);
    await command.stopped;
    await q.knows({ queued: 1 });
    await q.workers(1);
    (await q.commandOf('a')).succeed();
    return over(handle);
  },
  // Its tool failed too often: it gave its place back and waited for it.
  'job-waits-for-tool': async (q, { client }) => {
    const breaker = { ...DEFAULT_BREAKER_LIMITS, failures: 1, openMs: 3_600_000 };
    await q.workers(1);
    const first = await q.submit('first', { breaker });
    (await q.commandOf('first')).fail();
    await over(first);
    const handle = await q.submit('a', { breaker });
    await q.becomes('a', 'waiting');
    await client.workflow
      .getHandle(breakerId('aider'))
      .executeUpdate(MOVE_BREAKER_UPDATE, { args: [{ what: 'reset', ...because }] });
    (await q.commandOf('a')).succeed();
    return over(handle);
  },
  // The queue's own workflow: a place for one of two, a dependency that fails, one that nobody submits; then it stops.
  'job-queue': async (q) => {
    await q.submit('a');
    await q.submit('b', { dependsOn: ['a'] });
    await q.submit('c', { dependsOn: ['nobody'] });
    await q.submit('d', { priority: 'low' });
    await q.knows({ queued: 2, waiting: 2 });
    await q.workers(1);
    (await q.commandOf('a')).fail();
    (await q.commandOf('d')).succeed();
    await over(q.job('d'));
    await q.update(SEAL_UPDATE);
    await Promise.all(['b', 'c'].map((id) => over(q.job(id))));
    await q.update(WAITED_UPDATE, 1);
    await q.workers(0);
    return over(q.keeper());
  },
  // The same of a queue that takes what it told off for ended at once.
  'job-queue-tells-off': async (q) => {
    await q.submit('b', { dependsOn: ['a'] });
    await q.submit('c', { dependsOn: ['b'] });
    await q.submit('d', { dependsOn: ['nobody'] });
    await q.submit('a');
    await q.knows({ queued: 1, waiting: 3 });
    await q.workers(1);
    (await q.commandOf('a')).fail();
    await Promise.all(['b', 'c'].map((id) => over(q.job(id))));
    await q.update(SEAL_UPDATE);
    await over(q.job('d'));
    await q.workers(0);
    return over(q.keeper());
  },
};

export const jobScenarios = Object.fromEntries(
  Object.entries(jobs).map(([name, play]) => [name, (engine: Engine) => play(queueOf(engine), engine)]),
);
