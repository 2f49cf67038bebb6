import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openJobs, type JobManager, type JobStatus } from '../../src/client.js';
import { writeJob } from './a-job.js';
import { openShop, type Shop } from './a-shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const file = (id: string, script: string, over: object = {}): string =>
  writeJob(shop.folder, id, script, over);
const held = (id: string): string => file(id, shop.held(id).args[1]!);
const read = (path: string): string => readFileSync(join(shop.folder, path), 'utf8');
const json = async <T>(...argv: string[]): Promise<T> =>
  JSON.parse((await shop.run(...argv, '--json')).out) as T;
const status = (id: string, queue: string) => json<JobStatus>('job', 'status', id, '--queue', queue);
const isNow = (id: string, queue: string, state: string) =>
  expect.poll(async () => (await status(id, queue)).status, { interval: 200 }).toBe(state);
/** Waits until the server lists a job, too: its lists lag behind what a job says of itself. */
const isListed = (id: string, queue: string, state: string) =>
  expect
    .poll(() => json('job', 'list', '--status', state, '--queue', queue), { interval: 200 })
    .toMatchObject({
      jobs: expect.arrayContaining([expect.objectContaining({ job_id: id })]) as unknown,
    });
/** The library, on a queue of its own. */
const jobsOf = (queue: string, over: object = {}): JobManager =>
  openJobs({ env: shop.home.env, cwd: shop.folder, queue, ...over });

describe('run', () => {
  test('ends with the code of the job, and leaves its log and report', async () => {
    const answer = await shop.run('job', 'run', file('run-3', 'echo out; echo err >&2; exit 3'));
    expect(answer.code).toBe(3);
    expect(answer.out).toMatch(/^✖ failed after [\d.]+ m?s: exit code 3$/m);
    expect(read('logs/run-3.log')).toMatch(
      /^job +run-3\n[^]*--- stdout ---\nout\n\n--- stderr ---\nerr\n\n--- exit code 3 ---\n/,
    );
    expect(JSON.parse(read('logs/run-3.error.json'))).toMatchObject({
      ...{ job_id: 'run-3', tool: 'mechanical', workstream_id: 'ws-demo', exit_code: 3, details: 'err' },
    });
  });

  test("replaces and removes its own logs and reports, and nobody else's files", async () => {
    mkdirSync(join(shop.folder, 'theirs'));
    writeFileSync(join(shop.folder, 'theirs/notes.txt'), 'precious');
    writeFileSync(join(shop.folder, 'theirs/data.json'), '{"precious": true}');
    const paths = {
      ...{ repo_root: '.', working_dir: '.' },
      ...{ log_file: 'theirs/notes.txt', error_report: 'theirs/data.json' },
    };
    expect((await shop.run('job', 'run', file('run-good', 'echo fine', { paths }))).code).toBe(0);
    expect(read('theirs/data.json')).toBe('{"precious": true}');
    const kept = () => readdirSync(join(shop.folder, 'theirs')).filter((name) => name.includes('.before-'));
    expect(kept()).toHaveLength(1);
    expect(read(join('theirs', kept()[0]!))).toBe('precious');
    expect((await shop.run('job', 'run', file('run-bad', 'exit 3', { paths }))).code).toBe(3);
    expect(JSON.parse(read('theirs/data.json'))).toMatchObject({ job_id: 'run-bad' });
    expect(kept().map((name) => read(join('theirs', name)))).toEqual(['{"precious": true}', 'precious']);
    expect(read('theirs/notes.txt')).toMatch(/^job +run-bad\n/); // the log of the other job is a log, and was replaced
  });

  test('of a job that goes well is 0, and there is no report', async () => {
    const { code, out } = await shop.run('job', 'run', '--job-file', file('run-0', 'echo fine'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ job_id: 'run-0', success: true, exit_code: 0, stdout: 'fine\n' });
    expect(existsSync(join(shop.folder, 'logs/run-0.error.json'))).toBe(false);
  });

  test('of a program that is not there is 127, of one that takes too long 124; the log is there all the same', async () => {
    const missing = file('run-missing', '', { command: { exe: 'no-such-program', args: [] } });
    expect((await shop.run('job', 'run', missing)).code).toBe(127);
    expect(read('logs/run-missing.log')).toContain('--- ERROR:');
    const slow = file('run-slow', 'echo begun; sleep 600', { metadata: { timeout_seconds: 3 } });
    expect((await shop.run('job', 'run', slow)).code).toBe(124);
    expect(read('logs/run-slow.log')).toMatch(/begun\n[^]*--- TIMEOUT: it did not end within 3 s ---/);
  });

  test('of tests reports how many failed', async () => {
    const tests = file('run-tests', 'echo "== 2 failed, 5 passed in 1 s =="; exit 1', { tool: 'tests' });
    expect((await shop.run('job', 'run', tests)).code).toBe(1);
    expect(JSON.parse(read('logs/run-tests.error.json'))).toMatchObject({
      test_results: { passed: 5, failed: 2, skipped: 0, errors: 0 },
    });
  });
});

