import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JobAsk, QueuedJob } from '../../src/job/job-table.js';
import { packQueue, unpackQueue } from '../../src/job/pack-queue.js';
import { JobQueue, newQueue } from '../../src/job/queue.js';

const MINUTE = 60_000;
const ask = (id: string, over: Partial<JobAsk> = {}): JobAsk => ({
  ...{ id, execution: `${id}.1`, rank: 2, queuedAt: 0, dependsOn: [] },
  ...over,
});
const after = (id: string, ...dependsOn: string[]): JobAsk => ask(id, { dependsOn });

/** A queue of so many places, in which what goes on is read off by name. */
function aQueue(places: number, over: Partial<ReturnType<typeof newQueue>> = {}) {
  const queue = new JobQueue({ ...newQueue('q'), places, ...over });
  return {
    queue,
    ask: (...asks: JobAsk[]) => asks.forEach((one) => queue.ask(one, one.queuedAt)),
    end: (id: string, state: 'completed' | 'failed' | 'cancelled' = 'completed') =>
      queue.end(id, `${id}.1`, { state }),
    escalated: (id: string, to: string) => queue.end(id, `${id}.1`, { state: 'escalated', to }),
    /** Gives places, and returns who was told what. */
    told: (now = 0): string[] => {
      queue.grant(now);
      return queue
        .takeTold()
        .map(({ job, news }) => `${job.id} ${news.kind}${news.kind === 'fail' ? `: ${news.reason}` : ''}`);
    },
  };
}

/** Everything that is asked about is unknown to the server. */
const nothingKnown = (queue: JobQueue, now = 0): void =>
  queue.found(Object.fromEntries(queue.takeToFind(100).map((id) => [id, null])), now);

describe('order', () => {
  test('the lower number goes first, whatever the order of submission', () => {
    const q = aQueue(1);
    q.ask(
      ask('low', { rank: 3 }),
      ask('normal', { rank: 2, queuedAt: 1 }),
      ask('high', { rank: 1, queuedAt: 2 }),
    );
    const order: string[] = [];
    for (const _ of [1, 2, 3]) {
      const [line] = q.told(3);
      order.push(line!);
      q.end(line!.split(' ')[0]!);
    }
    expect(order).toEqual(['high go', 'normal go', 'low go']);
  });

  test('of one priority the earlier goes first, and of one moment the smaller name', () => {
    const q = aQueue(4);
    q.ask(ask('late', { queuedAt: 2 }), ask('b', { queuedAt: 1 }), ask('a', { queuedAt: 1 }));
    expect(q.told(2)).toEqual(['a go', 'b go', 'late go']);
  });

  test('is that of the list of who comes first, of all or of some states; counts go with each change', () => {
    const q = aQueue(1);
    q.ask(ask('low', { rank: 3 }), after('below', 'low'), ask('b'), ask('a'), ask('top', { rank: 0 }));
    q.told();
    expect(q.queue.first(3, [])).toEqual({ ids: ['top', 'a', 'b'], known: 5 });
    expect(q.queue.first(1, ['queued'])).toEqual({ ids: ['a'], known: 3 });
    q.end('top');
    q.end('low', 'failed');
    const counts = ['waiting', 'queued', 'running', 'told-off'] as const;
    expect(counts.map((state) => q.queue.count(state))).toEqual([0, 2, 0, 0]);
    expect(q.queue.first(9, [])).toEqual({ ids: ['a', 'b'], known: 2 }); // the one below was told off
  });

  test('no more than the places run, and a place that is free goes to the next', () => {
    const q = aQueue(2);
    q.ask(ask('a'), ask('b'), ask('c'));
    expect(q.told()).toEqual(['a go', 'b go']);
    q.end('b', 'failed');
    expect(q.told()).toEqual(['c go']);
  });

  test('a job that waits long enough goes before newer ones of a higher priority', () => {
    const q = aQueue(0, { ageingMs: 10 * MINUTE });
    q.ask(ask('old low', { rank: 3, queuedAt: 0 }), ask('high', { rank: 1, queuedAt: 15 * MINUTE }));
    q.queue.places = 1;
    expect(q.told(19 * MINUTE)).toEqual(['high go']); // the old one has come up to normal
    q.end('high');
    q.ask(ask('higher', { rank: 1, queuedAt: 20 * MINUTE }));
    expect(q.told(20 * MINUTE)).toEqual(['old low go']);
  });

  test('with ageing off, low waits as long as there is anything else', () => {
    const q = aQueue(1, { ageingMs: 0 });
    q.ask(ask('low', { rank: 3 }), ask('high', { rank: 1, queuedAt: 99 * MINUTE }));
    expect(q.told(1_000 * MINUTE)).toEqual(['high go']);
  });

  test('a job that gave its place back keeps its time', () => {
    const q = aQueue(1);
    q.ask(ask('a', { queuedAt: 1 }), ask('b', { queuedAt: 2 }));
    expect(q.told()).toEqual(['a go']);
    q.queue.end('a', 'a.1', null);
    q.ask(ask('a', { queuedAt: 1 }));
    expect(q.told()).toEqual(['a go']);
  });
});

