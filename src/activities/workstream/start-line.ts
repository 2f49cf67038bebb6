/**
 * Starting one command of a workstream or a gate, as every step's command is started: contained, logged, bounded in time.
 */
import type { Attempt } from '../../plan/attempt.js';
import type { StepId } from '../../plan/plan.js';
import type { Containment } from '../../tools/process/index.js';
import { startsOf, type StepFiles } from '../attempt-files.js';
import { onMachine } from '../machine-trouble.js';
import type { Stop } from '../supervise.js';
import { tryCommand, type Tried } from '../try-command.js';
import type { ToolEnvironment } from './tool-environment.js';

/** What the activities of workstreams need of the worker that runs them. */
export interface WorkstreamWorld {
  readonly home: string;
  readonly host: string;
  readonly containment: Containment;
  /** The worker's own environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly bin: string | null;
  /** Aborted when the worker is to end what runs. */
  readonly ending: AbortSignal;
  /** Between TERM and KILL: 5 s. */
  readonly graceMs?: number;
}

/** Where and for whom commands are started. */
export interface Bench {
  readonly world: WorkstreamWorld;
  readonly runId: string;
  readonly step: StepFiles & { readonly step: StepId };
  readonly schedule: string;
  readonly cancellation: AbortSignal;
}

export interface Line {
  readonly command: string;
  readonly args: readonly string[];
  readonly shell: boolean;
  readonly cwd: string;
  readonly environment: ToolEnvironment;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSec: number;
  /** Its number, for people. */
  readonly number: number;
  /** Ends this command alone, with the reason of a cancellation; left out: nothing does. */
  readonly stop?: AbortSignal;
}

/** A command that was ended for another reason than its own: the start is over, and its worker perhaps too. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor(readonly stop: Stop | 'canceled') {
    super(`a command was ended: ${stop}`);
  }
}

/** How a command ended. */
export type LineEnd = Exclude<Tried, { kind: 'stopped' | 'canceled' }>;

/**
 * Runs a command to its end.
 *
 * @throws Interrupted when the step is canceled or the worker ends
 * @throws MachineTrouble
 */
export async function startLine(bench: Bench, line: Line): Promise<LineEnd> {
  const { world, runId, step, schedule, cancellation } = bench;
  if (cancellation.aborted) throw new Interrupted('canceled');
  const { environment, stop } = line;
  const stopped = stop === undefined ? cancellation : AbortSignal.any([cancellation, stop]);
  const tried = await tryCommand({
    task: {
      runId,
      step: step.step,
      root: line.cwd,
      work: {
        kind: 'command',
        ...{ command: line.command, args: line.args, shell: line.shell, cwd: '.' },
        env: { ...environment.added, ...line.env },
        envMode: 'inherit',
      },
      secrets: environment.secrets,
      timeoutSec: line.timeoutSec,
      retry: NO_RETRY,
      idempotent: true, // a worker that ends gives the step back
      outputs: {},
    },
    ...{
      step,
      schedule,
      number: line.number,
      containment: world.containment,
      env: environment.base,
      bin: world.bin,
    },
    lastStart: onMachine(() => startsOf(step)).at(-1)?.n ?? 0,
    watch: {
      ...{ timeoutMs: line.timeoutSec * 1000, graceMs: world.graceMs ?? 5_000, drainMs: 0 },
      // A tool's call costs time and money: a worker that drains waits for it.
      ...{ cancellation: stopped, draining: null, ending: world.ending },
    },
  });
  if (tried.kind === 'canceled' && stop?.aborted === true && !cancellation.aborted)
    return { kind: 'failed', attempt: tried.attempt, permanent: true };
  if (tried.kind === 'canceled') throw new Interrupted('canceled');
  if (tried.kind === 'stopped') throw new Interrupted(tried.stop);
  return tried;
}

const NO_RETRY = {
  maxAttempts: 1,
  initialIntervalSec: 0,
  backoffCoefficient: 1,
  maxIntervalSec: 0,
  nonRetryableExitCodes: [],
};

/** Says in a few words how an attempt ended. */
export function endText({ end }: Attempt): string {
  if (end.kind !== 'failed') return end.kind;
  const { failure } = end;
  switch (failure.reason) {
    case 'exit-code':
      return `exit code ${failure.exitCode}`;
    case 'signal':
      return `ended by ${failure.signal}`;
    case 'timed-out':
      return `did not end within ${failure.afterSec} s`;
    default:
      return failure.message;
  }
}
