import { randomUUID } from 'node:crypto';
import {
  WithStartWorkflowOperation,
  type WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { findJobs } from '../../src/activities/job/find-jobs.js';
import { DEFAULT_RULES } from '../../src/job/escalation.js';
import type { JobAsk } from '../../src/job/job-table.js';
import { newQueue, type JobNews } from '../../src/job/queue.js';
import { PRESETS } from '../../src/job/retry.js';
import { breakerId, MOVE_BREAKER_UPDATE } from '../../src/workflows/breaker-api.js';
import {
  ASK_AGAIN_SIGNAL,
  ASK_PLACES_SIGNAL,
  CANCEL_JOB_SIGNAL,
  JOB_ENDED_SIGNAL,
  JOB_QUERY,
  JOB_WORKFLOW,
  jobWorkflowId,
  NEWS_SIGNAL,
  QUEUE_QUERY,
  QUEUE_WORKFLOW,
  queueWorkflowId,
  SEAL_UPDATE,
  SET_WORKERS_UPDATE,
  type JobEnd,
  type JobInput,
  type JobView,
  type QueueView,
} from '../../src/workflows/job-api.js';
import { DEFAULT_BREAKER_LIMITS } from '../../src/workstream/breaker.js';
import { toolsOf } from '../../src/workstream/tool/registry.js';
import { loaded, shortForm, TOOLS } from '../job/loading.js';
import { openEngine, type Engine, type HeldCommand } from './engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({
    program: inject('temporalProgram'),
    bundle: inject('workflowBundle'),
    more: { findJobs },
    holdsJobs: true,
  });
});
afterAll(() => engine.close());

/** For a busy machine: what is waited for is an event, not a time. */
const eventually = <T>(get: () => Promise<T> | T) => expect.poll(get, { interval: 20 });

/** A queue of its own for each test, spoken to as the client does. */
function aQueue() {
  const queue = `q${randomUUID().slice(0, 8)}`;
  const job = (id: string): WorkflowHandle => engine.client.workflow.getHandle(jobWorkflowId(queue, id));
  const update = <Args extends unknown[]>(name: string, args: Args): Promise<QueueView> =>
    engine.client.workflow.executeUpdateWithStart<(input: object) => Promise<void>, QueueView, Args>(name, {
      args,
      startWorkflowOperation: new WithStartWorkflowOperation(QUEUE_WORKFLOW, {
        workflowId: queueWorkflowId(queue),
        taskQueue: 'planwright',
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ state: newQueue(queue), ask: null }],
      }),
    });
  const workers = (places: number, graceful = true): Promise<QueueView> =>
    update(SET_WORKERS_UPDATE, [{ places, graceful }]);
  return {
    job,
    workers,
    seal: () => update(SEAL_UPDATE, []),
    /** Asks for the places of jobs, as who submits them does. */
    askMany: (asks: readonly JobAsk[]) =>
      engine.client.workflow.signalWithStart(QUEUE_WORKFLOW, {
        taskQueue: 'planwright',
        workflowId: queueWorkflowId(queue),
        args: [{ state: newQueue(queue), ask: null }],
        signal: ASK_PLACES_SIGNAL,
        signalArgs: [asks],
      }),
    /** Waits until so many are queued: jobs that ask for themselves may come in any order, and a free place is not kept. */
    knows: (jobs: number) =>
      eventually(() =>
        engine.client.workflow
          .getHandle(queueWorkflowId(queue))
          .query<QueueView>(QUEUE_QUERY)
          .then(
            ({ queued }) => queued,
            () => 0,
          ),
      ).toBe(jobs),
    view: () => engine.client.workflow.getHandle(queueWorkflowId(queue)).query<QueueView>(QUEUE_QUERY),
    keeper: (): WorkflowHandle => engine.client.workflow.getHandle(queueWorkflowId(queue)),
    async submit(
      id: string,
      over: Partial<JobInput> & { readonly document?: object } = {},
      news?: JobNews,
    ): Promise<WorkflowHandleWithFirstExecutionRunId> {
      const { document = {}, ...rest } = over;
      const input: JobInput = {
        queue,
        job: await loaded(shortForm({ job_id: id, ...document }), rest.tools ?? TOOLS),
        ...{ priority: 'normal', dependsOn: [], queuedAt: Date.now(), runsBefore: 0, root: '/' },
        ...{ actor: 'ann', engineVersion: '0', retry: PRESETS.none, rules: {}, tools: TOOLS },
        ...rest,
      };
      const options = {
        taskQueue: 'planwright',
        workflowId: jobWorkflowId(queue, id),
        args: [input],
        memo: { priority: input.priority, dependsOn: input.dependsOn, run: null },
      };
      if (news === undefined) return engine.client.workflow.start(JOB_WORKFLOW, options);
      const handle = await engine.client.workflow.signalWithStart(JOB_WORKFLOW, {
        ...options,
        ...{ signal: NEWS_SIGNAL, signalArgs: [news] },
      });
      return { ...handle, firstExecutionRunId: handle.signaledRunId };
    },
    /** Waits for the command of a job. */
    async commandOf(id: string): Promise<HeldCommand> {
      const isIt = ({ task }: HeldCommand): boolean =>
        task.work.job?.id === id && task.runId.startsWith(jobWorkflowId(queue, ''));
      await eventually(() => engine.jobs.some(isIt)).toBe(true);
      return engine.jobs.splice(engine.jobs.findIndex(isIt), 1)[0]!;
    },
    stateOf: async (id: string): Promise<string> => (await job(id).query<JobView>(JOB_QUERY)).state,
    /** Everything that happened must happen again when it is replayed: a worker may be another one at any time. */
    async replays(...ids: string[]): Promise<void> {
      const handles = [engine.client.workflow.getHandle(queueWorkflowId(queue)), ...ids.map(job)];
      const histories = await Promise.all(
        handles.map(async (handle) => ({
          workflowId: handle.workflowId,
          history: await handle.fetchHistory(),
        })),
      );
      const workflowBundle = { codePath: inject('workflowBundle') };
      for await (const { error } of Worker.runReplayHistories({ workflowBundle }, histories))
        expect(error).toBeUndefined();
    },
  };
}

