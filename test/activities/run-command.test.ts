import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApplicationFailureCategory } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openGroups } from '../../src/tools/process/group.js';
import { sleepers, uniqueSleep, until } from '../support/processes.js';
import { attemptsIn, failureIn, RUN, shell, STEP, workshop, type Workshop } from './steps.js';

let shop: Workshop;
beforeEach(async () => void (shop = await workshop()));
afterEach(() => shop.close());

describe('a command that succeeds', () => {
  test('leaves its output in files, and an attempt that says so', async () => {
    const before = Date.now();
    const told = await shop.sh('echo out; echo err >&2');
    expect(told.kind).toBe('done');
    const [attempt] = attemptsIn(told);
    expect(attempt).toEqual({
      number: 1,
      startedAt: expect.any(Number) as number,
      endedAt: expect.any(Number) as number,
      end: { kind: 'succeeded', exitCode: 0 },
      logs: {
        host: 'test-host',
        stdout: `steps/${STEP}/1.stdout.log`,
        stderr: `steps/${STEP}/1.stderr.log`,
        stdoutBytes: 4,
        stderrBytes: 4,
      },
    });
    expect(attempt!.startedAt).toBeGreaterThanOrEqual(before);
    expect(attempt!.endedAt).toBeGreaterThanOrEqual(attempt!.startedAt);
    expect([shop.read('1.stdout.log'), shop.read('1.stderr.log')]).toEqual(['out\n', 'err\n']);
  });

  test('knows its run, its step, its attempt, and where to write', async () => {
    await shop.sh('echo "$PLANWRIGHT_RUN_ID $PLANWRIGHT_STEP_ID $PLANWRIGHT_ATTEMPT $PLANWRIGHT_OUTPUT"');
    expect(shop.read('1.stdout.log')).toBe(`${RUN} ${STEP} 1 ${join(shop.directory, '1.output.json')}\n`);
  });

  test('runs in its root, or in a folder below it', async () => {
    await shop.sh('pwd');
    expect(shop.read('1.stdout.log')).toBe(`${shop.root}\n`);
    await shop.sh('pwd', { step: 'other' as typeof STEP, work: { cwd: 'home' } });
    expect(readFileSync(join(shop.directory, '../other/1.stdout.log'), 'utf8')).toBe(`${shop.home}\n`);
  });

  test('keeps everything private', async () => {
    await shop.sh('echo secret; echo "{}" > $PLANWRIGHT_OUTPUT');
    for (const folder of [
      shop.home,
      join(shop.home, 'runs', RUN),
      shop.directory,
      join(shop.home, 'running'),
    ]) {
      expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
    }
    for (const file of ['1.stdout.log', '1.stderr.log', '1.json']) {
      expect((statSync(join(shop.directory, file)).mode & 0o777).toString(8)).toBe('600');
    }
  });

  test('is not run again when its answer was lost: the result is', async () => {
    const script = `echo ran >> ${shop.root}/runs; echo '{"v": 7}' > $PLANWRIGHT_OUTPUT`;
    const outputs = { v: { from: 'result', pointer: '/v' } } as const;
    const first = await shop.sh(script, { outputs });
    const again = await shop.sh(script, { outputs }, { attempt: 2 });
    expect(again).toEqual(first);
    expect(readFileSync(`${shop.root}/runs`, 'utf8')).toBe('ran\n');
    expect(again.kind === 'done' && again.done.outputs).toEqual({ v: 7 });
  });
});

