import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RunEvent } from '../../src/plan/event.js';
import { eventsOf, keyedEventsOf } from '../../src/plan/events.js';
import type { LiveAttempt } from '../../src/plan/live.js';
import type { Step } from '../../src/plan/plan.js';
import type { RunRecord } from '../../src/plan/record.js';
import { cancelRun, isRunOver, newRun, settle, takeReady, takeStops } from '../../src/plan/schedule.js';
import type { Outcome } from '../../src/plan/step-state.js';
import { runHead, stepRecord } from '../../src/plan/view.js';
import { aPlan, aRecord, aStep, aStepRecord, done, exitCode, failed, sec, succeeded } from './a-record.js';

/** An event as `type step#attempt`: what most of these tests are about. */
const brief = ({ event_type: type, data }: RunEvent): string => {
  const step = typeof data['step_id'] === 'string' ? ` ${data['step_id']}` : '';
  return `${type}${step}${typeof data['attempt'] === 'number' ? ` ${data['attempt']}` : ''}`;
};
const briefly = (record: RunRecord, ...rest: [Parameters<typeof eventsOf>[1]?]): string[] =>
  eventsOf(record, ...rest).map(brief);

test('a run of four steps has eleven events, one start and one outcome for each step', () => {
  // step1 ─► step2 ─► step4
  //      └─► step3 ─┘
  const plan = aPlan([
    aStep('step1'),
    aStep('step2', ['step1']),
    aStep('step3', ['step1']),
    aStep('step4', ['step2', 'step3']),
  ]);
  const steps = [
    done('step1', sec(0.1), sec(0.2)),
    done('step2', sec(0.2), sec(0.3)),
    done('step3', sec(0.2), sec(1.3)),
    done('step4', sec(1.3), sec(1.4)),
  ];
  const events = eventsOf(aRecord(plan, steps, { endedAt: sec(1.4) }));
  expect(events.map(brief)).toEqual([
    'run_created',
    'run_started',
    'step_started step1 1',
    'step_succeeded step1 1',
    'step_started step2 1',
    'step_started step3 1',
    'step_succeeded step2 1',
    'step_succeeded step3 1',
    'step_started step4 1',
    'step_succeeded step4 1',
    'run_completed',
  ]);
  expect(events[0]).toMatchObject({
    run_id: 'plan-a-01hk3xw2d8mzq7x9',
    timestamp: '2024-01-02T03:04:05.000Z',
    data: { project_id: 'a-project', phase_id: 'PH-1', workstream_id: null },
  });
  expect(events[4]!.data).toEqual({
    step_id: 'step2',
    step_attempt_id: 'plan-a-01hk3xw2d8mzq7x9/step2/1',
    sequence: 1,
    tool_id: 'true',
    attempt: 1,
  });
  expect(events[6]!.data).toMatchObject({ step_attempt_id: 'plan-a-01hk3xw2d8mzq7x9/step2/1', exit_code: 0 });
  expect(events.at(-1)!.data).toEqual({ status: 'succeeded', exit_code: 0 });
});

test('a failure that is retried is followed by its retry, with the wait that the policy asks for', () => {
  const retry = { ...aStep('x').retry, maxAttempts: 3, initialIntervalSec: 2, backoffCoefficient: 2 };
  const attempts = [
    failed(1, sec(1), sec(2), exitCode(7, 'no luck\n')),
    failed(2, sec(4), sec(5)),
    succeeded(3, sec(9), sec(10)),
  ];
  const steps = [aStepRecord('a', 'succeeded', { attempts, launchedAt: sec(1), endedAt: sec(10) })];
  const events = eventsOf(aRecord(aPlan([aStep('a', [], { retry })]), steps));
  expect(events.map(brief).slice(2, -1)).toEqual([
    'step_started a 1',
    'step_failed a 1',
    'step_retry a 2',
    'step_started a 2',
    'step_failed a 2',
    'step_retry a 3',
    'step_started a 3',
    'step_succeeded a 3',
  ]);
  expect(events[3]!.data).toMatchObject({ exit_code: 7, error: 'no luck', will_retry: true });
  expect(
    events.filter((event) => event.event_type === 'step_retry').map((event) => event.data['delay']),
  ).toEqual([2, 4]);
});

