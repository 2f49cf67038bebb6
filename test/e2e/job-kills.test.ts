/**
 * Jobs whose worker and server are killed while some run and others wait.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobStatus } from '../../src/client.js';
import { readWorkerRecord } from '../../src/server/worker-record.js';
import { openShop, type Shop } from '../cli/a-shop.js';
import { until } from '../support/processes.js';

const JOBS = 9;

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const journal = (): string[] => readFileSync(join(shop.folder, 'journal'), 'utf8').trim().split('\n');

test('jobs survive the death of the worker and of the server: none is lost, none is done twice', async () => {
  writeFileSync(join(shop.folder, 'journal'), '');
  const jobs = Array.from({ length: JOBS }, (_, at) => ({
    ...{ job_id: `job-${at}`, workstream_id: 'ws', tool: 'mechanical', env: {} },
    command: {
      exe: 'sh',
      // The first three are held until the kills are over.
      args: [
        '-c',
        `echo start ${at} >> journal; ${shop.held(`gate-${at}`).args[1]!}; echo end ${at} >> journal`,
      ],
    },
    paths: {
      ...{ repo_root: '.', working_dir: '.' },
      ...{ log_file: `logs/${at}.log`, error_report: `logs/${at}.json` },
    },
    metadata: { retry_policy: 'retry_same', max_retries: 5 }, // with none, one whose worker died would fail
    dependencies: at < 6 ? [] : [`job-${at - 6}`],
  }));
  for (let at = 3; at < JOBS; at += 1) shop.release(`gate-${at}`);
  writeFileSync(join(shop.folder, 'jobs.json'), JSON.stringify(jobs));
  expect((await shop.run('job', 'submit', 'jobs.json')).code).toBe(0);
  expect((await shop.run('job', 'workers', '--count', '3', '--detach')).code).toBe(0);
  const started = (): number => journal().filter((line) => line.startsWith('start')).length;
  await until('three are at work', () => started() === 3);

  process.kill(readWorkerRecord(shop.home.home, null)!.worker!.pid, 'SIGKILL');
  const begun = (at: number): number => journal().filter((line) => line === `start ${at}`).length;
  await until('they were begun again', () => [0, 1, 2].every((at) => begun(at) === 2));
  process.kill(shop.home.server().process.pid, 'SIGKILL');
  const stats = await shop.run('job', 'stats', '--json'); // starts the server again
  expect(JSON.parse(stats.out)).toMatchObject({ queue: { total: JOBS } });
  for (const at of [0, 1, 2]) shop.release(`gate-${at}`);
  expect(await shop.run('job', 'wait')).toMatchObject({
    code: 0,
    err: expect.not.stringContaining('failed') as string,
  });

  const ends = journal().filter((line) => line.startsWith('end'));
  expect(new Set(ends).size).toBe(JOBS);
  for (let at = 0; at < JOBS; at += 1) {
    const answer = await shop.run('job', 'status', `job-${at}`, '--json');
    const { status, events } = JSON.parse(answer.out) as JobStatus;
    expect([status, events.filter(({ state }) => state === 'running').length]).toEqual(['completed', 1]);
    // Each of those that waited ran once, and after what it waited for.
    if (at >= 3) expect(begun(at)).toBe(1);
    if (at >= 6) expect(journal().indexOf(`start ${at}`)).toBeGreaterThan(journal().indexOf(`end ${at - 6}`));
  }
});
