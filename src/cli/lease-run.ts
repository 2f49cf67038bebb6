/**
 * `planwright lease run`: holds a lease for as long as a command of this terminal runs.
 *
 * The lease is held by a run of its own, a plan of one step. That step is connected to this process and to the command, and
 * ends when both are gone: so the lease is given back however they end, and not before.
 */
import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cancelRun } from '../client/control.js';
import { PlanwrightError } from '../client/errors.js';
import type { Link } from '../client/link.js';
import { followed } from '../client/planwright.js';
import { currentActor } from '../client/start-plan.js';
import { startRun } from '../client/start-run.js';
import type { Plan, Step, StepId } from '../plan/plan.js';
import type { RunRecord } from '../plan/record.js';
import { tellTo } from './command.js';
import { neutralise } from './text/neutralise.js';
import { leaseWait, takenLeases } from './waits.js';
import type { ExitCode, World } from './world.js';

/** Runs the command while the lease is held. 0 when it ended with 0, else 1. */
export async function runWithLease(
  world: World,
  link: Link,
  name: string,
  command: readonly [string, ...string[]],
): Promise<ExitCode> {
  const held = leasesHeld(world.env);
  // Inside a command that has it already: waiting for itself would never end.
  if (Object.hasOwn(held, name)) return runCommand(world, command, world.env);
  const tell = tellTo(world);
  const line = await openLine();
  let isInterrupted = false;
  let isRunning = false;
  let runId: string | null = null;
  const cancel = (): void => {
    isInterrupted = true;
    // The command hears Ctrl-C itself, and decides.
    if (!isRunning && runId !== null)
      cancelRun(link, runId, { reason: 'Ctrl-C', actor: currentActor() }).catch(() => undefined);
  };
  const forget = world.onInterrupt(cancel);
  try {
    const ready = link.ensureWorker();
    ready.catch(() => undefined);
    const started = await startRun(link, {
      ...{ plan: planFor(name, line.path, command), planPath: 'lease run', planFile: null },
      ...{ variables: {}, root: world.cwd, priority: 'normal', actor: currentActor() },
      ...{ reuse: {}, retryOf: null },
    });
    runId = started.runId;
    await ready;
    if (isInterrupted) cancel();
    const watch = new Watch(link, runId, (text) => tell(text), world.now);
    const first = await Promise.race([watch.over, line.answered]);
    if ('head' in first) {
      if (isInterrupted) return 1;
      throw new PlanwrightError(
        'refused',
        `the lease "${name}" is not held: ${first.head.message ?? first.head.state}`,
        [
          `planwright show ${runId}`,
          'a worker on this machine must hold it: where others serve the same cluster, use a plan with "exclusive"',
        ],
      );
    }
    isRunning = true;
    const tokens = { ...held, [name]: await watch.token(name) };
    const code = await runCommand(
      world,
      command,
      {
        ...world.env,
        PLANWRIGHT_LEASES: JSON.stringify(tokens),
        PLANWRIGHT_LEASE_TOKEN: String(Math.max(...Object.values(tokens))),
      },
      first,
    );
    line.hangUp();
    const end = await watch.over; // given back: whoever comes next need not wait
    for (const text of takenLeases(end.head.leases)) tell(`${text}: somebody else may have had it meanwhile`);
    return code;
  } finally {
    forget();
    line.close();
  }
}

/** Returns the leases that whoever called this holds, with their tokens. */
function leasesHeld(env: NodeJS.ProcessEnv): Record<string, number> {
  try {
    const read: unknown = JSON.parse(env['PLANWRIGHT_LEASES'] ?? '{}');
    return typeof read === 'object' && read !== null ? (read as Record<string, number>) : {};
  } catch {
    return {}; // not written by us
  }
}

/** Waits for a word, or for the end of all who hold the other end. */
const HOLD = `const socket = require('node:net').connect(process.argv[1]);
socket.on('error', (error) => { console.error(error.message); process.exitCode = 1; });
socket.on('data', () => process.exit()).on('close', () => process.exit());`;

/** The longest a step can run. */
const LONGEST_SEC = 2_147_483;

