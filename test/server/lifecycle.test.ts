import { Client, Connection } from '@temporalio/client';
import { existsSync } from 'node:fs';
import { expect, inject, onTestFinished, test } from 'vitest';
import { lifeOf } from '../../src/os/process-identity.mjs';
import { countOpen } from '../../src/server/ask.js';
import { down, up } from '../../src/server/lifecycle.js';
import { databaseFile, workerRecordFile } from '../../src/server/paths.js';
import { RUN_WORKFLOW } from '../../src/workflows/api.js';
import { processesWith } from '../support/processes.js';
import { aHome } from './a-home.js';

test('up starts server and worker; a second up changes nothing', async () => {
  const home = await aHome();
  const first = await up(home);
  expect(first).toMatchObject({ target: { embedded: true }, worker: { kind: 'ours', polling: true } });
  const processes = processesWith(home.home);
  expect(await up(home)).toMatchObject({ target: first.target, worker: { started: false, polling: true } });
  expect(processesWith(home.home)).toEqual(processes);
});

test('down stops both, says what was stopped, and counts the runs that will go on', async () => {
  const home = await aHome();
  const { target } = await up(home);
  const connection = await Connection.connect({ address: target.address });
  onTestFinished(() => connection.close());
  // No worker serves this queue: the run stays open.
  await new Client({ connection }).workflow.start(RUN_WORKFLOW, { workflowId: 'open', taskQueue: 'nobody' });
  // Lists lag behind by a moment.
  await expect.poll(() => countOpen(target.address, target.namespace, RUN_WORKFLOW)).toBe(1);
  const server = home.server();
  expect(await down(home, { force: false, keepServer: false })).toEqual({
    workers: [null],
    server,
    openRuns: 1,
    openJobs: 0,
  });
  expect(processesWith(home.home)).toEqual([]);
  expect(existsSync(databaseFile(home.home))).toBe(true);
  expect(await down(home, { force: false, keepServer: false })).toEqual({
    workers: [],
    server: null,
    openRuns: null,
    openJobs: null,
  });
});

test('what down stopped, up brings back with its runs', async () => {
  const home = await aHome();
  const { target } = await up(home);
  const connection = await Connection.connect({ address: target.address });
  onTestFinished(() => connection.close());
  const client = new Client({ connection });
  await client.workflow.start(RUN_WORKFLOW, { workflowId: 'open', taskQueue: 'nobody' });
  await down(home, { force: true, keepServer: false });
  expect((await up(home)).target.address).toBe(target.address);
  expect((await client.workflow.getHandle('open').describe()).status.name).toBe('RUNNING');
});

test('the server can be kept', async () => {
  const home = await aHome();
  await up(home);
  expect(await down(home, { force: false, keepServer: true })).toMatchObject({
    workers: [null],
    server: null,
    openRuns: 0,
    openJobs: 0,
  });
  expect(lifeOf(home.server().process)).toBe('alive');
});

test('with a cluster elsewhere, up starts a worker only, and down stops that and leaves the cluster alone', async () => {
  const home = await aHome({ TEMPORAL_ADDRESS: inject('temporalAddress') });
  const { target, worker } = await up(home);
  expect(target.embedded).toBe(false);
  expect(existsSync(databaseFile(home.home))).toBe(false);
  const cluster = `${inject('temporalAddress')}/default`;
  if (worker.kind === 'elsewhere') return; // another test file's worker serves it just now
  expect(existsSync(workerRecordFile(home.home, cluster))).toBe(true);
  expect(await down(home, { force: false, keepServer: false })).toEqual({
    workers: [cluster],
    server: null,
    openRuns: null,
    openJobs: null,
  });
  expect(processesWith(home.home)).toEqual([]);
});
