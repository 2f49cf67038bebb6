/**
 * A worker for tests that kill it: does one attempt of a workstream.
 *
 * doomed-attempt.mjs HOME TASK, where TASK is a file with the task as JSON; its newest heartbeat is in TASK.beat.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
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
const env = new MockActivityEnvironment({ startToCloseTimeoutMs: 600_000 });
env.on('heartbeat', (beat: unknown) => {
  writeFileSync(`${file}.draft`, JSON.stringify(beat));
  renameSync(`${file}.draft`, `${file}.beat`);
});
await env.run(runWorkstream, task);
