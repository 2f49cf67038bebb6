/**
 * What a person does to a run of workstreams by hand, from the command line.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '../../src/plan/event.js';
import { openShop, type Shop } from '../cli/a-shop.js';
import { aPlaceIn } from './a-place.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const once = { execution: { max_workers: 3, retry_policy: { max_retries: 0, backoff_seconds: 0 } } };

test('what failed is started again in the same run, lands with what it blocked, and is rolled back through the gates', async () => {
  const key = join(shop.folder, 'key');
  const place = aPlaceIn(
    shop,
    'by-hand',
    [
      { id: 'ws-a', task: `needs:${key}=no write:a.txt=a`, scope: ['a.txt'] },
      { id: 'ws-b', task: 'write:b.txt=b', scope: ['b.txt'], dependsOn: ['ws-a'] },
      { id: 'ws-c', task: `wait:${join(shop.folder, 'gates', 'c')} write:c.txt=c`, scope: ['c.txt'] },
      { id: 'ws-d', task: `wait:${join(shop.folder, 'never')} write:d.txt=d`, scope: ['d.txt'] },
    ],
    { gate: 'true', more: once },
  );
  const { repository, config } = place;
  const running = shop.begin(['workstream', 'run', '--root', repository, '--config', config]);
  await running.said('ws-b  skipped');
  const by = (...words: string[]): ReturnType<Shop['run']> => shop.run('workstream', ...words);
  expect(await by('complete', 'last', 'ws-a', '--reason', 'x')).toMatchObject({
    code: 2,
    err: expect.stringContaining('has ended already: failed'),
  });
  expect(await by('fail', 'last', 'ws-x', '--reason', 'x')).toMatchObject({ code: 2 });
  expect(await by('reset', 'last', 'ws-a')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--reason'),
  });
  writeFileSync(key, '');
  const reset = await by('reset', 'last', 'ws-a', '--clear-retry-count', '--reason', 'the key is there');
  expect(reset, reset.err).toMatchObject({ code: 0, out: expect.stringContaining('ws-a starts again') });
  await running.said('ws-b  succeeded');
  expect((await by('stuck', '--minutes', '60')).out).toBe('nothing is stuck\n');
  expect(await by('complete', 'last', 'ws-d', '--reason', 'done elsewhere')).toMatchObject({ code: 0 });
  shop.release('c');
  const { code, out, err } = await running.done;
  expect(code, `${out}\n${err}`).toBe(0);
  const files = (): string[] =>
    ['a', 'b', 'c', 'd'].filter((name) => existsSync(join(repository, `${name}.txt`)));
  expect(files()).toEqual(['a', 'b', 'c']);
  const events = (await shop.run('events', 'last', '--json')).out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as RunEvent);
  expect(
    events.filter((event) => event.event_type === 'manual_action').map(({ data }) => data),
  ).toMatchObject([
    { step_id: 'ws-a', action: 'reset', reason: 'the key is there', actor: expect.any(String) },
    { step_id: 'ws-d', action: 'complete', reason: 'done elsewhere' },
  ]);

  const back = await by('rollback', 'last', 'ws-c', '--reason', 'it was not wanted');
  expect(back, `${back.out}\n${back.err}`).toMatchObject({ code: 0 });
  expect(files()).toEqual(['a', 'b']);
  expect(place.git('log', '-1', '--format=%s%n%b', 'main')).toMatch(
    /^Roll back ws-c: it was not wanted\n[^]*Planwright-Gate: sound: passed/,
  );
  expect(await by('rollback', 'last', 'rollback-ws-c', '--reason', 'again?')).toMatchObject({ code: 0 });
  expect(files()).toEqual(['a', 'b', 'c']);
  const none = await by('rollback', /workstreams-[0-9a-z]+/.exec(out + err)![0], 'ws-d', '--reason', 'x');
  expect(none).toMatchObject({
    code: 2,
    err: expect.stringContaining('only what has landed is rolled back'),
  });
});

test('what is in quarantine is listed with its kind, what it holds up, and how to bring it back', async () => {
  const place = aPlaceIn(
    shop,
    'quarantine',
    [{ id: 'ws-bad', task: 'write:bad.txt=x', scope: ['bad.txt'] }],
    { gate: '! test -e bad.txt', more: once },
  );
  const run = ['workstream', 'run', '--root', place.repository, '--config', place.config];
  expect((await shop.begin(run).done).code).toBe(1);
  expect((await shop.run('workstream', 'quarantine', 'last')).out).toMatch(
    /^ws-bad {2}gate {2}gate "sound" is red[^]*planwright patch restore \S+\/ws-bad-\S+ <directory>\n$/,
  );
});

test('what landed in a run is rolled back by the retry that took it over, too; a dry run says that it is one', async () => {
  const place = aPlaceIn(
    shop,
    'taken-over',
    [
      { id: 'ws-good', task: 'write:good.txt=x', scope: ['good.txt'] },
      { id: 'ws-away', task: `needs:${join(shop.folder, 'nowhere')}=no`, scope: ['away.txt'] },
    ],
    { gate: 'true', more: once },
  );
  const good = join(place.repository, 'good.txt');
  const run = ['workstream', 'run', '--root', place.repository, '--config', place.config];
  const dry = await shop.begin([...run, '--dry-run']).done;
  expect(dry.err).toContain('a dry run: no tool is called, and nothing lands');
  expect(dry.out).toMatch(/^Dry run {2}planwright workstream show workstreams-/m);
  expect([dry.code, existsSync(good)]).toEqual([0, false]);

  expect((await shop.begin(run).done).code).toBe(1);
  expect((await shop.run('retry', 'last')).code).toBe(1);
  expect((await shop.run('workstream', 'show', 'last')).out).toMatch(/ws-good +landed/);
  expect(existsSync(good)).toBe(true);
  const back = await shop.run('workstream', 'rollback', 'last', 'ws-good', '--reason', 'not wanted');
  expect(back, `${back.out}\n${back.err}`).toMatchObject({ code: 0 });
  expect(existsSync(good)).toBe(false);
});