function planFor(name: string, path: string, command: readonly string[]): Plan {
  const step: Step = {
    id: 'hold' as StepId,
    name: neutralise(command.join(' ')).slice(0, 200) || 'hold',
    work: {
      kind: 'command',
      command: process.execPath,
      args: ['-e', HOLD, path],
      ...{ cwd: '/', shell: false, env: {}, envMode: 'inherit' },
    },
    dependsOn: [],
    timeoutSec: LONGEST_SEC,
    retry: {
      ...{ maxAttempts: 1, initialIntervalSec: 0, backoffCoefficient: 1, maxIntervalSec: 0 },
      nonRetryableExitCodes: [],
    },
    idempotent: true, // a worker that goes leaves the lease: it is the run's
    critical: true,
    onFailure: { kind: 'abort' },
    condition: null,
    outputs: {},
    ...{ provides: [], consumes: [], tags: [], group: null, weight: null, runsOn: null, priority: 'normal' },
  };
  return {
    planId: 'lease',
    version: '1',
    description: `Holds the lease "${name}" while a command runs.`,
    ...{ project: 'unknown', phaseId: 'ORCHESTRATED', maxConcurrency: 1 },
    ...{ env: {}, variables: {}, secrets: [] },
    exclusive: [name],
    steps: [step],
  };
}

/** The connection to the step: while it stands, this process is there. */
interface Line {
  readonly path: string;
  /** The first connection. */
  readonly answered: Promise<Socket>;
  hangUp(): void;
  close(): void;
}

async function openLine(): Promise<Line> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-')); // ours alone: nobody else can connect
  const path = join(folder, 'held');
  const sockets = new Set<Socket>();
  let answer: (socket: Socket) => void = () => undefined;
  const answered = new Promise<Socket>((resolve) => (answer = resolve));
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.resume();
    answer(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  const hangUp = (): void => {
    server.close();
    // Said, not only closed: what the command left behind may still hold its end.
    for (const socket of sockets) socket.end('done');
  };
  return {
    path,
    answered,
    hangUp,
    close: () => {
      hangUp();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Follows the run that holds the lease: says what it waits for, and knows its token. */
class Watch {
  readonly over: Promise<RunRecord>;
  #record: RunRecord | null = null;
  #wake = (): void => undefined;

  constructor(link: Link, runId: string, tell: (line: string) => void, now: () => number) {
    this.over = this.#follow(link, runId, tell, now);
    this.over.catch(() => undefined);
  }

  async token(name: string): Promise<number> {
    for (;;) {
      const token = this.#record?.head.leases?.find((use) => use.name === name)?.token;
      if (typeof token === 'number') return token;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #follow(
    link: Link,
    runId: string,
    tell: (line: string) => void,
    now: () => number,
  ): Promise<RunRecord> {
    let told = '';
    for await (const { record, isFinal } of await followed(link, runId)) {
      if (record === null) continue;
      this.#record = record;
      this.#wake();
      const { heldBy } = record.head.leases?.find((use) => use.grantedAt === null) ?? { heldBy: null };
      const wait = leaseWait(record.head.leases, now());
      if (wait !== null && heldBy !== null && heldBy.run !== told) tell(`waits for ${wait}`);
      told = heldBy?.run ?? told;
      if (isFinal) return record;
    }
    throw new Error('BUG: a run that is followed ended without an end');
  }
}

async function runCommand(
  world: World,
  [program, ...args]: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  line?: Socket,
): Promise<ExitCode> {
  // The command holds the line as well: it may outlive this process, and has the lease until it ends.
  const stdio: StdioOptions = ['inherit', 'inherit', 'inherit', ...(line === undefined ? [] : [line])];
  const child = spawn(program, args, { cwd: world.cwd, env, stdio });
  const [code] = await new Promise<[number | null]>((resolve, reject) => {
    child.on('close', (ended: number | null) => resolve([ended]));
    child.on('error', (error) =>
      reject(new PlanwrightError('bad-request', `"${program}" cannot be started: ${error.message}`)),
    );
  });
  return code === 0 ? 0 : 1;
}
