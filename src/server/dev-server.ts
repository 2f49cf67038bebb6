/**
 * Starts one Temporal dev server, and sees it answer or fail.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLog } from '../os/log-file.js';
import { ask, type Namespace } from './ask.js';
import { holdersOf } from './database.js';
import { withoutTemporal } from './environment.js';
import { SEARCH_ATTRIBUTES, SEARCH_ATTRIBUTE_TYPE } from './search-attributes.js';

/** The plain CLI's default too: `temporal workflow list` needs no flag for it. */
export const NAMESPACE = 'default';
export const LOOPBACK = '127.0.0.1';

/** A first start on a slow disk takes a few seconds; this is for a machine that is busy with much else. */
const START_LIMIT_MS = 60_000;
const LOOK_MS = 20;

/**
 * What makes it fast enough, and what it lacks by default. The values are JSON.
 *
 * Out of the box each queue inside is read 20 times a second, which costs a step ~80 ms, and timers are rounded up to
 * a second; both are made for large clusters.
 */
const DYNAMIC_CONFIG = {
  'history.transferProcessorMaxPollRPS': '1000',
  'history.timerProcessorMaxPollRPS': '1000',
  'history.visibilityProcessorMaxPollRPS': '1000',
  'history.timerProcessorMaxTimeShift': '"10ms"',
  'history.workflowIdReuseMinimalInterval': '"0s"', // a run that hands over must not wait a second
  'system.enableActivityEagerExecution': 'true', // the first steps come back with the workflow task's answer
  'matching.useNewMatcher': 'true', // without it priorities do nothing
  'matching.enableFairness': 'true',
  // Workers tell how they are, and are listed: `planwright worker list`.
  'frontend.WorkerHeartbeatsEnabled': 'true',
  'frontend.ListWorkersEnabled': 'true',
  'matching.numTaskqueueReadPartitions': '1', // priority holds within a partition only
  'matching.numTaskqueueWritePartitions': '1',
} as const;

/**
 * The server, written in Go, clears its memory when it has grown to four times what is in use: twice is Go's own choice, and
 * costs a seventh of its processor time more for 130 MB less. A person's own setting wins.
 */
const GO_SETTINGS = { GOGC: '300' } as const;

export interface DevServerPlan {
  readonly program: string;
  readonly database: string;
  readonly port: number;
  readonly uiPort: number;
  readonly log: string;
}

export type Started =
  | { readonly kind: 'answers'; readonly pid: number; readonly namespace: Namespace }
  | {
      readonly kind: 'ended';
      readonly because: 'port-taken' | 'database' | 'other';
      readonly lastWords: string;
    };

/** Returns the arguments of a dev server for one database. */
export function devServerArguments({
  database,
  port,
  uiPort,
}: Omit<DevServerPlan, 'program' | 'log'>): readonly string[] {
  return [
    ...[
      'server',
      'start-dev',
      '--ip',
      LOOPBACK,
      '--ui-ip',
      LOOPBACK,
      '--port',
      String(port),
      '--ui-port',
      String(uiPort),
    ],
    ...['--db-filename', database],
    ...['--sqlite-pragma', 'journal_mode=WAL'], // readers do not wait for the writer
    ...['--sqlite-pragma', 'synchronous=NORMAL'], // enough with WAL: a power failure may cost the last moment, never the file
    ...['--log-format', 'json', '--log-level', 'warn'],
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=${SEARCH_ATTRIBUTE_TYPE}`]),
    ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
  ];
}

/** Starts a server that outlives this process and its terminal. Resolves when it answers or has ended. */
export async function startDevServer(plan: DevServerPlan): Promise<Started> {
  const log = openLog(plan.log);
  const from = fstatSync(log).size;
  const child = spawn(plan.program, devServerArguments(plan), {
    cwd: dirname(plan.database),
    env: { ...GO_SETTINGS, ...withoutTemporal(process.env) },
    detached: true, // its own session: a Ctrl-C or a closed terminal is not for it
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const ended = new Promise<Started>((resolve) => {
    child.once('error', (error) => resolve({ kind: 'ended', because: 'other', lastWords: error.message }));
    child.once('exit', () => resolve(lastWordsOf(plan.log, from)));
  });
  const { pid } = child;
  if (pid === undefined) return ended;
  const namespace = await Promise.race([ended, answerOf(pid, plan, () => !hasEnded(child), START_LIMIT_MS)]);
  if (namespace === null && hasEnded(child)) return ended;
  if (namespace === null) {
    child.kill('SIGKILL');
    await ended;
    return {
      kind: 'ended',
      because: 'other',
      lastWords: `it did not answer within ${START_LIMIT_MS / 1000} s`,
    };
  }
  if ('kind' in namespace) return namespace;
  child.removeAllListeners('exit'); // how it ends some day is not our business
  return { kind: 'answers', pid, namespace };
}

/** Waits until the server of this process answers. Returns null when it ended or the time is over. */
export async function answerOf(
  pid: number,
  { database, port }: Pick<DevServerPlan, 'database' | 'port'>,
  isAlive: () => boolean,
  limitMs: number,
): Promise<Namespace | null> {
  for (
    const limit = performance.now() + limitMs;
    performance.now() < limit && isAlive();
    await sleep(LOOK_MS)
  ) {
    const answer = await ask(`${LOOPBACK}:${port}`, NAMESPACE);
    if (answer.kind === 'answered' && isAlive() && holds(pid, database)) return answer.namespace;
  }
  return null;
}

/** Who answers on the port may be another, until ours has found it taken and ended: ours has the database open. */
const holds = (pid: number, database: string): boolean =>
  process.platform !== 'linux' || holdersOf(database).includes(pid);

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function lastWordsOf(log: string, from: number): Started {
  const text = textFrom(log, from);
  const lastWords = wordsOf(text);
  // The texts are SQLite's and the operating system's own, as they appear in the server's log.
  if (/address already in use|bind: /i.test(text)) return { kind: 'ended', because: 'port-taken', lastWords };
  const damaged = /SQL logic error|not a database|malformed|no such (table|column)|schema version/i.test(
    text,
  );
  return { kind: 'ended', because: damaged ? 'database' : 'other', lastWords };
}

/** Returns what was written to a log from a position on; of very much, the end. */
function textFrom(log: string, from: number): string {
  const descriptor = openSync(log, 'r');
  try {
    const size = fstatSync(descriptor).size;
    const start = Math.max(from, size - 64_000);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(descriptor, buffer, 0, buffer.length, start);
    return buffer.toString('utf8').trim();
  } finally {
    closeSync(descriptor);
  }
}

/** The lines that say why: errors and panics, without the stack; else the last ones. */
function wordsOf(text: string): string {
  const lines = text.split('\n').map(messageOf);
  const telling = lines.filter((line) => /^(panic|fatal error|error)\b|failed|can't/i.test(line));
  return (telling.length > 0 ? telling.slice(0, 3) : lines.slice(-3)).join('\n') || 'it said nothing';
}

function messageOf(line: string): string {
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === 'string' ? msg : line;
  } catch {
    return line;
  }
}