test('a wait that grows in another way is told as long as it is', () => {
  const retry = { ...aStep('x').retry, maxAttempts: 4, initialIntervalSec: 2, growth: 'linear' } as const;
  const attempts = [1, 2, 3].map((number) => failed(number, sec(number * 20), sec(number * 20 + 1)));
  const steps = [aStepRecord('a', 'running', { attempts, launchedAt: sec(1) })];
  const events = eventsOf(aRecord(aPlan([aStep('a', [], { retry })]), steps));
  expect(events.flatMap(({ data }) => data['delay'] ?? [])).toEqual([2, 4, 6]);
});

test('a timeout is told beside the failure that it is', () => {
  const failure = { reason: 'timed-out', afterSec: 5, tail: 'half way' } as const;
  const steps = [
    aStepRecord('a', 'failed', { attempts: [failed(1, sec(1), sec(6), failure)], failure, endedAt: sec(6) }),
  ];
  const events = eventsOf(aRecord(aPlan([aStep('a')]), steps, { state: 'failed', abortedBy: steps[0]!.id }));
  expect(events.slice(3).map(brief)).toEqual([
    'step_timeout a 1',
    'step_failed a 1',
    'plan_aborted a',
    'run_completed',
  ]);
  expect(events[3]!.data).toMatchObject({ timeout_sec: 5 });
  expect(events[4]!.data).toMatchObject({ exit_code: -1, error: 'Timeout after 5s', will_retry: false });
  expect(events.at(-1)!.data).toEqual({ status: 'failed', exit_code: 1 });
});

test('an abort stands between the failure and what it cancels, though all bear the same time', () => {
  // a* ─► b      c is running      * fails
  const plan = aPlan([aStep('c'), aStep('b', ['a']), aStep('a')]);
  const aborted = { kind: 'aborted', step: plan.steps[2]!.id } as const;
  const running = {
    number: 1,
    startedAt: sec(1),
    endedAt: sec(2),
    end: { kind: 'canceled' },
    logs: null,
  } as const;
  const steps = [
    aStepRecord('c', 'canceled', { cause: aborted, attempts: [running] }),
    aStepRecord('b', 'canceled', { cause: aborted, launchedAt: null }),
    aStepRecord('a', 'failed', { attempts: [failed(1, sec(1), sec(2))] }),
  ];
  const record = aRecord(plan, steps, {
    state: 'failed',
    abortedBy: aborted.step,
    message: 'step "a" failed: exit code 1',
  });
  const events = eventsOf(record);
  expect(events.slice(4).map(brief)).toEqual([
    'step_failed a 1',
    'plan_aborted a',
    'step_canceled c 1',
    'step_canceled b',
    'run_completed',
  ]);
  expect(events[5]!.data).toMatchObject({ reason: 'step "a" failed: exit code 1', failed_steps: ['a'] });
  expect(events[7]!.data).toMatchObject({ cause: 'aborted', cause_step: 'a', step_attempt_id: null });
});

test('a clock that is ahead moves neither the abort nor what follows from it', () => {
  const plan = aPlan([aStep('ahead'), aStep('a'), aStep('b', ['a'])]);
  const cause = { kind: 'aborted', step: plan.steps[1]!.id } as const;
  const hourAhead = {
    number: 1,
    startedAt: sec(3601),
    endedAt: sec(3605),
    end: { kind: 'canceled' },
    logs: null,
  } as const;
  const steps = [
    aStepRecord('ahead', 'canceled', { cause, attempts: [hourAhead], endedAt: sec(5) }),
    aStepRecord('a', 'failed', { attempts: [failed(1, sec(1), sec(2))] }),
    aStepRecord('b', 'canceled', { cause, launchedAt: null }),
  ];
  const record = aRecord(plan, steps, { state: 'failed', abortedBy: cause.step, endedAt: sec(5) });
  expect(
    eventsOf(record).map((event) => [brief(event), (Date.parse(event.timestamp) - sec(0)) / 1000]),
  ).toEqual([
    ['run_created', 0],
    ['run_started', 0],
    ['step_started a 1', 1],
    ['step_failed a 1', 2],
    ['step_started ahead 1', 2],
    ['plan_aborted a', 2],
    ['step_canceled b', 2],
    ['step_canceled ahead 1', 5],
    ['run_completed', 5],
  ]);
});

