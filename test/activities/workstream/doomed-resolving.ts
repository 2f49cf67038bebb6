/**
 * A worker for tests that kill it: resolves the conflicts of one patch.
 *
 * doomed-resolving.mjs HOME TASK, where TASK is a file with the task as JSON
 */
import { readFileSync } from 'node:fs';
import { MockActivityEnvironment } from '@temporalio/testing';
import { workstreamActivities } from '../../../src/activities/workstream/index.js';
import { openContainment } from '../../../src/tools/process/index.js';
import type { ResolveTask } from '../../../src/workflows/landing-api.js';

const [home = '', file = ''] = process.argv.slice(2);
const { resolveForLanding } = workstreamActivities({
  ...{ home, host: 'test-host', env: process.env, bin: null },
  containment: await openContainment(),
  ending: new AbortController().signal,
});
const task = JSON.parse(readFileSync(file, 'utf8')) as ResolveTask;
await new MockActivityEnvironment({ startToCloseTimeoutMs: 600_000 }).run(resolveForLanding, task);