describe('dependencies', () => {
  test('a job is ready when the last of those it waits for has completed', () => {
    const q = aQueue(3);
    q.ask(ask('a'), ask('b'), after('c', 'a', 'b'));
    expect(q.told()).toEqual(['a go', 'b go']);
    q.end('a');
    expect(q.told()).toEqual([]);
    q.end('b');
    expect(q.told()).toEqual(['c queued', 'c go']);
  });

  test('it may come before what it waits for', () => {
    const q = aQueue(3);
    q.ask(after('b', 'a'));
    nothingKnown(q.queue);
    q.ask(ask('a'));
    expect(q.told()).toEqual(['a go']);
    q.end('a');
    expect(q.told()).toEqual(['b queued', 'b go']);
  });

  test.each(['failed', 'cancelled'] as const)(
    'one that %s fails those that wait for it, and those behind them',
    (state) => {
      const q = aQueue(3);
      q.ask(ask('a'), after('b', 'a'), after('c', 'b'));
      q.told();
      q.end('a', state);
      expect(q.told()).toEqual([
        `b fail: dependency "a" ${state === 'failed' ? 'failed' : 'was cancelled'}`,
        'c fail: dependency "b" failed',
      ]);
      expect(q.queue.size).toBe(0); // none of them need say that it has ended
    },
  );

  test('a queue of before waits until each that was told off has said that it ended', () => {
    const queue = new JobQueue({ ...newQueue('q'), places: 1 }, false);
    queue.ask(ask('a'), 0);
    for (const job of [after('b', 'a'), after('c', 'b')]) queue.ask(job, 0);
    queue.end('a', 'a.1', { state: 'failed' });
    expect(queue.takeTold().map(({ news }) => news)).toEqual([
      { kind: 'fail', reason: 'dependency "a" failed' },
    ]);
    expect(queue.count('told-off')).toBe(1);
    queue.end('b', 'b.1', { state: 'failed' });
    expect(queue.takeTold().map(({ job }) => job.id)).toEqual(['c']);
  });

  test('a chain of thousands is told off at once, and its news outlive an execution of the queue', () => {
    const many = 20_000;
    const jobs = Array.from({ length: many + 1 }, (_, at): QueuedJob => {
      const waitsFor = at === 0 ? [] : [`j${at - 1}`];
      const state = at === 0 ? 'queued' : 'waiting';
      return { ...ask(`j${at}`, { dependsOn: waitsFor }), state, waitsFor, deadlineAt: MINUTE };
    });
    const q = aQueue(1, { jobs });
    q.told();
    q.end('j0', 'failed');
    expect(q.queue.size).toBe(0);
    const next = new JobQueue(q.queue.state());
    const told = next.takeTold();
    expect(told).toHaveLength(many);
    expect(told.at(-1)).toEqual({
      job: { id: `j${many}`, execution: `j${many}.1` },
      news: { kind: 'fail', reason: `dependency "j${many - 1}" failed`, isForgotten: true },
    });
  });

  test('one that is open and has not asked is asked about again, in case that it was told off and ends', () => {
    const q = aQueue(1);
    q.ask(after('b', 'a'));
    q.queue.takeToFind(9);
    q.queue.found({ a: { state: 'open' } }, 0);
    expect(q.queue.takeToFind(9)).toEqual([]);
    q.queue.lookAtDeadlines(1);
    expect(q.queue.takeToFind(9)).toEqual(['a']);
  });

  test('one that was escalated is met when the job that took over completes', () => {
    const q = aQueue(3);
    q.ask(ask('a'), after('b', 'a'));
    q.told();
    q.ask(ask('a-escalated-codex'));
    q.escalated('a', 'a-escalated-codex');
    expect(q.told()).toEqual(['a-escalated-codex go']);
    q.end('a-escalated-codex');
    expect(q.told()).toEqual(['b queued', 'b go']);
  });

  test('one that ended long ago is asked of the server', () => {
    const q = aQueue(3);
    q.ask(after('b', 'a'), after('d', 'c'), after('f', 'e'));
    expect(q.queue.takeToFind(10)).toEqual(['a', 'c', 'e']);
    q.queue.found(
      { a: { state: 'completed' }, c: { state: 'failed' }, e: { state: 'escalated', to: 'a' } },
      0,
    );
    expect(q.told()).toEqual(['b queued', 'd fail: dependency "c" failed', 'b go']);
    expect(q.queue.takeToFind(10)).toEqual(['a']); // of the one that took over from "e"
  });

  test('one that nobody submits fails those that wait for it, at their deadline', () => {
    const q = aQueue(3, { unknownMs: 10 * MINUTE });
    q.ask(after('b', 'a'));
    nothingKnown(q.queue);
    q.queue.lookAtDeadlines(9 * MINUTE);
    expect(q.queue.takeToFind(10)).toEqual([]);
    q.queue.lookAtDeadlines(10 * MINUTE);
    nothingKnown(q.queue, 10 * MINUTE);
    expect(q.told(10 * MINUTE)).toEqual(['b fail: dependency "a" was not submitted within 600 s']);
  });

  test('a queue that is sealed fails those that wait for what nobody submitted, and no others', () => {
    const q = aQueue(1);
    q.ask(ask('a'), after('b', 'a'), after('d', 'nobody'), after('f', 'on its way'));
    nothingKnown(q.queue);
    q.queue.seal();
    expect(q.queue.takeToFind(10)).toEqual(['nobody', 'on its way']);
    q.queue.found({ nobody: null, 'on its way': { state: 'open' } }, 0);
    expect(q.told()).toEqual([
      'd fail: dependency "nobody" was not submitted before the queue was sealed',
      'a go',
    ]);
  });

  test('a circle is refused, with the way it goes', () => {
    const q = aQueue(1);
    q.ask(after('a', 'b'), after('b', 'c'), after('c', 'a'));
    expect(q.told()).toEqual([
      'c fail: its dependencies go in a circle: c → a → b → c',
      'b fail: dependency "c" failed',
      'a fail: dependency "b" failed',
    ]);
    expect(q.queue.size).toBe(0);
  });
});

