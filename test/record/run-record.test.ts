import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventsOf } from '../../src/plan/events.js';
import type { RunRecord } from '../../src/plan/record.js';
import { closeOff } from '../../src/record/close-off.js';
import { legOf, runFiles, runOf } from '../../src/record/layout.js';
import { mergeRecord, readLegPart, writeLegPart, type LegPart } from '../../src/record/legs.js';
import { readQuarantine, readStartNote, writeQuarantine, writeStartNote } from '../../src/record/notes.js';
import {
  readRecord,
  readSummary,
  underQuarantine,
  UnreadableRecordError,
  writeRecord,
} from '../../src/record/run-record.js';
import { aPlan, aRecord, aStep, aStepRecord, done, sec } from '../plan/a-record.js';

const home = mkdtempSync(join(tmpdir(), 'planwright-records-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const steps = ['a', 'b'].map((id) => aStep(id));
const record = aRecord(aPlan(steps), [done('a', sec(1), sec(2)), done('b', sec(2), sec(3))]);

const named = (runId: string): RunRecord => ({ ...record, head: { ...record.head, runId } });

test('a record comes back as it was written, with its summary and its events', async () => {
  const run = named('whole-1');
  await writeRecord(home, run);
  expect(await readRecord(home, 'whole-1')).toEqual(run);
  expect(await readSummary(home, 'whole-1')).toMatchObject({
    head: run.head,
    planId: 'PLAN-A',
    project: 'a-project',
  });
  const lines = readFileSync(runFiles(home, 'whole-1').events, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(eventsOf(run));
});

test('only its owner can read a record, and writing it leaves nothing else behind', async () => {
  await writeRecord(home, named('private-1'));
  const { directory } = runFiles(home, 'private-1');
  expect(readdirSync(directory).sort()).toEqual(['events.jsonl', 'run.json', 'summary.json']);
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
});

test('a record of 1,200 steps is written in pieces and is one JSON document', async () => {
  const many = Array.from({ length: 1200 }, (_, index) => aStep(`s${index}`));
  const run = {
    ...aRecord(
      aPlan(many),
      many.map(({ id }) => done(id, sec(1), sec(2))),
    ),
  };
  const big = { ...run, head: { ...run.head, runId: 'big-1' } };
  await writeRecord(home, big);
  expect(await readRecord(home, 'big-1')).toEqual(big);
});

test('writers at once leave one whole record', async () => {
  await Promise.all(Array.from({ length: 8 }, () => writeRecord(home, named('many-writers'))));
  expect(await readRecord(home, 'many-writers')).toEqual(named('many-writers'));
  expect(readdirSync(runFiles(home, 'many-writers').directory)).toHaveLength(3);
});

test('where there is no record there is none, and a damaged or later one is named', async () => {
  expect(await readRecord(home, 'nothing-1')).toBeNull();
  await writeRecord(home, named('damaged-1'));
  writeFileSync(runFiles(home, 'damaged-1').record, '{"format":1,');
  await expect(readRecord(home, 'damaged-1')).rejects.toThrow(UnreadableRecordError);
  await expect(readRecord(home, 'damaged-1')).rejects.toThrow(/run\.json" cannot be read: it is damaged/);
  writeFileSync(runFiles(home, 'damaged-1').record, '{"format":2}');
  await expect(readRecord(home, 'damaged-1')).rejects.toThrow(
    /it is format 2, and this version reads format 1/,
  );
});

test('an id that would leave the state directory is refused', async () => {
  await expect(readRecord(home, '../outside')).rejects.toThrow(RangeError);
  await expect(readRecord(home, 'a/b')).rejects.toThrow(RangeError);
});

test('notes come back, and others are not taken for ours', () => {
  const note = {
    format: 1,
    runId: 'noted-1',
    planId: 'P',
    project: 'x',
    planFile: '/p.json',
    root: '/',
    variables: { A: '1' },
    createdAt: 1,
    address: 'a:1',
    namespace: 'n',
  } as const;
  writeStartNote(home, note);
  expect(readStartNote(home, 'noted-1')).toEqual(note);
  expect(readQuarantine(home, 'noted-1')).toBeNull();
  writeQuarantine(home, 'noted-1', { reason: 'bad base', actor: 'me', at: 5 });
  expect(readQuarantine(home, 'noted-1')).toMatchObject({ reason: 'bad base', actor: 'me', at: 5 });
  writeFileSync(runFiles(home, 'noted-1').start, '{"format":7}');
  expect(readStartNote(home, 'noted-1')).toBeNull();
});

test('a quarantine shows in the head and leaves the record as it was', () => {
  const note = { reason: 'bad base', actor: 'me', at: 5 };
  expect(underQuarantine(record.head, note)).toMatchObject({
    state: 'quarantined',
    message: 'quarantined by me: bad base',
  });
  expect(underQuarantine(record.head, null)).toBe(record.head);
});

test('a run that was terminated has no open steps: they are canceled, and the record says why', () => {
  const open = aRecord(
    aPlan(['a', 'b', 'c'].map((id) => aStep(id))),
    [done('a', sec(1), sec(2)), aStepRecord('b', 'running'), aStepRecord('c', 'pending')],
    { state: 'running', endedAt: null, paused: true },
  );
  const closed = closeOff(open, { state: 'canceled', message: 'terminated: enough', at: sec(9) });
  expect(closed.head).toMatchObject({
    state: 'canceled',
    message: 'terminated: enough',
    endedAt: sec(9),
    paused: false,
  });
  expect(closed.head.counts).toMatchObject({ succeeded: 1, canceled: 2, running: 0, pending: 0 });
  expect(closed.steps.map(({ state, cause }) => [state, cause])).toEqual([
    ['succeeded', null],
    ['canceled', { kind: 'engine', message: 'terminated: enough' }],
    ['canceled', { kind: 'engine', message: 'terminated: enough' }],
  ]);
  expect(eventsOf(closed).at(-1)).toMatchObject({
    event_type: 'run_canceled',
    data: { reason: 'terminated: enough' },
  });
});

test('a run that ended by itself is not closed off', () => {
  expect(closeOff(record, { state: 'failed', message: 'x', at: sec(9) })).toBe(record);
});

test('legs are known by their ids', () => {
  expect([legOf('run-1'), legOf('run-1~~2'), legOf('run-1~sub'), legOf('run-1~sub~~10')]).toEqual([
    0, 2, 0, 10,
  ]);
  expect([runOf('run-1~~2'), runOf('run-1~sub')]).toEqual(['run-1', 'run-1~sub']);
});

const part = (leg: number, change: Partial<LegPart> & Pick<LegPart, 'steps'>): LegPart => ({
  format: 1,
  leg,
  head: { ...record.head, runId: 'legs-1' },
  origin: record.origin,
  nextLeg: null,
  ...change,
});

test('of a step that was handed on the last leg tells', async () => {
  // a ended in leg 0, b ran when leg 1 took over, c was not started then, d is not started yet
  const plan = aPlan(['a', 'b', 'c', 'd'].map((id) => aStep(id)));
  const running = { ...record.head, state: 'running', endedAt: null } as const;
  const first = part(0, {
    head: running,
    nextLeg: 'legs-1~~1',
    steps: [done('a', sec(1), sec(2)), aStepRecord('b', 'running')],
  });
  const second = part(1, {
    head: { ...running, paused: true },
    steps: [aStepRecord('b', 'failed', { tolerated: true }), aStepRecord('c', 'running')],
  });
  await writeLegPart(home, 'legs-1', second);
  expect(await readLegPart(home, 'legs-1', 1)).toEqual(second);
  expect(await readLegPart(home, 'legs-1', 2)).toBeNull();
  const merged = mergeRecord(plan, [first, second]);
  expect(merged.steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
    'a succeeded',
    'b failed',
    'c running',
    'd pending',
  ]);
  expect(merged.head).toMatchObject({ state: 'running', endedAt: null, paused: true, toleratedFailures: 1 });
  expect(merged.head.counts).toEqual({
    pending: 1,
    running: 1,
    succeeded: 1,
    failed: 1,
    skipped: 0,
    canceled: 0,
  });
});
