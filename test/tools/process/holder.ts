/**
 * A worker for tests that kill it: holds one command, with descendants that try to get away, and says when it runs.
 *
 * holder.mjs MODE NAME: the processes are `sleep NAME`
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openContainment, startCommand } from '../../../src/tools/process/index.js';

const [mode, name = ''] = process.argv.slice(2);
const containment = await openContainment({ ...process.env, PLANWRIGHT_CONTAINMENT: mode });
const log = join(tmpdir(), `planwright-holder-${process.pid}.log`);
const tree = await startCommand(containment, {
  command: '/bin/sh',
  args: [
    '-c',
    `sleep $1 & setsid sleep $1 & (setsid sh -c "sleep $1 & exit 0" &); (env -i setsid sleep $1 &)
     trap "" TERM HUP INT; rm -f ${log}; sleep $1; sleep $1`,
    'sh',
    name,
  ],
  shell: false,
  cwd: '/',
  env: { PATH: process.env['PATH'] ?? '' },
  stdout: log,
  stderr: log,
  secrets: [],
  mark: name,
});
if (tree.kind !== 'started') throw new Error(tree.message);
console.log('started');
await tree.ended;
