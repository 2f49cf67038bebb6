/**
 * Runs whose histories are kept in `test/histories`, one for each thing that may happen to a run. Every release of
 * the workflow must replay them: runs of people are open while they upgrade.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { leaseId } from '../../src/plan/lease-names.js';
import {
  BREAKER_QUERY,
  breakerId,
  MOVE_BREAKER_UPDATE,
  type BreakerView,
} from '../../src/workflows/breaker-api.js';
import { LEASE_QUERY, RELEASE_UPDATE, type LeaseView } from '../../src/workflows/lease-api.js';
import type { CommandWork, ForEachWork, Json, Plan } from '../../src/plan/plan.js';
import { planOf, stepOf, type StepSketch } from '../plan/builder.js';
import type { Engine } from './engine.js';
import { jobScenarios } from './job-scenarios.js';
import { setOf } from './landing-stand-in.js';

export type Scenario = (engine: Engine) => Promise<WorkflowHandle>;

const EMPTY_COMMAND: CommandWork = {
  ...{ kind: 'command', command: 'true', args: [], cwd: '.', shell: false, env: {}, envMode: 'inherit' },
};
const chain = (length: number): Record<string, StepSketch> =>
  Object.fromEntries(
    Array.from({ length }, (_, at) => [`s${at}`, { after: at === 0 ? [] : [`s${at - 1}`] }]),
  );
const diamond = { a: {}, b: { after: ['a'] }, c: { after: ['a'] }, d: { after: ['b', 'c'] } };
const update = { reason: 'why not', actor: 'ann' };

/** make ─► each ─► sum: a group of items that run one at a time, by name. */
export function groupOf(
  items: readonly Json[],
  more: StepSketch = {},
  from: Partial<ForEachWork> = {},
): Record<string, StepSketch> {
  const command = { ...EMPTY_COMMAND, args: ['${steps.~item}'] };
  const outputs = { name: { from: 'result', pointer: '/name' } } as const;
  const template = { ...stepOf('each', { work: command, outputs, ...more }), name: '' };
  const work: ForEachWork = {
    ...{ kind: 'for_each', items, maxItems: 10_000, maxParallel: 1, template },
    results: { maxBytes: 4_096, isRead: true },
    ...from,
  };
  const sum = { ...EMPTY_COMMAND, args: ['${steps.each.outputs.results}', '${steps.each.outputs.failed}'] };
  return { make: {}, each: { after: ['make'], work }, sum: { after: ['each'], work: sum } };
}

/** A sub-plan that is run until something holds. It is told the round and an output of the step above. */
export function repeated(
  until: string,
  maxRounds: number,
  inner: StepSketch = {},
): Record<string, StepSketch> {
  const work = { ...EMPTY_COMMAND, args: ['${steps.~var.ROUND}', '${steps.~var.SHA}'] };
  const outputs = { n: { from: 'result', pointer: '/n' } } as const;
  const plan: Plan = { ...planOf({ test: { work, outputs, ...inner } }), late: { ROUND: {}, SHA: {} } };
  const given = { ROUND: '${steps.~round}', SHA: '${steps.make.outputs.sha}' };
  return {
    make: { outputs: { sha: { from: 'result', pointer: '/sha' } } },
    loop: {
      after: ['make'],
      work: { kind: 'plan', path: 'round.json', plan, given, repeat: { until, maxRounds } },
    },
  };
}

async function over(handle: WorkflowHandle): Promise<WorkflowHandle> {
  await handle.result().catch(() => undefined); // how it ends is the scenario's own business
  return handle;
}

async function untilWaiting(engine: Engine, name: string, count: number): Promise<void> {
  const lease = engine.client.workflow.getHandle(leaseId(name));
  const isWaiting = async (): Promise<boolean> =>
    (await lease.query<LeaseView>(LEASE_QUERY)).lease.waiting.length >= count;
  while (!(await isWaiting().catch(() => false))) await sleep(20);
}

const ONE_TOOL = { tools: ['t'], breaker: { failures: 2, openMs: 3_600_000 } } as const;

/** Returns a run that waits for a tool. */
async function toolInTrouble(engine: Engine, options: { readonly id?: string }): Promise<WorkflowHandle> {
  await over(await engine.start(await setOf({ 'a-fails': [] }, ONE_TOOL), { id: 'first' }));
  const handle = await engine.start(await setOf({ good: [] }, ONE_TOOL), options);
  const breaker = engine.client.workflow.getHandle(breakerId('t'));
  while ((await breaker.query<BreakerView>(BREAKER_QUERY)).waiting.length === 0) await sleep(20);
  return handle;
}

const resetBreaker = (engine: Engine): Promise<unknown> =>
  engine.client.workflow
    .getHandle(breakerId('t'))
    .executeUpdate(MOVE_BREAKER_UPDATE, { args: [{ what: 'reset', ...update }] });

