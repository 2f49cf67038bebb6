import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ask,
  forget,
  grant,
  isInside,
  isSameAsker,
  leave,
  newLease,
  positionOf,
  type Asker,
  type Lease,
} from '../../src/plan/lease.js';

const run = (name: string, step: string | null = null): Asker => ({ run: name, execution: `${name}!`, step });
const asking = (lease: Lease, ...askers: Asker[]): Lease =>
  askers.reduce((now, one) => ask(now, one, 1), lease);
const granted = (lease: Lease, at = 1): Lease => grant(lease, at).lease;
const names = (askers: readonly Asker[]): string[] =>
  askers.map(({ run: name, step }) => (step === null ? name : `${name}.${step}`));

test('one has it, the others wait in the order in which they asked', () => {
  let lease = granted(asking(newLease('x'), run('a'), run('b'), run('c')));
  expect([names(lease.holders), names(lease.waiting)]).toEqual([['a'], ['b', 'c']]);
  lease = granted(leave(lease, run('a')));
  expect([names(lease.holders), names(lease.waiting)]).toEqual([['b'], ['c']]);
});

test('who asks twice keeps its place', () => {
  const lease = asking(granted(asking(newLease('x'), run('a'), run('b'), run('c'))), run('b'), run('a'));
  expect([names(lease.holders), names(lease.waiting)]).toEqual([['a'], ['b', 'c']]);
});

test.each([
  ['a step of the run that has it', run('r'), run('r', 's')],
  ['a sub-plan’s run', run('r'), run('r~sub')],
  ['a step in the sub-plan of the step that has it', run('r', 'sub'), run('r~sub', 'deep')],
])('%s does not wait for its own run', (_, holder, asker) => {
  const lease = granted(asking(granted(asking(newLease('x'), holder, run('other'))), asker));
  expect(names(lease.holders)).toEqual(names([holder, asker]));
  expect(names(lease.waiting)).toEqual(['other']);
});

test.each([
  ['another step of the same run', run('r', 's'), run('r', 't')],
  ['the run whose step has it', run('r', 's'), run('r')],
  ['a step whose name begins like that of the step', run('r', 's'), run('r~s2', 'x')],
  ['a run whose name begins like that of the run', run('r'), run('r2')],
])('%s waits', (_, holder, asker) => {
  expect(isInside(asker, holder)).toBe(false);
  expect(names(granted(asking(newLease('x'), holder, asker)).waiting)).toEqual(names([asker]));
});

test('two steps of the run that has it take turns', () => {
  const lease = granted(asking(granted(asking(newLease('x'), run('r'))), run('r', 'a'), run('r', 'b')));
  expect([names(lease.holders), names(lease.waiting)]).toEqual([['r', 'r.a'], ['r.b']]);
  expect(names(granted(leave(lease, run('r', 'a'))).holders)).toEqual(['r', 'r.b']);
});

test('the token rises, over the end of a lease and a clock that stands still, too', () => {
  const [first] = grant(asking(newLease('x'), run('a')), 1_000).granted;
  const later = grant(asking(newLease('x'), run('b')), 1_001).granted[0]!; // a lease that had ended
  const again = grant(asking(leave({ ...newLease('x'), lastToken: later.token }, run('b')), run('c')), 1_001);
  expect(first!.token).toBeLessThan(later.token);
  expect(later.token).toBeLessThan(again.granted[0]!.token);
});

test('what is over is forgotten whole, another execution of the same name is not', () => {
  const again: Asker = { ...run('a'), execution: 'second' };
  const lease = granted(asking(newLease('x'), run('a'), run('a', 's'), again));
  expect(names(granted(forget(lease, run('a'))).holders)).toEqual(['a']);
  expect(granted(forget(lease, run('a'))).holders[0]!.execution).toBe('second');
});

test('who waits is told of the one it waits for, not of the run it belongs to', () => {
  const lease = granted(
    asking(granted(asking(newLease('x'), run('r'))), run('r', 'a'), run('r', 'b'), run('o')),
  );
  expect(positionOf(lease, run('r', 'b'))).toMatchObject({ heldBy: { run: 'r', step: 'a' }, ahead: 0 });
  expect(positionOf(lease, run('o'))).toMatchObject({ heldBy: { run: 'r', step: null }, ahead: 1 });
  expect(positionOf(lease, run('r'))).toBeNull();
});

describe('whatever is asked and given back, in whatever order', () => {
  const RUNS = ['a', 'b', 'a~s', 'b~s', 'a~s~t'];
  const askers = RUNS.flatMap((name) => [null, 's', 't'].map((step) => run(name, step)));
  const moves = fc.array(
    fc.record({ kind: fc.constantFrom('ask', 'leave', 'forget'), who: fc.nat(askers.length - 1) }),
    { maxLength: 80 },
  );

  test('those that have it are inside each other, tokens rise, nobody is in twice, everybody gets it', () => {
    fc.assert(
      fc.property(moves, (list) => {
        let lease = newLease('x');
        let last = 0;
        const step = (next: Lease, at: number): void => {
          const result = grant(next, at);
          lease = result.lease;
          for (const { token } of result.granted) {
            expect(token).toBeGreaterThan(last);
            last = token;
          }
          lease.holders.forEach((inner, index) =>
            lease.holders.slice(0, index).forEach((outer) => expect(isInside(inner, outer)).toBe(true)),
          );
          const all = [...lease.holders, ...lease.waiting];
          all.forEach((one, index) => expect(all.findIndex((other) => isSameAsker(one, other))).toBe(index));
          // Nobody waits for nothing.
          if (lease.waiting.length > 0) expect(lease.holders.length).toBeGreaterThan(0);
        };
        list.forEach(({ kind, who }, at) => {
          const asker = askers[who]!;
          if (kind === 'ask') step(ask(lease, asker, at), at);
          else step(kind === 'leave' ? leave(lease, asker) : forget(lease, asker), at);
        });
        // Innermost first, as runs end: everybody who waits has it once.
        for (let left = askers.length * 2; lease.holders.length > 0; left -= 1) {
          expect(left).toBeGreaterThan(0);
          step(leave(lease, lease.holders.at(-1)!), 1_000);
        }
        expect(lease.waiting).toEqual([]);
      }),
    );
  });

  test('of those that have nothing to do with each other, who asked first is first', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e', 'f'], { minLength: 2 }), (order) => {
        let lease = granted(asking(newLease('x'), ...order.map((name) => run(name))));
        const turns: string[] = [];
        while (lease.holders.length > 0) {
          turns.push(lease.holders[0]!.run);
          lease = granted(leave(lease, lease.holders[0]!));
        }
        expect(turns).toEqual(order);
      }),
    );
  });
});
