import { Connection } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import * as server from '../../src/server/ask.js';
import { freePort } from '../../src/server/free-port.js';

// What the SDK sees is the measure: `ask` reads and writes a few fields of the same messages by hand.
const { countOpen, markNamespace, registerSearchAttributes } = server;
/** With more time than a person is kept waiting: for a busy machine. */
const ask = (at: string, namespace: string, timeoutMs = 60_000): Promise<server.Answer> =>
  server.ask(at, namespace, timeoutMs);
const address = inject('temporalAddress');
let sdk: Connection;
beforeAll(async () => {
  sdk = await Connection.connect({ address });
});
afterAll(() => sdk.close());

async function aNamespace(): Promise<string> {
  const namespace = `ask-${randomUUID()}`;
  await sdk.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  return namespace;
}

/** Resolves to the address of a server that a test brought up, and closes it at the end. */
async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a Temporal server says which one it is, as the SDK sees it', async () => {
  const described = await sdk.workflowService.describeNamespace({ namespace: 'default' });
  const answer = await ask(address, 'default');
  expect(answer).toEqual({
    kind: 'answered',
    namespace: {
      id: described.namespaceInfo?.id,
      retentionSec: described.config?.workflowExecutionRetentionTtl?.seconds?.toNumber(),
      searchAttributes: expect.arrayContaining([
        'PlanId',
        'RunState',
        'FailedStep',
        'Repository',
        'Branch',
        'Workstream',
        'Tool',
      ]),
      data: {},
      serverVersion: (await sdk.workflowService.getSystemInfo({})).serverVersion,
    },
  });
});

test('a namespace that is not there is told from a server that is not', async () => {
  expect(await ask(address, 'no-such-namespace')).toEqual({ kind: 'no-namespace' });
  expect(await ask(`127.0.0.1:${await freePort(null)}`, 'default')).toEqual({ kind: 'refused' });
});

test('whoever else listens is a stranger', async () => {
  const chatty = createServer((socket) => socket.on('error', () => {}).end('220 mail.example ready\r\n'));
  const web = createHttpServer((_, response) => response.end('hello'));
  expect(await ask(await listening(chatty), 'default')).toMatchObject({ kind: 'stranger' });
  expect(await ask(await listening(web), 'default')).toMatchObject({ kind: 'stranger' });
});

test('who listens and says nothing is silent, after the time allowed', async () => {
  const mute = createServer((socket) => {
    onTestFinished(() => void socket.destroy());
  });
  expect(await ask(await listening(mute), 'default', 100)).toEqual({ kind: 'silent' });
});

test('a mark and a retention are what the SDK then reads', async () => {
  const namespace = await aNamespace();
  await markNamespace(address, namespace, 30 * 86_400, { 'planwright.test': 'yes', other: 'ä' });
  const { namespaceInfo, config } = await sdk.workflowService.describeNamespace({ namespace });
  expect(namespaceInfo?.data).toEqual({ 'planwright.test': 'yes', other: 'ä' });
  expect(config?.workflowExecutionRetentionTtl?.seconds?.toNumber()).toBe(30 * 86_400);
  expect(await ask(address, namespace)).toMatchObject({
    namespace: { data: { other: 'ä' }, retentionSec: 30 * 86_400 },
  });
});

test('a refused mark is an error that names the namespace', async () => {
  await expect(markNamespace(address, 'no-such-namespace', 1, {})).rejects.toThrow(
    /"no-such-namespace".*not found/,
  );
});

test('search attributes are registered as keywords', async () => {
  const namespace = await aNamespace();
  await registerSearchAttributes(address, namespace, ['First', 'Second']);
  const { customAttributes } = await sdk.operatorService.listSearchAttributes({ namespace });
  expect(customAttributes).toMatchObject({ First: 2, Second: 2 }); // IndexedValueType KEYWORD
});

test('open runs are counted, others not', async () => {
  const namespace = await aNamespace();
  const start = (workflowId: string, type: string): Promise<unknown> =>
    sdk.workflowService.startWorkflowExecution({
      namespace,
      workflowId,
      requestId: workflowId,
      workflowType: { name: type },
      taskQueue: { name: 'nobody' },
    });
  await Promise.all([start('a', 'runPlan'), start('b', 'runPlan'), start('c', 'other')]);
  // Lists lag behind by a moment.
  await expect.poll(() => countOpen(address, namespace, 'runPlan')).toBe(2);
  await sdk.workflowService.terminateWorkflowExecution({ namespace, workflowExecution: { workflowId: 'a' } });
  await expect.poll(() => countOpen(address, namespace, 'runPlan')).toBe(1);
  expect(await countOpen(`127.0.0.1:${await freePort(null)}`, namespace, 'runPlan')).toBeNull();
});
