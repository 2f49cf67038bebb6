/**
 * Workstreams from the command line to the branch: real worktrees, a tool that really edits files, gates, landing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import type { SetReport } from '../../src/workstream/report/report.js';
import { openShop, type Shop } from '../cli/a-shop.js';
import { processesWith } from '../support/processes.js';
import { aPlaceIn, type Bundle, type Place } from './a-place.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const aPlace = (name: string, bundles: readonly Bundle[], gate: string): Place =>
  aPlaceIn(shop, name, bundles, { gate });

const begin = ({ repository, config }: Place, ...more: string[]): ReturnType<Shop['begin']> =>
  shop.begin(['workstream', 'run', '--root', repository, '--config', config, ...more]);

const reportOf = async (): Promise<SetReport> =>
  JSON.parse((await shop.run('workstream', 'report', 'last', '--json')).out) as SetReport;

test('good patches land in order, a red one is found and kept, a lie is caught, dependents of failures are blocked', async () => {
  const place = aPlace(
    'mixed',
    [
      { id: 'ws-a', task: 'write:a.txt=first', scope: ['a.txt'] },
      {
        id: 'ws-b',
        task: 'write:b.txt=second',
        scope: ['b.txt'],
        dependsOn: ['ws-a'],
        tests: ['test -e a.txt'],
      },
      { id: 'ws-bad', task: 'write:bad.txt=poison', scope: ['bad.txt'] },
      { id: 'ws-lies', task: 'says that it did it', scope: ['never.txt'], tests: ['test -e never.txt'] },
      { id: 'ws-strays', task: 'write:elsewhere.txt=oops', scope: ['only-this.txt'] },
      { id: 'ws-waits', task: 'write:w.txt=x', scope: ['w.txt'], dependsOn: ['ws-lies'] },
    ],
    '! test -e bad.txt',
  );
  const before = place.git('status', '--porcelain');
  const { code, out, err } = await begin(place).done;
  expect(code, `${out}\n${err}`).toBe(1);
  expect(place.git('log', '--format=%s', 'main').split('\n').length).toBe(3);
  expect(readFileSync(join(place.repository, 'b.txt'), 'utf8')).toBe('second\n');
  expect(
    ['bad.txt', 'never.txt', 'elsewhere.txt', 'w.txt'].filter((file) =>
      existsSync(join(place.repository, file)),
    ),
  ).toEqual([]);
  expect(place.git('status', '--porcelain')).toBe(before);

  const report = await reportOf();
  const fates = Object.fromEntries(
    report.workstreams.map(({ id, state, patch }) => [id, patch?.state ?? state]),
  );
  expect(fates).toMatchObject({
    'ws-a': 'committed',
    'ws-b': 'committed',
    'ws-bad': 'quarantined',
    'ws-lies': 'failed',
    'ws-strays': 'quarantined',
    'ws-waits': 'blocked',
  });
  const why = Object.fromEntries(
    report.workstreams.map(({ id, reason, patch }) => [id, reason ?? patch?.reason]),
  );
  expect(why['ws-bad']).toContain('gate "sound" is red');
  expect(why['ws-lies']).toContain('changed nothing');
  expect(why['ws-strays']).toContain('elsewhere.txt');
  expect(why['ws-waits']).toBe('needs "ws-lies", which failed');
  // What was quarantined can be brought back.
  const kept = JSON.parse((await shop.run('patch', 'list', '--root', place.repository, '--json')).out) as {
    id: string;
  }[];
  const poison = kept.find(({ id }) => id.includes('/ws-bad-'))!;
  const to = join(shop.folder, 'brought-back');
  expect(await shop.run('patch', 'restore', poison.id, to, '--root', place.repository)).toMatchObject({
    code: 0,
  });
  expect(readFileSync(join(to, 'bad.txt'), 'utf8')).toBe('poison\n');

  // Run again, what has landed is used again, and lands no second time.
  const again = await shop.run('retry', 'last');
  expect(again.code).toBe(1);
  expect(again.err).toContain('ws-a  kept from');
  expect(again.out).toMatch(/^Report +\S+report\.html$/m);
  expect(place.git('log', '--format=%s', 'main').split('\n').length).toBe(3);
});

test('two that want the same lines: the second is kept with its conflict; nothing of the user moves', async () => {
  const place = aPlace(
    'conflict',
    [
      { id: 'ws-one', task: 'write:shared.txt=of-one', scope: ['shared.txt', 'one/'] },
      { id: 'ws-two', task: 'write:shared.txt=of-two', scope: ['*.txt'] },
    ],
    'true',
  );
  // Both begin from the same base: they are told apart by hand, where the plan would put one after the other.
  const { code } = await begin(place).done;
  const report = await reportOf();
  const landed = report.workstreams.filter(({ patch }) => patch?.state === 'committed').length;
  // In order they do not conflict: the second starts from what the first made.
  expect([code, landed, report.collisions.length]).toEqual([0, 2, 1]);
  expect(readFileSync(join(place.repository, 'shared.txt'), 'utf8')).toBe(
    'one\ntwo\nthree\nof-one\nof-two\n',
  );
});

test('a worker killed while a tool is at work costs nothing but time', async () => {
  const place = aPlace(
    'killed',
    [
      {
        id: 'ws-a',
        task: `write:a.txt=half wait:${join(shop.folder, 'gates', 'tool')} write:a.txt=whole`,
        scope: ['a.txt'],
      },
    ],
    'true',
  );
  const running = begin(place);
  await running.said('ws-a  started');
  const worker = readWorkerRecord(shop.home.home, null)?.worker;
  process.kill(worker!.pid, 'SIGKILL');
  shop.release('tool');
  const { code, out, err } = await running.done;
  expect(code, `${out}\n${err}`).toBe(0);
  expect(readFileSync(join(place.repository, 'a.txt'), 'utf8')).toBe('half\nwhole\n');
  expect(place.git('log', '--format=%s', 'main').split('\n').length).toBe(2);
  expect(processesWith(join(shop.folder, 'killed', 'tool.mjs'))).toEqual([]);
});
