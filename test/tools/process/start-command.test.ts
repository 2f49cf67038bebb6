import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bench, MODES, type Bench } from './commands.js';

describe.each(MODES)('a command in a %s', (mode, open) => {
  let commands: Bench;
  beforeAll(async () => void (commands = bench(await open())));
  afterAll(() => commands.close());

  test.each([0, 1, 3, 137, 255])('ends with its exit code %i', async (code) => {
    const { ending } = await commands.sh(`exit ${code}`);
    expect(ending).toEqual({ kind: 'exit', code });
  });

  test.each(['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGABRT', 'SIGUSR1', 'SIGFPE', 'SIGPIPE'])(
    'ends with the signal that ended it: %s is no exit code',
    async (signal) => {
      const { ending } = await commands.sh(`kill -${signal.slice(3)} $$; sleep 30`);
      expect(ending).toEqual({ kind: 'signal', signal });
    },
  );

  test('reads an empty standard input', async () => {
    const { ending, out } = await commands.sh('cat; read line || echo end of file');
    expect({ ending, out }).toEqual({ ending: { kind: 'exit', code: 0 }, out: 'end of file\n' });
  });

  test('writes its output as bytes, also without a last newline', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const source = commands.file('bytes', all);
    const { out, err } = await commands.sh(`cat ${source}; printf tail >&2`);
    expect(Buffer.from(out, 'latin1')).toEqual(all);
    expect(err).toBe('tail');
  });

  test('appends to logs that are there, and makes them private', async () => {
    const stdout = commands.file('kept.log', 'before\n');
    const { out } = await commands.sh('echo after; umask 0; stat -c %a "$1" >/dev/null', { stdout });
    expect(out).toBe('before\nafter\n');
    const { out: mode } = await commands.sh('stat -L -c %a /dev/fd/2');
    expect(mode).toBe('600\n');
  });

  test('can open /dev/stdout and /dev/stderr', async () => {
    const { out, err } = await commands.sh('echo one > /dev/stdout; echo two > /dev/stderr');
    expect([out, err]).toEqual(['one\n', 'two\n']);
  });

  test('sees exactly the environment it was given', async () => {
    const env = { PATH: '/usr/bin:/bin', GREETING: 'héllo wörld = "x"\nsecond line', EMPTY: '' };
    const { out } = await commands.run({ command: 'env', args: ['-0'], env });
    const seen = Object.fromEntries(
      Buffer.from(out, 'latin1')
        .toString()
        .split('\0')
        .filter(Boolean)
        .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
    if (mode === 'group') delete seen['PLANWRIGHT_MARK'];
    expect(seen).toEqual(env);
  });

  test('holds no descriptor but the three', async () => {
    const { out } = await commands.sh('ls /proc/$$/fd');
    // A shell that was given a script holds nothing else either; `ls` reads the folder of the shell.
    expect(
      out
        .split('\n')
        .filter(Boolean)
        .map(Number)
        .filter((fd) => fd < 10 && fd > 2),
    ).toEqual([]);
    if (mode === 'namespace') expect(out).toBe('0\n1\n2\n');
  });

  test('blocks and ignores no signal', async () => {
    const { out } = await commands.run({
      command: 'grep',
      args: ['-E', '^Sig(Blk|Ign)', '/proc/self/status'],
    });
    expect(out).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
  });

  test("has the worker's umask", async () => {
    const { out } = await commands.sh('umask');
    expect(Number.parseInt(out, 8)).toBe(process.umask());
  });

  test('leads a session and a process group of its own, without a terminal', async () => {
    const { out } = await commands.sh('ps -o pid=,pgid=,sid=,tty= -p $$');
    const [pid, pgid, sid, tty] = out.trim().split(/\s+/);
    expect([pgid, sid, tty]).toEqual([pid, pid, '?']);
    expect(pid).not.toBe('1');
  });

  test('gets each argument as it is, and its own name as the first', async () => {
    const args = ['', ' a b ', '"quoted"', '$HOME', '-n', 'ü\n*'];
    const { out } = await commands.run({ command: 'printf', args: ['%s|', ...args] });
    expect(Buffer.from(out, 'latin1').toString()).toBe(args.map((text) => `${text}|`).join(''));
    const { out: line } = await commands.run({ command: 'cat', args: ['/proc/self/cmdline'] });
    expect(line).toBe('cat\0/proc/self/cmdline\0');
  });

  test('is one line for a shell when asked', async () => {
    const { out } = await commands.run({
      command: 'echo',
      args: ['one', '&&', 'echo', '$((1+1))'],
      shell: true,
    });
    expect(out).toBe('one\n2\n');
  });

  test('finds a program by a path relative to its working directory', async () => {
    commands.file('here.sh', '#!/bin/sh\necho here $0\n', 0o755);
    const { out } = await commands.run({ command: './here.sh' });
    expect(out).toMatch(/^here .*here\.sh\n$/);
  });

  test('runs in its working directory', async () => {
    const { out } = await commands.run({ command: 'pwd', cwd: '/usr' });
    expect(out).toBe('/usr\n');
  });

  describe('that cannot start says why', () => {
    const refused = async (
      spec: Parameters<Bench['run']>[0],
    ): Promise<{ message: string; permanent: boolean }> => {
      const { ending } = await commands.run(spec);
      if (ending.kind !== 'not-started') throw new Error(`it ended as ${JSON.stringify(ending)}`);
      return ending;
    };

    test('no such command on the PATH', async () => {
      const { message } = await refused({ command: 'frobnicate', env: { PATH: '/usr/bin:/bin:/sbin' } });
      expect(message).toBe(
        'no such command: "frobnicate" is not in any of the 3 folders of PATH; install it, or name it by its path',
      );
    });

    test('no such file', async () => {
      const { message } = await refused({ command: '/opt/none/tool' });
      expect(message).toBe('no such command: "/opt/none/tool" does not exist');
    });

    test('no name', async () => {
      expect((await refused({ command: '' })).message).toBe('no command: its name is empty');
    });

    test('not executable', async () => {
      const path = commands.file('data.txt', 'text');
      expect((await refused({ command: path })).message).toBe(
        `not executable: this user may not execute "${path}"; chmod +x may help`,
      );
      expect((await refused({ command: 'data.txt', env: { PATH: commands.folder } })).message).toContain(
        path,
      );
    });

    test('a directory', async () => {
      expect((await refused({ command: '/usr/bin' })).message).toBe(
        'not a command: "/usr/bin" is a directory',
      );
    });

    test.each([
      ['text', 'echo this must not run\n'],
      ['noise', Buffer.from([0xca, 0xfe, 0x00, 0x01, 0x02])],
      ['nothing', ''],
    ])('not a program: %s', async (name, content) => {
      const path = commands.file(name, content, 0o755);
      expect((await refused({ command: path })).message).toContain(`not a program: "${path}"`);
    });

    test('an interpreter that is missing, or spoilt by a carriage return', async () => {
      const missing = commands.file('missing.sh', '#!/opt/none/interp -x\n', 0o755);
      expect((await refused({ command: missing })).message).toBe(
        `cannot start "${missing}": its first line names "/opt/none/interp", which does not exist`,
      );
      const dos = commands.file('dos.sh', '#!/bin/sh\r\necho hello\r\n', 0o755);
      expect((await refused({ command: dos })).message).toBe(
        `cannot start "${dos}": its first line names "/bin/sh", which does not exist; the line ends with a carriage return, remove it`,
      );
    });

    test('no working directory, before anything is said of the command', async () => {
      expect((await refused({ command: 'frobnicate', cwd: '/opt/none' })).message).toBe(
        'no such directory: the working directory "/opt/none" does not exist',
      );
      const file = commands.file('plain', '');
      expect((await refused({ cwd: file })).message).toBe(
        `not a directory: the working directory "${file}" is a file, or lies below one`,
      );
    });

    test('too large an argument, a variable, or all together: never quoting them', async () => {
      const long = 'secret'.repeat(30_000);
      expect(await refused({ command: 'true', args: ['short', long] })).toEqual({
        kind: 'not-started',
        message:
          'too large to start (E2BIG): argument 2 has 180000 bytes; at most 131071 each; pass large data in a file',
        permanent: true,
      });
      const env = { PATH: '/bin', BIG: long };
      expect((await refused({ command: 'true', env })).message).toContain(
        'environment variable "BIG" has 180004 bytes',
      );
      const many = Array.from({ length: 60 }, () => 'x'.repeat(100_000));
      expect((await refused({ command: 'true', args: many })).message).toMatch(
        /^too large to start \(E2BIG\): arguments and environment have 60\d{5} bytes together; pass/,
      );
      const { ending } = await commands.run({ args: ['x'.repeat(131_071)] });
      expect(ending).toEqual({ kind: 'exit', code: 0 });
    });

    test('a NUL', async () => {
      expect(await refused({ args: ['a', 'b\0c'] })).toEqual({
        kind: 'not-started',
        message: 'argument 2 holds a NUL, which no process can be given',
        permanent: true,
      });
    });

    test("a log that cannot be opened is the machine's fault", async () => {
      const { ending } = await commands.run({ stdout: '/opt/none/log' });
      expect(ending).toEqual({
        kind: 'no-resources',
        message: 'cannot open the log "/opt/none/log": ENOENT',
      });
    });
  });

  test('and the next start work after one that failed', async () => {
    await commands.run({ command: '/opt/none/tool' });
    expect((await commands.run({})).ending).toEqual({ kind: 'exit', code: 0 });
  });

  test('many at once keep apart', async () => {
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => commands.sh(`echo ${index}; exit ${index}`)),
    );
    expect(results.map(({ ending, out }) => [ending, out])).toEqual(
      results.map((_, index) => [{ kind: 'exit', code: index }, `${index}\n`]),
    );
  });

  test('is gone from the process list of the worker when it ends', async () => {
    const tree = await commands.start({});
    if (tree.kind !== 'started') throw new Error(tree.message);
    await tree.ended;
    expect(() => readFileSync(`/proc/${tree.identity.pid}/stat`)).toThrow('ENOENT');
  });
});