describe('executions', () => {
  test('who asks twice is told again, and has one place', () => {
    const q = aQueue(2);
    q.ask(ask('a'), ask('b'), ask('c'));
    q.told();
    q.ask(ask('a'));
    expect(q.told()).toEqual(['a go']);
  });

  test('a new execution of an id takes the place in the queue of the old one', () => {
    const q = aQueue(1);
    q.ask(ask('a'), ask('b', { queuedAt: 1 }));
    q.told();
    q.ask(ask('a', { execution: 'a.2', queuedAt: 2 }));
    expect(q.told(2)).toEqual(['b go']);
    q.queue.end('a', 'a.1', { state: 'failed' }); // the old one says nothing of the new
    expect(q.queue.size).toBe(2);
  });
});

describe('a tool that is out of order', () => {
  const of = (id: string, tool: string): JobAsk => ask(id, { tool });

  test('frees the place of the job that found out, and bars other jobs of it; those of other tools run', () => {
    const q = aQueue(1);
    q.ask(of('a1', 'aider'), of('a2', 'aider'), of('c', 'codex'), ask('none'));
    expect(q.told()).toEqual(['a1 go']);
    q.queue.hold('a1', 'a1.1', true);
    expect(q.told()).toEqual(['c go']);
    q.end('c');
    expect(q.told()).toEqual(['none go']);
    q.end('none');
    expect(q.told()).toEqual([]);
    q.queue.hold('a1', 'a1.1', false);
    expect(q.told()).toEqual(['a1 go']); // it has kept its time
    q.end('a1');
    expect(q.told()).toEqual(['a2 go']);
  });

  test('is found out by the next job when the one that waits for it ends', () => {
    const q = aQueue(1);
    q.ask(of('a1', 'aider'), of('a2', 'aider'));
    q.told();
    q.queue.hold('a1', 'a1.1', true);
    expect(q.queue.first(9, ['waiting'])).toEqual({ ids: ['a1'], known: 1 });
    q.end('a1', 'cancelled');
    expect(q.told()).toEqual(['a2 go']);
  });

  test('is known to the next execution of the queue', () => {
    const q = aQueue(2);
    q.ask(of('a1', 'aider'), of('a2', 'aider'));
    q.queue.grant(0);
    q.queue.hold('a1', 'a1.1', true);
    q.queue.hold('a2', 'a2.0', true); // of an old execution: it says nothing
    const next = new JobQueue(q.queue.state());
    expect([next.held, next.running].map((jobs) => jobs.map(({ id }) => id))).toEqual([['a1'], ['a2']]);
  });
});