describe('bad input is 2, and nothing is queued:', () => {
  test.each([
    ['a file that is not there', () => ['nowhere.json'], 'there is no file "nowhere.json"'],
    [
      'a priority that is none',
      () => [file('bad-1', 'true'), '--priority', 'urgent'],
      'Allowed choices are critical',
    ],
    [
      'a retry that is none',
      () => [file('bad-1', 'true'), '--retry', 'fsat'],
      'there is no retry preset "fsat"; did you mean "fast"?',
    ],
    [
      'a folder that is not there',
      () => [file('bad-1', 'true'), '--root', 'elsewhere'],
      'there is no such folder',
    ],
    [
      'a circle',
      () => [
        file('bad-1', 'true', { dependencies: ['bad-2'] }),
        file('bad-2', 'true', { dependencies: ['bad-1'] }),
      ],
      'bad-1 → bad-2 → bad-1',
    ],
  ])('%s', async (_, argv, message) => {
    const answer = await shop.run('job', 'submit', ...argv(), '--queue', 'bad');
    expect([answer.code, answer.err]).toEqual([2, expect.stringContaining(message)]);
    expect((await json<{ total: number }>('job', 'list', '--queue', 'bad')).total).toBe(0);
  });

  test('more jobs than a queue takes', async () => {
    const many = Array.from({ length: 10_001 }, (_, at) => ({
      ...{ job_id: `j${at}`, workstream_id: 'ws', tool: 'tests', files: [] },
    }));
    writeFileSync(join(shop.folder, 'many.json'), JSON.stringify(many));
    const answer = await shop.run('job', 'submit', 'many.json', '--queue', 'many');
    expect(answer.code).toBe(2);
    expect(answer.err).toContain(
      'the queue "many" takes 10000 jobs that have not ended: it has 0, and 10001 more are too many',
    );
    expect((await json<{ queue: object }>('job', 'stats', '--queue', 'many')).queue).toMatchObject({
      total: 0,
    });
  });

  test.each(['log_file', 'error_report'])('a folder where its %s belongs', async (field) => {
    mkdirSync(join(shop.folder, 'taken.log'), { recursive: true });
    const paths = {
      ...{ repo_root: '.', working_dir: '.', log_file: 'logs/free.log', error_report: 'logs/free.json' },
      [field]: 'taken.log',
    };
    const path = file('taken', 'touch taken-ran', { paths });
    for (const argv of [
      ['run', path],
      ['submit', path, '--queue', 'taken'],
    ]) {
      const answer = await shop.run('job', ...argv);
      expect(answer.code).toBe(2);
      expect(answer.err).toContain(`"paths.${field}" is "taken.log", and that is a folder`);
    }
    expect(existsSync(join(shop.folder, 'taken-ran'))).toBe(false);
  });

  test('a pipe that nobody writes to, and a link that leads to itself', async () => {
    execFileSync('mkfifo', [join(shop.folder, 'pipe.json')]);
    symlinkSync('loop.json', join(shop.folder, 'loop.json'));
    const pipe = await shop.run('job', 'submit', 'pipe.json');
    expect([pipe.code, pipe.err]).toEqual([2, expect.stringContaining('it is a pipe, not a file')]);
    const loop = await shop.run('job', 'submit', 'loop.json');
    expect([loop.code, loop.err]).toEqual([2, expect.stringContaining('"loop.json" cannot be read')]);
  });

  test.each(['', 'a b', '../q', 'q"'])(
    'a queue that cannot be called so, by any command: %j',
    async (queue) => {
      for (const command of [['list'], ['stats'], ['wait'], ['status', 'x'], ['cancel', 'x'], ['workers']]) {
        const answer = await shop.run('job', ...command, '--queue', queue);
        expect([answer.code, answer.err]).toEqual([2, expect.stringContaining('It must be letters, digits')]);
      }
    },
  );
});

