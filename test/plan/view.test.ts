import { describe, expect, test } from 'vitest';
import type { Attempt, StepFailure } from '../../src/plan/attempt.js';
import type { Outcome } from '../../src/plan/step-state.js';
import { describeFailure, lastExitCode, runHead, stepRecord } from '../../src/plan/view.js';
import { failed, planOf, succeeded } from './builder.js';
import { Stage } from './play.js';

const attempt = (number: number, end: Attempt['end']): Attempt => ({
  number,
  startedAt: 10,
  endedAt: 20,
  end,
  logs: null,
});
const exit = (exitCode: number): Attempt['end'] => ({
  kind: 'failed',
  failure: { reason: 'exit-code', exitCode, tail: '' },
});

describe('the record of a step', () => {
  const nothingYet = {
    id: 'a',
    launchedAt: null,
    endedAt: null,
    attempts: [],
    attemptsOmitted: 0,
    failure: null,
    tolerated: false,
    cause: null,
    outputs: {},
    reusedFrom: null,
    childRun: null,
    canceling: false,
  };

  test('that is pending is empty', () => {
    const { run } = new Stage(planOf({ a: [] }));
    expect(stepRecord(run, 0, null)).toEqual({ ...nothingYet, state: 'pending' });
  });

  test('that runs has the time of its launch', () => {
    const stage = new Stage(planOf({ a: [] }));
    stage.launch();
    expect(stage.record('a')).toEqual({ ...nothingYet, state: 'running', launchedAt: 2 });
  });

  test('that succeeded has its attempts and outputs', () => {
    const attempts = [attempt(3, exit(1)), attempt(4, { kind: 'succeeded', exitCode: 0 })];
    const outcome: Outcome = { kind: 'succeeded', outputs: { size: 3 }, attempts, attemptsOmitted: 2 };
    const stage = new Stage(planOf({ a: [] }));
    stage.launch();
    expect(stage.end('a', outcome).record('a')).toEqual({
      ...nothingYet,
      ...{
        state: 'succeeded',
        launchedAt: 2,
        endedAt: 3,
        attempts,
        attemptsOmitted: 2,
        outputs: { size: 3 },
      },
    });
  });

  test('that failed has the failure', () => {
    const failure = { reason: 'timed-out', afterSec: 5, tail: 'waiting' } as const;
    const attempts = [attempt(1, { kind: 'failed', failure })];
    const stage = new Stage(planOf({ a: { onFailure: 'continue' } }));
    stage.launch();
    expect(stage.end('a', { kind: 'failed', failure, attempts, attemptsOmitted: 0 }).record('a')).toEqual({
      ...nothingYet,
      ...{ state: 'failed', launchedAt: 2, endedAt: 3, attempts, failure, tolerated: true },
    });
  });

  test('that is being stopped says so and why, and keeps the attempts it had when it ends', () => {
    const cause = { kind: 'step-canceled', reason: 'not this one', actor: 'ann' } as const;
    const attempts = [attempt(1, { kind: 'canceled' })];
    const stage = new Stage(planOf({ a: { onFailure: 'continue' } }));
    stage.launch();
    expect(stage.cancel('a').record('a')).toEqual({
      ...nothingYet,
      state: 'running',
      launchedAt: 2,
      cause,
      canceling: true,
    });
    expect(stage.end('a', { kind: 'canceled', attempts, attemptsOmitted: 0 }).record('a')).toEqual({
      ...nothingYet,
      ...{ state: 'canceled', launchedAt: 2, endedAt: 4, cause, attempts, tolerated: true },
    });
  });

  test('that was skipped has the cause and the time', () => {
    const stage = new Stage(planOf({ a: { condition: 'no' } }));
    stage.launch();
    expect(stage.record('a')).toEqual({
      ...nothingYet,
      state: 'skipped',
      endedAt: 2,
      cause: { kind: 'condition' },
    });
  });

  test('of a sub-plan has the id of its run', () => {
    expect(stepRecord(new Stage(planOf({ a: [] })).run, 0, 'run-1~a').childRun).toBe('run-1~a');
  });
});

