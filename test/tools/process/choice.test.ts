import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { openContainment, probe } from '../../../src/tools/process/index.js';
import { bundleProgram } from '../../support/bundled-program.js';
import { sleepers, uniqueSleep } from '../../support/processes.js';

test('namespaces are chosen where they work', async () => {
  const { mode, why } = await probe({ PATH: process.env['PATH'] });
  expect(mode).toBe('namespace');
  expect(why).toContain('each command runs in its own PID namespace');
});

test('process groups are chosen when asked for', async () => {
  const { mode, why } = await probe({ PLANWRIGHT_CONTAINMENT: 'group' });
  expect(mode).toBe('group');
  expect(why).toContain('PLANWRIGHT_CONTAINMENT=group asks for process groups');
});

test('process groups are chosen without perl, and the reason is said', async () => {
  const { mode, why } = await probe({ PATH: '/nowhere' });
  expect(mode).toBe('group');
  expect(why).toContain('there is no perl on the PATH (Debian: apt-get install perl-base)');
});

test('process groups are chosen when the helper does not work', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-perl-'));
  symlinkSync('/bin/false', join(folder, 'perl'));
  const { mode, why } = await probe({ PATH: folder });
  rmSync(folder, { recursive: true });
  expect(mode).toBe('group');
  expect(why).toContain('PID namespaces do not work here: perl ended (1)');
});

test('a forced mode that is not there is an error with a remedy', async () => {
  await expect(openContainment({ PATH: '/nowhere', PLANWRIGHT_CONTAINMENT: 'namespace' })).rejects.toThrow(
    /PLANWRIGHT_CONTAINMENT=namespace, but PID namespaces do not work here: there is no perl.*Or unset PLANWRIGHT_CONTAINMENT/,
  );
  await expect(openContainment({ PLANWRIGHT_CONTAINMENT: 'cgroup' })).rejects.toThrow(
    'PLANWRIGHT_CONTAINMENT is "cgroup"; it can be "namespace" or "group", or unset',
  );
});

// Only root can become another user: as anyone else all the tests here prove the same by running.
const asRoot = test.runIf(process.getuid?.() === 0);

asRoot('namespaces work without root, and take no rights along', async () => {
  const program = await bundleProgram(fileURLToPath(new URL('unprivileged.ts', import.meta.url)));
  onTestFinished(program.remove);
  const sleep = uniqueSleep();
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const results = output('setpriv', [...nobody, process.execPath, program.file, sleep]);
  expect(results).toMatchObject({
    mode: 'namespace',
    ids: { end: { kind: 'exit', code: 0 }, out: '65534\n65534\n2\n' },
    // Also none of those that the worker's own parent forgot to mark.
    descriptors: { out: '0\n1\n2\n' },
    rights: { out: 'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n' },
    escape: { end: { kind: 'exit', code: 137 } },
    // Nothing of the init can be read or killed: it could be made to answer in our name.
    spy: { out: 'alive\n' },
  });
  expect(sleepers(sleep)).toEqual([]);
});

asRoot('what a command mounts is not seen outside, even where mounts are shared', async () => {
  const program = await bundleProgram(fileURLToPath(new URL('unprivileged.ts', import.meta.url)));
  onTestFinished(program.remove);
  const results = output('unshare', [
    '--mount',
    '--propagation',
    'shared',
    process.execPath,
    program.file,
    uniqueSleep(),
  ]);
  expect(results).toMatchObject({ mode: 'namespace', mounting: { out: '1\n', outside: false } });
});

asRoot('process groups serve where root has no rights, as in a container', async () => {
  const program = await bundleProgram(fileURLToPath(new URL('unprivileged.ts', import.meta.url)));
  onTestFinished(program.remove);
  const sleep = uniqueSleep();
  const results = output('setpriv', ['--bounding-set=-all', process.execPath, program.file, sleep]);
  for (const pid of sleepers(sleep)) process.kill(pid, 'SIGKILL'); // what groups cannot find
  expect(results).toMatchObject({ mode: 'group', escape: { end: { kind: 'exit', code: 137 } } });
  expect(results['why']).toContain('PID namespaces do not work here: cannot start a process (clone): EPERM');
  expect(results['why']).toContain('CAP_SYS_ADMIN');
});

/** Runs a program that prints JSON. */
function output(file: string, args: readonly string[]): Record<string, unknown> {
  // Descriptor 60 is left open to the program, as careless parents do.
  const none = Array.from({ length: 57 }, () => 'ignore' as const);
  const text = execFileSync(file, args, {
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit', ...none, 2],
  });
  return JSON.parse(text) as Record<string, unknown>;
}
