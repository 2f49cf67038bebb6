import { tmpdir } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { runProgram, useHelper, type ProgramEnd } from '../../../src/tools/process/run-program.js';

let endHelper: (() => Promise<void>) | null = null;
const openHelper = (): void => void (endHelper = useHelper());
afterEach(async () => {
  await endHelper?.();
  endHelper = null;
});

const env = { PATH: process.env['PATH'] ?? '' };
const shell = (script: string, input: Buffer | string | null = null, maxBytes = 1_000_000) =>
  runProgram({ program: 'sh', args: ['-c', script], cwd: tmpdir(), env, input, maxBytes });
const textOf = async (script: string): Promise<string> => (await shell(script).ended).stdout.toString();

test('a program comes to the same end, whoever starts it', async () => {
  const all = async (): Promise<ProgramEnd[]> =>
    Promise.all([
      shell('cat; echo said >&2; exit 3', Buffer.from([0, 0xff, 0x0a])).ended,
      shell('read line || echo closed').ended,
      shell('kill -TERM $$').ended,
      shell('exec yes', null, 10).ended,
      shell('pwd; env | grep -c ^PLANWRIGHT_ || true').ended,
      runProgram({
        program: 'no-such-program',
        args: [],
        cwd: tmpdir(),
        env,
        input: null,
        maxBytes: 10,
      }).ended,
    ]);
  const here = await all();
  openHelper();
  expect(await all()).toEqual(here);
  expect(here[0]).toMatchObject({ exitCode: 3, stdout: Buffer.from([0, 0xff, 0x0a]) });
  expect(here[0]!.stderr.toString()).toBe('said\n');
  expect(here[3]).toMatchObject({ tooMuch: true, signal: 'SIGTERM' });
  expect(here[5]!.error).toMatchObject({ code: 'ENOENT' });
});

test('with a helper the process itself starts nothing but that', async () => {
  openHelper();
  const first = await textOf('echo $PPID');
  expect(Number(first)).not.toBe(process.pid);
  expect(await textOf('echo $PPID')).toBe(first);
  await endHelper!();
  expect(Number(await textOf('echo $PPID'))).toBe(process.pid);
  expect(() => process.kill(Number(first), 0)).toThrow('ESRCH');
});

test('what a helper runs can be ended by a signal', async () => {
  openHelper();
  const program = shell('echo; exec sleep 600');
  program.kill('SIGTERM');
  expect(await program.ended).toMatchObject({ exitCode: null, signal: 'SIGTERM' });
});

test('a helper that dies takes its answers with it, and the next one is started', async () => {
  openHelper();
  const first = await textOf('echo $PPID');
  expect(await shell('kill -KILL $PPID').ended).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
  const second = Number(await textOf('echo $PPID'));
  expect(second).not.toBe(Number(first));
  expect(second).not.toBe(process.pid);
});
