/**
 * Builders of plans and records for tests: what a test is not about has a value here.
 */
import type { Attempt, StepFailure } from '../../src/plan/attempt.js';
import type { Plan, Step, StepId } from '../../src/plan/plan.js';
import type { RunHead, RunRecord, StepKind, StepRecord } from '../../src/plan/record.js';

/** A Tuesday in 2024: times in tests are seconds after it. */
export const DAY = Date.UTC(2024, 0, 2, 3, 4, 5);
export const sec = (seconds: number): number => DAY + seconds * 1000;

export function aStep(id: string, dependsOn: readonly string[] = [], change: Partial<Step> = {}): Step {
  return {
    id: id as StepId,
    name: id,
    work: { kind: 'command', command: 'true', args: [], cwd: '.', shell: false, env: {}, envMode: 'inherit' },
    dependsOn: dependsOn as readonly StepId[],
    timeoutSec: 60,
    retry: {
      maxAttempts: 1,
      initialIntervalSec: 0,
      backoffCoefficient: 1,
      maxIntervalSec: 100,
      nonRetryableExitCodes: [],
    },
    idempotent: false,
    critical: true,
    onFailure: { kind: 'abort' },
    condition: null,
    outputs: {},
    provides: [],
    consumes: [],
    tags: [],
    group: null,
    weight: null,
    runsOn: null,
    priority: 'normal',
    ...change,
  };
}

export function aPlan(steps: readonly Step[], change: Partial<Plan> = {}): Plan {
  return {
    planId: 'PLAN-A',
    version: '1.0',
    description: '',
    project: 'a-project',
    phaseId: 'PH-1',
    maxConcurrency: 2,
    env: {},
    variables: {},
    secrets: [],
    steps,
    ...change,
  };
}

export function succeeded(number: number, startedAt: number, endedAt: number): Attempt {
  return { number, startedAt, endedAt, end: { kind: 'succeeded', exitCode: 0 }, logs: null };
}

export const exitCode = (code: number, tail = ''): StepFailure => ({
  reason: 'exit-code',
  exitCode: code,
  tail,
});

export function failed(number: number, startedAt: number, endedAt: number, failure = exitCode(1)): Attempt {
  return { number, startedAt, endedAt, end: { kind: 'failed', failure }, logs: null };
}

export function aStepRecord(id: string, state: StepKind, change: Partial<StepRecord> = {}): StepRecord {
  const launchedAt = state === 'pending' || state === 'skipped' ? null : sec(1);
  const endedAt = state === 'pending' || state === 'running' ? null : sec(2);
  return {
    id: id as StepId,
    state,
    launchedAt,
    endedAt,
    attempts: [],
    attemptsOmitted: 0,
    failure: state === 'failed' ? exitCode(1) : null,
    tolerated: false,
    cause: null,
    outputs: {},
    reusedFrom: null,
    childRun: null,
    canceling: false,
    ...change,
  };
}

/** A step that succeeded at its first attempt. */
export function done(id: string, startedAt: number, endedAt: number): StepRecord {
  const attempts = [succeeded(1, startedAt, endedAt)];
  return aStepRecord(id, 'succeeded', { launchedAt: startedAt, endedAt, attempts });
}

export function aRecord(plan: Plan, steps: readonly StepRecord[], change: Partial<RunHead> = {}): RunRecord {
  const counts = { pending: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, canceled: 0 };
  for (const step of steps) counts[step.state] += 1;
  return {
    format: 1,
    head: {
      runId: 'plan-a-01hk3xw2d8mzq7x9',
      state: 'succeeded',
      createdAt: sec(0),
      startedAt: sec(0),
      endedAt: sec(60),
      paused: false,
      abortedBy: null,
      failedStep: null,
      cancel: null,
      counts,
      toleratedFailures: 0,
      message: null,
      ...change,
    },
    origin: {
      planPath: 'plans/a.json',
      root: '/somewhere',
      planHash: '0'.repeat(64),
      engineVersion: '0.1.0',
      retryOf: null,
      parentRun: null,
      actor: 'someone',
    },
    plan,
    steps,
  };
}
