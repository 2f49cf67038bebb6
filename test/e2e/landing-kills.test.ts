/**
 * Landing under fire: a worker killed (`kill -9`) at the moments of it, and two tools that want the same line.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { landingFile } from '../../src/record/landings.js';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import type { LandingReport } from '../../src/workflows/landing-api.js';
import type { SetReport } from '../../src/workstream/report/report.js';
import { openShop, type Shop } from '../cli/a-shop.js';
import { until } from '../support/processes.js';
import { aPlaceIn, type Place } from './a-place.js';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const begin = ({ repository, config }: Place): ReturnType<Shop['begin']> =>
  shop.begin(['workstream', 'run', '--root', repository, '--config', config]);
const reportOf = async (): Promise<SetReport> =>
  JSON.parse((await shop.run('workstream', 'report', 'last', '--json')).out) as SetReport;

const THREE = ['a', 'b', 'c'].map((name) => ({
  ...{ id: `ws-${name}`, task: `write:${name}.txt=${name}`, scope: [`${name}.txt`] },
}));

describe('a worker killed', () => {
  interface Seen {
    readonly place: Place;
    /** Made by the gate while it runs on a tree that holds b.txt. */
    readonly gated: string;
  }
  const moments: Record<string, (seen: Seen) => boolean> = {
    'while a gate runs': ({ gated }) => existsSync(gated),
    'when the first patch has landed, and the next is gated': ({ place, gated }) =>
      existsSync(gated) && commitsOf(place) > 1,
    'as soon as the branch has moved': ({ place }) => commitsOf(place) > 1,
  };
  const commitsOf = ({ git }: Place): number => Number(git('rev-list', '--count', 'main'));

  test.each(Object.entries(moments))('%s loses nothing, and nothing lands twice', async (name, isThen) => {
    const place = (() => {
      const folder = join(shop.folder, name.replace(/\W+/g, '-'));
      const gate = `if test -e b.txt; then touch ${folder}/gated; while ! test -e ${folder}/go; do sleep 0.1; done; fi`;
      return {
        folder,
        ...aPlaceIn(shop, name.replace(/\W+/g, '-'), THREE, { gate, more: { landing: { slots: 2 } } }),
      };
    })();
    const gated = join(place.folder, 'gated');
    const running = begin(place);
    await until(name, () => isThen({ place, gated }));
    process.kill(readWorkerRecord(shop.home.home, null)!.worker!.pid, 'SIGKILL');
    writeFileSync(join(place.folder, 'go'), '');
    const { code, out, err } = await running.done;
    expect(code, `${out}\n${err}`).toBe(0);
    // Each once, in order, and each with its proof.
    const landed = place.git(
      'log',
      '--reverse',
      '--format=%(trailers:key=Planwright-Patch,valueonly)',
      'main',
    );
    expect([...landed.matchAll(/ws-[abc]/g)].map(([id]) => id)).toEqual(['ws-a', 'ws-b', 'ws-c']);
    expect(commitsOf(place)).toBe(4);
    expect(place.git('status', '--porcelain')).toBe('');
    // The gate's work tree that was lost with the worker is gone.
    expect(place.git('worktree', 'list').split('\n')).toHaveLength(1);
    place.git('fsck', '--strict');
  });
});

test('two that start side by side and change the same line: the first lands, the second is kept with the kind of its conflict, a third is not touched by it', async () => {
  // A plain path claims one file where collisions are looked for, and yet its owner may write below it.
  const both = `wait:${join(shop.folder, 'both')}`;
  const place = aPlaceIn(
    shop,
    'same-line',
    [
      { id: 'ws-one', task: `${both} write:docs/page.txt=of-one`, scope: ['docs'] },
      { id: 'ws-two', task: `${both} write:docs/page.txt=of-two`, scope: ['docs/page.txt'] },
      { id: 'ws-three', task: 'write:three.txt=3', scope: ['three.txt'] },
      { id: 'ws-then', task: 'write:then.txt=t', scope: ['then.txt'], dependsOn: ['ws-one'] },
      { id: 'ws-waits', task: 'write:w.txt=w', scope: ['w.txt'], dependsOn: ['ws-two'] },
    ],
    { gate: 'true' },
  );
  const running = begin(place);
  await Promise.all(['ws-one', 'ws-two'].map((id) => running.said(`${id}  started`)));
  writeFileSync(join(shop.folder, 'both'), '');
  expect((await running.done).code).toBe(1);
  const report = await reportOf();
  expect(report.collisions).toEqual([]);
  expect(Object.fromEntries(report.workstreams.map(({ id, patch }) => [id, patch?.state ?? null]))).toEqual({
    'ws-one': 'committed',
    'ws-two': 'quarantined',
    'ws-three': 'committed',
    'ws-then': 'committed',
    'ws-waits': 'validated',
  });
  expect(report.conflicts).toEqual([
    {
      ...{ workstream: 'ws-two', with: [], files: ['docs/page.txt'], kind: 'content', status: 'QUARANTINED' },
      resolved: [],
    },
  ]);
  // The whole of it lies in the run's directory, beside the record.
  const landing = JSON.parse(
    readFileSync(landingFile(shop.home.home, report.runId, 'landing'), 'utf8'),
  ) as LandingReport;
  expect(landing.conflicts).toMatchObject([{ patch: 'ws-two', conflict: { kind: 'content' } }]);
  expect(landing.gateRuns.length).toBe(report.gateRuns.length);
  expect(landing.gateRuns[0]).toMatchObject({ gate: 'sound', result: 'green' });
  expect(place.git('show', 'main:docs/page.txt')).toBe('of-one');
  expect((await shop.run('workstream', 'quarantine', 'last')).out).toMatch(
    /^ws-two {2}conflict {2}[^]*holds up ws-waits\n/,
  );
});