test('steps that are skipped say which step stopped them, and come after it', () => {
  // a* ─► b ─► c      * fails
  const plan = aPlan([
    aStep('c', ['b']),
    aStep('b', ['a']),
    aStep('a', [], { onFailure: { kind: 'skip_dependents' } }),
  ]);
  const because = { kind: 'dependency', step: plan.steps[2]!.id } as const;
  const steps = [
    aStepRecord('c', 'skipped', { cause: because }),
    aStepRecord('b', 'skipped', { cause: because }),
    aStepRecord('a', 'failed', { attempts: [failed(1, sec(1), sec(2))] }),
  ];
  const events = eventsOf(aRecord(plan, steps));
  expect(events.slice(3, 6).map(brief)).toEqual(['step_failed a 1', 'step_skipped c', 'step_skipped b']);
  expect(events[4]!.data).toMatchObject({
    cause: 'dependency',
    cause_step: 'a',
    reason: 'step "a" did not succeed',
  });
});

test('a workstream that is held back by its condition says what it needs, and what became of that', () => {
  // ws-a* ─► ws-b ─► ws-c      * fails
  const needs = (on: string): Partial<Step> => ({
    work: { kind: 'workstream', startsWith: [on] } as unknown as Step['work'],
  });
  const plan = aPlan([
    aStep('ws-a'),
    aStep('ws-b', ['ws-a'], needs('ws-a')),
    aStep('ws-c', ['ws-b'], needs('ws-b')),
  ]);
  const cause = { kind: 'condition' } as const;
  const steps = [
    aStepRecord('ws-a', 'failed', { attempts: [failed(1, sec(1), sec(2))] }),
    aStepRecord('ws-b', 'skipped', { cause }),
    aStepRecord('ws-c', 'skipped', { cause }),
  ];
  const skipped = eventsOf(aRecord(plan, steps)).filter(({ event_type: type }) => type === 'step_skipped');
  expect(skipped.map(({ data }) => data['reason'])).toEqual([
    'needs "ws-a", which failed',
    'needs "ws-b", which is blocked itself',
  ]);
});

test('a step canceled while it waits for its next attempt was going to be tried again', () => {
  const retry = { ...aStep('x').retry, maxAttempts: 2, initialIntervalSec: 60 };
  const cause = { kind: 'run-canceled', reason: 'enough', actor: 'me' } as const;
  const steps = [aStepRecord('a', 'canceled', { cause, attempts: [failed(1, sec(1), sec(1.5))] })];
  const record = aRecord(aPlan([aStep('a', [], { retry })]), steps, { state: 'canceled', cancel: cause });
  const events = eventsOf(record);
  expect(events.slice(3).map(brief)).toEqual([
    'step_failed a 1',
    'step_retry a 2',
    'step_canceled a',
    'run_canceled',
  ]);
  expect(events.at(-1)!.data).toEqual({ reason: 'enough', actor: 'me' });
});

test('a signal is no exit code', () => {
  const failure = { reason: 'signal', signal: 'SIGKILL', tail: '' } as const;
  const steps = [aStepRecord('a', 'failed', { attempts: [failed(1, sec(1), sec(2), failure)], failure })];
  const events = eventsOf(aRecord(aPlan([aStep('a')]), steps, { state: 'failed' }));
  expect(events[3]!.data).toMatchObject({
    exit_code: null,
    signal: 'SIGKILL',
    error: 'killed by SIGKILL, perhaps out of memory',
  });
});

test('an approval has a start and an outcome, though no command is tried', () => {
  const work = { kind: 'approval', message: 'ship it?' } as const;
  const failure = { reason: 'rejected', message: 'not today' } as const;
  const steps = [aStepRecord('ok', 'succeeded'), aStepRecord('no', 'failed', { failure })];
  const events = eventsOf(aRecord(aPlan([aStep('ok', [], { work }), aStep('no', [], { work })]), steps));
  expect(events.map(brief)).toEqual([
    'run_created',
    'run_started',
    'step_started ok 1',
    'step_started no 1',
    'step_succeeded ok 1',
    'step_failed no 1',
    'run_completed',
  ]);
  expect(events[2]!.data['tool_id']).toBe('approval');
});

