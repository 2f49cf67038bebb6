/**
 * Runs commands as whoever starts it and prints what became of them, for a test that starts it as another user.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openContainment, startCommand } from '../../../src/tools/process/index.js';

const folder = mkdtempSync(join(tmpdir(), 'planwright-unprivileged-'));
const containment = await openContainment();
const run = async (script: string): Promise<{ end: unknown; out: string }> => {
  const [stdout, stderr] = [join(folder, 'out'), join(folder, 'err')];
  rmSync(stdout, { force: true });
  const tree = await startCommand(containment, {
    command: '/bin/sh',
    args: ['-c', script],
    shell: false,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdout,
    stderr,
    secrets: [],
    mark: 'unprivileged',
  });
  const end: unknown = tree.kind === 'started' ? await tree.ended : tree;
  return { end, out: readFileSync(stdout, 'utf8') };
};
const [sleep = ''] = process.argv.slice(2);
const mounting = await run(
  'mount -t tmpfs planwright-test /mnt && grep -c planwright-test /proc/self/mounts',
);
const results = {
  mounting: { ...mounting, outside: readFileSync('/proc/self/mounts', 'utf8').includes('planwright-test') },
  mode: containment.mode,
  why: containment.why,
  ids: await run('id -u; id -g; echo $$'),
  rights: await run('grep -E "^Cap(Prm|Eff)" /proc/self/status'),
  descriptors: await run('ls /proc/$$/fd'),
  escape: await run(`(env -i setsid sleep ${sleep} &); sleep 0.2; exit 137`),
  spy: await run('cat /proc/1/environ /proc/1/maps; ls /proc/1/fd; kill -9 1; kill -0 2 && echo alive'),
};
await containment.close();
rmSync(folder, { recursive: true });
console.log(JSON.stringify(results));
