/**
 * Runs from the command line, on a real server with a real worker.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import { root } from '../checkout.js';
import { sleepers, uniqueSleep, until } from '../support/processes.js';
import { writeJob } from './a-job.js';
import { jsonLines, openShop, shell, type Answer, type Shop } from './a-shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => shop.close());

const runIdOf = ({ out }: Answer): string => jsonLines(out)[0]!['run_id'] as string;
const stateOf = async (run: string): Promise<unknown> =>
  (JSON.parse((await shop.run('show', run, '--json')).out) as { state: unknown }).state;

test('a plan that succeeds ends with 0: its progress as talk, its result as result', async () => {
  const { code, out, err } = await shop.run('start', join(root, 'plans/test_simple.json'));
  expect(code).toBe(0);
  expect(out).toMatch(/^\n✔ succeeded in \d/);
  expect(out).toMatch(
    /Web UI {3}http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/plan-test-simple-/,
  );
  expect(out).toContain('Details  planwright show plan-test-simple-');
  const told = err.split('\n').map((line) => line.replace(/^\[.*?\] /, ''));
  expect(told.indexOf('▶ step1  started')).toBeGreaterThan(0);
  expect(told.indexOf('✔ step1  succeeded')).toBeGreaterThan(told.indexOf('▶ step1  started'));
  expect(told).toContain('✔ step4  succeeded');
});

test('with --json the id comes first, the result last, and every event between them once', async () => {
  const answer = await shop.run('start', join(root, 'plans/test_simple.json'), '--json');
  const lines = jsonLines(answer.out);
  const runId = runIdOf(answer);
  expect(lines[0]).toMatchObject({ type: 'run', plan_id: 'PLAN-TEST-SIMPLE' });
  expect(lines.at(-1)).toMatchObject({
    type: 'result',
    run_id: runId,
    state: 'succeeded',
    exit_code: 0,
    progress: 100,
  });
  const followed = lines.slice(1, -1);
  expect(followed).toHaveLength(11);
  const told = jsonLines((await shop.run('events', runId, '--json')).out);
  const types = told.map(({ event_type: type }) => type);
  expect(types.slice(0, 4)).toEqual(['run_created', 'run_started', 'step_started', 'step_succeeded']);
  // Two side by side: one may have ended before the other begins.
  expect(types.slice(4, 8).sort()).toEqual([
    ...['step_started', 'step_started', 'step_succeeded', 'step_succeeded'],
  ]);
  expect(types.slice(8)).toEqual(['step_started', 'step_succeeded', 'run_completed']);
  const byType = (events: Record<string, unknown>[]): unknown[] =>
    events.map(({ event_type: type, data }) => [type, (data as { step_id?: string }).step_id]).sort();
  expect(byType(followed)).toEqual(byType(told));
});

test('a plan that fails ends with 1: the step, its last words, the whole log, what to do next; a retry keeps what was done', async () => {
  const marker = join(shop.folder, 'times');
  const plan = shop.plan('fails', [
    { id: 'first', ...shell(`echo once >> ${marker}`) },
    {
      id: 'second',
      name: 'The second',
      depends_on: ['first'],
      ...shell(
        `[ -e "${join(shop.folder, 'mended')}" ] || { echo working; printf '\\033[31mno such luck\\033[0m\\n' >&2; exit 3; }`,
      ),
    },
    { id: 'third', depends_on: ['second'] },
  ]);
  const failed = await shop.run('start', plan);
  expect(failed.code).toBe(1);
  expect(failed.out).toContain('✖ failed after');
  expect(failed.out).toContain('  second  The second\n  exit code 3\n');
  expect(failed.out).toContain('  │ no such luck\n');
  const log = /whole log: (\S+)/.exec(failed.out)?.[1] ?? '';
  expect(readFileSync(log, 'utf8')).toBe('\u001b[31mno such luck\u001b[0m\n');
  const runId = /planwright retry (\S+)/.exec(failed.out)?.[1] ?? '';
  expect(failed.out).toContain(`planwright logs ${runId} second`);

  shop.release('../mended');
  const again = await shop.run('retry', runId, '--json');
  expect(again.code).toBe(0);
  expect(jsonLines(again.out)[0]).toMatchObject({ retry_of: runId, reused: ['first'] });
  expect(readFileSync(marker, 'utf8')).toBe('once\n');
  const nothing = await shop.run('retry', runIdOf(again));
  expect([nothing.code, nothing.err]).toEqual([2, expect.stringContaining('there is nothing to run again')]);
});

test('Ctrl-C cancels the run and waits for its end', async () => {
  const plan = shop.plan('interrupted', [{ id: 'long', ...shop.held('interrupted') }]);
  const running = shop.begin(['start', plan]);
  await running.said('long  started');
  running.world.interrupt();
  const { code, out, err } = await running.done;
  expect(err).toContain('canceling: waiting for what runs to end');
  expect([code, out]).toEqual([1, expect.stringContaining('◼ canceled after')]);
  expect(await stateOf('last')).toBe('canceled');
});

test('a second Ctrl-C leaves, and says how to come back', async () => {
  // Deaf to SIGTERM: it takes the grace of five seconds to end.
  const plan = shop.plan('deaf', [
    { id: 'deaf', ...shell("trap '' TERM; echo begun; while :; do sleep 0.1; done") },
  ]);
  const running = shop.begin(['start', plan]);
  await running.said('deaf  started');
  running.world.interrupt();
  running.world.interrupt();
  const { code, err } = await running.done;
  expect(code).toBe(1);
  expect(err).toMatch(/The run is still being canceled\.\n {2}planwright watch deaf-/);
  expect((await shop.run('watch', 'last')).code).toBe(1);
});

test('who only watches leaves with Ctrl-C, and the run goes on', async () => {
  const plan = shop.plan('watched', [{ id: 'long', ...shop.held('watched') }]);
  const started = await shop.run('start', plan, '--detach', '--json');
  const watching = shop.begin(['watch', runIdOf(started)]);
  await watching.said('long  started');
  watching.world.interrupt();
  expect(await watching.done).toMatchObject({
    code: 0,
    err: expect.stringContaining('The run goes on.') as string,
  });
  expect(await stateOf(runIdOf(started))).toBe('running');
  shop.release('watched');
  expect(await shop.run('watch', runIdOf(started))).toMatchObject({
    code: 0,
    out: expect.stringContaining('✔ succeeded') as string,
  });
});

test('on a terminal the progress is drawn, and the cursor comes back', async () => {
  const plan = shop.plan('drawn', [{ id: 'long', name: 'Takes its time', ...shop.held('drawn') }]);
  const running = shop.begin(['start', plan], { terminal: true });
  await running.said('▶ long');
  shop.release('drawn');
  const { code, err } = await running.done;
  expect(code).toBe(0);
  expect(err).toContain('\u001b[?25l');
  expect(err.endsWith('\u001b[?25h')).toBe(true);
  expect(err).toMatch(/✔ long {2}Takes its time +\d/);
});

test('a run is paused, resumed, approved, and a step of it canceled', async () => {
  const plan = shop.plan('steered', [
    { id: 'one', ...shop.held('one') },
    { id: 'two', depends_on: ['one'], on_failure: 'continue', ...shop.held('two') },
    {
      id: 'ask',
      uses: 'approval',
      with: { message: 'Go on?' },
      command: undefined,
      args: undefined,
      depends_on: ['two'],
    },
  ]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  expect((await shop.run('pause', runId, '--reason', 'tea')).code).toBe(0);
  expect(await shop.run('pause', runId)).toMatchObject({
    code: 2,
    err: expect.stringContaining('already paused') as string,
  });
  shop.release('one');
  const watching = shop.begin(['watch', runId]);
  await watching.said('one  succeeded');
  expect((await shop.run('show', runId)).out).toMatch(/paused by .+: tea/);
  expect(JSON.parse((await shop.run('show', runId, '--json')).out)).toMatchObject({
    paused_by: { reason: 'tea' },
  });
  expect((await shop.run('resume', runId)).code).toBe(0);
  await watching.said('two  started');
  expect(await shop.run('cancel', runId, '--step', 'tow')).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean "two"?') as string,
  });
  expect((await shop.run('cancel', runId, '--step', 'two', '--reason', 'enough')).code).toBe(0);
  await watching.said('two  canceled');
  await watching.said('ask  started');
  expect(await shop.run('approve', runId, 'one')).toMatchObject({
    code: 2,
    err: expect.stringContaining('not an approval') as string,
  });
  expect((await shop.run('approve', runId, 'ask', '--reason', 'looks good')).code).toBe(0);
  expect((await watching.done).code).toBe(0);
});

test('canceling a critical step says first that it aborts the run', async () => {
  const plan = shop.plan('critical', [{ id: 'vital', ...shop.held('vital') }]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  const watching = shop.begin(['watch', runId]);
  await watching.said('vital  started');
  const { code, err } = await shop.run('cancel', runId, '--step', 'vital');
  expect([code, err]).toEqual([
    0,
    expect.stringContaining('step "vital" is critical: canceling it aborts the whole run'),
  ]);
  expect((await watching.done).code).toBe(1);
  expect(await stateOf(runId)).toBe('failed');
});

test('cancel waits until all that runs has ended', async () => {
  const plan = shop.plan('ended', [{ id: 'long', ...shop.held('ended') }]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  expect(await shop.run('cancel', runId, '--reason', 'no more')).toMatchObject({
    code: 0,
    out: expect.stringContaining('no more') as string,
  });
  expect(await stateOf(runId)).toBe('canceled');
  expect(await shop.run('cancel', runId)).toMatchObject({
    code: 2,
    err: expect.stringContaining('it has ended already') as string,
  });
});

test('a run is ended without being asked, and so is what it runs', async () => {
  const long = uniqueSleep();
  const plan = shop.plan('forced', [{ id: 'long', ...shell(`exec sleep ${long}`) }]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  await until('it sleeps', () => sleepers(long).length === 1);
  const both = await shop.run('cancel', runId, '--force', '--step', 'long');
  expect([both.code, both.err]).toEqual([2, expect.stringContaining("'--force' cannot be used with")]);
  expect((await shop.run('cancel', runId, '--force', '--reason', 'stuck')).code).toBe(0);
  await until('nothing is left of it', () => sleepers(long).length === 0);
  expect((await shop.run('show', runId)).out).toMatch(/canceled[\s\S]*terminated: stuck \(.+\)/);
});

test('logs are bytes in a pipe, harmless on a terminal, and followed while they grow', async () => {
  const { command, args } = shop.held('noisy');
  const plan = shop.plan('noisy', [
    { id: 'noisy', command, args: [args[0], `printf '\\033[2Jhi\\n'; echo oops >&2; ${args[1]}`] },
  ]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  const following = shop.begin(['logs', runId, 'noisy', '-f', '--stdout']);
  await following.said('noisy has begun');
  expect(following.world.out.text()).not.toContain('goes on');
  shop.release('noisy');
  expect((await following.done).out).toBe('\u001b[2Jhi\nnoisy has begun\nnoisy goes on\n');
  expect((await shop.run('logs', runId, 'noisy', '--stderr')).out).toBe('oops\n');

  const shown = await shop.begin(['logs', runId, 'noisy', '--stdout'], { terminal: true }).done;
  expect(shown.out).toContain('^[[2Jhi\n');
  const raw = await shop.begin(['logs', runId, 'noisy', '--stdout', '--raw'], { terminal: true }).done;
  expect(raw.out).toContain('\u001b[2Jhi\n');
  expect(await shop.run('logs', runId, 'noisi')).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean "noisy"?') as string,
  });
});

test('a secret goes to a file that only its owner reads, and nowhere else', async () => {
  const rest = { variables: { TOKEN: { secret: true } } };
  const env = { TOKEN: '${TOKEN}' };
  const plan = shop.plan(
    'secret',
    [{ id: 'use', env, ...shell('[ "${#TOKEN}" = 12 ] && echo "it is $TOKEN"') }],
    rest,
  );
  const answer = await shop.run('start', plan, '--var', 'TOKEN=s3cr3t-v4lue', '--json');
  expect([answer.code, answer.err]).toEqual([0, '']);
  const directory = join(shop.home.home, 'runs', runIdOf(answer));
  expect(statSync(join(directory, 'secrets.json')).mode & 0o777).toBe(0o600);
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const file = join(name.parentPath, name.name);
    if (name.isFile() && name.name !== 'secrets.json')
      expect(readFileSync(file, 'utf8')).not.toContain('s3cr3t-v4lue');
  }
  expect(answer.out).not.toContain('s3cr3t-v4lue');
  expect((await shop.run('logs', 'last', 'use')).out).toBe('it is ***\n');
});

test('only some steps of a plan are run when that is asked', async () => {
  const plan = shop.plan('slice', [
    { id: 'a', ...shell('exit 9') },
    { id: 'b', depends_on: ['a'] },
  ]);
  expect(await shop.run('start', plan, '--only', 'b')).toMatchObject({
    code: 0,
    err: expect.stringContaining('taken as done: a') as string,
  });
  expect(await shop.run('start', plan, '--only', 'b,c')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no step "c"') as string,
  });
});

test('who reads only the beginning breaks nothing', async () => {
  const child = shop.spawn('events', 'last');
  child.stdout!.destroy();
  let err = '';
  child.stderr!.on('data', (data: Buffer) => (err += data.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, err]).toEqual([0, '']);
});

test('a run goes on when nobody reads any more, and the exit code says how it ended', async () => {
  const plan = shop.plan('unread', [
    { id: 'ends', command: 'sh', args: ['-c', `${shop.held('unread').args[1]!}; exit 3`] },
  ]);
  const child = shop.spawn('start', plan, '--json');
  child.stdout!.destroy();
  child.stderr!.resume();
  const code = new Promise((resolve) => child.on('close', resolve));
  await expect.poll(() => stateOf('last').catch(() => '')).toBe('running');
  shop.release('unread');
  expect(await code).toBe(1);
  expect(await stateOf('last')).toBe('failed');
});

test('SIGINT to the process cancels its run, and the process waits', async () => {
  const plan = shop.plan('signalled', [{ id: 'long', ...shop.held('signalled') }]);
  const child = shop.spawn('start', plan);
  let said = '';
  child.stderr!.on('data', (data: Buffer) => (said += data.toString()));
  await until('the step has started', () => said.includes('long  started'));
  child.kill('SIGINT');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(1);
  expect(await stateOf('last')).toBe('canceled');
});

test('runs are listed newest first, by state and plan', async () => {
  const list = async (...options: string[]): Promise<Record<string, unknown>[]> =>
    JSON.parse((await shop.run('list', '--json', ...options)).out) as Record<string, unknown>[];
  const all = await list();
  const created = all.map((run) => run['created_at'] as string);
  expect(created).toEqual([...created].sort().reverse());
  expect((await list('--state', 'canceled')).every(({ state }) => state === 'canceled')).toBe(true);
  expect(
    (await list('--plan', 'SLICE')).map(({ metadata }) => (metadata as { plan_id: string }).plan_id),
  ).toEqual(['SLICE']);
  expect(await list('--limit', '2')).toHaveLength(2);
  expect((await shop.run('list')).out).toMatch(/^state +run +started +took/);
});

test('a run is followed through the death of the server, the worker and its keeper', async () => {
  const plan = shop.plan('bereft', [{ id: 'long', idempotent: true, ...shop.held('bereft') }]);
  const running = shop.begin(['start', plan]);
  await running.said('long  started');
  const work = (): readonly (number | undefined)[] => {
    const record = readWorkerRecord(shop.home.home, null);
    return [record?.keeper.pid, record?.worker?.pid, shop.home.server().process?.pid];
  };
  const before = work();
  for (const pid of before) process.kill(pid!, 'SIGKILL');
  // On a quick machine all are back before anybody has had to be told.
  const isBack = (): boolean => work().every((pid, index) => pid !== undefined && pid !== before[index]);
  const isTold = (): boolean => /does not answer|waiting for a worker/.test(running.world.err.text());
  await until('the loss is told or made good', () => isTold() || isBack());
  shop.release('bereft');
  expect(await running.done).toMatchObject({
    code: 0,
    out: expect.stringContaining('✔ succeeded') as string,
  });
});

test('an empty name is no run: an unset variable of a shell cancels nothing', async () => {
  const plan = shop.plan('lonely', [{ id: 'long', ...shop.held('lonely') }]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  for (const command of ['cancel', 'pause', 'show', 'logs', 'retry'])
    expect(await shop.run(command, ''), command).toMatchObject({
      code: 2,
      err: expect.stringContaining('the name of a run is empty') as string,
    });
  shop.release('lonely');
  expect(await shop.run('watch', runId)).toMatchObject({ code: 0 });
});

test('logs that are not there are told of, not taken for silence', async () => {
  const plan = shop.plan('talk', [{ id: 'a', ...shell('echo words') }]);
  const runId = runIdOf(await shop.run('start', plan, '--json'));
  const none = await shop.run('logs', runId, 'a', '--attempt', '99');
  expect([none.code, none.err]).toEqual([2, expect.stringContaining('step "a" has no attempt 99: it has 1')]);
  const [log] = JSON.parse((await shop.run('logs', runId, 'a', '--json')).out) as { path: string }[];
  rmSync(log!.path);
  const gone = await shop.run('logs', runId, 'a');
  expect([gone.code, gone.err]).toEqual([2, expect.stringContaining('is not here any more')]);
});

test('a run that failed while it was paused has failed', async () => {
  const plan = shop.plan('halted', [{ id: 'a', ...shell('until [ -e go ]; do sleep 0.05; done; exit 1') }]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  expect(await shop.run('pause', runId)).toMatchObject({ code: 0 });
  writeFileSync(join(shop.folder, 'go'), '');
  expect(await shop.run('watch', runId)).toMatchObject({ code: 1 });
  const { out } = await shop.run('list', '--limit', '1');
  expect(out).toContain('failed');
  expect(out).not.toContain('paused');
});

test('what a step sums up is shown when the run has ended', async () => {
  const script = `echo '{"summary": "three files were mended"}' > "$PLANWRIGHT_OUTPUT"`;
  const plan = shop.plan('summing', [{ id: 'a', ...shell(script), outputs: { summary: '/summary' } }]);
  expect((await shop.run('start', plan)).out).toMatch(/✔ succeeded in .*\n {2}three files were mended\n/);
});

test('without a terminal, too, a question is put, with the way to answer it', async () => {
  const plan = shop.plan('asking', [
    { id: 'ask', uses: 'approval', with: { message: 'Ship it?' }, command: undefined, args: undefined },
  ]);
  const running = shop.begin(['start', plan]);
  await running.said('Ship it?');
  await running.said(/planwright approve asking-\w+ ask/);
  expect(await shop.run('approve', 'last', 'ask')).toMatchObject({ code: 0 });
  expect(await running.done).toMatchObject({ code: 0 });
});

test('what was told of a step that goes on is what the record says in the end', async () => {
  const script = 'echo "the reason is X" >&2; [ -e again ] || { touch again; sleep 0.7; exit 1; }';
  const plan = shop.plan('same', [{ id: 'a', ...shell(script), retries: 1, retry_delay_sec: 2 }]);
  const told = jsonLines((await shop.run('start', plan, '--json')).out).filter(
    ({ type }) => type === 'event',
  );
  const after = jsonLines((await shop.run('events', 'last', '--json')).out);
  const plain = told.map(({ type: _, ...event }) => JSON.stringify(event)).sort();
  expect(plain).toEqual(after.map((event) => JSON.stringify(event)).sort());
  expect(JSON.stringify(told)).toContain('the reason is X');
});

test('when the server is down, records answer; open runs are neither lost nor pruned', async () => {
  const plan = shop.plan('survives', [{ id: 'long', idempotent: true, ...shop.held('survives') }]);
  const openRun = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  const watching = shop.begin(['watch', openRun]);
  await watching.said('long  started');
  watching.world.interrupt();
  await watching.done;
  const closedRun = (
    JSON.parse((await shop.run('list', '--plan', 'SLICE', '--json')).out) as { run_id: string }[]
  )[0]!.run_id;

  expect((await shop.run('job', 'submit', writeJob(shop.folder, 'later', 'true'))).code).toBe(0);
  const stopped = await shop.run('down', '--force');
  expect(stopped.code).toBe(0);
  expect(stopped.out).toContain('1 run is open and will go on');
  expect(stopped.out).toContain('1 job has not ended and will be there again');
  expect((await shop.run('show', closedRun)).out).toContain('✔ succeeded');
  expect(jsonLines((await shop.run('events', closedRun, '--json')).out)).toHaveLength(5);
  expect((await shop.run('watch', closedRun)).out).toContain('✔ succeeded'); // and no server is started for it
  expect(await shop.run('show', openRun)).toMatchObject({
    code: 2,
    err: expect.stringContaining('planwright up') as string,
  });
  expect((await shop.run('list')).out).toContain(openRun);

  const pruned = JSON.parse((await shop.run('prune', '--max-size', '0', '--json')).out) as {
    removed: { run_id: string }[];
    open: number;
  };
  expect(pruned.removed.map((run) => run.run_id)).toContain(closedRun);
  expect(pruned.open).toBe(1);
  expect(existsSync(join(shop.home.home, 'runs', closedRun))).toBe(false);

  expect((await shop.run('up')).code).toBe(0);
  shop.release('survives');
  expect((await shop.run('watch', openRun)).code).toBe(0);
});
