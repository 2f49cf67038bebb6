import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { NativeConnection, Worker, Runtime, DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { Client } from '@temporalio/client';
import { runCommandIn } from '../../../src/activities/run-command.js';
import { openContainment } from '../../../src/tools/process/index.js';
import { taskOf } from '../steps.js';
import { startDevServer } from '../../../src/server/dev-server.js';
import { freePort } from '../../../src/server/free-port.js';
Runtime.install({ logger: new DefaultLogger('ERROR') });
const folder = mkdtempSync('/tmp/h2bench-');
const port = await freePort(null);
const started = await startDevServer({ program: '/root/.cache/planwright/bin/temporal', database: folder + '/t.db', port, uiPort: await freePort(null), log: folder + '/log' }) as any;
if (started.kind !== 'answers') throw new Error(JSON.stringify(started));
const { code } = await bundleWorkflowCode({ workflowsPath: '/work/main/test/activities/probe-workflow.ts', logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address: '127.0.0.1:' + port });
const real = process.argv[2] !== 'noop';
const containment = await openContainment();
const never = new AbortController().signal;
const runCommand = real ? runCommandIn({ home: folder + '/home', host: 'h', containment, env: { PATH: process.env['PATH'] }, bin: null, draining: never, ending: never }) : async () => ({ attempts: [], attemptsOmitted: 0, outputs: {} });
const worker = await Worker.create({ connection, taskQueue: 'q', workflowBundle: { code }, activities: { runCommand }, maxConcurrentActivityTaskExecutions: 32 });
const client = new Client({ connection });
await worker.runUntil(async () => {
  for (const n of [100, 500, 500]) {
    const cpu0 = process.cpuUsage();
    const t = performance.now();
    await client.workflow.execute('runMany', { taskQueue: 'q', workflowId: 'w' + Math.random(), args: [taskOf('/tmp', { runId: 'r' + Math.floor(Math.random()*1e9) }), n] });
    const ms = performance.now() - t; const c = process.cpuUsage(cpu0);
    console.log(n, (n / ms * 1000).toFixed(0) + '/s', 'worker cpu ms/step', ((c.user + c.system) / 1000 / n).toFixed(2));
  }
});
await containment.close(); await connection.close();
process.kill(started.pid, 'SIGKILL'); rmSync(folder, { recursive: true });
process.exit(0);
