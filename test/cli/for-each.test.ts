/**
 * Steps made at run time and rounds of a sub-plan, from the command line, with real commands.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import { root } from '../checkout.js';
import { until } from '../support/processes.js';
import { jsonLines, openShop, type Answer, type Shop } from './a-shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => shop.close());

const file = (name: string): string => join(shop.folder, name);
const linesOf = (name: string): string[] => readFileSync(file(name), 'utf8').trim().split('\n');
const retryOf = ({ out }: Answer): string => /planwright retry (\S+)/.exec(out)?.[1] ?? '';
const stateOfRun = async (run: string): Promise<unknown> =>
  (JSON.parse((await shop.run('show', run, '--json')).out) as { state: unknown }).state;

function killWorker(): void {
  const worker = readWorkerRecord(shop.home.home, null)?.worker;
  if (!worker) throw new Error('no worker is there to be killed');
  process.kill(worker.pid, 'SIGKILL');
}

/** list ─► each ─► sum: items are words that another command prints. */
const groupPlan = (name: string, words: readonly string[], inner: object, more: object = {}): string =>
  shop.plan(name, [
    {
      id: 'list',
      ...{ command: 'printf', args: ['%s', JSON.stringify(words)] },
      outputs: { words: { from: 'stdout', pointer: '' } },
    },
    {
      id: 'each',
      uses: 'for_each',
      depends_on: ['list'],
      with: { items: '${steps.list.outputs.words}', max_parallel: 2, ...more, step: inner },
      ...{ command: undefined, args: undefined },
    },
    {
      id: 'sum',
      depends_on: ['each'],
      ...{ command: 'sh', args: ['-c', 'printf "%s\\n" "$1" > sum', 'sh', '${steps.each.outputs.results}'] },
    },
  ]);

describe('for_each', () => {
  test('hostile items reach the command as they are, and no shell reads them', async () => {
    const words = [
      'a b',
      '$(touch hacked)',
      '`touch hacked`',
      '; touch hacked',
      '"\'\\',
      '${item}',
      '*',
      'é\n☃',
    ];
    const inner = {
      command: 'node',
      args: [
        '-e',
        'require("fs").appendFileSync("words", JSON.stringify([process.argv[1], process.env.W]) + "\\n")',
        '${item}',
      ],
      env: { W: '${item}' },
    };
    const { code, out } = await shop.run('start', groupPlan('hostile', words, inner, { max_parallel: 1 }));
    expect([code, out]).toEqual([0, expect.stringContaining('succeeded')]);
    expect(linesOf('words').map((line) => JSON.parse(line) as unknown)).toEqual(
      words.map((word) => [word, word]),
    );
    expect(() => readFileSync(file('hacked'))).toThrow('ENOENT');
  });

  test('a retry does only the items that were not done; results of both runs come together', async () => {
    const script =
      'echo "$1" >> did; [ "$1" != b ] || [ -e mended ] || exit 3; printf "{\\"v\\": \\"$1\\"}" > "$PLANWRIGHT_OUTPUT"';
    const inner = {
      ...{ command: 'sh', args: ['-c', script, 'sh', '${item}'], on_failure: 'skip_dependents' },
      outputs: { v: '/v' },
    };
    const plan = groupPlan('items', ['a', 'b', 'c'], inner);
    const failed = await shop.run('start', plan);
    expect([failed.code, failed.out]).toEqual([
      1,
      expect.stringContaining('step "item-1" failed: exit code 3'),
    ]);
    expect(linesOf('did').sort()).toEqual(['a', 'b', 'c']);
    const run = retryOf(failed);
    expect((await shop.run('graph', run)).out).toMatch(/✖ each +× 3 /);
    expect((await shop.run('show', `${run}~each`)).out).toMatch(/✖ item-1 +each: "b" +exit code 3/);
    expect((await shop.run('logs', run, 'each')).err).toContain(`planwright logs ${run}~each`);

    writeFileSync(file('mended'), '');
    const again = await shop.run('retry', run);
    expect([again.code, again.err]).toEqual([0, expect.stringContaining('step "each": 2 items kept')]);
    expect(linesOf('did').sort()).toEqual(['a', 'b', 'b', 'c']);
    expect(linesOf('sum')).toEqual(['[{"v":"a"},{"v":"b"},{"v":"c"}]']);
    const shown = await shop.run('show', /planwright show (\S+)/.exec(again.out)![1]!);
    expect(shown.out).toMatch(/✔ each +3 items/);
    // What was changed is done anew, all of it.
    writeFileSync(plan, readFileSync(plan, 'utf8').replace('echo', 'echo  '));
    expect((await shop.run('retry', run)).code).toBe(0);
    expect(linesOf('did')).toHaveLength(7);
  });

  test('a worker that is killed costs no item that may be run again', async () => {
    const held = shop.held('kill').args[1]!;
    const inner = { command: 'sh', args: ['-c', `touch working; ${held}`], idempotent: true };
    const running = shop.begin(['start', groupPlan('killed', ['a', 'b', 'c'], inner), '--json']);
    await until('an item is worked on', () => existsSync(file('working')));
    await running.said('"run_id"'); // the command line may hear of it after the worker
    const run = jsonLines(running.world.out.text())[0]!['run_id'] as string;
    killWorker();
    shop.release('kill');
    expect((await running.done).code).toBe(0);
    expect(await stateOfRun(`${run}~each`)).toBe('succeeded');
  });
});