describe('the head of a run', () => {
  const clock = { runId: 'run-1', createdAt: 1, startedAt: null, endedAt: null };

  test('is pending until it was started, whatever its steps are', () => {
    const { run } = new Stage(planOf({ a: [] }));
    expect(runHead(run, clock)).toEqual({
      ...clock,
      state: 'pending',
      paused: false,
      abortedBy: null,
      failedStep: null,
      cancel: null,
      counts: { pending: 1, running: 0, succeeded: 0, failed: 0, skipped: 0, canceled: 0 },
      toleratedFailures: 0,
      message: null,
    });
  });

  test('is running until every step has ended, and names the step that aborted it meanwhile', () => {
    // a*     b
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.fail('a');
    expect(stage.head()).toMatchObject({ state: 'running', abortedBy: 'a', failedStep: 'a', message: null });
    expect(stage.end('b', 'canceled').head()).toMatchObject({ state: 'failed', failedStep: 'a' });
  });

  test('names no failed step before the run has failed', () => {
    // a* (skip_dependents)     b
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: [] }));
    stage.launch();
    expect(stage.fail('a').head()).toMatchObject({ state: 'running', failedStep: null });
    expect(stage.succeed('b').head()).toMatchObject({ state: 'failed', abortedBy: null, failedStep: 'a' });
  });

  test('shows its verdict as soon as the last step has ended', () => {
    const stage = new Stage(planOf({ a: [] }));
    stage.launch();
    expect(stage.succeed('a').head()).toMatchObject({ state: 'succeeded', endedAt: null, message: null });
  });

  test('that failed names three other failed steps at most, and counts the rest', () => {
    const skip = { onFailure: 'skip_dependents' } as const;
    const stage = new Stage(
      planOf({
        a: skip,
        b: skip,
        c: skip,
        d: skip,
        e: skip,
        soft: { onFailure: 'continue' },
        aside: { ...skip, critical: false },
      }),
    );
    stage.launch();
    stage.end('a', failed(3)).fail('b', 'c', 'd', 'e', 'soft', 'aside');
    expect(stage.head().message).toBe('step "a" failed: exit code 3; also failed: "b", "c", "d" and 1 more');
  });

  test('that was canceled names who did it and why, though a step failed on the way', () => {
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: [] }));
    stage.launch();
    stage.fail('a').cancelRun('too late', 'bob').end('b', 'canceled');
    expect(stage.head()).toMatchObject({
      state: 'canceled',
      failedStep: null,
      message: 'canceled by bob: too late',
    });
  });
});

test.each([
  [{ reason: 'exit-code', exitCode: 3, tail: 'no' }, 'exit code 3'],
  [{ reason: 'signal', signal: 'SIGTERM', tail: '' }, 'killed by SIGTERM'],
  [{ reason: 'signal', signal: 'SIGKILL', tail: '' }, 'killed by SIGKILL, perhaps out of memory'],
  [{ reason: 'timed-out', afterSec: 5, tail: '' }, 'timeout after 5 s'],
  [{ reason: 'not-started', message: 'no such command' }, 'no such command'],
  [{ reason: 'bad-output', message: 'no result file' }, 'no result file'],
  [{ reason: 'worker-lost', message: 'the worker was lost' }, 'the worker was lost'],
  [{ reason: 'condition-error', message: 'no such key' }, 'no such key'],
  [{ reason: 'rejected', message: 'rejected by ann: no' }, 'rejected by ann: no'],
  [{ reason: 'sub-plan-failed', message: 'step "x" failed' }, 'step "x" failed'],
  [{ reason: 'infrastructure', message: 'disk full' }, 'disk full'],
] as const satisfies readonly (readonly [StepFailure, string])[])('%o is told as: %s', (failure, words) => {
  expect(describeFailure(failure)).toBe(words);
});

describe('the last exit code', () => {
  test.each([
    ['0 after a success', [attempt(1, exit(1)), attempt(2, { kind: 'succeeded', exitCode: 0 })], 0],
    ['that of the last failure', [attempt(1, exit(1)), attempt(2, exit(7))], 7],
    [
      'none after a signal',
      [attempt(1, { kind: 'failed', failure: { reason: 'signal', signal: 'SIGTERM', tail: '' } })],
      null,
    ],
    ['none after a cancellation', [attempt(1, { kind: 'canceled' })], null],
    ['none before any attempt', [], null],
  ] as const)('is %s', (_, attempts, exitCode) => {
    expect(lastExitCode(attempts)).toBe(exitCode);
  });
});

test('a step without outputs has an empty record of them, not null', () => {
  const stage = new Stage(planOf({ a: [] }));
  stage.launch();
  expect(stage.end('a', succeeded()).record('a').outputs).toEqual({});
});