describe('the queue', () => {
  test('is one for all who look: submitted here, run there, canceled by a third', async () => {
    const queue = 'shared';
    const on = (...argv: string[]) => shop.run('job', ...argv, '--queue', queue);
    expect((await on('submit', held('one'), held('two'))).code).toBe(0);
    expect((await on('submit', file('after', 'true', { dependencies: ['two'] }))).code).toBe(0);
    await isNow('after', queue, 'waiting');
    expect((await on('workers', '--count', '1', '--detach')).code).toBe(0);
    await isNow('one', queue, 'running');
    expect((await on('cancel', 'two', '--reason', 'not needed')).out).toBe('cancelled two\n');
    await isNow('after', queue, 'failed');
    expect(await status('after', queue)).toMatchObject({ error: 'dependency "two" was cancelled' });
    expect(await on('cancel', 'two')).toMatchObject({
      code: 1,
      err: expect.stringContaining('has ended already'),
    });
    expect((await on('cancel', 'one')).code).toBe(0); // at work: its command is dead when this returns
    expect(await on('wait')).toMatchObject({ code: 1, out: expect.stringContaining('3 of them badly') });
    // Counts of the server lag behind by a moment.
    await expect
      .poll(() => json('job', 'stats', '--queue', queue))
      .toMatchObject({
        queue: { cancelled: 2, failed: 1, running: 0, total: 3 },
        workers: { running: true, worker_count: 1, active_workers: 0 },
      });
    expect((await on('workers', '--stop')).code).toBe(0);
    expect((await on('status', 'nobody')).code).toBe(1);
  });

  test('takes the same job twice as one, refuses another of its id, and replaces it when forced', async () => {
    const queue = 'same';
    const submit = (...argv: string[]) => shop.run('job', 'submit', ...argv, '--queue', queue);
    const path = file('same-1', 'echo first');
    expect((await submit(path)).out).toContain('queued');
    expect((await submit(path)).out).toContain('is there already');
    file('same-1', 'echo second');
    expect(await submit(path)).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is a job "same-1" already'),
    });
    expect((await submit(path, '--force')).out).toContain('in place of the old one');
    await shop.run('job', 'workers', '--detach', '--queue', queue);
    await isNow('same-1', queue, 'completed');
    expect(read('logs/same-1.log')).toContain('second');
    expect((await submit(path)).out).toContain('is there already');
    expect((await submit(path, '--again')).out).toContain('queued again');
    await shop.run('job', 'wait', 'same-1', '--queue', queue);
    expect(read('logs/same-1.run-2.attempt-1.log')).toContain('second');
    await shop.run('job', 'workers', '--stop', '--queue', queue);
  });

  test('tries a job again as its policy says, keeps the log of each attempt, and hands it on', async () => {
    writeFileSync(
      join(shop.folder, 'tools.yaml'),
      'tools:\n  robot: { executable: sh, args: ["-c", "cp {promptFile} robot-was-told"], prompt: file }\n',
    );
    const queue = 'retries';
    const path = file('again', 'echo attempt $PLANWRIGHT_ATTEMPT; echo broken door >&2; exit 1', {
      tool: 'aider',
      instructions: 'Mend the door.',
      metadata: { retry_policy: 'escalate_to_robot' },
    });
    const submit = [
      'job',
      'submit',
      path,
      '--queue',
      queue,
      '--config',
      'tools.yaml',
      '--retry',
      'immediate',
    ];
    expect(await shop.run(...submit)).toMatchObject({ code: 0 });
    await shop.run('job', 'workers', '--detach', '--queue', queue);
    expect(await shop.run('job', 'wait', 'again', '--queue', queue)).toMatchObject({ code: 0 });
    expect(await status('again', queue)).toMatchObject({
      ...{ status: 'escalated', retry_count: 2, exit_code: 1, escalated_to: 'again-escalated-robot' },
    });
    for (const n of [1, 2, 3]) expect(read(`logs/again.attempt-${n}.log`)).toContain(`attempt ${n}\n`);
    expect(await status('again-escalated-robot', queue)).toMatchObject({
      status: 'completed',
      priority: 'high',
    });
    expect(read('robot-was-told')).toMatch(/Mend the door\.[^]*broken door/);
    await shop.run('job', 'workers', '--stop', '--queue', queue);
  });
});

