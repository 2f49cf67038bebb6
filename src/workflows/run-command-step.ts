/**
 * Runs a command step as an activity. Other kinds of steps have files of their own.
 */
import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { FoundBy } from './attributes.js';
import type { Activities, CommandTask } from '../activities/api.js';
import type { CommandWork, Json, Plan, Priority, Step, StepId } from '../plan/plan.js';
import type { RunOrigin } from '../plan/record.js';
import type { GoesOnFrom } from '../plan/places.js';
import { commandFor } from '../plan/references.js';
import type { ConditionStep, Reset } from '../plan/run.js';
import type { Outcome } from '../plan/step-state.js';
import { queueOf } from './api.js';
import type { Breakers } from './breakers.js';
import { commandOutcome, failedBy, succeededBy } from './outcome.js';
import type { Places } from './places.js';

/** What a step's launch needs to know of its run. */
export interface Surroundings {
  readonly runId: string;
  readonly origin: RunOrigin;
  readonly plan: Plan;
  readonly priority: Priority;
  /** Returns the outputs read under a step's id, or null when it has none. */
  readonly outputsOf: (step: string) => Readonly<Record<string, Json>> | null;
  /** Returns where a step stands, or null when the run has no such step. */
  readonly stepOf: (step: string) => ConditionStep | null;
  /** The leases that are held while the step runs, with their tokens. */
  readonly leases: Readonly<Record<string, number>>;
  /** Events after which legs of runs below hand on. */
  readonly legEvents?: number;
  /** What the run is found by in the server's lists. Left out: the namespace knows no attributes of ours. */
  readonly foundBy?: FoundBy;
  /** Is told of each round of a repeated sub-plan. */
  readonly noteRound: (step: StepId, round: number) => void;
  /** How long was waited for them. */
  readonly leaseWaitMs: number;
  /** What the step had tried before it was started again by hand; null for all others. */
  readonly reset: Reset | null;
  /** How far it was in an earlier leg, where it waited for its tool; null for all others. */
  readonly goesOnFrom: GoesOnFrom | null;
  /** What a workstream meets of tools and budgets that others meet too. */
  readonly shared: SharedMeans;
}

export interface SharedMeans {
  readonly breakers: Breakers;
  readonly places: Places;
  /** Notes what a step has cost by now, all its attempts together. */
  noteSpent(step: StepId, usd: number): void;
  /** Says why no further work may start, or null when it may. */
  whyNoMoreWork(): string | null;
  /** What the run's budget has left, in US dollars; null where it has none. */
  moneyLeft(): number | null;
}

const priorityKeys: Readonly<Record<Priority, number>> = { critical: 1, high: 2, normal: 3, low: 4 };
export const priorityKeyOf = (priority: Priority): number => priorityKeys[priority];

// The worker kills the command at its limit by its own clock, grace included; this is for a worker that does not.
const BACKSTOP_SEC = 30;
const HEARTBEAT_TIMEOUT_MS = 10_000;
/** Losses of the machinery that Temporal may make good beside the attempts of the command: deploys, crashes. */
const MACHINERY_RETRIES = 10;
// An interval of 0 is taken for "not set", which is 1 s.
const MIN_INTERVAL_MS = 1;

/** Runs a command step. Never rejects: a failure is an outcome. */
export function runCommandStep(step: Step, around: Surroundings): Promise<Outcome> {
  if (step.work.kind !== 'command') throw new Error(`BUG: step "${step.id}" is no command`);
  const filled = commandFor(around.plan, step.work, ({ step: from, output }) => {
    const outputs = around.outputsOf(from);
    return outputs !== null && Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  });
  if (filled.kind === 'impossible') {
    return Promise.resolve(failedBy({ reason: 'not-started', message: filled.message }));
  }
  const { runCommand } = proxyActivities<Activities>(commandActivity(step, filled.work, around));
  return runCommand(taskOf(step, withLeases(filled.work, around), around)).then(succeededBy, commandOutcome);
}

/** A job whose tool is out of order is started again and again until it is back; the activity counts its tries itself. */
function commandActivity(step: Step, { job }: CommandWork, around: Surroundings): ActivityOptions {
  const activity = stepActivity(step, around);
  if (job?.guard === undefined) return activity;
  return { ...activity, retry: { ...activity.retry, maximumAttempts: Infinity } };
}

/** How a step's activity is called: it ends its work by its own clock, and is retried by the step's policy. */
export function stepActivity(step: Step, { priority }: Pick<Surroundings, 'priority'>): ActivityOptions {
  const { retry, timeoutSec } = step;
  const initialInterval = Math.max(retry.initialIntervalSec * 1000, MIN_INTERVAL_MS);
  return {
    activityId: step.id,
    summary: summaryOf(step),
    taskQueue: queueOf(step.runsOn),
    startToCloseTimeout: (timeoutSec + BACKSTOP_SEC) * 1000,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: {
      maximumAttempts: retry.maxAttempts + MACHINERY_RETRIES,
      initialInterval,
      backoffCoefficient: retry.backoffCoefficient,
      maximumInterval: Math.max(retry.maxIntervalSec * 1000, initialInterval),
    },
    // The default leaves the process running while the run goes on.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    priority: { priorityKey: priorityKeyOf(step.priority === 'normal' ? priority : step.priority) },
  };
}

function taskOf(step: Step, work: CommandWork, { runId, origin, plan }: Surroundings): CommandTask {
  return {
    runId,
    step: step.id,
    root: origin.root,
    work,
    secrets: plan.secrets,
    timeoutSec: step.timeoutSec,
    retry: step.retry,
    idempotent: step.idempotent,
    outputs: step.outputs,
  };
}

/**
 * Tells a command what it holds. The token rises with each grant: whoever writes to the resource can refuse an older
 * one. Of several leases the newest counts for all: the tokens are times of one clock, so it is above every earlier one.
 */
function withLeases(work: CommandWork, { leases, leaseWaitMs }: Surroundings): CommandWork {
  const tokens = Object.values(leases);
  if (tokens.length === 0) return work;
  const env = {
    PLANWRIGHT_LEASES: JSON.stringify(leases),
    PLANWRIGHT_LEASE_TOKEN: String(Math.max(...tokens)),
    PLANWRIGHT_LEASE_WAITED_MS: String(leaseWaitMs),
  };
  return { ...work, env: { ...work.env, ...env } };
}

/** The plan's environment for what is not to know its secrets: tools and gates. */
export const openEnv = ({ env, secrets }: Pick<Plan, 'env' | 'secrets'>): Plan['env'] =>
  Object.fromEntries(
    Object.entries(env).filter(([, value]) => !secrets.some((name) => value.includes(`\${${name}}`))),
  );

/** The one line the Web UI shows for a step; the server takes 400 bytes. */
export const summaryOf = (step: Step): string =>
  (step.name === step.id ? step.id : `${step.id} · ${step.name}`).slice(0, 120);
