import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf, type JobAsk, type QueuedJob } from '../../src/job/job-table.js';
import {
  MOST_OPEN_JOBS,
  MOST_PACKED_BYTES,
  packQueue,
  unpackQueue,
  wordBytes,
  type PackedQueue,
} from '../../src/job/pack-queue.js';
import { JobQueue, newQueue, type JobNews, type QueueState } from '../../src/job/queue.js';

const sent = (state: QueueState): QueueState =>
  unpackQueue(JSON.parse(JSON.stringify(packQueue(state))) as PackedQueue);
const sizeOf = (state: QueueState): number => Buffer.byteLength(JSON.stringify(packQueue(state)));

const id = fc.oneof(fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/), fc.constantFrom('ws-1', 'ws-10', 'ws-2'));
const reason = fc.string({ unit: 'grapheme', maxLength: 80 });
const news: fc.Arbitrary<JobNews> = fc.oneof(
  fc.record({ kind: fc.constant('go' as const), rank: fc.nat(3) }),
  fc.record({ kind: fc.constant('queued' as const) }),
  fc.record({ kind: fc.constant('full' as const) }),
  fc.record({ kind: fc.constant('fail' as const), reason }),
  fc.record({ kind: fc.constant('fail' as const), reason, isForgotten: fc.constant(true as const) }),
);
const job: fc.Arbitrary<QueuedJob> = fc
  .record(
    {
      ...{ id, execution: fc.oneof(fc.uuid(), fc.string({ minLength: 1 })), rank: fc.nat(3) },
      state: fc.constantFrom('waiting', 'queued', 'running', 'held', 'told-off'),
      ...{ queuedAt: fc.nat(4e12), deadlineAt: fc.nat(4e12), waitsFor: fc.uniqueArray(id) },
      tool: fc.constantFrom('aider', 'Werkzeug "ü"'),
    },
    { requiredKeys: ['id', 'execution', 'rank', 'state', 'queuedAt', 'deadlineAt', 'waitsFor'] },
  )
  .map((one) => ({ ...one, dependsOn: one.waitsFor }));

test('a queue that was packed is the same queue', () => {
  const told = fc.array(fc.record({ id, news, execution: fc.uuid() }, { requiredKeys: ['id', 'news'] }));
  fc.assert(
    fc.property(fc.array(job), told, (jobs, told) => {
      const state: QueueState = { ...newQueue('q'), places: 3, jobs, told };
      expect(sent(state)).toEqual(state);
    }),
  );
});

/** What the server takes of a message. */
const MESSAGE_BYTES = 2 * 1024 * 1024;

/** A queue of so many jobs, each waiting for one outside, which two share. Neighbours' names have nothing in common, the worst case. */
function aLongQueue(jobs: number, letters: number): JobQueue {
  const queue = new JobQueue(newQueue('q'));
  const nameOf = (at: number): string => `${(at * 7_919) % 100_003}`.padEnd(letters, 'x');
  for (let at = 0; at < jobs; at += 1) {
    const dependsOn = [`${nameOf(at % Math.ceil(jobs / 2))}-`];
    const queuedAt = 1_700_000_000_000 + at;
    queue.ask(
      { ...{ id: nameOf(at), execution: randomUUID(), rank: 2, queuedAt, dependsOn, tool: 'aider' } },
      queuedAt,
    );
  }
  return queue;
}

test('10,000 jobs with names of 20 letters are less than Temporal takes of a message, also when all of them are told off', () => {
  const queue = aLongQueue(MOST_OPEN_JOBS, 20);
  expect(queue.count('waiting')).toBe(MOST_OPEN_JOBS);
  expect(sizeOf(queue.state())).toBeLessThan(MOST_PACKED_BYTES);
  queue.takeToFind(Infinity);
  queue.seal();
  queue.found(Object.fromEntries(queue.takeToFind(Infinity).map((name) => [name, null])), 0);
  expect([queue.size, queue.state().told?.length]).toEqual([0, MOST_OPEN_JOBS]);
  expect(sizeOf(queue.state())).toBeLessThan(MESSAGE_BYTES);
});

test('a queue has room for what it can hand on, and tells those for whom it has none to ask again', () => {
  const queue = aLongQueue(20_000, 128);
  const full = queue.takeTold().filter(({ news }) => news.kind === 'full');
  expect(full.length).toBeGreaterThan(0);
  expect(queue.size + full.length).toBe(20_000);
  expect(sizeOf(queue.state())).toBeLessThan(MOST_PACKED_BYTES);
  const { job } = full[0]!;
  const again: JobAsk = { ...job, rank: 0, queuedAt: 0, dependsOn: [] };
  queue.ask(again, 0);
  expect(queue.takeTold().map(({ news }) => news.kind)).toEqual(['full']);
  for (const { id, execution } of queue.state().jobs.slice(0, 10))
    queue.end(id, execution, { state: 'completed' });
  queue.ask(again, 0);
  expect([queue.hasTold, queue.count('queued')]).toEqual([false, 1]);
});

test('a queue with more news than it can hand on is bulky until some of them are told', () => {
  const queue = aLongQueue(20_000, 128);
  expect(queue.isBulky).toBe(true);
  queue.takeTold();
  expect(queue.isBulky).toBe(false);
});

test('what a job is reckoned to take is not less than it takes', () => {
  const { jobs, ...rest } = aLongQueue(2_000, 20).state();
  const names = jobs.flatMap(({ waitsFor }) => waitsFor.map(wordBytes));
  const reckoned = [...jobs.map(bytesOf), ...names].reduce((bytes, one) => bytes + one, 0);
  expect(sizeOf({ ...rest, jobs }) - sizeOf({ ...rest, jobs: [] })).toBeLessThan(reckoned);
});
