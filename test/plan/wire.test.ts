import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, Plan, Step, StepId, Work, WorkstreamId } from '../../src/plan/plan.js';
import { packPlan, unpackPlan } from '../../src/plan/wire.js';
import { DEFAULT_FIX_LIMITS } from '../../src/workstream/fix-loop.js';
import { planOf, stepOf } from './builder.js';

const id = fc
  .constantFrom('a', 'b', 'c', 'd', 'constructor', 'toString', 'x.y-z')
  .map((text) => text as StepId);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', ' [1]', 'true', 'null', '1'),
);
const names = fc.array(text, { maxLength: 3 });
// A JSON text has no -0; as an object's own key "__proto__" cannot be loaded.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const workstreamId = id as fc.Arbitrary<string> as fc.Arbitrary<WorkstreamId>;
const workstreamIds = fc.array(workstreamId, { maxLength: 2 });
const record = fc.dictionary(
  fc.string({ maxLength: 4 }).filter((key) => key !== '__proto__'),
  text,
  { maxKeys: 3 },
);

const planArbitrary: fc.Arbitrary<Plan> = fc.letrec<{ plan: Plan; work: Work }>((tie) => ({
  work: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.record({
      kind: fc.constant('command' as const),
      command: text,
      args: names,
      cwd: text,
      shell: fc.boolean(),
      env: record,
      envMode: fc.constantFrom('inherit' as const, 'clean' as const),
    }),
    fc.record({ kind: fc.constant('approval' as const), message: text }),
    fc.record({ kind: fc.constant('plan' as const), path: text, plan: tie('plan') }),
    fc.record({
      ...{ kind: fc.constant('workstream' as const), workstream: workstreamId, startsWith: workstreamIds },
      ...{ after: workstreamIds, tools: names, prompt: text, files: names, filesScope: names },
      route: fc.record({ tool: text, by: fc.constantFrom('tool' as const), note: fc.option(text) }),
      ...{ filesCreate: names, acceptanceTests: names, notExecutable: names, toolTimeoutSec: number },
      testGates: fc.constantFrom([], [{ type: 'GATE_LINT' as const, required: true, blocking: false }]),
      fix: fc.constant(DEFAULT_FIX_LIMITS),
      ...{ maxCostUsd: fc.option(number), dryRun: fc.boolean(), means: record, metadata: record },
    }),
    fc.record({
      ...{ kind: fc.constant('landing' as const), branch: text, setup: names, minFreeBytes: number },
      patches: fc.array(
        fc.record({
          ...{ workstream: workstreamId, dependsOn: workstreamIds, level: fc.nat(3) },
          priority: fc.constantFrom('foreground' as const, 'background' as const),
        }),
        { maxLength: 2 },
      ),
      gates: fc.array(fc.record({ name: text, command: text, timeoutSec: number, blocking: fc.boolean() }), {
        maxLength: 2,
      }),
      ...{ slots: fc.nat(3), maxBatch: fc.nat(3) },
      begins: fc.constantFrom('at-once' as const, 'when-all-ended' as const),
    }),
  ),
  plan: fc.record({
    planId: text,
    version: text,
    description: text,
    project: text,
    phaseId: text,
    maxConcurrency: fc.integer(),
    env: record,
    variables: record,
    secrets: names,
    steps: fc.array(
      fc.record<Step>({
        id,
        name: text,
        work: tie('work'),
        dependsOn: fc.array(id, { maxLength: 3 }),
        timeoutSec: number,
        retry: fc.record({
          maxAttempts: fc.nat(3),
          initialIntervalSec: number,
          backoffCoefficient: number,
          maxIntervalSec: number,
          nonRetryableExitCodes: fc.array(fc.nat(255), { maxLength: 2 }),
        }),
        idempotent: fc.boolean(),
        critical: fc.boolean(),
        onFailure: fc.oneof(
          fc.constantFrom(
            { kind: 'abort' as const },
            { kind: 'continue' as const },
            { kind: 'skip_dependents' as const },
          ),
          fc.record({ kind: fc.constant('fallback' as const), step: id }),
        ),
        condition: fc.option(text),
        outputs: fc.dictionary(
          fc.constantFrom('a', 'toString', 'v'),
          fc.record({ from: fc.constantFrom('result' as const, 'stdout' as const), pointer: text }),
        ),
        provides: names,
        consumes: names,
        tags: names,
        group: fc.option(text),
        weight: fc.option(number),
        runsOn: fc.option(text),
        priority: fc.constantFrom('critical' as const, 'high' as const, 'normal' as const, 'low' as const),
      }),
      { maxLength: 4 },
    ),
  }),
})).plan;

