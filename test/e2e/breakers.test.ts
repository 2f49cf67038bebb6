/**
 * A tool that breaks down: over runs and over the death of a worker, from the command line.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BreakerReport } from '../../src/client/workstreams/breakers.js';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import { openShop, type Shop } from '../cli/a-shop.js';
import { aPlaceIn, type Place } from './a-place.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const begin = ({ repository, config }: Place): ReturnType<Shop['begin']> =>
  shop.begin(['workstream', 'run', '--root', repository, '--config', config]);
const breakers = async (): Promise<BreakerReport[]> =>
  JSON.parse((await shop.run('breaker', 'list', '--json')).out) as BreakerReport[];
const retries = { execution: { max_workers: 1, retry_policy: { max_retries: 1, backoff_seconds: 0 } } };

test('a breaker outlives run and worker, holds the next run back, and is reset with a reason', async () => {
  const key = join(shop.folder, 'key');
  const place = aPlaceIn(
    shop,
    'broken',
    [{ id: 'ws-a', task: `needs:${key}=no-key write:a.txt=a`, scope: ['a.txt'] }],
    {
      ...{ gate: 'true', tool: 'brittle' },
      more: { breakers: { failures: 2, open_seconds: 3600 }, ...retries },
    },
  );
  expect((await shop.run('breaker', 'list')).out).toBe('no tool is in trouble\n');
  expect((await begin(place).done).code).toBe(1);
  process.kill(readWorkerRecord(shop.home.home, null)!.worker!.pid, 'SIGKILL');
  await expect.poll(breakers).toMatchObject([{ tool: 'brittle', state: 'open', until: expect.any(String) }]);

  const held = begin(place);
  await held.said('waits for tool "brittle"');
  expect((await shop.run('workstream', 'show', 'last')).out).toMatch(
    /ws-a .*waits for tool "brittle", for .* more/,
  );
  expect((await shop.run('doctor')).out).toContain('brittle: open: it failed too often in a row');
  mkdirSync(shop.folder, { recursive: true });
  writeFileSync(key, '');
  expect(await shop.run('breaker', 'reset', 'brittle')).toMatchObject({ code: 2 });
  const reset = await shop.run('breaker', 'reset', 'brittle', '--reason', 'the key is there');
  expect(reset, reset.err).toMatchObject({ code: 0 });
  const { code, out, err } = await held.done;
  expect(code, `${out}\n${err}`).toBe(0);
  const shown = await shop.run('breaker', 'show', 'brittle');
  expect(shown.out).toMatch(/closed +the key is there/);
  expect(await shop.run('breaker', 'reset', 'brittle', '--reason', 'again')).toMatchObject({ code: 2 });
});

test('a tool that is held by hand starts nothing until it is reset', async () => {
  const place = aPlaceIn(shop, 'by-hand', [{ id: 'ws-a', task: 'write:a.txt=a', scope: ['a.txt'] }], {
    ...{ gate: 'true', tool: 'held-tool', more: retries },
  });
  expect(await shop.run('breaker', 'open', 'held-tool', '--reason', 'an upgrade')).toMatchObject({ code: 0 });
  const running = begin(place);
  await running.said('waits for tool "held-tool": held by hand');
  await shop.run('breaker', 'reset', 'held-tool', '--reason', 'upgraded');
  expect((await running.done).code).toBe(0);
});