describe('what is said of a queue', () => {
  test('names it in what is to be typed next', async () => {
    const { err } = await shop.run('job', 'submit', file('said-1', 'exit 1'), '--queue', 'said');
    expect(err).toContain('planwright job workers --queue said');
    const { out } = await shop.run('job', 'workers', '--detach', '--queue', 'said');
    expect(out).toContain('planwright job workers --stop --queue said');
    expect((await shop.run('job', 'wait', 'said-1', '--queue', 'said')).code).toBe(1);
    await isListed('said-1', 'said', 'failed');
  });

  test('tells who waits for all of it of each bad end once, also of those before the wait began', async () => {
    const wait = () => shop.run('job', 'wait', '--queue', 'said');
    // The one that failed in the test before has been waited for by its name only.
    expect(await wait()).toMatchObject({ code: 1, out: expect.stringContaining('  said-1  failed\n') });
    await shop.run('job', 'submit', file('said-2', 'exit 2'), file('said-3', 'true'), '--queue', 'said');
    await isListed('said-2', 'said', 'failed');
    await isListed('said-3', 'said', 'completed');
    const { code, out } = await wait();
    expect([code, out]).toEqual([1, expect.stringMatching(/1 of them badly since .*:\n  said-2  failed\n/)]);
    expect(await wait()).toMatchObject({ code: 0, out: 'all jobs have ended\n' });
  });

  test('forgives a job that failed and has been run again well', async () => {
    const path = file('mended', '[ -e mended ]');
    await shop.run('job', 'submit', path, '--queue', 'said');
    await isNow('mended', 'said', 'failed');
    writeFileSync(join(shop.folder, 'mended'), '');
    await shop.run('job', 'submit', path, '--again', '--queue', 'said');
    expect((await shop.run('job', 'wait', '--queue', 'said')).code).toBe(0);
  });
});

describe('the library', () => {
  test('starts nothing until it is told, waits to the end also when jobs fail, and stops with its scope', async () => {
    await using jobs = jobsOf('lib', { workerCount: 2 });
    await jobs.submitJob(file('lib-good', 'true'), { priority: 'low' });
    await jobs.submitJobDict(JSON.parse(read(file('lib-bad', 'exit 9'))) as object, { priority: 'high' });
    expect(await jobs.isEmpty()).toBe(false);
    expect(await jobs.getJobStatus('lib-good')).toMatchObject({ status: 'queued', started_at: null });
    await expect
      .poll(async () => (await jobs.listJobs()).map(({ job_id: id }) => id))
      .toEqual(['lib-bad', 'lib-good']);
    await jobs.start();
    await jobs.waitAll();
    expect(await jobs.isEmpty()).toBe(true);
    expect(await jobs.getJobStatus('lib-bad')).toMatchObject({
      status: 'failed',
      exit_code: 9,
      priority: 'high',
    });
    expect(await jobs.getJobStatus('nobody')).toBeNull();
    expect(await jobs.cancelJob('lib-bad')).toBe(false);
    await expect.poll(async () => (await jobs.listJobs({ status: 'failed', limit: 1 })).length).toBe(1);
    expect((await jobs.getQueueStats()).retry_policy.maxRetries).toBe(3);
    await expect(jobs.submitJobDict({ tool: 'git' })).rejects.toThrow('job_id');
  });
});