const endOf = async (handle: WorkflowHandle): Promise<Partial<JobEnd>> =>
  handle.result().then(
    (end) => end as JobEnd,
    (error: unknown) => ((error as WorkflowFailedError).cause as { details?: [JobEnd] }).details?.[0] ?? {},
  );

describe('a job', () => {
  test('waits for workers, runs when there are some, and says how it went', async () => {
    const q = aQueue();
    const handle = await q.submit('a');
    await eventually(async () => (await q.view()).queued).toBe(1);
    expect(await q.stateOf('a')).toBe('queued');
    await q.workers(1);
    const command = await q.commandOf('a');
    expect(await q.stateOf('a')).toBe('running');
    command.succeed();
    expect(await handle.result()).toMatchObject({ id: 'a', state: 'completed', exitCode: 0, error: null });
    const { changes } = (await handle.result()) as JobEnd;
    expect(changes.map(({ state }) => state)).toEqual(['queued', 'running', 'completed']);
    await q.workers(0);
    await q.keeper().result();
    await q.replays('a');
  });

  test('that fails says its exit code, and does not stop the next', async () => {
    const q = aQueue();
    const [first, second] = [await q.submit('a'), await q.submit('b')];
    await q.knows(2);
    await q.workers(1);
    (await q.commandOf('a')).fail({ reason: 'exit-code', exitCode: 3, tail: 'no' });
    (await q.commandOf('b')).succeed();
    expect(await endOf(first)).toMatchObject({ state: 'failed', exitCode: 3, error: 'exit code 3' });
    expect(await endOf(second)).toMatchObject({ state: 'completed' });
    await q.replays('a', 'b');
  });

  test.each([
    [{ reason: 'timed-out', afterSec: 5, tail: '' } as const, -1],
    [{ reason: 'not-started', message: 'no such command' } as const, -2],
  ])('%j is the exit code of job files', async (failure, code) => {
    const q = aQueue();
    await q.workers(1);
    const handle = await q.submit('a');
    (await q.commandOf('a')).fail(failure);
    expect(await endOf(handle)).toMatchObject({ state: 'failed', exitCode: code });
  });

  test('runs beside another where there are two workers, and not where there is one', async () => {
    const q = aQueue();
    for (const id of ['a', 'b', 'c']) await q.submit(id);
    await q.knows(3);
    await q.workers(2);
    const [a, b] = [await q.commandOf('a'), await q.commandOf('b')];
    expect((await q.view()).queued).toBe(1);
    await q.workers(1);
    a.succeed();
    await q.job('a').result();
    expect(await q.stateOf('c')).toBe('queued');
    b.succeed();
    (await q.commandOf('c')).succeed();
    await q.job('c').result();
    await q.replays('a', 'b', 'c');
  });
});

