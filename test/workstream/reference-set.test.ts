import { describe, expect, test } from 'vitest';
import { readWholeSet, planOfSet, setFolder } from './set.js';
import { normalPath } from '../../src/workstream/scope.js';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

describe(`the set in ${setFolder.split('/').slice(-2).join('/')}`, async () => {
  const set = await readWholeSet();
  const all = set.bundles.map(({ workstream }) => workstream);
  const plan = planOfSet(all);
  const count = (is: (one: (typeof all)[number]) => boolean): number => all.filter(is).length;

  test('loads as 37 valid and 12 malformed, each with its place and a reason', () => {
    expect(all.length).toBe(37);
    expect(set.malformed.map(({ id }) => id.slice(0, 10))).toEqual(
      Array.from({ length: 12 }, (_, at) => `ws-abs-${String(at + 1).padStart(3, '0')}`),
    );
    for (const one of set.malformed) {
      expect([one.line, one.column]).toEqual([5, 21]);
      expect(one.reason).toMatch(/^this is not JSON: expected a key in double quotes, found "\d}?,?/);
    }
    expect(set.blocked).toEqual([]);
    expect(set.cycles).toEqual([]);
    expect(set.problems.filter(({ severity }) => severity === 'error').length).toBe(12);
  });

  test('has 8 waves: 11, 8, 5, 4, 2, 2, 2, 3', () => {
    expect(plan.waves.map((wave) => wave.length)).toEqual([11, 8, 5, 4, 2, 2, 2, 3]);
    expect(plan.speedUp).toBeCloseTo(37 / 8);
  });

  test('has two collisions inside a wave, and runs the two of each apart', () => {
    const inWave = plan.collisions.filter(({ wave }) => wave !== null);
    expect(
      inWave.map(({ first, second, wave }) => [[first, second].map(short).sort().join(' '), wave]).sort(),
    ).toEqual([
      ['ws-02 ws-uet-phase-b', 2],
      ['ws-16 ws-28', 5],
    ]);
    for (const { first, second, wave } of inWave) {
      expect(plan.after[second]!.map(({ id }) => id)).toContain(first);
      const rounds = plan.rounds[wave! - 1]!;
      expect(rounds.some((round) => round.includes(first) && round.includes(second))).toBe(false);
    }
  });

  test('claims 11 paths twice, never in one wave', () => {
    expect(Object.keys(plan.sharedPaths).length).toBe(11);
    for (const owners of Object.values(plan.sharedPaths)) {
      expect(owners.length).toBe(2);
      expect(plan.waves.some((wave) => owners.every((id) => wave.includes(id)))).toBe(false);
    }
  });

  test('has the facts it is known for', () => {
    expect([count(({ tool }) => tool === 'aider'), count(({ tool }) => tool === 'codex')]).toEqual([35, 2]);
    expect(count(({ circuitBreaker }) => circuitBreaker.maxAttempts !== null)).toBe(14);
    expect(count(({ acceptanceTests }) => acceptanceTests.length > 0)).toBe(31);
    expect([1, 2, 3].map((gate) => count((one) => one.gate === gate))).toEqual([33, 3, 1]);
    expect(count(({ filesScope }) => filesScope.some((path) => path.endsWith('/')))).toBe(13);
    expect(count(({ filesScope }) => filesScope.some((path) => path.includes('*')))).toBe(5);
    const isOutside = (path: string, scope: readonly string[]): boolean =>
      !scope.map(normalPath).includes(normalPath(path));
    expect(count((one) => one.filesCreate.some((path) => isOutside(path, one.filesScope)))).toBe(13);
  });

  test('names four dependencies twice in one bundle, and counts them once', () => {
    const written = readdirSync(setFolder)
      .filter((name) => /^ws-(18|19|20|21)-/.test(name))
      .map(
        (name) =>
          JSON.parse(readFileSync(join(setFolder, name), 'utf8')) as { id: string; depends_on: string[] },
      );
    expect(written.length).toBe(4);
    for (const { id, depends_on: names } of written) {
      expect(new Set(names).size).toBeLessThan(names.length);
      expect(all.find((one) => one.id === id)!.dependsOn).toEqual([...new Set(names)]);
    }
  });
});

const short = (id: string): string => /^ws-(\d+|uet-phase-\w)/.exec(id)![0];
