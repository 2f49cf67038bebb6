/**
 * A worker for tests that kill it: does one attempt of a workstream.
 *
 * doomed-attempt.mjs HOME TASK, where TASK is a file with the task as JSON
 */
import { readFileSync } from 'node:fs';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { WorkstreamTask } from '../../../src/activities/workstream/api.js';
import { workstreamActivities } from '../../../src/activities/workstream/index.js';
import { openContainment } from '../../../src/tools/process/index.js';

const [home = '', file = ''] = process.argv.slice(2);
const { runWorkstream } = workstreamActivities({
  ...{ home, host: 'test-host', env: process.env, bin: null },
  containment: await openContainment(),
  ending: new AbortController().signal,
});
const task = JSON.parse(readFileSync(file, 'utf8')) as WorkstreamTask;
await new MockActivityEnvironment({ startToCloseTimeoutMs: 600_000 }).run(runWorkstream, task);