test('a result used again succeeded without a start', () => {
  const steps = [
    aStepRecord('a', 'succeeded', { launchedAt: null, endedAt: sec(0), reusedFrom: 'plan-a-0' }),
  ];
  const events = eventsOf(aRecord(aPlan([aStep('a')]), steps));
  expect(events.map(brief)).toEqual(['run_created', 'run_started', 'step_succeeded a', 'run_completed']);
  expect(events[2]!.data).toMatchObject({ step_attempt_id: null, reused_from: 'plan-a-0' });
});

test('what a step did before it was reset by hand is told at its time, and ended for good there', () => {
  const plan = aPlan([aStep('a')]);
  // launchedAt is that of the second launch: the record has no other.
  const steps = [
    aStepRecord('a', 'succeeded', {
      launchedAt: sec(40),
      endedAt: sec(42),
      attempts: [failed(1, sec(1), sec(2)), failed(2, sec(3), sec(4)), succeeded(3, sec(40), sec(42))],
    }),
  ];
  const reset = { step: 'a', action: 'reset', force: false, clearRetries: true } as const;
  const manual = [{ ...reset, reason: 'the key was missing', actor: 'ann', at: sec(40) }];
  const events = eventsOf(aRecord(plan, steps, { manual }));
  expect(
    events.map((event) => `${brief(event)} ${Date.parse(event.timestamp) / 1000 - sec(0) / 1000}`),
  ).toEqual([
    'run_created 0',
    'run_started 0',
    'step_started a 1 1',
    'step_failed a 1 2',
    'step_retry a 2 2',
    'step_started a 2 3',
    'step_failed a 2 4',
    'manual_action a 40',
    'step_started a 3 40',
    'step_succeeded a 3 42',
    'run_completed 60',
  ]);
  expect(events.filter(({ data }) => data['will_retry'] === true)).toHaveLength(1);
});

test('a pause and its end are told at their times, with who said so and why', () => {
  const said = { reason: 'tea', actor: 'ann' };
  const pauses = [
    { paused: true, ...said, at: sec(1) },
    { paused: false, ...said, at: sec(3) },
  ];
  const record = aRecord(aPlan([aStep('a')]), [done('a', sec(0), sec(5))], { pauses });
  const events = eventsOf(record);
  expect(events.map(brief).slice(2)).toEqual([
    'step_started a 1',
    'run_paused',
    'run_resumed',
    'step_succeeded a 1',
    'run_completed',
  ]);
  expect(events[3]!.data).toEqual(said);
});

test('quarantine is the last event of the run that it is laid on', () => {
  const quarantine = { reason: 'bad base', actor: 'me', at: sec(100) };
  const record = aRecord(aPlan([aStep('a')]), [done('a', sec(1), sec(2))], { state: 'failed' });
  expect(briefly(record, { quarantine }).slice(-2)).toEqual(['run_completed', 'run_quarantined']);
});

test('a running step tells the attempts that its worker reported', () => {
  const retry = { ...aStep('x').retry, maxAttempts: 3 };
  const record = aRecord(aPlan([aStep('a', [], { retry })]), [aStepRecord('a', 'running')], {
    state: 'running',
    endedAt: null,
  });
  const live: LiveAttempt = {
    number: 2,
    state: 'backing-off',
    startedAt: null,
    nextAt: sec(9),
    ended: [failed(1, sec(1), sec(2))],
    lastFailure: 'exit code 1',
    worker: null,
  };
  const told = ['run_created', 'run_started', 'step_started a 1', 'step_failed a 1', 'step_retry a 2'];
  expect(briefly(record, { live: new Map([['a', live]]) })).toEqual(told);
  const again: LiveAttempt = { ...live, state: 'running', startedAt: sec(9), nextAt: null };
  expect(briefly(record, { live: new Map([['a', again]]) })).toEqual([...told, 'step_started a 2']);
});

