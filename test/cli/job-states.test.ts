/**
 * What is said of jobs in each of their states, by commands that are processes of their own: none of them remembers.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JobStatus, ListedJob, QueueStats } from '../../src/client.js';
import { JOB_STATES, type JobState } from '../../src/job/job.js';
import { processesWith } from '../support/processes.js';
import { jobDocument, writeJob } from './a-job.js';
import { openShop, type Shop } from './a-shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const read = (path: string): string => readFileSync(join(shop.folder, path), 'utf8');

/** The commands, on a queue of its own. */
function on(queue: string) {
  const run = (...argv: string[]) => shop.run('job', ...argv, '--queue', queue);
  const json = async <T>(...argv: string[]): Promise<T> =>
    JSON.parse((await run(...argv, '--json')).out) as T;
  const status = (id: string): Promise<JobStatus> => json<JobStatus>('status', id);
  return {
    ...{ run, json, status },
    file: (id: string, script: string, over: object = {}): string => writeJob(shop.folder, id, script, over),
    held: (id: string): string => writeJob(shop.folder, id, shop.held(id).args[1]!),
    /** Waits for a job to be in a state. */
    becomes: (id: string, state: JobState) =>
      // Not `expect.poll`, which no hook may call.
      vi.waitFor(async () => expect((await status(id)).status).toBe(state), {
        timeout: 120_000,
        interval: 200,
      }),
  };
}

describe('with a job in every state', () => {
  const q = on('states');
  const open: readonly JobState[] = ['running', 'retry', 'queued', 'waiting'];

  beforeAll(async () => {
    writeFileSync(
      join(shop.folder, 'tools.yaml'),
      'tools:\n  robot: { executable: "true", args: [], prompt: none }\n',
    );
    await q.run('submit', q.file('cancelled', 'true'));
    await q.run('cancel', 'cancelled');
    await q.run('submit', q.file('completed', 'true'));
    const twice = q.file('failed', 'exit 3', { metadata: { retry_policy: 'retry_same', max_retries: 2 } });
    await q.run('submit', twice, '--retry', 'immediate');
    const handed = q.file('escalated', 'exit 1', {
      tool: 'aider',
      metadata: { retry_policy: 'escalate_to_robot' },
    });
    await q.run('submit', handed, '--config', 'tools.yaml', '--retry', 'immediate');
    await q.run('workers', '--count', '2', '--detach');
    expect((await q.run('wait', 'completed', 'escalated')).code).toBe(0);
    expect((await q.run('wait', 'failed')).code).toBe(1);
    const far = ['--retry', 'linear', '--base-delay', '600', '--max-delay', '600'];
    const again = q.file('retry', 'exit 1', { metadata: { retry_policy: 'retry_same', max_retries: 1 } });
    await q.run('submit', again, '--priority', 'critical', ...far);
    await q.run('submit', q.held('running'), '--priority', 'high');
    await q.becomes('retry', 'retry');
    await q.becomes('running', 'running');
    await q.run('submit', q.file('queued', 'true'));
    await q.run('submit', q.file('waiting', 'true'), '--depends-on', 'queued', '--priority', 'low');
  });

  test.each(JOB_STATES)('status says "%s", and the list of that state names the job', async (state) => {
    expect(await q.status(state)).toMatchObject({ job_id: state, status: state });
    const names = async (): Promise<string[]> =>
      (await q.json<{ jobs: readonly ListedJob[] }>('list', '--status', state)).jobs.map(
        ({ job_id: id }) => id,
      );
    await expect
      .poll(names, { interval: 200 })
      .toEqual(state === 'completed' ? ['escalated-escalated-robot', state] : [state]);
  });

  test('stats count each job once, in its one state', async () => {
    const one = Object.fromEntries(JOB_STATES.map((state) => [state, 1]));
    await expect
      .poll(() => q.json<QueueStats>('stats'), { interval: 200 })
      .toMatchObject({
        queue: { ...one, completed: 2, total: 9 },
        workers: { running: true, worker_count: 2, active_jobs: ['retry', 'running'] },
      });
  });

  test('a job that has only been submitted has the defaults, and nothing that has not happened', async () => {
    expect(await q.status('queued')).toMatchObject({
      ...{ priority: 'normal', retry_count: 0, depends_on: [] },
      ...{ started_at: null, completed_at: null, exit_code: null, error: null, run_id: null },
    });
  });

  test('a job that failed at the last of its retries says how many there were', async () => {
    expect(await q.status('failed')).toMatchObject({ retry_count: 2, exit_code: 3 });
    expect(await q.status('retry')).toMatchObject({ retry_count: 1, completed_at: null });
  });

  test('each change of state is an event of the job, with its time', async () => {
    const { events, queued_at, started_at, completed_at } = await q.status('failed');
    expect(events.map(({ state, at }) => [state, at])).toEqual([
      ['queued', queued_at],
      ['running', started_at],
      ['failed', completed_at],
    ]);
  });

  test('whatever has not ended can be cancelled, and whatever has ended cannot', async () => {
    // The one that waits first: the end of the one that it waits for would end it, too.
    for (const state of [...open].reverse()) {
      expect(await q.run('cancel', state)).toMatchObject({ code: 0 });
      expect((await q.status(state)).status).toBe('cancelled');
    }
    for (const state of JOB_STATES) expect((await q.run('cancel', state)).code).toBe(1);
    await expect
      .poll(async () => (await q.json<QueueStats>('stats')).queue, { interval: 200 })
      .toEqual({
        ...{ queued: 0, waiting: 0, running: 0, retry: 0 },
        ...{ completed: 2, failed: 1, escalated: 1, cancelled: 5, total: 9 },
      });
  });
});

