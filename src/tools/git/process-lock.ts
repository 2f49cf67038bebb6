/**
 * A lock between processes of one machine that the kernel frees when its holder dies.
 *
 * Files with a process id in them go stale, and steps run in process-id namespaces, where the number means another
 * process. Node cannot call flock(2) itself; it lends the open file to a tiny program that does, and keeps it: the lock
 * belongs to the open file, not to the program.
 */
import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { whenToldToEnd } from './ending.js';

export interface ProcessLock {
  /** How long it took to get. */
  readonly waitedMs: number;
  release(): Promise<void>;
}

/** Both take the lock on descriptor 3 and exit 0, or 1 when the time is up. The second is for systems without util-linux. */
const WAYS: readonly ((seconds: number) => [program: string, ...args: string[]])[] = [
  (seconds) => ['flock', '-x', '-w', String(seconds), '3'],
  (seconds) => [
    'perl',
    '-e',
    'use Fcntl ":flock"; open(F, "+>&=", 3) or exit 2; $SIG{ALRM} = sub { exit 1 };' +
      'if ($ARGV[0] == 0) { exit(flock(F, LOCK_EX | LOCK_NB) ? 0 : 1) } alarm $ARGV[0]; exit(flock(F, LOCK_EX) ? 0 : 2)',
    String(seconds),
  ],
];

/** Neither `flock` nor `perl` is there, or the lock file cannot be made. */
export class LockUnavailable extends Error {
  override readonly name = 'LockUnavailable';
}

/**
 * Waits for an exclusive lock on a file, which is made if need be and stays.
 *
 * @param waitSec - whole seconds; 0 does not wait
 * @returns null when somebody else still holds it then
 * @throws LockUnavailable
 */
export async function takeLock(path: string, waitSec: number): Promise<ProcessLock | null> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+');
  const start = performance.now();
  try {
    for (const way of WAYS) {
      const [program, ...args] = way(Math.ceil(waitSec));
      const code = await run(program, args, file.fd);
      if (code === null) continue; // not installed
      if (code === 0) return { waitedMs: Math.round(performance.now() - start), release: () => file.close() };
      if (code !== 1) throw new LockUnavailable(`"${program}" could not lock "${path}" (exit code ${code}).`);
      await file.close();
      return null;
    }
    throw new LockUnavailable(
      'A lock needs the program "flock" (util-linux) or "perl": install one of them.',
    );
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Runs a program with `fd` as its descriptor 3; null when there is no such program. */
function run(program: string, args: readonly string[], fd: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', fd] });
    // Else a signal to us alone would leave the program waiting, and one day holding, for nobody.
    const ended = whenToldToEnd(() => void child.kill('SIGKILL'));
    child.once('error', (error: NodeJS.ErrnoException) => {
      ended();
      if (error.code === 'ENOENT') resolve(null);
      else reject(error);
    });
    child.once('exit', (code, signal) => {
      ended();
      resolve(code ?? (signal === null ? 2 : 3));
    });
  });
}
