import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { QueuedJob } from '../../src/job/job-table.js';
import { JobQueue, newQueue } from '../../src/job/queue.js';
import { isBefore, WaitingLine } from '../../src/job/waiting-line.js';

const AGEING_MS = 10;

const queued = fc.record({
  rank: fc.nat(3),
  queuedAt: fc.nat(60),
  tool: fc.constantFrom(undefined, 'aider', 'codex'),
  state: fc.constantFrom('queued', 'queued', 'queued', 'held', 'waiting'),
});

/** Who comes first when one looks at all of them. */
function firstOf(jobs: readonly QueuedJob[], now: number): string | undefined {
  const barred = jobs.flatMap(({ state, tool }) => (state === 'held' && tool !== undefined ? [tool] : []));
  const rankNow = ({ rank, queuedAt }: QueuedJob): number =>
    Math.max(0, rank - Math.floor(Math.max(0, now - queuedAt) / AGEING_MS));
  return jobs
    .filter(({ state, tool }) => state === 'queued' && !barred.includes(tool ?? ''))
    .sort((a, b) => (isBefore(a, rankNow(a), b, rankNow(b)) ? -1 : 1))[0]?.id;
}

test('places go to the same jobs, in the same order, as if one looked at all of them each time', () => {
  fc.assert(
    fc.property(fc.array(queued, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (all, dice) => {
      const jobs = all.map(({ tool, ...job }, at): QueuedJob => {
        const facts = { id: `j${at}`, execution: `e${at}`, dependsOn: [], waitsFor: [], deadlineAt: 0 };
        return { ...facts, ...job, ...(tool === undefined ? {} : { tool }) };
      });
      const queue = new JobQueue({ ...newQueue('q'), ageingMs: AGEING_MS, jobs });
      for (let now = 0; now < 120; now += dice.next().value % 12) {
        const known = queue.state().jobs;
        const expected = firstOf(known, now);
        queue.places = queue.running.length + 1;
        queue.grant(now);
        expect(queue.takeTold().map(({ job }) => job.id)).toEqual(expected === undefined ? [] : [expected]);
        const other = known[dice.next().value % Math.max(1, known.length)];
        if (other === undefined || expected === undefined) return;
        // It ends; or its tool is out of order, or in order again.
        if (dice.next().value % 2 === 0) queue.end(other.id, other.execution, { state: 'completed' });
        else queue.hold(other.id, other.execution, other.state !== 'held');
      }
    }),
    { numRuns: 150 },
  );
});

test('of 10,000 jobs only the first of each priority and tool is looked at', () => {
  const line = new WaitingLine(() => true);
  for (let at = 0; at < 10_000; at += 1) {
    const facts = { id: `j${at}`, execution: '', dependsOn: [], waitsFor: [], deadlineAt: 0 };
    line.add({ ...facts, rank: at % 4, queuedAt: 10_000 - at, state: 'queued', tool: `t${at % 3}` });
  }
  const looked: string[] = [];
  const next = line.next(new Set(['t0']), (job) => {
    looked.push(job.id);
    return job.rank;
  });
  expect(next?.job.id).toBe('j9992'); // the newest of rank 0 was submitted first, and not for t0
  expect(looked).toHaveLength(8);
});
