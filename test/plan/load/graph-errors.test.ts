import { describe, expect, test } from 'vitest';
import { errorsOf, loaded, planWith, step, warningsOf } from './loading.js';

describe('between steps', () => {
  test('each duplicate id is listed', async () => {
    const twice =
      'duplicate-id: duplicate step id "a": step 1 has it already; each step needs an id of its own';
    expect(await errorsOf(planWith([step('a'), step('b'), step('a'), step('a')]))).toEqual([twice, twice]);
  });

  test('ids that differ in letter case only are a warning', async () => {
    expect(await warningsOf(planWith([step('Build'), step('build')]))).toEqual([
      expect.stringContaining('step ids "Build" and "build" differ in letter case only'),
    ]);
  });

  test('an unknown dependency is named, with what was meant', async () => {
    const steps = [step('build'), step('ship', { depends_on: ['bulid', 'zzz'] })];
    expect(await errorsOf(planWith(steps))).toEqual([
      'unknown-step: step "ship" depends on unknown step "bulid"; did you mean "build"?',
      'unknown-step: step "ship" depends on unknown step "zzz"',
    ]);
  });

  test('a name inherited by every object is not a step', async () => {
    expect(await errorsOf(planWith([step('a', { depends_on: ['constructor', '__proto__'] })]))).toEqual([
      'unknown-step: step "a" depends on unknown step "constructor"',
      'unknown-step: step "a" depends on unknown step "__proto__"',
    ]);
  });

  test('of a cycle only the cycle is printed, not what leads to it', async () => {
    // start ─► a ─► b ─► c ─► a
    const steps = [
      step('start', { depends_on: ['a'] }),
      step('a', { depends_on: ['b'] }),
      step('b', { depends_on: ['c'] }),
      step('c', { depends_on: ['a'] }),
    ];
    expect(await errorsOf(planWith(steps))).toEqual([
      'cycle: circular dependency detected: a → b → c → a; take one of these dependencies out',
    ]);
  });

  test('a step that depends on itself is the cycle A → A', async () => {
    expect(await errorsOf(planWith([step('A', { depends_on: ['A'] })]))).toEqual([
      'cycle: circular dependency detected: A → A; take one of these dependencies out',
    ]);
  });

  test('every independent cycle is printed once', async () => {
    const pair = (one: string, two: string) => [
      step(one, { depends_on: [two] }),
      step(two, { depends_on: [one] }),
    ];
    const errors = await errorsOf(
      planWith([...pair('a', 'b'), ...pair('c', 'd'), step('e', { depends_on: ['a', 'c', 'e'] })]),
    );
    expect(errors.map((error) => /detected: (.*);/.exec(error)![1])).toEqual([
      'a → b → a',
      'c → d → c',
      'e → e',
    ]);
  });

  test('a cycle of 5,000 steps is shown by its ends', async () => {
    const steps = Array.from({ length: 5_000 }, (_, at) =>
      step(`s${at}`, { depends_on: [`s${(at + 1) % 5_000}`] }),
    );
    const [error] = await errorsOf(planWith(steps));
    expect(error).toContain('s0 → s1 → s2');
    expect(error).toContain('… 4981 more …');
    expect(error!.length).toBeLessThan(300);
  });

  test('a chain of 5,000 steps loads', async () => {
    const steps = Array.from({ length: 5_000 }, (_, at) =>
      step(`s${at}`, { depends_on: at === 0 ? [] : [`s${at - 1}`] }),
    );
    expect((await loaded(planWith(steps))).steps).toHaveLength(5_000);
  });

  test('a dependency that is said twice counts once', async () => {
    expect(
      (await loaded(planWith([step('a'), step('b', { depends_on: ['a', 'a'] })]))).steps[1]!.dependsOn,
    ).toEqual(['a']);
  });
});

describe('provides and consumes', () => {
  const provider = step('make', { provides: ['report'] });

  test('what is consumed comes from a step above, near or far', async () => {
    const between = step('pass', { depends_on: ['make'] });
    const far = step('use', { depends_on: ['pass'], consumes: ['report'] });
    expect(await errorsOf(planWith([provider, between, far]))).toEqual([]);
  });

  test('what nobody provides is an error, with what was meant', async () => {
    const use = step('use', { depends_on: ['make'], consumes: ['reprot'] });
    expect(await errorsOf(planWith([provider, use]))).toEqual([
      'no-provider: step "use" consumes "reprot", which no step provides; did you mean "report"?',
    ]);
  });

  test('a provider that is not above is an error', async () => {
    expect(await errorsOf(planWith([provider, step('use', { consumes: ['report'] })]))).toEqual([
      'no-provider: step "use" consumes "report" of "make", which it does not depend on; add "make" to its depends_on',
    ]);
  });

  test('a step does not provide for itself', async () => {
    const errors = await errorsOf(planWith([step('a', { provides: ['x'], consumes: ['x'] })]));
    expect(errors).toEqual([expect.stringContaining('no-provider: step "a" consumes "x" of "a"')]);
  });

  test('two providers are a warning; one of them above is enough', async () => {
    const plan = planWith([
      provider,
      step('again', { provides: ['report'] }),
      step('use', { depends_on: ['again'], consumes: ['report'] }),
    ]);
    expect(await errorsOf(plan)).toEqual([]);
    expect(await warningsOf(plan)).toEqual([
      'duplicate-provider: step "again" provides "report", as step "make" does',
    ]);
  });

  test('with a cycle in the plan nothing is said of who is above', async () => {
    // use ─► b ⇄ a: what a provides is above "use", but no walk down from the top finds it
    const steps = [
      step('a', { depends_on: ['b'], provides: ['x'] }),
      step('b', { depends_on: ['a'] }),
      step('use', { depends_on: ['b'], consumes: ['x'] }),
    ];
    expect((await errorsOf(planWith(steps))).map((error) => error.split(':')[0])).toEqual(['cycle']);
  });

  test('with a step whose dependencies cannot be read nothing is said of who is above', async () => {
    const steps = [
      step('a', { provides: ['x'] }),
      step('b', { depends_on: 'a' }),
      step('use', { depends_on: ['b'], consumes: ['x'] }),
    ];
    expect((await errorsOf(planWith(steps))).map((error) => error.split(':')[0])).toEqual(['bad-value']);
  });
});
