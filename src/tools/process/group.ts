/**
 * Commands in process groups: for machines without PID namespaces.
 *
 * What leaves its group is found by a mark in its environment (Linux), or not at all (elsewhere). Nothing happens by
 * itself when the worker is killed: the next worker sweeps what this one's attempt files name.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, statSync } from 'node:fs';
import { identityOf, ownIdentity } from '../../os/process-identity.mjs';
import type { Containment, Ending, Launch, ProcessTree, Refusal } from './containment.js';
import { killMarked, MARK } from './marked.js';
import { codeOf, cwdRefusal, headOf, notAProgram, refusalOf } from './refusal.js';

/** Returns a containment by process groups. `why` says what stands in the way of the better one. */
export function openGroups(why: string): Containment {
  const living = new Set<ProcessTree>();
  return {
    mode: 'group',
    why,
    async launch(launch) {
      const result = await launchGroup(launch);
      if (result.kind === 'started') {
        living.add(result);
        void result.ended.then(() => living.delete(result));
      }
      return result;
    },
    async close() {
      for (const tree of living) tree.kill();
      await Promise.all([...living].map(({ ended }) => ended));
    },
  };
}

async function launchGroup(launch: Launch): Promise<ProcessTree | Refusal> {
  if (!mayBeProgram(launch.program)) {
    return { kind: 'not-started', message: notAProgram(launch.program), permanent: false };
  }
  const stdout = openLog(launch, 'stdout');
  if (typeof stdout !== 'number') return stdout;
  const stderr = openLog(launch, 'stderr');
  if (typeof stderr !== 'number') {
    closeSync(stdout);
    return stderr;
  }
  try {
    const child = spawn(launch.program, launch.argv.slice(1), {
      argv0: launch.argv[0],
      cwd: launch.cwd,
      env: { ...launch.env, [MARK]: launch.mark },
      detached: true, // a session and a group of its own
      stdio: ['ignore', stdout, stderr],
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return treeOf(child, launch.mark);
  } catch (error) {
    // Node reports one code for the whole start: a folder that was just removed reads like a missing program.
    return (await cwdRefusal(launch.cwd)) ?? refusalOf('exec', codeOf(error), launch);
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

function openLog(launch: Launch, stream: 'stdout' | 'stderr'): number | Refusal {
  try {
    return openSync(launch[stream], 'a', 0o600);
  } catch (error) {
    return refusalOf(stream, codeOf(error), launch);
  }
}

function treeOf(child: ChildProcess, mark: string): ProcessTree {
  const pid = child.pid;
  if (pid === undefined) throw new Error('BUG: a spawned process without a number');
  const exited = new Promise<Ending>((resolve) => {
    child.once('exit', (code, signal) => {
      // At once, while the number of the group cannot have been given to somebody else.
      toGroup(pid, 'SIGKILL');
      resolve(signal === null ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    kind: 'started',
    // One that is dead already is only ever looked for by this identity, and rightly not found.
    identity: identityOf(pid) ?? { ...ownIdentity(), pid, startedAt: 'ended' },
    exited,
    ended: exited.then(async (ending) => {
      await killMarked(mark);
      return ending;
    }),
    signal(name) {
      if (!running()) return;
      toGroup(pid, name);
      toGroup(pid, 'SIGCONT'); // a stopped one could not end
    },
    kill() {
      if (!running()) return;
      toGroup(pid, 'SIGKILL');
      void killMarked(mark);
    },
  };
}

function toGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in it.
  }
}

/**
 * Says whether the system can run a file, by its first bytes: Node starts programs with execvp(3), which gives a file of
 * unknown format to a shell, and that would run any text.
 */
function mayBeProgram(program: string): boolean {
  const head = headOf(program, 4);
  if (head.length === 0) return !isReadableAndEmpty(program); // one may execute what one may not read
  const magic = head.toString('latin1');
  return magic.startsWith('#!') || magic === '\x7fELF' || isMachO(head) || hasForeignFormats();
}

const isReadableAndEmpty = (program: string): boolean => statSync(program).size === 0;

const isMachO = (head: Buffer): boolean =>
  head.length === 4 &&
  [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe].includes(head.readUInt32BE(0));

/** Somebody taught this kernel more formats (binfmt_misc): then only it can tell. */
function hasForeignFormats(): boolean {
  const folder = '/proc/sys/fs/binfmt_misc';
  return existsSync(folder) && readdirSync(folder).some((name) => name !== 'register' && name !== 'status');
}