/** The same value with the keys of all its objects the other way round. */
function reversed(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, below]) => [key, reversed(below)]),
  );
}

describe('a packed plan', () => {
  test('unpacks to the same plan, whatever the plan is', () => {
    fc.assert(
      fc.property(planArbitrary, (plan) => {
        expect(unpackPlan(packPlan(plan))).toEqual(plan);
      }),
      { numRuns: 500 },
    );
  });

  test('is the same text for the same plan, in whatever order its objects were built', () => {
    fc.assert(
      fc.property(planArbitrary, (plan) => {
        expect(packPlan(reversed(plan as unknown as Json) as unknown as Plan)).toBe(packPlan(plan));
      }),
      { numRuns: 300 },
    );
  });

  test('differs when anything that matters does', () => {
    const plan = planOf({ a: {}, b: ['a'] });
    const others: Plan[] = [
      { ...plan, maxConcurrency: 2 },
      { ...plan, steps: [...plan.steps].reverse() },
      planOf({ a: {}, b: [] }),
      planOf({ a: { timeoutSec: 61 }, b: ['a'] }),
    ];
    const texts = [plan, ...others].map(packPlan);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('says what most steps have in common once', () => {
    const sketch = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, at) => [`s${at}`, at === 0 ? [] : [`s${at - 1}`]]),
    );
    const plan = planOf(sketch);
    const packed = packPlan(plan);
    expect(unpackPlan(packed)).toEqual(plan);
    expect(packed.length).toBeLessThan(1_000 * 40);
    expect(packed.match(/"timeoutSec"/g)).toHaveLength(1);
  });

  test('gives an approval nothing of what the commands have in common', () => {
    const plan: Plan = {
      ...planOf({}),
      steps: [stepOf('a', {}), stepOf('b', {}), stepOf('c', { work: { kind: 'approval', message: 'ok?' } })],
    };
    expect(unpackPlan(packPlan(plan)).steps[2]!.work).toStrictEqual({ kind: 'approval', message: 'ok?' });
  });

  test.each([[0], [1], [2], [3]])('keeps apart who has choices and who has none, with %i of 3', (count) => {
    const choices = [
      { value: 'a', label: 'A' },
      { value: 'b', label: 'b' },
    ];
    const ask = (at: number) => ({
      work: {
        kind: 'approval' as const,
        message: `ok ${at}?`,
        ...(at < count ? { choices, defaultOnTimeout: 'a' } : {}),
      },
    });
    const plan: Plan = { ...planOf({}), steps: [0, 1, 2].map((at) => stepOf(`s${at}`, ask(at))) };
    expect(unpackPlan(packPlan(plan))).toStrictEqual(plan);
    // A plan that has none is as it was before there were any: one that was packed then can be read.
    expect(packPlan(plan).includes('hoices')).toBe(count > 0);
  });

  test.each([[0], [1], [2], [3]])('keeps apart which steps need leases, with %i of 3', (count) => {
    const steps = [0, 1, 2].map((at) => stepOf(`s${at}`, at < count ? { exclusive: ['x'] } : {}));
    const plan: Plan = { ...planOf({}), steps, ...(count > 1 ? { exclusive: ['whole'] } : {}) };
    expect(unpackPlan(packPlan(plan))).toStrictEqual(plan);
    expect(packPlan(plan).includes('exclusive')).toBe(count > 0);
  });

  test('keeps the id of a dependency that is not in the plan', () => {
    const plan = planOf({ b: ['ended-earlier'] });
    expect(unpackPlan(packPlan(plan)).steps[0]!.dependsOn).toEqual(['ended-earlier']);
  });
});

test.each([
  '',
  'x',
  '{}',
  '[]',
  '["planwright/0", {}]',
  '["planwright/1"]',
  '["planwright/1", {}]',
  '["planwright/1", {"common": {}, "steps": 1}]',
  'null',
])('the text %j is no packed plan, and that is said', (packed) => {
  expect(() => unpackPlan(packed)).toThrow(RangeError);
});
