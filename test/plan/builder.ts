/**
 * Plans for tests: says only what a test is about, and fills the rest.
 */
import type { Outcome } from '../../src/plan/step-state.js';
import type { OnFailure, Plan, Step, StepId } from '../../src/plan/plan.js';
import type { Judge } from '../../src/plan/run.js';

export type StepSketch = Partial<Omit<Step, 'id' | 'dependsOn' | 'onFailure'>> & {
  after?: readonly string[];
  onFailure?: 'abort' | 'skip_dependents' | 'continue' | { fallback: string };
};

export const id = (text: string): StepId => text as StepId;

/** `planOf({ lint: {}, build: { after: ['lint'] } })`. */
export function planOf(sketch: Record<string, StepSketch | readonly string[]>, maxConcurrency = 100): Plan {
  return {
    planId: 'TEST',
    version: '1',
    description: '',
    project: 'unknown',
    phaseId: 'ORCHESTRATED',
    maxConcurrency,
    env: {},
    variables: {},
    secrets: [],
    steps: Object.entries(sketch).map(([name, step]) =>
      stepOf(name, 'length' in step ? { after: step } : step),
    ),
  };
}

export function stepOf(name: string, { after = [], onFailure = 'abort', ...rest }: StepSketch): Step {
  return {
    id: id(name),
    name,
    work: { kind: 'command', command: 'true', args: [], cwd: '.', shell: false, env: {}, envMode: 'inherit' },
    dependsOn: after.map(id),
    timeoutSec: 60,
    retry: {
      maxAttempts: 1,
      initialIntervalSec: 0,
      backoffCoefficient: 1,
      maxIntervalSec: 0,
      nonRetryableExitCodes: [],
    },
    idempotent: false,
    critical: true,
    onFailure: policyOf(onFailure),
    condition: null,
    outputs: {},
    provides: [],
    consumes: [],
    tags: [],
    group: null,
    weight: null,
    runsOn: null,
    priority: 'normal',
    ...rest,
  };
}

function policyOf(policy: NonNullable<StepSketch['onFailure']>): OnFailure {
  return typeof policy === 'string' ? { kind: policy } : { kind: 'fallback', step: id(policy.fallback) };
}

const nothing = { attempts: [], attemptsOmitted: 0 };
export const succeeded = (outputs = {}): Outcome => ({ kind: 'succeeded', outputs, ...nothing });
export const failed = (exitCode = 1): Outcome => ({
  kind: 'failed',
  failure: { reason: 'exit-code', exitCode, tail: '' },
  ...nothing,
});
export const canceled = (): Outcome => ({ kind: 'canceled', ...nothing });

/**
 * Conditions of tests: `yes`, `no`, `error`; `<step> <state>`: is that step in that state? `<step> by <other>`: did that
 * step, or what stood in for it, succeed with the output `by` of this value?
 */
export const judge: Judge = (condition, scope) => {
  if (condition === 'error') return { kind: 'error', message: 'no such thing' };
  const [step, state, by] = condition.split(' ');
  const seen = step === undefined ? null : scope.step(step);
  const holds =
    by !== undefined
      ? seen?.outputs['by'] === by
      : state === undefined
        ? condition === 'yes'
        : seen?.state === state;
  return { kind: holds ? 'true' : 'false' };
};
