/**
 * Every place where a tool can be killed: each system call that changes something, of each git it starts and of the tool
 * itself. A recording finds them; strace then kills the process as it enters one of them, before it takes effect.
 *
 * A call counts by its name and its number within its process, because that is how strace injects. So git is traced
 * process by process (shim.sh), and the tool with one thread for its files.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../checkout.js';

/** What changes a file system. Opening counts when it makes or empties a file. */
const CHANGING = [
  ...['openat', 'open', 'creat', 'write', 'pwrite64', 'ftruncate', 'truncate', 'copy_file_range', 'sendfile'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat', 'unlink', 'unlinkat'],
  ...['mkdir', 'mkdirat', 'rmdir', 'chmod', 'fchmod', 'fchmodat', 'utimensat'],
].join(',');

export interface Point {
  /** `push.1`: the first `git push`; `tool`: the tool's own process. */
  readonly call: string;
  readonly syscall: string;
  /** Its number among the calls of that name in that process. */
  readonly when: number;
  /** What it would have done, for a person. */
  readonly what: string;
  /** Only calls on this path are counted: another thread makes more of them on others. */
  readonly path: string | null;
}

export const shown = ({ call, syscall, when, what }: Point): string => `${call} ${syscall}#${when} ${what}`;

export const hasStrace = (): boolean => spawnSync('strace', ['-V']).status === 0;

/** A tool that is run under the eyes of strace. */
export interface Stage {
  /** The built `planwright-merge`. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Only changes below it count. */
  readonly below: string;
  /** For shims and recordings; emptied. */
  readonly scratch: string;
}

export interface Played {
  readonly code: number | null;
  readonly killed: boolean;
  readonly stderr: string;
}

/** Runs the tool to its end and returns every point where it can be killed. */
export async function record(stage: Stage): Promise<Point[]> {
  const calls = prepare(stage);
  const trace = join(calls, 'tool.trace');
  const strace = ['-f', '-b', 'execve', '-qq', '-y', '-s', '0', '-o', trace, '-e', `trace=${CHANGING}`];
  const ended = await play(stage, ['strace', ...strace], { CRASH_TRACE: CHANGING });
  // Conflicts are an end as well.
  if (ended.code !== 0 && ended.code !== 1)
    throw new Error(`the recording ended with ${ended.code}: ${ended.stderr}`);
  const points = pointsOf('tool', readFileSync(trace, 'utf8'), stage.below);
  for (const call of readdirSync(calls)) {
    const file = join(calls, call, 'trace');
    if (existsSync(file)) points.push(...pointsOf(call, readFileSync(file, 'utf8'), stage.below));
  }
  return points;
}

/** Runs the tool and kills it, or the git it started, at a point. `alone`: the tool survives the git. */
export async function crash(stage: Stage, point: Point, alone: boolean): Promise<Played> {
  const calls = prepare(stage);
  const inject = `${point.syscall}:signal=KILL:when=${point.when}`;
  if (point.call === 'tool') {
    const strace = ['-f', '-b', 'execve', '-qq', '-o', '/dev/null'];
    const where = point.path === null ? [] : ['-P', point.path];
    const what = [...where, '-e', `trace=${point.syscall}`, '-e', `inject=${inject}`];
    const played = await play(stage, ['strace', ...strace, ...what], {});
    return { ...played, killed: played.code === null || played.code === 137 };
  }
  const env = { CRASH_AT: point.call, CRASH_INJECT: inject, ...(alone ? { CRASH_ALONE: '1' } : {}) };
  const played = await play(stage, [], env);
  return { ...played, killed: existsSync(join(calls, 'killed')) };
}

/** Puts the shims in place and returns the folder that counts calls. */
function prepare({ scratch }: Stage): string {
  rmSync(scratch, { recursive: true, force: true });
  const calls = join(scratch, 'calls');
  const shims = join(scratch, 'shims');
  mkdirSync(calls, { recursive: true });
  mkdirSync(shims);
  const shim = join(root, 'test/tools/safe-merge/crash/shim.sh');
  for (const name of readdirSync(gitExec())) {
    if (name === 'git' || name === 'git-receive-pack' || name === 'git-upload-pack') {
      copyFileSync(shim, join(shims, name));
    } else {
      symlinkSync(join(gitExec(), name), join(shims, name));
    }
  }
  return calls;
}

let exec = '';
function gitExec(): string {
  exec ||= spawnSync('git', ['--exec-path'], { encoding: 'utf8' }).stdout.trim();
  return exec;
}

let realGit = '';
function gitPath(): string {
  realGit ||= spawnSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).stdout.trim();
  return realGit;
}

function play(
  { program, args, cwd, env, scratch }: Stage,
  before: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<Played> {
  const [command = '', ...rest] = [...before, process.execPath, program, ...args];
  const shims = join(scratch, 'shims');
  const child = spawn(command, rest, {
    cwd,
    // A group of its own, so that all of it can be killed at once.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      ...env,
      UV_THREADPOOL_SIZE: '1', // else nobody knows which thread makes the n-th call
      PATH: `${shims}:${process.env['PATH'] ?? ''}`,
      CRASH_SHIMS: shims,
      CRASH_CALLS: join(scratch, 'calls'),
      CRASH_GIT: gitPath(),
      CRASH_EXEC: gitExec(),
      ...more,
    },
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      // What a killed tool leaves running would change the repository while it is looked at.
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch {
        // nothing was left
      }
    });
    child.once('close', (code) =>
      resolve({ code, killed: code === null, stderr: Buffer.concat(said).toString('utf8') }),
    );
  });
}

const ENTRY = /^(\d+) +([a-z0-9_]+)\((.*)$/;

/** Names that are new each time; nobody can aim at them. */
const RANDOM = /\.tmp\b|objects-|tmp_obj|tmp_pack/;

/** Reads a trace: the changing calls below a folder that had an effect. */
function pointsOf(call: string, trace: string, below: string): Point[] {
  const counts = new Map<string, number>();
  const count = (key: string): number => {
    const next = (counts.get(key) ?? 0) + 1;
    counts.set(key, next);
    return next;
  };
  /** By system call: how far any thread has come. strace kills the first that comes to the number. */
  const furthest = new Map<string, number>();
  const points: Point[] = [];
  for (const line of trace.split('\n')) {
    const [, pid = '', syscall = '', rest = ''] = ENTRY.exec(line) ?? [];
    if (syscall === '') continue;
    const when = count(`${pid} ${syscall}`);
    const first = when > (furthest.get(syscall) ?? 0);
    if (first) furthest.set(syscall, when);
    const path = /(\/[^">]*)/.exec(rest.slice(Math.max(0, rest.indexOf(below))))?.[1] ?? '';
    if (!rest.includes(below) || / = -1 E/.test(rest)) continue;
    const onPath = count(`${pid} ${syscall} ${path}`);
    if (syscall.startsWith('open') && !/O_CREAT|O_TRUNC/.test(rest)) continue;
    const what = path.slice(below.length + 1);
    if (first) points.push({ call, syscall, when, what, path: null });
    else if (!RANDOM.test(path)) points.push({ call, syscall, when: onPath, what, path });
  }
  return points;
}
