import fc from 'fast-check';
import { expect, test } from 'vitest';
import { paintFor } from '../../src/cli/paint.js';
import { frame, type Board } from '../../src/cli/progress/frame.js';
import { widthOf } from '../../src/cli/text/width.js';
import type { LiveAttempt } from '../../src/plan/live.js';
import type { Step } from '../../src/plan/plan.js';
import type { StepKind, StepRecord } from '../../src/plan/record.js';
import { aPlan, aRecord, aStep, aStepRecord, done, exitCode, failed, sec } from '../plan/a-record.js';

const paint = paintFor({ LANG: 'C.UTF-8' }, { isTerminal: false });
const wide = { columns: 80, rows: 24 };

function board(steps: readonly Step[], records: readonly StepRecord[], change: Partial<Board> = {}): Board {
  const head = { state: 'running', endedAt: null } as const;
  return {
    record: aRecord(aPlan(steps), records, head),
    live: new Map(),
    notice: null,
    footer: null,
    program: 'planwright',
    ...change,
  };
}

const live = (change: Partial<LiveAttempt>): LiveAttempt => ({
  number: 1,
  state: 'running',
  startedAt: sec(1),
  nextAt: null,
  ended: [],
  lastFailure: null,
  worker: null,
  ...change,
});

const lines = (shown: readonly string[]): string[] => shown.map((line) => line.trimEnd());

test('a plan that fits is listed whole, in the order of the plan', () => {
  const retry = { ...aStep('x').retry, maxAttempts: 3 };
  const approval = { kind: 'approval', message: 'Ship it?' } as const;
  const steps = [
    aStep('fetch', [], { name: 'Fetch the sources' }),
    aStep('build', ['fetch'], { name: 'Build', retry }),
    aStep('ship', ['fetch'], { name: 'Ask', work: approval }),
    aStep('tell', ['build'], { name: 'Tell' }),
  ];
  const records = [
    done('fetch', sec(0), sec(1.2)),
    aStepRecord('build', 'running', { launchedAt: sec(2) }),
    aStepRecord('ship', 'running', { launchedAt: sec(2) }),
    aStepRecord('tell', 'pending'),
  ];
  const waiting = live({ number: 2, state: 'backing-off', nextAt: sec(9), lastFailure: 'exit code 3' });
  const shown = frame(board(steps, records, { live: new Map([['build', waiting]]) }), wide, sec(5), paint);
  expect(lines(shown)).toEqual(
    [
      ' PLAN-A  plan-a-01hk3xw2d8mzq7x9',
      ' ━━━━━━━━━━────────────────────────────── 1 of 4  5 s',
      '',
      ' ✔ fetch  Fetch the sources                                               1.2 s',
      ' ↻ build  Build                     attempt 2 of 3 in 4 s: exit code 3      3 s',
      ' ? ship   Ask                                       waits for approval      3 s',
      ' · tell   Tell',
      '',
      ' ? Ship it?',
      '   planwright approve plan-a-01hk3xw2d8mzq7x9 ship',
    ].map((line) => line.trimEnd()),
  );
});

test('a question of several lines stands as it was asked, as far as there is room', () => {
  const asks = (message: string): readonly string[] => {
    const steps = [aStep('ship', [], { work: { kind: 'approval', message } })];
    const shown = frame(
      board(steps, [aStepRecord('ship', 'running', { launchedAt: sec(0) })]),
      wide,
      sec(5),
      paint,
    );
    const all = lines(shown);
    return all.slice(all.findIndex((line) => line.startsWith(' ? Ship') || line === ' ? line 0'));
  };
  expect(asks('Ship it?\n\n  - fast\n\t- slow\u001b[2J\n')).toEqual([
    ' ? Ship it?',
    '',
    '     - fast',
    '       - slow^[[2J',
    '   planwright approve plan-a-01hk3xw2d8mzq7x9 ship',
  ]);
  const long = asks(Array.from({ length: 30 }, (_, at) => `line ${at}`).join('\n'));
  expect(long.slice(0, 2)).toEqual([' ? line 0', '   line 1']);
  expect(long.slice(-2)[0]).toBe('   … 23 more lines: planwright show');
  expect(long).toHaveLength(9);
});

test('why a step failed stands beside it', () => {
  const failure = exitCode(2);
  const records = [
    aStepRecord('a', 'failed', { failure, attempts: [failed(1, sec(0), sec(1)), failed(2, sec(1), sec(2))] }),
    aStepRecord('b', 'skipped', { cause: { kind: 'dependency', step: aStep('a').id } }),
  ];
  const shown = frame(
    board([aStep('a'), aStep('b', ['a'])], records),
    { columns: 60, rows: 24 },
    sec(5),
    paint,
  );
  expect(lines(shown).slice(3)).toEqual([
    ' ✖ a                          exit code 2, 2 times    2.0 s',
    ' – b                                       needs a',
  ]);
});

