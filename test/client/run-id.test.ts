import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRunId } from '../../src/home.js';
import { byAge, newRunId, pickRun, slugOf } from '../../src/client/run-id.js';

test('an id begins with the name of its plan', () => {
  expect(newRunId('PLAN-SAFE-MERGE-001')).toMatch(/^plan-safe-merge-001-[0-9a-z]{26}$/);
  expect(['Ünïcode Plan!', '  ', '__proto__', 'x'.repeat(99)].map(slugOf)).toEqual([
    'unicode-plan',
    'run',
    'proto',
    'x'.repeat(40),
  ]);
});

test('whatever a plan is called, the id of its run may be a path', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => isRunId(newRunId(name))));
});

test('ids made one after the other sort that way', () => {
  const ids = Array.from({ length: 500 }, () => newRunId('p'));
  expect([...ids].sort()).toEqual(ids);
  expect([...ids].sort(byAge)).toEqual([...ids].reverse());
});

const [old, middle, young] = [
  '01hk3xw2d8mzq7x9aaaaaabbbb',
  '01hk4xw2d8mzq7x9aaaaaacccc',
  '01hk5xw2d8mzq7x9aaaaaadddd',
].map((ulid, index) => `${['deploy', 'build', 'build'][index]}-${ulid}`) as [string, string, string];
const known = [middle, young, old];

test('a run is known by its id, a unique beginning, a unique ending, or as the last', () => {
  expect(pickRun(old, known)).toBe(old);
  expect(pickRun('dep', known)).toBe(old);
  expect(pickRun('build-01hk4', known)).toBe(middle);
  expect(pickRun('dddd', known)).toBe(young);
  expect(pickRun('last', known)).toBe(young);
});

test('what means several runs, or none, is answered with what there is', () => {
  expect(() => pickRun('build', known)).toThrow(`"build" means more than one run:\n  ${young}\n  ${middle}`);
  expect(() => pickRun('nope', known)).toThrow('there is no run "nope"');
  expect(() => pickRun('ddd', known)).toThrow('there is no run'); // too short for an ending
  expect(() => pickRun('last', [])).toThrow('there is no run yet');
});
