/**
 * A real Temporal server and a real worker for tests of the workflow. Only the command is in the test's hands: it
 * waits until it is told how to end, so that no test has to wait for a time.
 */
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { setTimeout as sleep } from 'node:timers/promises';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { findEnded } from '../../src/activities/find-ended.js';
import { requestCancel } from '../../src/activities/request-cancel.js';
import type { Activities, CommandDone, CommandTask } from '../../src/activities/api.js';
import type { StepFailure } from '../../src/plan/attempt.js';
import type { Plan } from '../../src/plan/plan.js';
import type { StepRecord } from '../../src/plan/record.js';
import { SEARCH_ATTRIBUTES } from '../../src/server/search-attributes.js';
import { packPlan } from '../../src/plan/wire.js';
import { SdkWorker } from '../../src/worker/sdk-worker.js';
import { CHANGES_QUERY, RUN_WORKFLOW, type Changes, type RunInput } from '../../src/workflows/api.js';
import { chunksOf } from '../../src/workflows/chunks.js';

/** One command at work, ended by the test. */
export interface HeldCommand {
  readonly task: CommandTask;
  readonly attempt: number;
  succeed(outputs?: CommandDone['outputs']): void;
  fail(failure?: StepFailure): void;
  /** Fails so that Temporal tries it again. */
  failForNow(): void;
  /** Resolves when the engine asked it to stop, and it did. */
  readonly stopped: Promise<void>;
}

export type StartOptions = Partial<RunInput> & {
  readonly id?: string;
  readonly attributes?: SearchAttributePair[];
};

export interface Engine {
  readonly client: Client;
  /** Commands end at once and well, but for steps and items named `held…`, which wait for the test, and `lost…`, whose first try is lost. */
  readonly held: (step: string) => Promise<HeldCommand>;
  /** Commands of jobs at work, where they are held. */
  readonly jobs: HeldCommand[];
  /** Every command started so far, by step. */
  readonly started: string[];
  /** Resolves once a step of a run has succeeded. */
  reached(runId: string, step: string): Promise<void>;
  start(plan: Plan, options?: StartOptions): Promise<WorkflowHandle>;
  close(): Promise<void>;
}

interface Waiting {
  readonly command?: HeldCommand;
  readonly arrived?: (command: HeldCommand) => void;
}

// What these tests make fail on purpose is no news.
Runtime.install({ logger: new DefaultLogger('ERROR') });

let serial = 0;

export interface EngineParts {
  /** The Temporal CLI. */
  readonly program: string;
  /** The bundle of the workflows. */
  readonly bundle: string;
  /** Stand-ins for activities that only some tests have. */
  readonly more?: object;
  /** Commands of jobs wait for the test. */
  readonly holdsJobs?: boolean;
}

/** A step made for an item is known by the item, which stands in its first argument. */
const nameOf = ({ step, work }: CommandTask): string =>
  step.startsWith('item-') ? (work.args[0] ?? step) : step;
const isHeld = (step: string): boolean => step.startsWith('held');
/** A command whose worker dies under it, the first time: it is not heard of any more. */
const isLost = (step: string): boolean => step.startsWith('lost');

