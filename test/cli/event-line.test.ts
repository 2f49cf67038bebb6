import { expect, test } from 'vitest';
import { paintFor } from '../../src/cli/paint.js';
import { eventLine } from '../../src/cli/progress/event-line.js';
import type { RunEvent } from '../../src/plan/event.js';
import { aPlan, aRecord, aStep } from '../plan/a-record.js';
import { anOutput } from './a-world.js';

const line = (event_type: RunEvent['event_type'], data: RunEvent['data']): string | null =>
  eventLine(
    { id: '1', run_id: 'r', timestamp: '2026-01-02T03:04:05.000Z', event_type, data },
    aRecord(aPlan([aStep('a')]), []),
    paintFor({ LANG: 'C.UTF-8' }, anOutput()),
  );

test('an exit code and a time limit are written as everywhere, what a command said as it stands', () => {
  const failed = (error: string) => line('step_failed', { step_id: 'a', reason: 'exit-code', error });
  expect(failed('Exit code 3')).toMatch(/failed: exit code 3$/);
  expect(failed('Exit code 3 of MAKE')).toMatch(/failed: Exit code 3 of MAKE$/);
  expect(line('step_failed', { step_id: 'a', reason: 'timed-out', error: 'Timeout after 5s' })).toMatch(
    /failed: timeout after 5s$/,
  );
});

test('a cancellation is said once', () => {
  expect(line('run_canceled', { reason: 'canceled by signal', actor: 'signal' })).toMatch(
    /run canceled by signal$/,
  );
  expect(line('run_canceled', { reason: 'terminated: by hand', actor: null })).toMatch(
    /run canceled: terminated: by hand$/,
  );
  expect(line('step_canceled', { step_id: 'a' })).toMatch(/a {2}canceled$/);
  expect(line('step_canceled', { step_id: 'a', reason: 'canceled by ann: no' })).toMatch(
    /a {2}canceled by ann: no$/,
  );
});