describe('a command that fails', () => {
  test('ends the step when no attempt is left', async () => {
    const told = await shop.sh('echo out; echo first >&2; echo "last words" >&2; exit 3');
    expect(failureIn(told)).toEqual({ reason: 'exit-code', exitCode: 3, tail: 'first\nlast words' });
    expect(told).toMatchObject({
      failure: {
        type: 'StepFailed',
        nonRetryable: true,
        message: 'exit code 3',
        category: ApplicationFailureCategory.BENIGN,
      },
    });
  });

  test('is tried again after the delay of its plan while attempts are left', async () => {
    const retry = { maxAttempts: 3, initialIntervalSec: 2, backoffCoefficient: 3, maxIntervalSec: 5 };
    const first = shop.start({ work: shell('exit 1'), retry });
    const one = await first.told;
    expect(one).toMatchObject({ failure: { nonRetryable: false, nextRetryDelay: 2000 } });
    expect(first.beats.at(-1)).toMatchObject({ endings: 1, excused: 0, attempts: [{ number: 1 }] });

    const second = shop.start(
      { work: shell('exit 2'), retry },
      { attempt: 2, heartbeatDetails: first.beats.at(-1) },
    );
    expect(await second.told).toMatchObject({ failure: { nonRetryable: false, nextRetryDelay: 5000 } });

    const third = shop.start(
      { work: shell('exit 3'), retry },
      { attempt: 3, heartbeatDetails: second.beats.at(-1) },
    );
    const last = await third.told;
    expect(last).toMatchObject({ failure: { nonRetryable: true } });
    expect(
      attemptsIn(last).map(({ number, end, logs }) => [
        number,
        end.kind === 'failed' && end.failure,
        logs?.stdout,
      ]),
    ).toEqual(
      [1, 2, 3].map((n) => [
        n,
        { reason: 'exit-code', exitCode: n, tail: '' },
        `steps/${STEP}/${n}.stdout.log`,
      ]),
    );
  });

  test('is not tried again with an exit code that says so', async () => {
    const retry = { maxAttempts: 3, nonRetryableExitCodes: [42] };
    expect(await shop.sh('exit 42', { retry })).toMatchObject({ failure: { nonRetryable: true } });
    // Its worker was killed before the server heard of it: the answer is the same, and nothing is run.
    const again = await shop.sh(`touch ${shop.root}/ran`, { retry }, { attempt: 2 });
    expect(failureIn(again)).toMatchObject({ reason: 'exit-code', exitCode: 42 });
    expect(existsSync(`${shop.root}/ran`)).toBe(false);
  });

  test('with 137 is no command that was killed', async () => {
    expect(failureIn(await shop.sh('exit 137'))).toEqual({ reason: 'exit-code', exitCode: 137, tail: '' });
    const killed = await shop.sh('echo dying; kill -9 $$', { step: 'other' as typeof STEP });
    expect(failureIn(killed)).toEqual({ reason: 'signal', signal: 'SIGKILL', tail: 'dying' });
    expect(killed).toMatchObject({ failure: { message: 'killed by SIGKILL, perhaps out of memory' } });
  });

  test('that cannot start has no logs, says why, and its retries apply', async () => {
    const retry = { maxAttempts: 2 };
    const told = await shop.run({ work: { command: 'frobnicate' }, retry });
    expect(told).toMatchObject({ failure: { nonRetryable: false } });
    expect(failureIn(told)).toEqual({
      reason: 'not-started',
      message: expect.stringContaining('no such command: "frobnicate"') as string,
    });
    expect(attemptsIn(told)[0]?.logs).toBeNull();
    const noFolder = await shop.run({ step: 'other' as typeof STEP, work: { cwd: 'none' } });
    expect(failureIn(noFolder)).toMatchObject({
      message: expect.stringContaining(`${shop.root}/none`) as string,
    });
  });

  test('and never can start is not tried again', async () => {
    const told = await shop.run({ work: { args: ['x'.repeat(200_000)] }, retry: { maxAttempts: 5 } });
    expect(told).toMatchObject({ failure: { nonRetryable: true } });
    expect(failureIn(told)).toMatchObject({ message: expect.stringContaining('E2BIG') as string });
  });
});

describe('the tail of a failed command', () => {
  const tail = async (script: string): Promise<string> => {
    const failure = failureIn(await shop.sh(`${script}\nexit 1`));
    return 'tail' in failure ? failure.tail : '';
  };

  test('is standard output when standard error is blank', async () => {
    expect(await tail('echo "  said  "; printf "\\n \\n" >&2')).toBe('said');
  });

  test('is at most 4 KB, whole characters only', async () => {
    const text = await tail('yes "ä€😀" | head -n 9999 >&2');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect(Buffer.byteLength(text)).toBeGreaterThan(4000);
    expect(/^[ä€😀\n]*$/u.test(text)).toBe(true);
  });

  test('is at most 4 KB of bytes that are no text, too', async () => {
    expect(
      Buffer.byteLength(await tail('head -c 100000 /dev/zero | tr "\\0" "\\377" >&2')),
    ).toBeLessThanOrEqual(4096);
  });
});