export async function openEngine({
  program,
  bundle,
  more = {},
  holdsJobs = false,
}: EngineParts): Promise<Engine> {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: program },
      extraArgs: [
        ...['history.transferProcessorMaxPollRPS=1000', 'history.timerProcessorMaxPollRPS=1000'],
        ...['history.timerProcessorMaxTimeShift="10ms"', 'system.enableActivityEagerExecution=true'],
        ...['matching.numTaskqueueReadPartitions=1', 'matching.numTaskqueueWritePartitions=1'],
      ]
        .flatMap((value) => ['--dynamic-config-value', value])
        .concat(SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`])),
      log: { format: 'pretty', level: 'error' },
    },
  });
  const waiting = new Map<string, Waiting>();
  const started: string[] = [];
  const jobs: HeldCommand[] = [];

  const hold = (task: CommandTask): Promise<CommandDone> => {
    const { info, cancellationSignal } = Context.current();
    const beat = setInterval(() => Context.current().heartbeat(), 100);
    return new Promise<CommandDone>((resolve, reject) => {
      let tellStopped = (): void => undefined;
      const stopped = new Promise<void>((done) => (tellStopped = done));
      cancellationSignal.addEventListener('abort', () => {
        tellStopped();
        reject(new CancelledFailure('stopped', [{ attempts: [], attemptsOmitted: 0 }]));
      });
      const command: HeldCommand = {
        task,
        attempt: info.attempt,
        stopped,
        succeed: (outputs = {}) => resolve({ attempts: [], attemptsOmitted: 0, outputs }),
        failForNow: () => reject(ApplicationFailure.retryable('failed', 'StepFailed')),
        fail: (failure = { reason: 'exit-code', exitCode: 1, tail: 'no luck' }) => {
          const attempt = {
            number: 1,
            startedAt: 1,
            endedAt: 2,
            end: { kind: 'failed', failure },
            logs: null,
          };
          const details = [{ attempts: [attempt], attemptsOmitted: 0 }];
          reject(
            ApplicationFailure.create({ type: 'StepFailed', nonRetryable: true, message: 'failed', details }),
          );
        },
      };
      if (task.work.job !== undefined) {
        jobs.push(command);
        return;
      }
      const name = nameOf(task);
      const there = waiting.get(name);
      if (there?.arrived === undefined) waiting.set(name, { command });
      else {
        waiting.delete(name);
        there.arrived(command);
      }
    }).finally(() => clearInterval(beat));
  };

  const activities: Activities & object = {
    ...more,
    runCommand: (task) => {
      started.push(task.step);
      if (isHeld(nameOf(task)) || (holdsJobs && task.work.job !== undefined)) return hold(task);
      if (isLost(task.step) && Context.current().info.attempt === 1) return Context.current().cancelled;
      return Promise.resolve({ attempts: [], attemptsOmitted: 0, outputs: outputsOf(task) });
    },
    writeRecord: () => Promise.resolve(),
    requestCancel,
    findEnded,
  };
  const worker = await SdkWorker.create({
    connection: environment.nativeConnection,
    taskQueue: 'planwright',
    workflowBundle: { codePath: bundle },
    activities,
    maxHeartbeatThrottleInterval: '100ms',
    stickyQueueScheduleToStartTimeout: '2s',
  });
  const running = worker.run();
  return {
    client: environment.client,
    started,
    jobs,
    held: (step) => {
      const there = waiting.get(step)?.command;
      if (there !== undefined) {
        waiting.delete(step);
        return Promise.resolve(there);
      }
      return new Promise((arrived) => waiting.set(step, { arrived }));
    },
    reached: async (runId, step) => {
      while ((await statesOf(environment.client, runId))[step] !== 'succeeded') await sleep(50);
    },
    start: (plan, options) => startRun(environment.client, plan, options),
    close: async () => {
      worker.shutdown();
      await running;
      await environment.teardown();
    },
  };
}

const outputsOf = (task: CommandTask): CommandDone['outputs'] =>
  Object.fromEntries(Object.keys(task.outputs).map((name) => [name, `${name} of ${task.step}`]));

async function startRun(
  client: Client,
  plan: Plan,
  { id = `run-${process.pid}-${(serial += 1)}`, attributes = [], ...rest }: StartOptions = {},
): Promise<WorkflowHandle> {
  const chunks = chunksOf(packPlan(plan));
  const origin = {
    planPath: 'test.json',
    root: '/',
    planHash: 'hash',
    engineVersion: '0',
    retryOf: null,
    parentRun: null,
    actor: 'test',
    base: 'base',
  };
  const input: RunInput = {
    origin,
    chunks: chunks.length,
    firstChunk: chunks[0]!,
    reuse: {},
    priority: 'normal',
    searchAttributes: false,
    ...rest,
  };
  const handle = await client.workflow.start(RUN_WORKFLOW, {
    taskQueue: 'planwright',
    workflowId: id,
    args: [input],
    typedSearchAttributes: attributes,
  });
  for (const [index, text] of chunks.entries())
    if (index > 0) await handle.executeUpdate('addChunk', { args: [{ index, text }] });
  return handle;
}

/** Returns what the run's workflows say of its steps, all legs together. */
export async function stepsOf(client: Client, runId: string): Promise<Record<string, StepRecord>> {
  const steps: Record<string, StepRecord> = {};
  let leg: string | null = runId;
  let revision = 0;
  while (leg !== null) {
    const handle = client.workflow.getHandle(leg);
    const answer: Changes = await handle.query<Changes, [number, number]>(CHANGES_QUERY, revision, 500);
    for (const step of answer.steps) steps[step.id] = step;
    revision = answer.more ? answer.revision : 0;
    if (!answer.more) leg = answer.nextLeg;
  }
  return steps;
}

export const statesOf = async (client: Client, runId: string): Promise<Record<string, string>> =>
  Object.fromEntries(Object.entries(await stepsOf(client, runId)).map(([id, step]) => [id, step.state]));
