import { expect, test } from 'vitest';
import { progressOf, runStatus, stepAttempts } from '../../src/client/views.js';
import {
  aPlan,
  aRecord,
  aStep,
  aStepRecord,
  done,
  exitCode,
  failed,
  sec,
  succeeded,
} from '../plan/a-record.js';

const NONE = { live: new Map(), quarantine: null };

test('the status of a run has the fields that programs know', () => {
  const plan = aPlan([aStep('a')], { variables: { BRANCH: 'main' } });
  expect(runStatus({ record: aRecord(plan, [done('a', sec(1), sec(2))]), ...NONE })).toMatchObject({
    run_id: 'plan-a-01hk3xw2d8mzq7x9',
    project_id: 'a-project',
    phase_id: 'PH-1',
    workstream_id: null,
    execution_request_id: null,
    created_at: '2024-01-02T03:04:05.000Z',
    ended_at: '2024-01-02T03:05:05.000Z',
    state: 'succeeded',
    exit_code: 0,
    error_message: null,
    metadata: {
      plan_id: 'PLAN-A',
      plan_version: '1.0',
      plan_path: 'plans/a.json',
      variables: { BRANCH: 'main' },
    },
    progress: 100,
  });
});

test('a run in quarantine has failed, whatever it came to', () => {
  const quarantine = { reason: 'bad base', actor: 'me', at: sec(70) };
  const record = aRecord(aPlan([aStep('a')]), [aStepRecord('a', 'failed')], { state: 'failed' });
  expect(runStatus({ record, live: new Map(), quarantine })).toMatchObject({
    state: 'quarantined',
    exit_code: 1,
  });
});

test('progress counts ended steps, and is 100 only when all have ended', () => {
  const counts = { pending: 0, running: 1, succeeded: 990, failed: 3, skipped: 3, canceled: 3 };
  expect(progressOf({ counts })).toBe(99);
  expect(progressOf({ counts: { ...counts, running: 0 } })).toBe(100);
  expect(
    progressOf({ counts: { pending: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, canceled: 0 } }),
  ).toBe(0);
});

test('there is a row for each attempt, by step and number, and one for each step without any', () => {
  const plan = aPlan([aStep('b'), aStep('a'), aStep('c')]);
  const attempts = [failed(1, sec(1), sec(2), exitCode(3, 'oh no')), succeeded(2, sec(3), sec(4))];
  const steps = [
    aStepRecord('b', 'succeeded', { attempts, outputs: { n: 1 } }),
    aStepRecord('a', 'skipped', { cause: { kind: 'condition' } }),
    aStepRecord('c', 'running'),
  ];
  const rows = stepAttempts({ record: aRecord(plan, steps, { state: 'running', endedAt: null }), ...NONE });
  expect(
    rows.map((row) => [
      row.sequence,
      row.metadata.step_id,
      row.metadata.attempt,
      row.tool_id,
      row.state,
      row.exit_code,
    ]),
  ).toEqual([
    [0, 'b', 1, 'true', 'failed', 3],
    [0, 'b', 2, 'true', 'succeeded', 0],
    [1, 'a', null, 'true', 'skipped', null],
    [2, 'c', 1, 'true', 'running', null],
  ]);
  expect(rows[0]).toMatchObject({
    step_attempt_id: 'plan-a-01hk3xw2d8mzq7x9/b/1',
    error_log: 'oh no',
    outputs: {},
  });
  expect(rows[1]).toMatchObject({ started_at: '2024-01-02T03:04:08.000Z', outputs: { n: 1 } });
  expect(rows[2]).toMatchObject({ step_attempt_id: null, cause: 'its condition is false' });
});
