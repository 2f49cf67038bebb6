/**
 * Leases, choices and dry runs from the command line, on a real server with a real worker.
 */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { LeaseReport } from '../../src/client/leases.js';
import { killIfThere, sleepers, uniqueSleep, until } from '../support/processes.js';
import { jsonLines, openShop, shell, type Answer, type Shop } from './a-shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => shop.close());

const runIdOf = ({ out }: Answer): string => jsonLines(out)[0]!['run_id'] as string;
const leaseOf = async (name: string): Promise<LeaseReport> =>
  JSON.parse((await shop.run('lease', 'show', name, '--json')).out) as LeaseReport;

test('a run that waits for a lease says for whom, wherever one looks', async () => {
  const first = shop.plan('first', [{ id: 'hold', ...shop.held('first') }], { exclusive: ['db'] });
  const holder = runIdOf(await shop.run('start', first, '--detach', '--json'));
  const held = shop.begin(['watch', holder]);
  await held.said('has lease "db"');
  const second = shop.plan('second', [{ id: 'use', ...shell('echo "with $PLANWRIGHT_LEASES"') }], {
    exclusive: ['db'],
  });
  const waiter = runIdOf(await shop.run('start', second, '--detach', '--json'));
  const waiting = shop.begin(['watch', waiter]);
  await waiting.said(`waits for lease "db", held by ${holder}`);
  expect((await shop.run('show', waiter)).out).toMatch(
    new RegExp(`lease +waits for lease "db", held by run ${holder}`),
  );
  // Lists of the server lag behind by a moment.
  await expect
    .poll(async () => (await shop.run('lease', 'list')).out)
    .toMatch(new RegExp(`db  held, 1 waiter\\n.*run ${holder}  for .*\\n.*run ${waiter}  waits for`));
  shop.release('first');
  expect((await held.done).code).toBe(0);
  expect((await waiting.done).code).toBe(0);
  expect((await shop.run('logs', waiter, 'use')).out).toMatch(/with \{"db":\d+\}/);
  expect((await shop.run('show', waiter)).out).toMatch(/lease +"db", after [\d.]+ s of waiting/);
  const told = jsonLines((await shop.run('events', waiter, '--json')).out);
  expect(told.map(({ event_type: type }) => type).slice(0, 5)).toEqual([
    'run_created',
    'run_started',
    'lease_wait',
    'lease_granted',
    'step_started',
  ]);
});

test('a lease is taken away by force, with a reason, and the run that lost it says so', async () => {
  const plan = shop.plan('loser', [{ id: 'hold', ...shop.held('loser') }], { exclusive: ['tape'] });
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  const watching = shop.begin(['watch', runId]);
  await watching.said('has lease "tape"');
  expect((await shop.run('lease', 'release', 'tape')).code).toBe(2); // not without a reason
  const answer = await shop.run('lease', 'release', 'tape', '--reason', 'it is broken');
  expect(answer).toMatchObject({ code: 0, out: `lease "tape" is taken from ${runId}\n` });
  await watching.said(/lease "tape" was taken from it by .*: it is broken/);
  shop.release('loser');
  await watching.done;
  expect((await shop.run('show', runId)).out).toContain('was taken away by');
  expect(await shop.run('lease', 'release', 'tape', '--reason', 'again')).toMatchObject({
    code: 2,
    err: expect.stringContaining('nobody holds the lease "tape"') as string,
  });
});