describe('the limit of time', () => {
  test('ends the command and everything it started', async () => {
    const name = uniqueSleep();
    const begin = performance.now();
    const told = await shop.sh(
      `echo begun; trap "" TERM; setsid sleep ${name} & sleep ${name}; sleep ${name}`,
      { timeoutSec: 2 },
    );
    const took = performance.now() - begin;
    expect(failureIn(told)).toEqual({ reason: 'timed-out', afterSec: 2, tail: 'begun' });
    expect(sleepers(name)).toEqual([]);
    expect(took).toBeGreaterThan(2_299); // the limit and the grace
    expect(took).toBeLessThan(7_000); // … which is not the one of five seconds, also on a busy machine
  });

  test('is not exceeded by a command that ended in time, however late that was seen', async () => {
    const step = shop.start({ work: shell('sleep 0.5'), timeoutSec: 3 });
    await until('it runs', () => shop.running().length === 1);
    await new Promise(setImmediate); // from here the loop comes to its timers before it hears of ended processes
    const blockedUntil = performance.now() + 4_500;
    while (performance.now() < blockedUntil);
    expect((await step.told).kind).toBe('done');
  });

  test('is not exceeded by a command that ended in time, though its output is still being written', async () => {
    const group = await workshop(
      { env: { PATH: process.env['PATH'], PLANWRIGHT_SECRET_TOKEN: 'x' } },
      async () => openGroups(''),
    );
    // What escapes a group, and writes to the stream for three seconds: the worker waits until it falls silent.
    const writes = `$| = 1; for (1 .. 60) { print "y"; select(undef, undef, undef, 0.05) }`;
    const work = shell(`(env -i setsid /usr/bin/perl -e '${writes}' &); sleep 0.3`, {
      env: { TOKEN: '${TOKEN}' },
    });
    const told = await group.run({ secrets: ['TOKEN'], work, timeoutSec: 2 });
    await group.close();
    const [attempt] = attemptsIn(told);
    expect(attempt!.endedAt - attempt!.startedAt).toBeGreaterThan(2_000);
    expect(attempt!.end).toEqual({ kind: 'succeeded', exitCode: 0 });
  });

  test('may be longer than a timer of Node can count', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', note);
    expect((await shop.sh('sleep 0.1', { timeoutSec: 3_000_000 })).kind).toBe('done');
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  test('a command that ends well after it was told to has still taken too long', async () => {
    const told = await shop.sh('trap "exit 0" TERM; sleep 30 & wait', { timeoutSec: 1 });
    expect(failureIn(told)).toMatchObject({ reason: 'timed-out' });
  });
});

describe('heartbeats', () => {
  test('come at a fixed rate, also from a silent command', async () => {
    const go = join(shop.root, 'go');
    const step = shop.start({ work: shell(`until [ -e ${go} ]; do sleep 0.05; done`) });
    const times: number[] = [];
    step.env.on('heartbeat', () => times.push(performance.now()));
    await until('four have come', () => times.length >= 4);
    writeFileSync(go, '');
    await step.told;
    // One may be late on a busy machine; then the next is early.
    const gaps = times.slice(1).map((time, at) => time - times[at]!);
    expect(Math.min(...gaps)).toBeLessThan(1_500);
    // When it began is what it says of its own clock: whoever follows is told what the record will say.
    const begun = { start: 1, startedAt: expect.any(Number) as number };
    expect(step.beats[0]).toEqual({ endings: 0, excused: 0, attempts: [], running: begun });
  });

  test.each([
    { idempotent: true, ending: [{ number: 1, startedAt: 1_000, end: { kind: 'succeeded' } }] },
    {
      idempotent: false,
      ending: [
        { number: 1, startedAt: 1_000, end: { kind: 'failed', failure: { reason: 'worker-lost' } } },
        { number: 2, end: { kind: 'succeeded' } },
      ],
    },
  ])(
    'an attempt that was begun on a lost worker began then (idempotent: $idempotent)',
    async ({ idempotent, ending }) => {
      const beat = { endings: 0, excused: 0, attempts: [], running: { start: 1, startedAt: 1_000 } };
      const again = shop.start(
        { work: shell('true'), idempotent, retry: { maxAttempts: 2 } },
        { attempt: 2, heartbeatDetails: beat },
      );
      const attempts = attemptsIn(await again.told);
      expect(attempts).toMatchObject(ending);
      if (!idempotent) expect(attempts[1]!.startedAt).toBeGreaterThan(1_000);
    },
  );

  test('have at most 1 KB, whatever was tried', async () => {
    const retry = { maxAttempts: 100 };
    let last: unknown;
    for (let attempt = 1; attempt <= 12; attempt++) {
      const step = shop.start(
        { work: shell('yes ä | head -c 5000 >&2; exit 1'), retry },
        { attempt, heartbeatDetails: last },
      );
      await step.told;
      last = step.beats.at(-1);
      expect(Buffer.byteLength(JSON.stringify(last))).toBeLessThanOrEqual(1024);
      expect(last).toMatchObject({ endings: attempt });
    }
    const { attempts } = last as { attempts: { number: number }[] };
    expect(attempts.at(-1)?.number).toBe(12);
  });
});

describe('a cancel', () => {
  test('ends the command and everything it started, and is told with the attempt', async () => {
    const name = uniqueSleep();
    const step = shop.start({
      work: shell(`echo begun; setsid sleep ${name} & sleep ${name}`),
      retry: { maxAttempts: 3 },
    });
    await until('both sleep', () => sleepers(name).length === 2);
    step.env.cancel();
    const told = await step.told;
    expect(told.kind).toBe('canceled');
    expect(attemptsIn(told)).toMatchObject([
      { number: 1, end: { kind: 'canceled' }, logs: { stdoutBytes: 6 } },
    ]);
    expect(sleepers(name)).toEqual([]);
  });

  test('lets the command clean up within the grace', async () => {
    const patient = await workshop({ graceMs: 60_000 });
    const mark = join(patient.root, 'cleaned');
    const step = patient.start({
      work: shell(`trap "touch ${mark}; exit 0" TERM; touch ${mark}.ready; sleep 30 & wait`),
    });
    await until('it is ready', () => existsSync(`${mark}.ready`));
    step.env.cancel();
    expect(attemptsIn(await step.told)).toMatchObject([{ end: { kind: 'canceled' } }]);
    expect(existsSync(mark)).toBe(true);
    await patient.close();
  });

  test('before the start starts nothing', async () => {
    const step = shop.start({ work: shell(`touch ${shop.root}/ran`) });
    step.env.cancel();
    expect(await step.told).toMatchObject({ kind: 'canceled', ended: { attempts: [], attemptsOmitted: 0 } });
    expect(existsSync(`${shop.root}/ran`)).toBe(false);
  });

  test.each(['NOT_FOUND', 'TIMED_OUT'] as const)('because of %s kills at once', async (reason) => {
    const patient = await workshop({ graceMs: 120_000 });
    const name = uniqueSleep();
    const step = patient.start({ work: shell(`trap "" TERM; sleep ${name}; sleep ${name}`) });
    await until('it sleeps', () => sleepers(name).length === 1);
    const begin = performance.now();
    step.env.cancel(reason);
    const told = await step.told;
    await patient.close();
    expect(performance.now() - begin).toBeLessThan(60_000); // less than the grace
    expect(told).toMatchObject({ kind: 'canceled', failure: { message: reason } });
    expect(sleepers(name)).toEqual([]);
  });

  test.each(['PAUSED', 'RESET', 'WORKER_SHUTDOWN'] as const)(
    'because of %s ends the command, with that reason',
    async (reason) => {
      const name = uniqueSleep();
      const step = shop.start({ work: shell(`sleep ${name}`), idempotent: true });
      await until('it sleeps', () => sleepers(name).length === 1);
      step.env.cancel(reason);
      expect(await step.told).toMatchObject({ kind: 'canceled', failure: { message: reason } });
      expect(step.beats.at(-1)).toMatchObject({ endings: 0, excused: 1 });
      expect(sleepers(name)).toEqual([]);
    },
  );
});

describe('a worker that drains', () => {
  test('gives an idempotent step back, uncounted', async () => {
    const name = uniqueSleep();
    const step = shop.start({ work: shell(`sleep ${name}`), idempotent: true });
    await until('it sleeps', () => sleepers(name).length === 1);
    shop.draining.abort();
    expect(await step.told).toMatchObject({ failure: { type: 'WorkerStopping', nonRetryable: false } });
    expect(step.beats.at(-1)).toMatchObject({ endings: 0, excused: 1 });
    expect(sleepers(name)).toEqual([]);
  });

  test('lets a step that may not be run twice come to its end', async () => {
    const step = shop.start({ work: shell('sleep 0.6; echo finished') });
    await until('it runs', () => shop.running().length === 1);
    shop.draining.abort();
    expect((await step.told).kind).toBe('done');
    expect(shop.read('1.stdout.log')).toBe('finished\n');
  });

  test('starts nothing more, and that is no loss', async () => {
    shop.draining.abort();
    const step = shop.start({ work: shell(`touch ${shop.root}/ran`) });
    expect(await step.told).toMatchObject({ failure: { type: 'WorkerStopping', nonRetryable: false } });
    expect(step.beats.at(-1)).toMatchObject({ excused: 1 });
    expect(existsSync(`${shop.root}/ran`)).toBe(false);
  });

  test('and is made to end kills everything: an attempt of a step that may not be run twice', async () => {
    const name = uniqueSleep();
    const step = shop.start({ work: shell(`trap "" TERM; sleep ${name}; sleep ${name}`) });
    await until('it sleeps', () => sleepers(name).length === 1);
    shop.draining.abort();
    shop.ending.abort();
    const told = await step.told;
    expect(failureIn(told)).toMatchObject({ reason: 'worker-lost' });
    expect(told).toMatchObject({ failure: { nonRetryable: true } });
    expect(sleepers(name)).toEqual([]);
  });
});

describe('starts on disk', () => {
  test('never use a number twice, whatever became of them', async () => {
    await shop.sh('echo one; exit 1', { retry: { maxAttempts: 9 } });
    await shop.run({ work: { command: '/none' }, retry: { maxAttempts: 9 } }, { attempt: 2 });
    await shop.sh('echo three; exit 1', { retry: { maxAttempts: 9 } }, { attempt: 3 });
    expect(readdirSync(shop.directory).sort()).toEqual(
      [
        '1.json',
        '1.stderr.log',
        '1.stdout.log',
        '2.json',
        '2.stdout.log',
        '3.json',
        '3.stderr.log',
        '3.stdout.log',
      ].sort(),
    );
    expect([shop.read('1.stdout.log'), shop.read('3.stdout.log')]).toEqual(['one\n', 'three\n']);
    expect(shop.running()).toEqual([]);
  });

  test('of a step id like a device, or a very long one, are files as any', async () => {
    for (const step of ['CON', 'a'.repeat(128), 'x..y']) {
      expect((await shop.sh('true', { step: step as typeof STEP })).kind).toBe('done');
    }
  });

  test.each(['../up', '.', '..', '', 'a/b', 'a'.repeat(129)])('refuse the step id %j', async (step) => {
    await expect(shop.run({ step: step as typeof STEP })).rejects.toThrow(RangeError);
    await expect(shop.run({ runId: `x/../${step}` })).rejects.toThrow(RangeError);
  });
});

describe('trouble of the machine', () => {
  test('is tried again, uncounted, with a growing delay, and ends the step after the tenth', async () => {
    writeFileSync(join(shop.root, 'home'), 'a file where the state directory should be');
    const first = shop.start({});
    expect(await first.told).toMatchObject({
      failure: { type: 'MachineTrouble', nonRetryable: false, nextRetryDelay: 2000 },
    });
    expect(first.beats.at(-1)).toEqual({ endings: 0, excused: 1, attempts: [] });
    const last = await shop.run(
      {},
      { attempt: 11, heartbeatDetails: { endings: 0, excused: 10, attempts: [] } },
    );
    expect(last).toMatchObject({ failure: { type: 'StepFailed', nonRetryable: true } });
    expect(failureIn(last)).toMatchObject({
      reason: 'infrastructure',
      message: expect.stringContaining('ENOTDIR') as string,
    });
  });

  test('is a state directory that may not be written', async () => {
    if (process.getuid?.() === 0) return; // root may write anywhere
    await shop.sh('true');
    chmodSync(join(shop.home, 'runs', RUN, 'steps'), 0o500);
    expect(await shop.run({ step: 'other' as typeof STEP })).toMatchObject({
      failure: { type: 'MachineTrouble' },
    });
  });
});
