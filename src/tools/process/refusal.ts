/**
 * Says in words why no command came to be, from what the kernel said at which stage.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { constants as os } from 'node:os';
import type { Launch, Refusal } from './containment.js';

/** Where the start of a command stopped. The words are those of spawner.pl. */
export type Stage = string;

/** The kernel's limits (Linux; elsewhere they differ and the kernel decides): MAX_ARG_STRLEN less its NUL. */
const MAX_STRING_BYTES = 131_071;

const ERROR_NAMES = new Map(Object.entries(os.errno).map(([name, number]) => [number, name]));

/** Returns the name of an error number, such as `ENOENT`. */
export const errorName = (errno: number): string => ERROR_NAMES.get(errno) ?? `error ${errno}`;

/** Returns the code of a system error, such as `ENOENT`. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';

/** Errors that say "not now": they are about the machine, whatever the command is. */
const MACHINE: Readonly<Record<string, string>> = {
  EAGAIN: 'the limit of processes is reached',
  ENOMEM: 'there is no memory left',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  ENOSPC: 'disk full',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'the file system is read-only',
  EIO: 'the disk reports an error',
  ETXTBSY: 'the program is just being written',
};

/** Returns why `launch` did not become a process. */
export function refusalOf(stage: Stage, code: string, launch: Launch): Refusal {
  switch (stage) {
    case 'chdir':
      return { kind: 'not-started', message: cwdMessage(launch.cwd, code), permanent: false };
    case 'stdout':
    case 'stderr':
      return { kind: 'no-resources', message: `cannot open the log "${launch[stage]}": ${machine(code)}` };
    case 'exec':
      return execRefusal(code, launch);
    default: {
      // Above the namespaces allowed (user.max_pid_namespaces) clone says ENOSPC: it has nothing to do with a disk.
      const cause = code === 'ENOSPC' ? 'the limit of namespaces is reached' : machine(code);
      return { kind: 'no-resources', message: `cannot start a process (${stage}): ${cause}` };
    }
  }
}

/** Returns what is wrong with a working directory, or null. Asynchronous: it may lie on a network that hangs. */
export async function cwdRefusal(cwd: string): Promise<Refusal | null> {
  const refusal = (code: string): Refusal => ({
    kind: 'not-started',
    message: cwdMessage(cwd, code),
    permanent: false,
  });
  try {
    if (!(await stat(cwd)).isDirectory()) return refusal('ENOTDIR');
    await access(cwd, constants.X_OK);
    return null;
  } catch (error) {
    return refusal(codeOf(error));
  }
}

const machine = (code: string): string => (MACHINE[code] ? `${MACHINE[code]} (${code})` : code);

function cwdMessage(cwd: string, code: string): string {
  switch (code) {
    case 'ENOENT':
      return `no such directory: the working directory "${cwd}" does not exist`;
    case 'ENOTDIR':
      return `not a directory: the working directory "${cwd}" is a file, or lies below one`;
    case 'EACCES':
      return `no permission to enter the working directory "${cwd}"`;
    default:
      return `cannot enter the working directory "${cwd}": ${code}`;
  }
}

function execRefusal(code: string, launch: Launch): Refusal {
  const fault = (message: string, permanent = false): Refusal => ({
    kind: 'not-started',
    message,
    permanent,
  });
  const { program } = launch;
  switch (code) {
    case 'ENOENT': {
      // The caller saw the file: what is missing is what it names as its interpreter or loader.
      const interpreter = interpreterOf(program);
      if (interpreter === null)
        return fault(`cannot start "${program}": it, or the loader it needs, does not exist`);
      const carriageReturn = interpreter.endsWith('\r')
        ? '; the line ends with a carriage return, remove it'
        : '';
      return fault(
        `cannot start "${program}": its first line names "${interpreter.trim()}", which does not exist${carriageReturn}`,
      );
    }
    case 'EACCES':
      return fault(
        `not executable: the system refuses to run "${program}" or its interpreter (permission denied)`,
      );
    case 'ENOEXEC':
      return fault(notAProgram(program));
    case 'E2BIG':
      return fault(tooBig(launch), true);
    default:
      return code in MACHINE
        ? { kind: 'no-resources', message: `cannot start "${program}": ${machine(code)}` }
        : fault(`cannot start "${program}": ${code}`);
  }
}

export const notAProgram = (program: string): string =>
  `not a program: "${program}" is executable, but begins neither with "#!" nor as a program of this machine; ` +
  `give it a first line such as "#!/bin/sh", or make its interpreter the command`;

/** Says what is too long, never quoting it. */
function tooBig({ argv, env }: Launch): string {
  const sizes = [
    ...argv.map((text, index) => ({ name: `argument ${index}`, bytes: Buffer.byteLength(text) })),
    ...Object.entries(env).map(([name, value]) => ({
      name: `environment variable "${name.slice(0, 64)}"`,
      bytes: Buffer.byteLength(name) + 1 + Buffer.byteLength(value),
    })),
  ];
  const long = sizes.filter(({ bytes }) => bytes > MAX_STRING_BYTES);
  const total = sizes.reduce((sum, { bytes }) => sum + bytes + 1, 0);
  const which =
    long.length > 0
      ? `${long.map(({ name, bytes }) => `${name} has ${bytes} bytes`).join(', ')}; at most ${MAX_STRING_BYTES} each`
      : `arguments and environment have ${total} bytes together`;
  return `too large to start (E2BIG): ${which}; pass large data in a file`;
}

/** Returns what the `#!` line of a file names, up to the first blank, or null. */
function interpreterOf(program: string): string | null {
  const head = headOf(program, 256).toString('latin1');
  return /^#![ \t]*([^ \t\n]+)/.exec(head)?.[1] ?? null;
}

/** Returns the first bytes of a file; none when it cannot be read. */
export function headOf(path: string, bytes: number): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const head = Buffer.alloc(bytes);
    return head.subarray(0, readSync(file, head, 0, bytes, 0));
  } finally {
    closeSync(file);
  }
}
