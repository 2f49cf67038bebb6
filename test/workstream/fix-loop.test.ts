import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterCheck,
  DEFAULT_FIX_LIMITS,
  fixLimitsFor,
  NEW_FIX_STATE,
  signatureOf,
  type Checked,
  type FixLimits,
  type FixMove,
} from '../../src/workstream/fix-loop.js';

/** Plays checks until the loop ends; says how. `errors` per check, and the hash of the change. */
function play(
  checks: readonly (readonly [string, string])[],
  limits: FixLimits = DEFAULT_FIX_LIMITS,
  step: Checked['step'] = 'static',
): FixMove[] {
  let state = NEW_FIX_STATE;
  const moves: FixMove[] = [];
  for (const [error, changeHash] of checks) {
    const errors = error === '' ? [] : [{ code: 'E', message: error }];
    const next = afterCheck(state, limits, { step, changeHash, errors });
    state = next.state;
    moves.push(next.move);
    if (next.move.kind !== 'fix') break;
  }
  return moves;
}
const kinds = (moves: readonly FixMove[]): string[] =>
  moves.map((move) => (move.kind === 'give-up' ? move.reason.reason : move.kind));

describe('the fix loop', () => {
  test('goes on once the check passes', () =>
    expect(
      kinds(
        play([
          ['a', '1'],
          ['', '2'],
        ]),
      ),
    ).toEqual(['fix', 'go-on']));

  test('gives up after three attempts', () => {
    expect(
      kinds(
        play([
          ['a', '1'],
          ['b', '2'],
          ['c', '3'],
          ['d', '4'],
        ]),
      ),
    ).toEqual(['fix', 'fix', 'attempts']);
  });

  test('has its own bounds for tests', () => {
    expect(
      kinds(
        play(
          [
            ['a', '1'],
            ['b', '2'],
            ['c', '3'],
          ],
          DEFAULT_FIX_LIMITS,
          'runtime',
        ),
      ),
    ).toEqual(['fix', 'attempts']);
  });

  test('gives up on an error that stays, whatever blanks it is written with', () => {
    const limits = { ...DEFAULT_FIX_LIMITS, maxAttempts: 9, maxFixes: 9 };
    expect(
      kinds(
        play(
          [
            ['x  y', '1'],
            ['x y ', '2'],
            ['x\ny', '3'],
          ],
          limits,
        ),
      ),
    ).toEqual(['fix', 'fix', 'same-error']);
  });

  test('gives up on a change that comes back', () => {
    const limits = { ...DEFAULT_FIX_LIMITS, maxAttempts: 9, maxFixes: 9, maxErrorRepeats: 0 };
    expect(
      kinds(
        play(
          [
            ['a', '1'],
            ['b', '2'],
            ['c', '1'],
          ],
          limits,
        ),
      ),
    ).toEqual(['fix', 'fix', 'oscillation']);
    expect(
      kinds(
        play(
          [
            ['a', '1'],
            ['b', '2'],
            ['c', '3'],
            ['d', '4'],
            ['e', '1'],
          ],
          limits,
        ),
      ),
    ).toEqual(['fix', 'fix', 'fix', 'fix', 'fix']); // out of the window
  });

  test('does not take the first change for one that comes back, even with a threshold of 1', () => {
    expect(
      kinds(
        play(
          [
            ['a', '1'],
            ['', '2'],
          ],
          { ...DEFAULT_FIX_LIMITS, oscillationThreshold: 1 },
        ),
      ),
    ).toEqual(['fix', 'go-on']);
  });

  test('does not call the tool for checks that are not its own', () => {
    expect(kinds(play([['a', '1']], { ...DEFAULT_FIX_LIMITS, fixes: ['runtime'] }))).toEqual(['not-fixable']);
  });

  test('follows the words of the bundle', () => {
    const limits = fixLimitsFor(
      { maxAttempts: 5, maxErrorRepeats: null, oscillationThreshold: 1 },
      DEFAULT_FIX_LIMITS,
    );
    expect(limits).toMatchObject({
      maxAttempts: 5,
      maxFixes: 4,
      maxErrorRepeats: 3,
      oscillationThreshold: 1,
      perStep: {},
    });
  });

  test('ends, whatever the checks say', () => {
    const check = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2', '3', '4', '5'));
    fc.assert(
      fc.property(fc.array(check, { minLength: 3, maxLength: 20 }), (checks) => {
        expect(play(checks).at(-1)!.kind).toBe('give-up');
      }),
    );
  });
});

test('an error is known again by its words', () => {
  expect(signatureOf({ code: 'E', message: 'a  b\n' })).toBe(signatureOf({ code: 'E', message: 'a b' }));
  expect(signatureOf({ code: 'E', message: 'a b' })).not.toBe(signatureOf({ code: 'F', message: 'a b' }));
  expect(signatureOf({ code: 'E', message: 'x'.repeat(3_000) })).toBe(
    signatureOf({ code: 'E', message: 'x'.repeat(2_500) }),
  );
});
