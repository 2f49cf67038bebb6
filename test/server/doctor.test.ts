import { Connection } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { examine, type Finding } from '../../src/server/doctor.js';
import { up } from '../../src/server/lifecycle.js';
import { until } from '../support/processes.js';
import { aHome } from './a-home.js';

const of = (findings: readonly Finding[], what: string): Finding => {
  const found = findings.find((finding) => finding.what === what);
  if (found === undefined) throw new Error(`nothing was found about "${what}"`);
  return found;
};

test('of a machine on which nothing runs, doctor says what would be used, and starts nothing', async () => {
  const home = await aHome();
  const findings = await examine(home.env);
  expect(of(findings, 'in force')).toMatchObject({
    state: 'ok',
    found: expect.stringContaining('not running'),
  });
  expect(of(findings, 'server program')).toMatchObject({
    state: 'ok',
    found: expect.stringContaining('found by TEMPORAL_CLI_PATH'),
  });
  expect(of(findings, 'background worker').found).toContain('none');
  expect(of(findings, 'state directory').found).toBe(home.home);
  expect(of(findings, 'Node').found).toContain(process.version);
  expect(of(findings, 'git').state).toBe('ok');
  expect(readdirSync(home.home)).toEqual([]);
});

test('of what runs, it names address, versions, worker and settings', async () => {
  const home = await aHome();
  const { worker } = await up(home);
  if (worker.kind !== 'ours') throw new Error('no worker');
  // The worker says that it asks when it begins to; the server knows a moment later.
  const pid = worker.record.worker?.pid;
  await expect
    .poll(async () => of(await examine(home.env), 'workers asking for tasks').found)
    .toContain(`:${pid}`);
  const findings = await examine(home.env);
  const { address, serverVersion } = home.server();
  expect(of(findings, 'in force').found).toContain(`${address}, namespace "default": the embedded server`);
  expect(of(findings, 'connection').found).toContain(`server ${serverVersion} answers`);
  expect(of(findings, 'retention').found).toBe('closed runs stay for 30 days');
  expect(of(findings, 'search attributes').state).toBe('ok');
  expect(of(findings, 'background worker')).toMatchObject({
    state: 'ok',
    found: expect.stringContaining(`process ${pid}`),
  });
  expect(findings.filter(({ state }) => state === 'failure')).toEqual([]);
});

test('of a namespace that is not set up, it says what is missing and how to mend it', async () => {
  const address = inject('temporalAddress');
  const namespace = `doctor-${randomUUID()}`;
  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const home = await aHome({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace });
  const look = (): Promise<readonly Finding[]> => examine(home.env);
  await expect.poll(async () => (await look()).some(({ what }) => what === 'retention')).toBe(true);
  const findings = await look();
  expect(of(findings, 'retention')).toMatchObject({
    state: 'warning',
    remedy: `temporal operator namespace update --namespace ${namespace} --retention 30d`,
  });
  expect(of(findings, 'search attributes')).toMatchObject({
    state: 'warning',
    found: expect.stringContaining('not registered: PlanId'),
  });
  expect(of(findings, 'search attributes').remedy).toContain(
    `--namespace ${namespace} --name PlanId --type Keyword`,
  );
  expect(of(findings, 'workers asking for tasks')).toMatchObject({ state: 'warning' });
});

test('of a cluster that does not answer, it says so', async () => {
  const home = await aHome({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(of(await examine(home.env), 'connection')).toMatchObject({
    state: 'failure',
    found: '127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
  });
});

test('a configuration that cannot be used is a finding, not a crash', async () => {
  const home = await aHome({ TEMPORAL_PROFILE: 'nope', TEMPORAL_CONFIG_FILE: '/nowhere.toml' });
  expect(of(await examine(home.env), 'configuration')).toMatchObject({
    state: 'failure',
    found: expect.stringContaining('/nowhere.toml'),
  });
});

test('a server program that is not there is a warning that says what will happen', async () => {
  const home = await aHome();
  const bare = {
    PLANWRIGHT_HOME: home.home,
    HOME: home.home,
    XDG_CACHE_HOME: join(home.home, 'cache'),
    PATH: join(home.home, 'bin'),
  };
  expect(of(await examine(bare), 'server program')).toMatchObject({
    state: 'warning',
    remedy: expect.stringContaining('install Go'),
  });
  mkdirSync(join(home.home, 'bin'));
  writeFileSync(join(home.home, 'bin', 'go'), '#!/bin/sh\n', { mode: 0o755 });
  expect(of(await examine(bare), 'server program').remedy).toContain('built with Go');
  expect(existsSync(join(home.home, 'cache'))).toBe(false);
});

test('a worker that lost its keeper is a warning', async () => {
  const home = await aHome();
  const { worker } = await up(home);
  if (worker.kind !== 'ours' || worker.record.worker === null) throw new Error('no worker');
  const { keeper, worker: process_ } = worker.record;
  process.kill(process_.pid, 'SIGSTOP'); // it must not see to another keeper at once
  process.kill(keeper.pid, 'SIGKILL');
  await until('the keeper is gone', () => !existsSync(`/proc/${keeper.pid}/exe`));
  const findings = await examine(home.env);
  process.kill(process_.pid, 'SIGKILL');
  expect(of(findings, 'background worker')).toMatchObject({ state: 'warning', remedy: 'planwright up' });
});

test('a state directory that others may enter is a warning', async () => {
  const home = await aHome();
  chmodSync(home.home, 0o755);
  expect(of(await examine(home.env), 'state directory')).toMatchObject({
    state: 'warning',
    remedy: `chmod 700 ${home.home}`,
  });
});

test('containment that is asked for and not there is a failure', async () => {
  const home = await aHome({ PLANWRIGHT_CONTAINMENT: 'magic' });
  expect(of(await examine(home.env), 'how commands are held')).toMatchObject({
    state: 'failure',
    found: expect.stringContaining('"magic"'),
  });
});