/** Starts a plan whose step `held` fails. */
const failing =
  (plan: Record<string, StepSketch>): Scenario =>
  async (engine) => {
    const handle = await engine.start(planOf(plan));
    (await engine.held('held')).fail();
    return over(handle);
  };

export const scenarios: Readonly<Record<string, Scenario>> = {
  ...jobScenarios,
  success: async (engine) => over(await engine.start(planOf(diamond, 2))),
  'failure-abort': failing({ held: {}, beside: {}, below: { after: ['held'] } }),
  'failure-skip': failing({ held: { onFailure: 'skip_dependents' }, below: { after: ['held'] }, other: {} }),
  'failure-continue': failing({ held: { onFailure: 'continue' }, below: { after: ['held'] } }),
  'failure-fallback': failing({
    held: { onFailure: { fallback: 'spare' } },
    spare: {},
    below: { after: ['held'] },
  }),
  'condition-and-outputs': async (engine) => {
    const outputs = { sha: { from: 'result', pointer: '/sha' } } as const;
    const plan = planOf({
      make: { outputs },
      yes: { after: ['make'], condition: 'steps.make.outputs.sha == "sha of make"' },
      no: { after: ['make'], condition: 'steps.make.state == "failed"' },
    });
    return over(await engine.start(plan));
  },
  retry: async (engine) => {
    const retry = {
      maxAttempts: 2,
      initialIntervalSec: 0,
      backoffCoefficient: 1,
      maxIntervalSec: 0,
      nonRetryableExitCodes: [],
    };
    const handle = await engine.start(planOf({ held: { retry } }));
    (await engine.held('held')).failForNow();
    (await engine.held('held')).succeed();
    return over(handle);
  },
  'lost-worker': async (engine) =>
    over(await engine.start(planOf({ lost: { idempotent: true }, below: { after: ['lost'] } }))),
  'cancel-by-signal': async (engine) => {
    const handle = await engine.start(planOf({ held: {}, below: { after: ['held'] } }));
    await engine.held('held');
    await handle.signal('cancel', update);
    return over(handle);
  },
  'cancel-natively': async (engine) => {
    const handle = await engine.start(planOf({ held: {}, below: { after: ['held'] } }));
    await engine.held('held');
    await handle.cancel();
    return over(handle);
  },
  'cancel-one-step': async (engine) => {
    const handle = await engine.start(
      planOf({ held: { onFailure: 'continue' }, below: { after: ['held'] } }),
    );
    await engine.held('held');
    await handle.executeUpdate('cancelStep', { args: [{ step: 'held', ...update }] });
    return over(handle);
  },
  'pause-and-resume': async (engine) => {
    const handle = await engine.start(planOf({ held: {}, below: { after: ['held'] } }));
    const command = await engine.held('held');
    await handle.executeUpdate('pause', { args: [update] });
    command.succeed();
    await handle.executeUpdate('resume', { args: [update] });
    return over(handle);
  },
  approval: async (engine) => {
    const handle = await engine.start(
      planOf({ ask: { work: { kind: 'approval', message: 'ok?' } }, below: { after: ['ask'] } }),
    );
    await handle.executeUpdate('approve', { args: [{ step: 'ask', approved: true, ...update }] });
    return over(handle);
  },
  'sub-plan': async (engine) => {
    const inner = planOf(diamond);
    return over(
      await engine.start(
        planOf({
          sub: { work: { kind: 'plan', path: 'inner.json', plan: inner } },
          below: { after: ['sub'] },
        }),
      ),
    );
  },
  // One item fails, the others go on; what came of them is handed on.
  'for-each': async (engine) => {
    const handle = await engine.start(planOf(groupOf(['a', 'held', 'b'], { onFailure: 'continue' })));
    (await engine.held('held')).fail();
    return over(handle);
  },
  'for-each-paused': async (engine) => {
    const handle = await engine.start(planOf(groupOf(['held', 'b'])));
    const command = await engine.held('held');
    await handle.executeUpdate('pause', { args: [update] });
    command.succeed();
    await engine.reached(`${handle.workflowId}~each`, 'item-0');
    await handle.executeUpdate('resume', { args: [update] });
    return over(handle);
  },
  // Round 1 and 2 fail to bring what is waited for; so two are enough, and the step fails.
  repeat: async (engine) => over(await engine.start(planOf(repeated('steps.test.outputs.n == "no"', 2)))),
  'plan-in-chunks': async (engine) => {
    const work = {
      kind: 'command',
      command: 'true',
      args: ['x'.repeat(20_000)],
      cwd: '.',
      shell: false,
      env: {},
      envMode: 'inherit',
    } as const;
    return over(
      await engine.start(
        planOf(
          Object.fromEntries(
            Array.from({ length: 10 }, (_, at) => [
              `s${at}`,
              { work: { ...work, args: [...work.args, String(at)] } },
            ]),
          ),
        ),
      ),
    );
  },
  'lease-of-run': async (engine) => over(await engine.start({ ...planOf(diamond), exclusive: ['b', 'a'] })),
  'lease-of-steps': async (engine) => {
    const plan = planOf({
      held: { exclusive: ['x'] },
      next: { exclusive: ['x'] },
      below: { after: ['next'] },
    });
    const handle = await engine.start(plan);
    const command = await engine.held('held');
    await untilWaiting(engine, 'x', 1);
    command.succeed();
    return over(handle);
  },
  'lease-canceled': async (engine) => {
    const plan = planOf({ held: { exclusive: ['x'] }, next: { exclusive: ['x'] } });
    const handle = await engine.start(plan);
    await engine.held('held');
    await untilWaiting(engine, 'x', 1);
    await handle.signal('cancel', update);
    return over(handle);
  },
  // The lease's own workflow: waited for, taken by force, given back.
  lease: async (engine) => {
    const plan = { ...planOf({ held: {} }), exclusive: ['x'] };
    const first = await engine.start(plan, { id: 'first' });
    const command = await engine.held('held');
    const second = await engine.start({ ...planOf({ below: {} }), exclusive: ['x'] }, { id: 'second' });
    await untilWaiting(engine, 'x', 1);
    const lease = engine.client.workflow.getHandle(leaseId('x'));
    await lease.executeUpdate(RELEASE_UPDATE, { args: [update] });
    command.succeed();
    await Promise.all([over(first), over(second)]);
    return over(lease);
  },
  // a-fails ─► b        c ─► d        nothing        c and d land
  'workstream-set': async (engine) => {
    const graph = { 'a-fails': [], b: ['a-fails'], c: [], d: ['c'], nothing: [] };
    return over(await engine.start(await setOf(graph)));
  },
  // Told of workstreams as they end; batches with one that breaks a gate, one that cannot be merged, one accident.
  'landing-bisection': async (engine) => {
    const ids = ['a', 'b-red', 'c', 'd-conflicts', 'e', 'f-flaky'];
    const graph = Object.fromEntries(ids.map((id) => [id, []]));
    const landing = { begins: 'at-once', maxBatch: 4, slots: 2 } as const;
    return over(await engine.start(await setOf(graph, { landing })));
  },
  // A tool that failed too often: the next run waits for it until a person says that it is mended.
  'tool-waits': async (engine) => {
    const handle = await toolInTrouble(engine, {});
    await resetBreaker(engine);
    return over(handle);
  },
  // Meanwhile another tool has its place, in a second leg of the run too.
  'tool-waits-aside': async (engine) => {
    await over(await engine.start(await setOf({ 'a-fails': [] }, ONE_TOOL), { id: 'first' }));
    const others = Object.fromEntries(['c1', 'c2', 'c3', 'c4', 'c5'].map((id) => [`ws-${id}`, 'other']));
    const graph = { a: [], b: [], c1: [], c2: ['c1'], c3: ['c2'], c4: ['c3'], c5: ['c4'] };
    const plan = await setOf(graph, { ...ONE_TOOL, others, maxWorkers: 1 });
    const handle = await engine.start(plan, { legEvents: 60 });
    await engine.reached(handle.workflowId, 'ws-c5');
    await resetBreaker(engine);
    return over(handle);
  },
  breaker: async (engine) => {
    const waiting = await toolInTrouble(engine, { id: 'waiting' });
    await resetBreaker(engine);
    await over(waiting);
    return over(engine.client.workflow.getHandle(breakerId('t')));
  },
  // A person says of one workstream that it is done, and of another that it failed, before either starts.
  'by-hand': async (engine) => {
    const handle = await engine.start(await setOf({ a: [], b: ['a'], c: ['b'], d: [] }));
    await handle.executeUpdate('pause', { args: [update] });
    const act = (step: string, action: string): Promise<unknown> =>
      handle.executeUpdate('byHand', {
        args: [{ step, action, force: false, clearRetries: false, ...update }],
      });
    await act('ws-b', 'complete');
    await act('ws-c', 'fail');
    await handle.executeUpdate('resume', { args: [update] });
    return over(handle);
  },
  // Its first leg: hands on, passes an outcome down, waits for the rest.
  'many-legs': async (engine) => {
    const handle = await engine.start(planOf({ held: {}, ...chain(60), end: { after: ['held', 's59'] } }), {
      legEvents: 100,
    });
    const command = await engine.held('held');
    await engine.reached(handle.workflowId, 's59');
    command.succeed();
    return over(handle);
  },
};

/** Legs of other scenarios whose histories are kept beside the run's own. */
export const furtherLegs: Readonly<Record<string, readonly string[]>> = {
  'many-legs': ['~~1', '~~2'],
  'tool-waits-aside': ['~~1'],
  'sub-plan': ['~sub'],
  'for-each': ['~each'],
  'for-each-paused': ['~each'],
  repeat: ['~loop@1', '~loop@2'],
  'lease-of-run': ['~~leases'],
  'workstream-set': ['~landing'],
  'landing-bisection': ['~landing'],
};
