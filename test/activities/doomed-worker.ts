/**
 * A worker for tests that kill it: runs one step's command, whose script ends with `sleep NAME`.
 *
 * doomed-worker.mjs HOME ROOT SCRIPT
 */
import { MockActivityEnvironment } from '@temporalio/testing';
import { runCommandIn } from '../../src/activities/run-command.js';
import { openContainment } from '../../src/tools/process/index.js';
import { shell, taskOf } from './steps.js';

const [home = '', root = '', script = ''] = process.argv.slice(2);
const never = new AbortController().signal;
const run = runCommandIn({
  home,
  host: 'test-host',
  containment: await openContainment(),
  env: process.env,
  bin: null,
  draining: never,
  ending: never,
});
await new MockActivityEnvironment().run(run, taskOf(root, { work: shell(script), idempotent: true }));