test('workers that are stopped at once end the command at work, and the job runs again from its beginning', async () => {
  const q = on('forced');
  const script = `echo $$ >> pids; trap '' TERM; ${shop.held('stubborn').args[1]!}`;
  await q.run('submit', q.file('stubborn', script));
  await q.run('workers', '--detach');
  const pids = (): string[] => (existsSync(join(shop.folder, 'pids')) ? read('pids').trim().split('\n') : []);
  await expect.poll(() => pids().length).toBe(1);
  expect(await q.run('workers', '--stop', '--now')).toMatchObject({ code: 0 });
  expect(processesWith(join(shop.folder, 'gates', 'stubborn'))).toEqual([]);
  await q.becomes('stubborn', 'queued');
  shop.release('stubborn');
  await q.run('workers', '--detach');
  expect((await q.run('wait', 'stubborn')).code).toBe(0);
  expect(pids()).toHaveLength(2);
  expect(read('logs/stubborn.run-2.attempt-1.log')).toContain('stubborn goes on');
});

test.each([[[]], [['patient']]])(
  'who only waits leaves with Ctrl-C, and is told: job wait %j',
  async (ids) => {
    const q = on('left');
    await q.run('submit', q.file('patient', 'true')); // no worker: it stays queued
    const waiting = shop.begin(['job', 'wait', ...ids, '--queue', 'left']);
    await waiting.said('1 queued');
    waiting.world.interrupt();
    expect(await waiting.done).toMatchObject({
      code: 1,
      err: expect.stringContaining('no longer waiting; the jobs go on') as string,
    });
    expect((await q.status('patient')).status).toBe('queued');
  },
);

test('a job whose tool is held by hand waits for it, says so, and runs when it is given back', async () => {
  const q = on('breaker');
  writeFileSync(
    join(shop.folder, 'held-tool.yaml'),
    'tools:\n  painter: { executable: sh, args: ["-c", "cp {promptFile} painted"], prompt: file }\n',
  );
  expect((await shop.run('breaker', 'open', 'painter', '--reason', 'an upgrade')).code).toBe(0);
  const short = { env: undefined, command: undefined, paths: undefined };
  const over = { ...short, tool: 'painter', instructions: 'Paint the door.' };
  const submitted = await q.run('submit', q.file('paint', '', over), '--config', 'held-tool.yaml');
  expect(submitted, submitted.err).toMatchObject({ code: 0 });
  await q.run('workers', '--count', '1', '--detach');
  await q.becomes('paint', 'waiting');
  expect((await q.run('status', 'paint')).out).toContain('waits for tool "painter": held by hand');
  await q.run('submit', q.file('beside', 'true'));
  expect((await q.run('wait', 'beside')).code).toBe(0); // it has the place meanwhile
  await shop.run('breaker', 'reset', 'painter', '--reason', 'upgraded');
  expect((await q.run('wait', 'paint')).code).toBe(0);
  expect(read('painted')).toContain('Paint the door.');
});

