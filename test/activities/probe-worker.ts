/**
 * A worker process for tests that kill it.
 *
 * probe-worker.mjs ADDRESS QUEUE BUNDLE HOME: serves until it is killed
 */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { runCommandIn } from '../../src/activities/run-command.js';
import { openContainment } from '../../src/tools/process/index.js';

const [address = '', taskQueue = '', codePath = '', home = ''] = process.argv.slice(2);
const [draining, ending] = [new AbortController(), new AbortController()];
Runtime.install({ logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue,
  workflowBundle: { codePath },
  maxHeartbeatThrottleInterval: 200,
  defaultHeartbeatThrottleInterval: 200,
  stickyQueueScheduleToStartTimeout: 500,
  shutdownGraceTime: '1 minute',
  activities: {
    runCommand: runCommandIn({
      home,
      host: 'test-host',
      containment: await openContainment(),
      env: { PATH: process.env['PATH'] },
      bin: null,
      draining: draining.signal,
      ending: ending.signal,
      drainMs: 100,
    }),
  },
});
process.on('SIGTERM', () => {
  if (draining.signal.aborted) return ending.abort();
  draining.abort();
  worker.shutdown();
});
await worker.run();
await connection.close();
process.exit(0);
