/**
 * One workstream after the other, by what is noted and what runs know.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, aPlace, type Place } from './a-place.js';
import { jsonLines, openShop, type Answer, type Shop } from './a-shop.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const next = (place: Place, ...more: string[]): Promise<Answer> =>
  shop.run('workstream', 'next', ...at(place), ...more);
const fates = (answer: Answer): Record<string, string> => {
  const last = jsonLines(answer.out).at(-1)! as { workstreams: { id: string; kind: string }[] };
  return Object.fromEntries(last.workstreams.map(({ id, kind }) => [id, kind]));
};
const statuses = async (place: Place): Promise<Record<string, unknown>> => {
  const answer = await shop.run('workstream', 'status', '--json', ...at(place));
  const { workstreams } = JSON.parse(answer.out) as { workstreams: { id: string }[] };
  return Object.fromEntries(workstreams.map((one) => [one.id, one]));
};

test('each lands before the next begins; the first failure stops it; what is done is not done again', async () => {
  // a ─► b, c*, d, and e by hand            * fails
  const place = aPlace(shop, 'line', [
    { id: 'ws-a', task: 'write:ws-a.txt=of-a' },
    { id: 'ws-b', task: 'write:ws-b.txt=of-b', dependsOn: ['ws-a'] },
    { id: 'ws-c', task: 'fail:3', dependsOn: ['ws-b'] },
    { id: 'ws-d', task: 'write:ws-d.txt=of-d', dependsOn: ['ws-b'] },
    { id: 'ws-e', task: 'Ask the lawyers', tool: 'manual' },
  ]);
  const dry = await next(place, '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.out).toMatch(/ws-e +manual +its tool is "manual": it is done by hand/);
  expect(dry.out).toContain('4 to be run, 1 manual');
  expect(place.git('log', '--format=%s').split('\n')).toHaveLength(1);

  const first = await next(place, '--json');
  expect(first.code, first.err).toBe(1);
  expect(fates(first)).toEqual({
    ...{
      'ws-a': 'succeeded',
      'ws-b': 'succeeded',
      'ws-c': 'failed',
      'ws-d': 'not-reached',
      'ws-e': 'manual',
    },
  });
  expect(place.git('log', '--format=%s').split('\n')).toHaveLength(3);
  expect(await statuses(place)).toMatchObject({
    'ws-a': { status: 'completed', source: 'run' },
    'ws-c': { status: 'failed', message: expect.stringContaining('exit code 3') as string },
    'ws-d': { status: 'not_started' },
  });

  // What a person notes counts: c is done by hand, so only d is left.
  const noted = ['--update', 'ws-c', 'completed', 'by hand'];
  expect(await shop.run('workstream', 'status', ...at(place), ...noted)).toMatchObject({ code: 0 });
  const second = await next(place, '--json');
  expect(second.code, second.err).toBe(0);
  expect(fates(second)).toEqual({
    ...{
      'ws-a': 'completed',
      'ws-b': 'completed',
      'ws-c': 'completed',
      'ws-d': 'succeeded',
      'ws-e': 'manual',
    },
  });
  const third = await next(place);
  expect(third.code).toBe(0);
  expect(third.out).toContain('4 completed before, 1 manual');
});

test('one alone waits for what it depends on, and is named by the beginning of its id; force goes on after failures', async () => {
  const place = aPlace(shop, 'forced', [
    { id: 'ws-next-001-store', task: 'fail:1' },
    { id: 'ws-next-002-search', task: 'write:ws-next-002-search.txt=x', dependsOn: ['ws-next-001-store'] },
  ]);
  const waits = await next(place, '--workstream', 'ws-next-002');
  expect(waits.code).toBe(1);
  expect(waits.out).toMatch(/ws-next-002-search +blocked +waits for "ws-next-001-store" \(not_started\)/);
  const slip = await next(place, '--workstream', 'ws-next-003');
  expect([slip.code, slip.err]).toEqual([2, expect.stringContaining('did you mean')]);
  const forced = await next(place, '--force', '--json');
  expect(forced.code).toBe(1);
  expect(fates(forced)).toEqual({ 'ws-next-001-store': 'failed', 'ws-next-002-search': 'succeeded' });
  expect(existsSync(join(place.repository, 'ws-next-002-search.txt'))).toBe(true);
});

test('while a run is at a workstream its status says so, whatever was noted, and nobody else takes it', async () => {
  const gate = join(shop.folder, 'gates', 'tool');
  const place = aPlace(shop, 'live', [{ id: 'ws-a', task: `write:ws-a.txt=x wait:${gate}` }]);
  const noted = ['--update', 'ws-a', 'completed', 'too early'];
  await shop.run('workstream', 'status', ...at(place), ...noted, '--file', join(shop.folder, 'noted.json'));
  const running = shop.begin(['workstream', 'run', ...at(place)]);
  await running.said('ws-a  started');
  // Lists of the server lag behind by a moment.
  const report = (): Promise<Answer> =>
    shop.run(
      ...['workstream', 'status', '--report', ...at(place), '--file', join(shop.folder, 'noted.json')],
    );
  await expect.poll(async () => (await report()).out).toMatch(/ws-a +in_progress +at work +run workstreams-/);
  expect((await next(place, '--force', '--dry-run')).out).toMatch(
    /ws-a +at work +run workstreams-\S+ is at it/,
  );
  shop.release('tool');
  expect((await running.done).code).toBe(0);
  expect(await statuses(place)).toMatchObject({ 'ws-a': { status: 'completed', source: 'run' } });
});

test('a person may be asked of each: run it, edit it, skip it, mark it as done, or quit', async () => {
  // a ─► c, b, d*, e by hand, f            * fails
  const place = aPlace(shop, 'asked', [
    { id: 'ws-a', task: 'write:ws-a.txt=of-a' },
    { id: 'ws-b', task: 'write:ws-b.txt=of-b' },
    { id: 'ws-c', task: 'write:ws-c.txt=of-c', dependsOn: ['ws-a'] },
    { id: 'ws-d', task: 'fail:3' },
    { id: 'ws-e', task: 'Ask the lawyers', tool: 'manual' },
    { id: 'ws-f', task: 'write:ws-f.txt=of-f' },
  ]);
  const ask = (answers: readonly string[], ...more: string[]) =>
    shop.begin(['workstream', 'next', '--interactive', ...at(place), ...more], { answers }).done;
  const unasked = await next(place, '--interactive');
  expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('needs a terminal')]);

  const first = await ask(['s', 'what?', 'run', 'e', 'n', 'q'], '--output', 'results.json');
  expect(first.code, first.err).toBe(0);
  expect(first.err).toContain('one of the letters in brackets, please');
  expect(first.out).toMatch(/ws-c +blocked +waits for "ws-a"/); // it was skipped
  expect(JSON.parse(readFileSync(join(shop.folder, 'results.json'), 'utf8'))).toMatchObject({
    ...{ completed: 1, skipped: 5, total: 6 },
    results: expect.arrayContaining([
      { id: 'ws-b', kind: 'succeeded', reason: expect.any(String) as string },
      { id: 'ws-d', kind: 'skipped', reason: 'you left it undone' },
      { id: 'ws-e', kind: 'not-reached', reason: 'you quit' },
    ]) as object[],
  });
  expect(place.git('ls-tree', '--name-only', 'main')).toContain('ws-b.txt');

  const second = await ask(['d', 'r', 'r', 'e', 'y'], '--json');
  expect(fates(second)).toMatchObject({
    ...{ 'ws-a': 'by-hand', 'ws-b': 'completed', 'ws-d': 'failed', 'ws-e': 'by-hand' },
    ...{ 'ws-f': 'not-reached', 'ws-c': 'not-reached' }, // nobody answers any more
  });
  expect(second.code).toBe(1);
  expect(await statuses(place)).toMatchObject({
    'ws-a': { status: 'completed', source: 'manual', message: 'marked as done' },
    'ws-e': { status: 'completed', source: 'manual', message: 'edited by hand' },
  });
});