test('news are taken so many at a time, and none is lost', () => {
  const q = aQueue(5);
  q.ask(...['a', 'b', 'c'].map((id) => ask(id)));
  q.queue.grant(0);
  expect(q.queue.takeTold(2).map(({ job }) => job.id)).toEqual(['a', 'b']);
  expect(q.queue.hasTold).toBe(true);
  expect(new JobQueue(q.queue.state()).takeTold().map(({ job }) => job.id)).toEqual(['c']);
  expect(q.queue.takeTold(2).map(({ job }) => job.id)).toEqual(['c']);
  expect(q.queue.hasTold).toBe(false);
});

test('whatever is submitted in whatever order, every job ends, none runs too early, and no more run than may', () => {
  const jobs = fc.array(
    fc.record({
      rank: fc.integer({ min: 0, max: 3 }),
      deps: fc.array(fc.nat(14), { maxLength: 3 }),
      fails: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(jobs, fc.integer({ min: 1, max: 4 }), fc.infiniteStream(fc.nat()), (all, places, dice) => {
      let queue = new JobQueue({ ...newQueue('q'), places });
      const ended = new Map<string, string>();
      const running: string[] = [];
      const told = (now: number): void => {
        queue.grant(now);
        for (const { job, news } of queue.takeTold()) {
          if (news.kind === 'fail') {
            ended.set(job.id, 'failed');
            queue.end(job.id, job.execution, { state: 'failed' });
            told(now);
          } else if (news.kind === 'go') {
            for (const other of (job as JobAsk).dependsOn) expect(ended.get(other)).toBe('completed');
            running.push(job.id);
            expect(running.length).toBeLessThanOrEqual(places);
          }
        }
      };
      const answer = (now: number): void => {
        const ids = queue.takeToFind(100);
        if (ids.length === 0) return;
        const known = (id: string) => {
          const state = ended.get(id);
          return state === undefined ? null : { state: state as 'completed' | 'failed' };
        };
        queue.found(Object.fromEntries(ids.map((id) => [id, known(id)])), now);
        told(now);
      };
      all.forEach(({ rank, deps }, at) => {
        queue.ask(ask(`j${at}`, { rank, queuedAt: at, dependsOn: deps.map((dep) => `j${dep}`) }), at);
        told(at);
        if (dice.next().value % 3 === 0) queue = new JobQueue(unpackQueue(packQueue(queue.state()))); // a successor
        answer(at);
      });
      queue.seal();
      for (let turns = 0; (queue.size > 0 || queue.hasTold) && turns < 1_000; turns += 1) {
        answer(100);
        told(100);
        const id = running.splice(dice.next().value % Math.max(1, running.length), 1)[0];
        if (id === undefined) continue;
        const state = all[Number(id.slice(1))]!.fails ? 'failed' : 'completed';
        ended.set(id, state);
        queue.end(id, `${id}.1`, { state });
      }
      expect(queue.size).toBe(0);
      expect(ended.size).toBe(all.length);
    }),
    { numRuns: 300 },
  );
});