test('lease run holds a lease as long as the command runs, even without its guard, and no longer', async () => {
  const mark = join(shop.folder, 'begun');
  const long = uniqueSleep();
  const guard = shop.spawn(
    'lease',
    'run',
    'door',
    '--',
    'sh',
    '-c',
    `echo $$ > ${mark}.new; mv ${mark}.new ${mark}; exec sleep ${long}`,
  );
  await until('the command has begun', () => existsSync(mark));
  const command = Number(readFileSync(mark, 'utf8'));
  onTestFinished(() => {
    guard.kill('SIGKILL');
    for (const left of sleepers(long)) killIfThere(left);
  });
  expect((await leaseOf('door')).holders).toHaveLength(1);
  const next = shop.spawn(
    'lease',
    'run',
    'door',
    '--',
    'sh',
    '-c',
    'test -n "$PLANWRIGHT_LEASE_TOKEN"; exit 3',
  );
  await expect.poll(async () => (await leaseOf('door')).waiting.length).toBe(1);
  guard.kill('SIGKILL');
  await once(guard, 'exit'); // its output is the command's, and stays open
  expect((await leaseOf('door')).holders).toHaveLength(1);
  process.kill(command);
  const [code] = (await once(next, 'close')) as [number];
  expect(code).toBe(1);
  await expect.poll(async () => (await leaseOf('door')).holders).toEqual([]);
});

test('a step that asks for a choice takes one that it offers', async () => {
  const plan = shop.plan('choice', [
    {
      id: 'ask',
      uses: 'approval',
      command: undefined,
      args: undefined,
      with: { message: 'Whose?', choices: ['ours', { value: 'theirs', label: 'What they wrote' }] },
    },
    {
      id: 'tell',
      depends_on: ['ask'],
      ...shell('echo "took $1"'),
      args: ['-c', 'echo "took $0"', '${steps.ask.outputs.choice}'],
    },
  ]);
  const runId = runIdOf(await shop.run('start', plan, '--detach', '--json'));
  const watching = shop.begin(['watch', runId]);
  await watching.said('ask  started');
  await watching.said(' left'); // until when an answer counts
  const { out } = await shop.run('show', runId);
  expect(out).toMatch(/ask {2}Whose\?/);
  expect(out).toContain('theirs  What they wrote');
  expect(out).toMatch(/until \d{4}-.* left/);
  expect(out).toContain(`approve ${runId} ask --choice ours|theirs`);
  expect(await shop.run('approve', runId, 'ask', '--choice', 'their')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there are "ours" or "theirs"; did you mean "theirs"?') as string,
  });
  expect(await shop.run('approve', runId, 'ask', '--choice', 'theirs')).toMatchObject({
    code: 0,
    out: `step ask of ${runId} is answered with "theirs"\n`,
  });
  expect((await watching.done).code).toBe(0);
  expect((await shop.run('logs', runId, 'tell')).out).toContain('took theirs');
});

test('a dry run says what would be done, and does nothing', async () => {
  const mark = join(shop.folder, 'done');
  const plan = shop.plan(
    'dry',
    [
      { id: 'a', tags: ['phase:1'], ...shell(`touch ${mark}`) },
      {
        id: 'b',
        depends_on: ['a'],
        tags: ['phase:2'],
        command: 'echo',
        args: ['${WHO}'],
        exclusive: ['x ${WHO}'],
      },
      { id: 'c', depends_on: ['a'], tags: ['phase:2'], condition: 'vars.WHO == "eve"' },
    ],
    { variables: { WHO: { default: 'ann' } } },
  );
  const { code, out } = await shop.run('start', plan, '--dry-run');
  expect(code).toBe(0);
  expect(out).toMatch(/b\n +echo ann\n +holds x ann/);
  expect(out).toMatch(/c {2}would be skipped\n +its condition is false: vars\.WHO == "eve"/);
  const part = JSON.parse(
    (await shop.run('start', plan, '--dry-run', '--only', 'phase:2', '--json')).out,
  ) as object;
  expect(part).toMatchObject({ left_out: ['a'], taken_as_done: ['a'], levels: [[{ id: 'b' }, { id: 'c' }]] });
  writeFileSync(join(shop.folder, 'bad.json'), '{}');
  expect((await shop.run('start', 'bad.json', '--dry-run')).code).toBe(2);
  expect(existsSync(mark)).toBe(false);
});