test('a step that waits for a worker has not started', () => {
  const record = aRecord(aPlan([aStep('a')]), [aStepRecord('a', 'running')], {
    state: 'running',
    endedAt: null,
  });
  const live: LiveAttempt = {
    number: 1,
    state: 'queued',
    startedAt: null,
    nextAt: null,
    ended: [],
    lastFailure: null,
    worker: null,
  };
  expect(briefly(record, { live: new Map([['a', live]]) })).toEqual(['run_created', 'run_started']);
});

/** Plays a random plan through the scheduler; every worker has a clock of its own, and much happens at once. */
const plays = fc
  .record({
    edges: fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 }),
    maxConcurrency: fc.integer({ min: 1, max: 4 }),
    policies: fc.array(fc.constantFrom('abort', 'skip_dependents', 'continue'), {
      minLength: 12,
      maxLength: 12,
    }),
    ends: fc.array(fc.constantFrom('succeeded', 'succeeded', 'succeeded', 'failed', 'retried'), {
      minLength: 12,
      maxLength: 12,
    }),
    clocks: fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 12, maxLength: 12 }),
    ticks: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 12, maxLength: 12 }),
    cancelAt: fc.option(fc.integer({ min: 0, max: 12 })),
  })
  .map(({ edges, maxConcurrency, policies, ends, clocks, ticks, cancelAt }) => {
    const retry = { ...aStep('x').retry, maxAttempts: 2 };
    const steps = edges.map((above, index): Step => {
      const dependsOn = index === 0 ? [] : [...new Set(above.map((value) => `s${value % index}`))];
      return aStep(`s${index}`, dependsOn, { retry, onFailure: { kind: policies[index]! } });
    });
    const plan = aPlan(steps, { maxConcurrency });
    let now = sec(0);
    const run = newRun(plan, () => ({ kind: 'true' }), now);
    const launchedAt: number[] = [];
    const running: number[] = [];
    const stopped = new Set<number>();
    for (let round = 0; !isRunOver(run); round += 1) {
      if (round === cancelAt) cancelRun(run, 'enough', 'me', now);
      for (const index of takeReady(run, now, 100)) {
        launchedAt[index] = now;
        running.push(index);
      }
      for (const index of takeStops(run)) stopped.add(index);
      // What a worker reports comes later than its start, but several reports may come at one time.
      now += ticks[round % 12]!;
      for (const index of running.splice(0, ticks[(round + 1) % 12])) {
        const from = launchedAt[index]! + clocks[index]!;
        settle(run, index, outcomeOf(ends[index]!, from, now + clocks[index]!, stopped.has(index)), now);
      }
    }
    const clock = { runId: 'random', createdAt: sec(0), startedAt: sec(0), endedAt: now };
    const records = plan.steps.map((_, index) => stepRecord(run, index, null));
    return { plan, record: { ...aRecord(plan, records), head: runHead(run, clock) } };
  });

function outcomeOf(end: string, from: number, till: number, stopped: boolean): Outcome {
  const none = { attemptsOmitted: 0 };
  if (stopped) {
    const attempt = {
      number: 1,
      startedAt: from,
      endedAt: till,
      end: { kind: 'canceled' },
      logs: null,
    } as const;
    return { kind: 'canceled', attempts: [attempt], ...none };
  }
  const attempts = end === 'retried' ? [failed(1, from, from)] : [];
  if (end === 'failed') {
    return {
      kind: 'failed',
      failure: exitCode(1),
      attempts: [failed(1, from, from), failed(2, from, till)],
      ...none,
    };
  }
  return {
    kind: 'succeeded',
    outputs: {},
    attempts: [...attempts, succeeded(attempts.length + 1, from, till)],
    ...none,
  };
}

const OUTCOMES = ['step_succeeded', 'step_failed', 'step_canceled'];