test('a workstream that is blocked says what it needs, not what the engine asked', () => {
  // b has to wait for a, and merely comes after c, which wants the same files
  const work = { kind: 'workstream', startsWith: ['ws-a'] } as unknown as Step['work'];
  const steps = [aStep('ws-b', ['ws-a', 'ws-c'], { work })];
  const records = [aStepRecord('ws-b', 'skipped', { cause: { kind: 'condition' } })];
  const shown = frame(board(steps, records), wide, sec(3), paint);
  expect(shown.join('\n')).toContain('blocked: needs ws-a ');
  expect(shown.join('\n')).not.toContain('condition');
});

test('a step that no worker has taken up says so', () => {
  const steps = [aStep('a', [], { runsOn: 'gpu' })];
  const shown = frame(
    board(steps, [aStepRecord('a', 'running')], { live: new Map([['a', live({ state: 'queued' })]]) }),
    wide,
    sec(3),
    paint,
  );
  expect(shown[3]).toContain('waits for a worker "gpu"');
});

test('silence is explained below the steps', () => {
  const shown = frame(
    board([aStep('a')], [aStepRecord('a', 'running')], { notice: { kind: 'no-worker', since: sec(0) } }),
    wide,
    sec(7),
    paint,
  );
  expect(shown.at(-1)).toBe(' waiting for a worker … 7 s');
});

test('a plan of a thousand steps is summed up by its groups', () => {
  const groups = ['build', 'test'];
  const steps = Array.from({ length: 1000 }, (_, index) =>
    aStep(`s${index}`, [], { group: groups[Math.floor(index / 500)]! }),
  );
  const records = steps.map(({ id }, index) =>
    index < 400
      ? done(id, sec(0), sec(index / 100))
      : index === 400
        ? aStepRecord(id, 'failed', { attempts: [failed(1, sec(0), sec(1))] })
        : index < 420
          ? aStepRecord(id, 'running')
          : aStepRecord(id, 'pending'),
  );
  const shown = lines(frame(board(steps, records), { columns: 80, rows: 24 }, sec(5), paint));
  expect(shown.length).toBeLessThanOrEqual(23);
  expect(shown[1]).toContain('401 of 1,000');
  expect(shown).toContain(' ✔ 400 succeeded   ✖ 1 failed   ▶ 19 running   · 580 pending');
  expect(shown.find((line) => line.startsWith(' build'))).toMatch(/^ build ━+─+ {5}401\/500 {2}▶ 19 {2}✖ 1$/);
  expect(shown.some((line) => line.startsWith(' ✖ s400'))).toBe(true);
  expect(shown.some((line) => /and \d+ more running/.test(line))).toBe(true);
  expect(shown.find((line) => line.startsWith(' ✔ s'))).toMatch(/^ ✔ s399 +4\.0 s$/);
});

test('one failure among a thousand shows in the bar', () => {
  const coloured = paintFor({ LANG: 'C.UTF-8' }, { isTerminal: true });
  const steps = Array.from({ length: 1000 }, (_, index) => aStep(`s${index}`));
  const records = steps.map(({ id }, index) =>
    index === 0
      ? aStepRecord(id, 'failed')
      : index < 900
        ? done(id, sec(0), sec(1))
        : aStepRecord(id, 'pending'),
  );
  expect(frame(board(steps, records), wide, sec(5), coloured)[1]).toContain('\u001b[31m━\u001b[39m');
});

const STATES: readonly StepKind[] = ['pending', 'running', 'succeeded', 'failed', 'skipped', 'canceled'];

test('no picture is wider or higher than the terminal', () => {
  const someSteps = fc.array(
    fc.record({
      name: fc.string({ unit: 'grapheme', maxLength: 40 }),
      state: fc.constantFrom(...STATES),
      group: fc.constantFrom('a', 'bb', '日本語のグループ'),
    }),
    { minLength: 1, maxLength: 80 },
  );
  const space = fc.record({
    columns: fc.integer({ min: 20, max: 200 }),
    rows: fc.integer({ min: 4, max: 60 }),
  });
  fc.assert(
    fc.property(someSteps, space, fc.boolean(), (made, size, isSilent) => {
      const steps = made.map(({ name, group }, index) =>
        aStep(`step_${index}_${'x'.repeat(index % 50)}`, [], { name, group }),
      );
      const records = made.map(({ state }, index) => aStepRecord(steps[index]!.id, state));
      const notice = isSilent ? ({ kind: 'stuck', since: sec(0), attempts: 9 } as const) : null;
      const shown = frame(board(steps, records, { notice }), size, sec(5), paint);
      expect(shown.length).toBeLessThan(size.rows);
      for (const line of shown) expect(widthOf(line)).toBeLessThan(size.columns);
    }),
    { numRuns: 300 },
  );
});
