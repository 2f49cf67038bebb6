import { Client } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
} from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { SdkWorker } from '../../src/worker/sdk-worker.js';

// One worker for all: what one of the workflows does must not touch the others.

const taskQueue = 'endless';
let client: Client;
let close: () => Promise<void>;

beforeAll(async () => {
  // Failed tasks are what is tested.
  const logging = { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) };
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), telemetryOptions: { logging } });
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const workflowsPath = fileURLToPath(new URL('endless.ts', import.meta.url));
  const worker = await SdkWorker.create({
    ...{ connection, taskQueue, activities: {}, isolateExecutionTimeout: 200 },
    workflowBundle: await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') }),
  });
  const running = worker.run();
  client = new Client({ connection });
  close = async () => {
    worker.shutdown();
    await running;
    await connection.close();
  };
});
afterAll(() => close());

test.each(['loopAtOnce', 'loopAfterPromise', 'loopInCondition'])(
  'a workflow that loops for ever fails its task, and the worker goes on with others (%s)',
  async (type) => {
    const endless = await client.workflow.start(type, { taskQueue, workflowId: `${type}-${Date.now()}` });
    await expect
      .poll(async () => failuresOf(await endless.fetchHistory()))
      .toEqual(['Script execution timed out after 200ms']);
    const calm = await client.workflow.start('calm', { taskQueue, workflowId: `calm-${type}-${Date.now()}` });
    expect(await calm.result()).toBe('done');
    await endless.terminate();
  },
);

type History = Awaited<ReturnType<Awaited<ReturnType<Client['workflow']['start']>>['fetchHistory']>>;

const failuresOf = ({ events }: History): (string | null | undefined)[] =>
  (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) => failed?.failure?.message ?? []);
