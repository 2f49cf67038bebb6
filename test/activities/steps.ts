/**
 * Starts of `runCommand` for tests: a state directory of their own, and Temporal's part played by a mock.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Info } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { CommandDone, CommandEnded, CommandHeartbeat, CommandTask } from '../../src/activities/api.js';
import { runCommandIn, type CommandWorld } from '../../src/activities/run-command.js';
import type { Attempt, StepFailure } from '../../src/plan/attempt.js';
import type { CommandWork, Retry, StepId } from '../../src/plan/plan.js';
import { openContainment, type Containment } from '../../src/tools/process/index.js';

export const RUN = 'demo-01JABCDEFGHJKMNPQRSTVWXYZ0';
export const STEP = 'build' as StepId;

const NO_RETRY: Retry = {
  maxAttempts: 1,
  initialIntervalSec: 0,
  backoffCoefficient: 1,
  maxIntervalSec: 100,
  nonRetryableExitCodes: [],
};

/** How a start of the activity ended, as the server would be told. */
export type Told =
  | { readonly kind: 'done'; readonly done: CommandDone }
  | { readonly kind: 'failed'; readonly failure: ApplicationFailure; readonly ended: CommandEnded }
  | {
      readonly kind: 'canceled';
      readonly failure: CancelledFailure;
      readonly ended: CommandEnded | undefined;
    };

export interface Started {
  readonly env: MockActivityEnvironment;
  readonly beats: CommandHeartbeat[];
  readonly told: Promise<Told>;
}

export type Changes = Partial<Omit<CommandTask, 'work' | 'retry'>> & {
  readonly work?: Partial<CommandWork>;
  readonly retry?: Partial<Retry>;
};

export interface Workshop {
  readonly home: string;
  readonly root: string;
  readonly world: CommandWorld;
  readonly draining: AbortController;
  readonly ending: AbortController;
  readonly directory: string;
  start(changes: Changes, info?: Partial<Info>): Started;
  run(changes: Changes, info?: Partial<Info>): Promise<Told>;
  /** A shell script as the step's command. */
  sh(script: string, changes?: Changes, info?: Partial<Info>): Promise<Told>;
  /** Returns the names of the entries of starts at work. */
  running(): string[];
  /** Reads a file of the step's folder. */
  read(name: string): string;
  close(): Promise<void>;
}

const quiet = new DefaultLogger('ERROR');

export async function workshop(
  changes: Partial<CommandWorld> = {},
  open: () => Promise<Containment> = () => openContainment(),
): Promise<Workshop> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-activity-'));
  const [draining, ending] = [new AbortController(), new AbortController()];
  const world: CommandWorld = {
    home: join(folder, 'home'),
    host: 'test-host',
    containment: await open(),
    env: { PATH: process.env['PATH'], HOME: folder },
    bin: null,
    draining: draining.signal,
    ending: ending.signal,
    graceMs: 300,
    drainMs: 100,
    ...changes,
  };
  const directory = join(world.home, 'runs', RUN, 'steps', STEP);
  const self: Workshop = {
    home: world.home,
    root: folder,
    world,
    draining,
    ending,
    directory,
    start(task, info = {}) {
      const env = new MockActivityEnvironment({ startToCloseTimeoutMs: 60_000, ...info }, { logger: quiet });
      const beats: CommandHeartbeat[] = [];
      env.on('heartbeat', (details: CommandHeartbeat) => beats.push(details));
      const told = env.run(runCommandIn(world), taskOf(folder, task)).then(
        (done): Told => ({ kind: 'done', done: done as CommandDone }),
        (error: unknown): Told => toldBy(error),
      );
      return { env, beats, told };
    },
    run: (task, info) => self.start(task, info).told,
    sh: (script, task = {}, info = {}) => self.run({ ...task, work: shell(script, task.work) }, info),
    running() {
      const folder = join(world.home, 'running', '@test-host');
      return existsSync(folder) ? readdirSync(folder) : [];
    },
    read: (name) => readFileSync(join(directory, name), 'utf8'),
    async close() {
      await world.containment.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  return self;
}

export const shell = (script: string, work: Partial<CommandWork> = {}): Partial<CommandWork> => ({
  command: '/bin/sh',
  args: ['-c', script],
  ...work,
});

export function taskOf(root: string, { work, retry, ...rest }: Changes): CommandTask {
  return {
    runId: RUN,
    step: STEP,
    root,
    work: {
      kind: 'command',
      command: 'true',
      args: [],
      cwd: '.',
      shell: false,
      env: {},
      envMode: 'inherit',
      ...work,
    },
    secrets: [],
    timeoutSec: 60,
    retry: { ...NO_RETRY, ...retry },
    idempotent: false,
    outputs: {},
    ...rest,
  };
}

function toldBy(error: unknown): Told {
  if (error instanceof CancelledFailure) {
    return { kind: 'canceled', failure: error, ended: error.details[0] as CommandEnded | undefined };
  }
  if (error instanceof ApplicationFailure) {
    return { kind: 'failed', failure: error, ended: error.details?.[0] as CommandEnded };
  }
  throw error;
}

/** Returns the failure of the last attempt of a step that failed. */
export function failureIn(told: Told): StepFailure {
  if (told.kind !== 'failed') throw new Error(`it did not fail: ${JSON.stringify(told)}`);
  const end = told.ended.attempts.at(-1)?.end;
  if (end?.kind !== 'failed') throw new Error(`no failed attempt: ${told.failure.message}`);
  return end.failure;
}

export function attemptsIn(told: Told): readonly Attempt[] {
  return (told.kind === 'done' ? told.done.attempts : told.ended?.attempts) ?? [];
}