test('in every run causes stand before effects, times and ids rise, and each attempt has one start and one outcome', () => {
  fc.assert(
    fc.property(plays, ({ plan, record }) => {
      const events = eventsOf(record);
      const ids = events.map((event) => event.id);
      expect(ids).toEqual([...new Set(ids)].sort());
      const times = events.map((event) => event.timestamp);
      expect(times).toEqual([...times].sort());

      const ended = new Set<unknown>();
      const open = new Set<unknown>();
      const starts = new Set<unknown>();
      let aborted = false;
      for (const { event_type: type, data } of events) {
        const step = plan.steps.find((one) => one.id === data['step_id']);
        if (type === 'plan_aborted') aborted = true;
        if (type === 'step_started') {
          expect(aborted).toBe(false);
          expect(step!.dependsOn.filter((id) => !ended.has(id))).toEqual([]);
          expect(starts.has(data['step_attempt_id'])).toBe(false);
          starts.add(data['step_attempt_id']);
          open.add(data['step_attempt_id']);
          expect(open.size).toBeLessThanOrEqual(plan.maxConcurrency);
        } else if (OUTCOMES.includes(type)) {
          if (data['step_attempt_id'] !== null) expect(open.delete(data['step_attempt_id'])).toBe(true);
          if (data['will_retry'] !== true) {
            expect(ended.has(data['step_id'])).toBe(false);
            ended.add(data['step_id']);
          }
        } else if (type === 'step_skipped') {
          expect(ended.has(data['cause_step'])).toBe(true);
          ended.add(data['step_id']);
        } else if (type === 'run_completed' || type === 'run_canceled') {
          expect(ended.size).toBe(plan.steps.length);
        }
        if (data['cause'] === 'aborted') expect(aborted).toBe(true);
      }
      expect(open.size).toBe(0);
      expect(['run_completed', 'run_canceled']).toContain(events.at(-1)!.event_type);
    }),
    { numRuns: 500 },
  );
});

test('an event keeps its key from the moment it is first told', () => {
  fc.assert(
    fc.property(plays, ({ record }) => {
      const whole = keyedEventsOf(record).map(({ key }) => key);
      expect(new Set(whole).size).toBe(whole.length);
      const early: RunRecord = {
        ...record,
        head: { ...record.head, state: 'running', endedAt: null },
        steps: record.steps.map((step, index) =>
          index % 2 === 0
            ? step
            : { ...step, state: 'pending', launchedAt: null, endedAt: null, attempts: [] },
        ),
      };
      for (const { key } of keyedEventsOf(early)) expect(whole).toContain(key);
    }),
    { numRuns: 100 },
  );
});

test('leases are events before what was done under them, with the time that was waited', () => {
  const use = {
    ...{ name: 'x', askedAt: sec(1), grantedAt: sec(4), token: 7, ahead: 0, taken: null },
    heldBy: { run: 'other', step: null, since: sec(0) },
  };
  const free = { ...use, name: 'whole', askedAt: sec(0), grantedAt: sec(0), heldBy: null };
  const taken = { ...free, taken: { at: sec(4.5), reason: 'it hangs', actor: 'ann' } };
  const record = aRecord(
    aPlan([aStep('a')]),
    [{ ...aStepRecord('a', 'running', { launchedAt: sec(1) }), leases: [use] }],
    { state: 'running', endedAt: null },
  );
  const events = eventsOf({ ...record, head: { ...record.head, leases: [taken] } });
  expect(
    events.map(({ event_type: type, data }) => [type, data['lease'] ?? data['step_id'] ?? null]),
  ).toEqual([
    ['run_created', null],
    ['run_started', null],
    ['lease_granted', 'whole'],
    ['lease_wait', 'x'],
    ['lease_granted', 'x'],
    ['lease_lost', 'whole'],
  ]);
  expect(events[3]!.data).toMatchObject({ step_id: 'a', held_by: 'other', ahead: 0 });
});

test('a step that waits for a lease has not started', () => {
  const wait = {
    name: 'x',
    askedAt: sec(1),
    grantedAt: null,
    token: null,
    ahead: 0,
    taken: null,
    heldBy: null,
  };
  const record = aRecord(
    aPlan([aStep('a')]),
    [{ ...aStepRecord('a', 'running', { launchedAt: sec(1) }), leases: [wait] }],
    { state: 'running', endedAt: null },
  );
  expect(briefly(record)).toEqual(['run_created', 'run_started']);
});