describe('plans/test_fix_verify.json', () => {
  const plan = join(root, 'plans/test_fix_verify.json');
  const loop = (test: string, fix: string, rounds: number): readonly string[] => [
    ...['start', plan, '--var', `TEST=${test}`, '--var', `FIX=${fix}`, '--var', `MAX_ROUNDS=${rounds}`],
  ];

  test('fixes while the test is red, with what the test said, and ends green', async () => {
    const test = 'echo tested >> times; [ -e fixed ] || { echo "line 7 is wrong"; exit 4; }';
    const fix = 'cp "$TEST_OUTPUT" said; [ "$ROUND" = 3 ] && touch fixed; true';
    const { code, out } = await shop.run(...loop(test, fix, 5));
    expect([code, out]).toEqual([0, expect.stringContaining('succeeded')]);
    expect(linesOf('times')).toHaveLength(3);
    expect(linesOf('said')).toEqual(['line 7 is wrong']);
    expect((await shop.run('show', 'last')).out).toMatch(/✔ rounds .* 3 rounds/);
  });

  test('ends failed with the last output when no round is left', async () => {
    const { code, out } = await shop.run(...loop('echo "still $ROUND"; exit 4', 'true', 2));
    expect(code).toBe(1);
    expect(out).toContain('│ still 2');
    expect(out).not.toContain('still 1');
  });

  test('retried after the last round it tests again', async () => {
    const test = 'echo tested >> retried; [ -e mended-code ]';
    expect((await shop.run(...loop(test, 'true', 2))).code).toBe(1);
    writeFileSync(file('mended-code'), '');
    const { code, err } = await shop.run('retry', 'last');
    expect([code, err]).toEqual([0, expect.stringContaining('prepare  kept from')]);
    expect(linesOf('retried')).toHaveLength(3);
  });

  test('does not fix what is green', async () => {
    expect((await shop.run(...loop('true', 'touch was-fixed', 3))).code).toBe(0);
    expect(() => readFileSync(file('was-fixed'))).toThrow('ENOENT');
  });

  test('canceled in the middle of a fix it starts no test any more', async () => {
    const fix = `touch fixing; ${shop.held('fix-held').args[1]!}`;
    const running = shop.begin(loop('echo red >> tests; exit 1', fix, 3));
    await running.said('rounds  started'); // from then on it hears an interrupt
    await until('the fix has begun', () => existsSync(file('fixing')));
    running.world.interrupt();
    expect((await running.done).code).toBe(1);
    expect(linesOf('tests')).toEqual(['red']);
  });

  test.each([
    [['--var', 'TEST=true'], 'variable "FIX" (the fix, a shell line; it reads $TEST_OUTPUT) is required'],
    [['--var', 'TEST=a', '--var', 'FIX=b', '--var', 'MAX_ROUNDS=many'], '"many" is no whole number'],
    [['--var', 'TEST=a', '--var', 'FIX=b', '--var', 'MAX_ROUNDS=101'], '"101" is more than 100'],
  ])('started with %j it is told what is wrong, and nothing starts', async (variables, words) => {
    const { code, err } = await shop.run('start', plan, ...variables);
    expect([code, err]).toEqual([2, expect.stringContaining(words)]);
  });
});