test('each further try of a job asks whether its tool may be used, and waits until it may', async () => {
  const q = on('gate');
  const script =
    '[ -e failed ] && exit 0; until [ -e gates/fail ]; do sleep 0.05; done; touch failed; exit 1';
  writeFileSync(
    join(shop.folder, 'gate-tool.yaml'),
    `tools:\n  wobbly: { executable: sh, args: ["-c", "${script}", "{promptFile}"], prompt: file }\n`,
  );
  const over = {
    tool: 'wobbly',
    instructions: 'Stand.',
    env: undefined,
    command: undefined,
    paths: undefined,
  };
  const file = q.file('stand', '', { ...over, metadata: { retry_policy: 'retry_same', max_retries: 1 } });
  const submitted = await q.run('submit', file, '--config', 'gate-tool.yaml', '--retry', 'immediate');
  expect(submitted, submitted.err).toMatchObject({ code: 0 });
  await q.run('workers', '--detach');
  await q.becomes('stand', 'running');
  await shop.run('breaker', 'open', 'wobbly', '--reason', 'it wobbles');
  shop.release('fail');
  await vi.waitFor(
    async () =>
      expect((await shop.run('breaker', 'show', 'wobbly', '--json')).out).toContain('"step_id": "job"'),
    { timeout: 60_000, interval: 200 },
  );
  await q.becomes('stand', 'retry');
  const log = (attempt: number): boolean =>
    existsSync(join(shop.folder, `logs/ws-demo/stand.attempt-${attempt}.log`));
  expect([log(1), log(2)]).toEqual([true, false]);
  await shop.run('breaker', 'reset', 'wobbly', '--reason', 'mended');
  expect((await q.run('wait', 'stand')).code).toBe(0);
  expect(await q.status('stand')).toMatchObject({ status: 'completed', retry_count: 1 });
  expect([log(1), log(2)]).toEqual([true, true]);
});

test('whoever submits may be killed while it does: submitting again loses no job and doubles none', async () => {
  const q = on('killed');
  const ids = Array.from({ length: 40 }, (_, at) => `job-${at}`);
  const documents = ids.map((id) => jobDocument(id, `echo ${id} >> journal`));
  writeFileSync(join(shop.folder, 'forty.json'), JSON.stringify(documents));
  const submitter = shop.spawn('job', 'submit', 'forty.json', '--queue', 'killed');
  const gone = new Promise((resolve) => submitter.once('exit', resolve));
  const total = async (): Promise<number> => (await q.json<QueueStats>('stats')).queue.total;
  await expect.poll(total, { interval: 20 }).toBeGreaterThan(0);
  submitter.kill('SIGKILL');
  await gone;
  expect((await q.run('submit', 'forty.json')).code).toBe(0);
  await q.run('workers', '--count', '6', '--detach');
  expect((await q.run('wait', ...ids)).code).toBe(0);
  expect(read('journal').trim().split('\n').sort()).toEqual([...ids].sort());
  expect(await total()).toBe(ids.length);
});

test('prune removes what jobs that have ended left in the state directory, and nothing of one at work', async () => {
  const q = on('pruned');
  await q.run('submit', q.file('over', 'true'));
  await q.run('workers', '--detach');
  expect((await q.run('wait', 'over')).code).toBe(0);
  await q.run('submit', q.held('at-work'));
  await q.becomes('at-work', 'running');
  const [over, atWork] = [(await q.status('over')).run_id!, (await q.status('at-work')).run_id!];
  const folderOf = (run: string): boolean => existsSync(join(shop.home.home, 'runs', run));
  await expect.poll(() => [over, atWork].map(folderOf)).toEqual([true, true]);
  const { removed } = JSON.parse((await shop.run('prune', '--max-size', '0', '--json')).out) as {
    removed: { run_id: string }[];
  };
  expect(removed.map(({ run_id: id }) => id)).toContain(over);
  expect([over, atWork].map(folderOf)).toEqual([false, true]);
  expect(await q.status('over')).toMatchObject({ status: 'completed' }); // the queue remembers it
  shop.release('at-work');
  expect((await q.run('wait', 'at-work')).code).toBe(0);
});