describe('canceling', () => {
  test.each(['queued', 'waiting'])('a job that is %s ends it at once', async (state) => {
    const q = aQueue();
    const handle = await q.submit('a', state === 'waiting' ? { dependsOn: ['other'] } : {});
    await eventually(() => q.stateOf('a')).toBe(state);
    await handle.signal(CANCEL_JOB_SIGNAL, { reason: 'not needed', actor: 'ann' });
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow('cancel');
    expect((await handle.describe()).memo).toMatchObject({
      end: { state: 'cancelled', error: 'canceled by ann: not needed' },
    });
    await q.replays('a');
  });

  test('by the signal alone ends a job as canceled, too', async () => {
    const q = aQueue();
    const handle = await q.submit('a');
    await eventually(() => q.stateOf('a')).toBe('queued');
    await handle.signal(CANCEL_JOB_SIGNAL, { reason: 'not needed', actor: 'ann' });
    await expect(handle.result()).rejects.toThrow('cancel');
    expect((await handle.describe()).status.name).toBe('CANCELLED');
    await q.replays('a');
  });

  test('a job at work ends its command first, and fails those that wait for it', async () => {
    const q = aQueue();
    await q.workers(2);
    const handle = await q.submit('a');
    const below = await q.submit('b', { dependsOn: ['a'] });
    const command = await q.commandOf('a');
    await handle.signal(CANCEL_JOB_SIGNAL);
    await handle.cancel();
    await command.stopped;
    await expect(handle.result()).rejects.toThrow('cancel');
    expect(await endOf(below)).toMatchObject({ state: 'failed', error: 'dependency "a" was cancelled' });
    await q.replays('a', 'b');
  });
});

describe('jobs that were announced', () => {
  test('do not ask themselves: one message asks for all of them, and may come twice', async () => {
    const q = aQueue();
    await q.workers(1);
    const handles = [
      await q.submit('a', { isAnnounced: true }),
      await q.submit('b', { isAnnounced: true, dependsOn: ['a'] }),
    ];
    await eventually(() => q.stateOf('b')).toBe('waiting');
    expect(await q.view()).toMatchObject({ queued: 0, waiting: 0 });
    const asks = handles.map(({ firstExecutionRunId }, at) => ({
      id: 'ab'[at]!,
      execution: firstExecutionRunId,
      ...{ rank: 2, queuedAt: at, dependsOn: at === 0 ? [] : ['a'] },
    }));
    await q.keeper().signal(ASK_PLACES_SIGNAL, asks);
    const command = await q.commandOf('a');
    await q.keeper().signal(ASK_PLACES_SIGNAL, asks);
    await eventually(q.view).toMatchObject({ queued: 0, waiting: 1, running: ['a'] });
    command.succeed();
    (await q.commandOf('b')).succeed();
    expect(await handles[1]!.result()).toMatchObject({ state: 'completed' });
    await q.replays('a', 'b');
  });

  test('are as many as one message can hand to the next execution of the queue; for more there is room later', async () => {
    const q = aQueue();
    const asks = Array.from({ length: 9_100 }, (_, at): JobAsk => {
      const id = `${at}`.padEnd(128, 'x');
      return { id, execution: randomUUID(), rank: 2, queuedAt: Date.now(), dependsOn: [] };
    });
    const askAll = async (): Promise<void> => {
      for (let from = 0; from < asks.length; from += 2_000) await q.askMany(asks.slice(from, from + 2_000));
    };
    // The second time nothing is new, but the history is longer than the server likes.
    await askAll();
    const { runId: first } = await q.keeper().describe();
    await askAll();
    await eventually(async () => (await q.keeper().describe()).runId).not.toBe(first);
    const { queued } = await q.view();
    expect(queued).toBeGreaterThan(9_000);
    expect(queued).toBeLessThan(9_100);

    const late = 'late'.padEnd(128, '-');
    const handle = await q.submit(late, { priority: 'critical' });
    const reasons = async () => (await handle.query<JobView>(JOB_QUERY)).changes.map(({ reason }) => reason);
    const noRoom = 'the queue is full: it asks for its place again, after 10 minutes or more';
    await eventually(reasons).toEqual([null, noRoom]);
    for (const { id, execution } of asks.slice(0, 3))
      await q.keeper().signal(JOB_ENDED_SIGNAL, { id, execution, how: { state: 'completed' } });
    await handle.signal(ASK_AGAIN_SIGNAL);
    await q.knows(queued - 2);
    await q.workers(1);
    (await q.commandOf(late)).succeed();
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    await q.replays(late);
    await q.keeper().terminate('those jobs are nobody');
  });

  test('may be given a place before they have begun', async () => {
    const q = aQueue();
    const handle = await q.submit('a', { isAnnounced: true }, { kind: 'go', rank: 2 });
    (await q.commandOf('a')).succeed();
    expect(await handle.result()).toMatchObject({ state: 'completed' });
  });

  test('ask themselves when they are told to, as nobody did', async () => {
    const q = aQueue();
    await q.workers(1);
    const handle = await q.submit('a', { isAnnounced: true });
    await eventually(() => q.stateOf('a')).toBe('queued');
    await handle.signal(ASK_AGAIN_SIGNAL);
    (await q.commandOf('a')).succeed();
    expect(await handle.result()).toMatchObject({ state: 'completed' });
    await q.replays('a');
  });
});

