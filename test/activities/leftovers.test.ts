import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { attemptFiles, stepFiles, type Opening } from '../../src/activities/attempt-files.js';
import { sweepOrphans } from '../../src/activities/leftovers.js';
import { identityOf, ownIdentity } from '../../src/os/process-identity.mjs';
import { bundleProgram, type BundledProgram } from '../support/bundled-program.js';
import { processesWith, sleepers, uniqueSleep, until } from '../support/processes.js';
import { attemptsIn, failureIn, RUN, shell, STEP, workshop, type Workshop } from './steps.js';

let program: BundledProgram;
let shop: Workshop;
let name: string;
beforeAll(async () => {
  program = await bundleProgram(fileURLToPath(new URL('doomed-worker.ts', import.meta.url)));
});
afterAll(() => program.remove());
beforeEach(async () => {
  shop = await workshop();
  name = uniqueSleep();
});
afterEach(async () => {
  await shop.close();
  await until('nothing of it is left', () => processesWith(name).length === 0);
});

/** Starts a worker with a step that sleeps in three ways, and waits until it does. */
async function doomed(mode: 'namespace' | 'group', script = ''): Promise<ChildProcess> {
  const whole = `${script}\nsetsid sleep ${name} & (setsid sh -c "sleep ${name} & exit 0" &) ; sleep ${name}; sleep ${name}`;
  const worker = spawn(process.execPath, [program.file, shop.home, shop.root, whole], {
    env: { PATH: process.env['PATH'], PLANWRIGHT_CONTAINMENT: mode },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await until('all three sleep', () => sleepers(name).length === 3);
  await until('its processes are noted', () =>
    openings().some((opening) => opening.includes('startedAt":"')),
  );
  return worker;
}

async function kill(worker: ChildProcess): Promise<void> {
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

const running = (): string => join(shop.home, 'running', '@test-host');
const openings = (): string[] =>
  readdirSync(running()).map((file) => readFileSync(join(running(), file), 'utf8'));

/** A command that fails when anything of the earlier attempt lives. */
const alone = (): ReturnType<typeof shell> => shell(`! ps -eo args= | grep "^sleep ${name}"`);

describe('a worker killed with a command at work', () => {
  test('takes it along, in a namespace', async () => {
    await kill(await doomed('namespace'));
    await until('all are dead', () => sleepers(name).length === 0);
  });

  test('leaves it to the next start of the step, which kills it before it begins', async () => {
    await kill(await doomed('group'));
    expect(sleepers(name).length).toBe(3);
    const told = await shop.run({ work: { command: 'true' }, idempotent: true }, { attempt: 2 });
    expect(sleepers(name)).toEqual([]);
    // Idempotent: the loss has no number and costs no attempt.
    expect(attemptsIn(told)).toMatchObject([
      { number: 1, end: { kind: 'succeeded' }, logs: { stdout: `steps/${STEP}/2.stdout.log` } },
    ]);
  });

  test.each(['namespace', 'group'] as const)(
    'costs an attempt of a step that may not be run twice (%s)',
    async (mode) => {
      await kill(await doomed(mode, 'echo begun'));
      const none = await shop.run({ work: shell(`touch ${shop.root}/ran`) }, { attempt: 2 });
      expect(failureIn(none)).toMatchObject({ reason: 'worker-lost' });
      expect(none).toMatchObject({ failure: { nonRetryable: true, type: 'StepFailed' } });
      expect(attemptsIn(none)).toMatchObject([
        { number: 1, logs: { stdout: `steps/${STEP}/1.stdout.log`, stdoutBytes: 6 } },
      ]);
      expect(readdirSync(shop.root)).not.toContain('ran');
      expect(sleepers(name)).toEqual([]);

      const again = await shop.run({ work: alone(), retry: { maxAttempts: 2 } }, { attempt: 2 });
      expect(attemptsIn(again)).toMatchObject([
        { number: 1, end: { failure: { reason: 'worker-lost' } } },
        { number: 2, end: { kind: 'succeeded' } },
      ]);
    },
  );

  test('may be lost ten times with an idempotent step, and no more', async () => {
    expect((await shop.run({ idempotent: true }, { attempt: 11 })).kind).toBe('done');
    const told = await shop.run({ idempotent: true, step: 'other' as typeof STEP }, { attempt: 12 });
    expect(failureIn(told)).toMatchObject({
      reason: 'worker-lost',
      message: expect.stringContaining('11 times') as string,
    });
  });
});

describe('a worker that starts', () => {
  test('ends what killed workers of its host left running', async () => {
    await kill(await doomed('group'));
    expect(sleepers(name).length).toBe(3);
    expect(await sweepOrphans(shop.home, 'test-host')).toEqual({ ended: 1, trouble: [] });
    expect(sleepers(name)).toEqual([]);
    expect(readdirSync(running())).toEqual([]);
    expect(await sweepOrphans(shop.home, 'test-host')).toEqual({ ended: 0, trouble: [] });
  });

  test('leaves what belongs to a worker that lives, and what is of another host', async () => {
    const worker = await doomed('group');
    expect(await sweepOrphans(shop.home, 'test-host')).toEqual({ ended: 0, trouble: [] });
    expect(await sweepOrphans(shop.home, 'other/host')).toEqual({ ended: 0, trouble: [] });
    expect(sleepers(name).length).toBe(3);
    await kill(worker);
    await sweepOrphans(shop.home, 'test-host');
  });

  test('forgets an entry that its worker was killed over, but not one just being written', async () => {
    mkdirSync(running(), { recursive: true });
    const file = join(running(), 'a.1.json');
    writeFileSync(file, '');
    await sweepOrphans(shop.home, 'test-host');
    expect(readdirSync(running())).toEqual(['a.1.json']);
    const old = Date.now() / 1000 - 120;
    utimesSync(file, old, old);
    await sweepOrphans(shop.home, 'test-host');
    expect(readdirSync(running())).toEqual([]);
  });

  test.each(['namespace', 'group'] as const)(
    "never touches a process that has a dead one's number (%s)",
    async (mode) => {
      const bystander = spawn('sleep', [name], { stdio: 'ignore', detached: true });
      await once(bystander, 'spawn');
      const dead = { ...ownIdentity(), pid: 4_000_000, startedAt: '1' };
      const opening: Opening = {
        ...{ runId: RUN, step: STEP, n: 1, startedAt: 1, mark: 'none', worker: dead, mode, schedule: 's' },
        process: { ...identityOf(bystander.pid ?? 0)!, startedAt: '12345' },
      };
      mkdirSync(running(), { recursive: true });
      const entry = (n: number): string =>
        attemptFiles(stepFiles(shop.home, 'test-host', RUN, STEP), n).running;
      writeFileSync(entry(1), JSON.stringify(opening));
      const otherBoot = {
        ...opening,
        n: 2,
        process: { ...identityOf(bystander.pid ?? 0)!, boot: 'another' },
      };
      writeFileSync(entry(2), JSON.stringify(otherBoot));
      expect(await sweepOrphans(shop.home, 'test-host')).toEqual({ ended: 2, trouble: [] });
      expect(sleepers(name)).toEqual([bystander.pid]);
      expect(shop.running()).toEqual([]);
      bystander.kill('SIGKILL');
      await once(bystander, 'exit');
    },
  );
});

describe('a second start beside the first', () => {
  test.each(['namespace', 'group'])('ends the first, whose word no longer counts (%s)', async (mode) => {
    process.env['PLANWRIGHT_CONTAINMENT'] = mode;
    const own = await workshop();
    delete process.env['PLANWRIGHT_CONTAINMENT'];
    // Temporal thought the worker dead: its event loop had stood still, say.
    const first = own.start({
      work: shell(`trap "" TERM; setsid sleep ${name} & sleep ${name}; exit 0`),
      idempotent: true,
    });
    await until('it runs', () => sleepers(name).length === 2);
    const second = await own.run({ work: alone(), idempotent: true }, { attempt: 2 });
    expect(attemptsIn(second)).toMatchObject([{ number: 1, end: { kind: 'succeeded' } }]);
    expect(await first.told).toMatchObject({ failure: { type: 'Superseded', nonRetryable: false } });
    expect(JSON.parse(own.read('1.json'))).toMatchObject({ end: { kind: 'lost' } });
    await own.close();
  });
});

test('an entry that was cut while it was written is read as far as it goes', async () => {
  const worker = await doomed('group');
  await kill(worker);
  const [file = ''] = readdirSync(running());
  const [first = ''] = readFileSync(join(running(), file), 'utf8').split('\n');
  writeFileSync(join(running(), file), `${first}\n`);
  appendFileSync(join(running(), file), '{"process":{"pid":1');
  expect(await sweepOrphans(shop.home, 'test-host')).toEqual({ ended: 1, trouble: [] });
  expect(sleepers(name)).toEqual([]); // found by its mark
});

test('what another version noted of a start is not read, and its files are left alone', async () => {
  mkdirSync(shop.directory, { recursive: true });
  writeFileSync(join(shop.directory, '4.json'), '{"format":2,"end":"well"}');
  expect((await shop.sh('exit 0', {}, { attempt: 1 })).kind).toBe('done');
  expect(shop.read('4.json')).toBe('{"format":2,"end":"well"}');
  expect(readdirSync(shop.directory)).toContain('5.json');
});