describe('stopping the workers', () => {
  test('gracefully lets jobs at work end and starts no other', async () => {
    const q = aQueue();
    await q.submit('a');
    await q.submit('b');
    await q.knows(2);
    await q.workers(1);
    const command = await q.commandOf('a');
    await q.workers(0);
    command.succeed();
    await q.job('a').result();
    await eventually(async () => (await q.view()).running).toEqual([]);
    expect(await q.stateOf('b')).toBe('queued');
  });

  test('at once ends jobs at work, and they return to the queue with their place in it', async () => {
    const q = aQueue();
    await q.submit('a');
    await q.submit('b');
    await q.knows(2);
    await q.workers(1);
    const command = await q.commandOf('a');
    await q.workers(0, false);
    await command.stopped;
    await eventually(() => q.stateOf('a')).toBe('queued');
    await eventually(async () => (await q.view()).queued).toBe(2);
    await q.workers(1);
    (await q.commandOf('a')).succeed();
    expect(await q.job('a').result()).toMatchObject({ state: 'completed' });
    await q.replays('a');
  });
});

describe('dependencies', () => {
  test('on a job that ended long ago are met, also in a queue that has forgotten it', async () => {
    const q = aQueue();
    await q.workers(1);
    await q.submit('a');
    (await q.commandOf('a')).succeed();
    await q.job('a').result();
    await q.workers(0);
    await q.keeper().result(); // it has nothing to remember any more
    await q.workers(1);
    await q.submit('b', { dependsOn: ['a'] });
    (await q.commandOf('b')).succeed();
    expect(await q.job('b').result()).toMatchObject({ state: 'completed' });
    await q.replays('a', 'b');
  });

  test('on what nobody submits fail when the queue is sealed', async () => {
    const q = aQueue();
    const handle = await q.submit('b', { dependsOn: ['nobody'] });
    await eventually(async () => (await q.view()).waiting).toBe(1);
    await q.seal();
    expect(await endOf(handle)).toMatchObject({
      state: 'failed',
      error: 'dependency "nobody" was not submitted before the queue was sealed',
    });
    await q.replays('b');
  });
});

describe('escalation', () => {
  const escalating = {
    retry: PRESETS.none,
    rules: { ...DEFAULT_RULES, aider: { ...DEFAULT_RULES['aider']!, retries: 0 } },
  };

  test('hands a job that failed to the other tool, with what was said last; who waited for it goes on', async () => {
    const q = aQueue();
    await q.workers(1);
    const handle = await q.submit('a', escalating);
    const below = await q.submit('b', { dependsOn: ['a'] });
    (await q.commandOf('a')).fail({ reason: 'exit-code', exitCode: 1, tail: 'E: the door is locked' });
    const next = await q.commandOf('a-escalated-codex');
    expect(await endOf(handle)).toMatchObject({ state: 'escalated', escalatedTo: 'a-escalated-codex' });
    expect(next.task.work.job).toMatchObject({
      tool: 'codex',
      logFile: 'logs/ws-paint/a-escalated-codex.log',
    });
    expect(JSON.stringify(next.task.work.job!.prompt)).toContain('E: the door is locked');
    next.succeed();
    (await q.commandOf('b')).succeed();
    expect(await endOf(below)).toMatchObject({ state: 'completed' });
    await q.replays('a', 'b', 'a-escalated-codex');
  });

  test('fails those that wait for the job when the other tool fails, too', async () => {
    const q = aQueue();
    await q.workers(1);
    await q.submit('a', escalating);
    const below = await q.submit('b', { dependsOn: ['a'] });
    (await q.commandOf('a')).fail();
    (await q.commandOf('a-escalated-codex')).fail();
    expect(await endOf(below)).toMatchObject({
      state: 'failed',
      error: 'dependency "a-escalated-codex" failed',
    });
  });
});

describe('the breaker of a tool', () => {
  let tools = 0;
  /** A tool that no other test uses, whose breaker opens at its first failure. */
  const aTool = () => {
    const name = `robot-${(tools += 1)}`;
    const settings = { executable: 'robot', model: null, args: [], prompt: null, env: {}, timeoutSec: null };
    const own = toolsOf({ [name]: { ...settings, capabilities: null, litter: [] } }, null);
    const breaker = { ...DEFAULT_BREAKER_LIMITS, failures: 1, openMs: 3_600_000 };
    const of = { tools: own, breaker, document: { tool: name } };
    const reset = (): Promise<unknown> =>
      engine.client.workflow
        .getHandle(breakerId(name))
        .executeUpdate(MOVE_BREAKER_UPDATE, { args: [{ what: 'reset', reason: 'mended', actor: 'ann' }] });
    return { name, of, reset };
  };

  test('opens when jobs fail; what comes next waits without a place, and runs when it is closed', async () => {
    const q = aQueue();
    const { name, of, reset } = aTool();
    await q.workers(1);
    const failed = await q.submit('fails', of);
    (await q.commandOf('fails')).fail();
    expect(await endOf(failed)).toMatchObject({ state: 'failed' });
    await q.submit('held', of);
    await eventually(() => q.stateOf('held')).toBe('waiting');
    await q.submit('barred', of);
    await q.submit('other');
    (await q.commandOf('other')).succeed(); // the one place is free for other tools
    await q.job('other').result();
    expect(await q.stateOf('barred')).toBe('queued');
    await reset();
    (await q.commandOf('held')).succeed();
    (await q.commandOf('barred')).succeed();
    const { changes } = (await q.job('held').result()) as JobEnd;
    expect(changes.map(({ state }) => state)).toEqual([
      ...['queued', 'waiting', 'queued', 'running', 'completed'],
    ]);
    expect(changes[1]!.reason).toContain(`waits for tool "${name}": it failed too often in a row`);
    await q.job('barred').result();
    await q.replays('fails', 'held', 'barred');
  });

  test('keeps no job from being cancelled, and the next one takes its turn to wait', async () => {
    const q = aQueue();
    const { of, reset } = aTool();
    await q.workers(1);
    await q.submit('fails', of);
    (await q.commandOf('fails')).fail();
    const held = await q.submit('held', of);
    await eventually(() => q.stateOf('held')).toBe('waiting');
    const barred = await q.submit('barred', of);
    await q.knows(1);
    await held.signal(CANCEL_JOB_SIGNAL, { reason: 'not needed', actor: 'ann' });
    await expect(held.result()).rejects.toThrow('cancel');
    await eventually(() => q.stateOf('barred')).toBe('waiting');
    await reset();
    (await q.commandOf('barred')).succeed();
    expect(await barred.result()).toMatchObject({ state: 'completed' });
    await q.replays('held', 'barred');
  });

  test('hands jobs to the other tool, or fails them, when its quota is used up', async () => {
    const q = aQueue();
    const name = 'claude';
    const of = { document: { tool: name } };
    const quota = { reason: 'exit-code', exitCode: 1, tail: 'Error: insufficient_quota' } as const;
    await q.workers(1);
    await q.submit('first', of);
    (await q.commandOf('first')).fail(quota);
    const alone = await q.submit('alone', of);
    expect(await endOf(alone)).toMatchObject({
      state: 'failed',
      error: expect.stringContaining(`the quota of tool "${name}" is used up`) as string,
    });
    const rules = { [name]: { onFailure: 'codex', onTimeout: null, retries: 2, priority: 'high' } } as const;
    const handed = await q.submit('handed', { ...of, rules });
    expect(await endOf(handed)).toMatchObject({ state: 'escalated', escalatedTo: 'handed-escalated-codex' });
    (await q.commandOf('handed-escalated-codex')).succeed();
    await q.replays('alone', 'handed');
  });
});
