import { CancelledFailure, WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle, ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Changes } from '../../src/workflows/api.js';
import { planOf, type StepSketch } from '../plan/builder.js';
import { openEngine, statesOf, stepsOf, type Engine } from './engine.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ program: inject('temporalProgram'), bundle: inject('workflowBundle') });
});
afterAll(() => engine.close());

const approval = (more: Partial<StepSketch> = {}): StepSketch => ({
  work: { kind: 'approval', message: 'Go on?' },
  ...more,
});

async function failureOf(handle: WorkflowHandle): Promise<unknown> {
  const error: unknown = await handle.result().then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause;
}

const statusOf = async (handle: WorkflowHandle): Promise<string> => (await handle.describe()).status.name;
const refusalOf = async (update: Promise<unknown>): Promise<string> => {
  const error: unknown = await update.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  return ((error as WorkflowUpdateFailedError).cause as Error).message;
};

describe('a run ends', () => {
  test('as Completed when it succeeded, every step once and in order', async () => {
    const handle = await engine.start(planOf({ a: {}, b: { after: ['a'] }, c: { after: ['b'] } }), {
      id: 'ends-well',
    });
    expect(await handle.result()).toMatchObject({ head: { state: 'succeeded', counts: { succeeded: 3 } } });
    expect(engine.started.filter((step) => ['a', 'b', 'c'].includes(step)).slice(0, 3)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  test('as Failed, with the step and the reason in words', async () => {
    const handle = await engine.start(planOf({ held1: {}, after: { after: ['held1'] } }));
    (await engine.held('held1')).fail({ reason: 'exit-code', exitCode: 7, tail: 'boom' });
    const failure = (await failureOf(handle)) as ApplicationFailure;
    expect(failure).toMatchObject({ type: 'RunFailed', message: 'step "held1" failed: exit code 7' });
    expect(await statusOf(handle)).toBe('FAILED');
    expect(await statesOf(engine.client, handle.workflowId)).toEqual({ held1: 'failed', after: 'canceled' });
  });

  test.each([
    ['a signal without argument', (handle: WorkflowHandle) => handle.signal('cancel'), 'signal'],
    [
      'a signal with a reason',
      (handle: WorkflowHandle) => handle.signal('cancel', { reason: 'wrong branch', actor: 'ann' }),
      'ann: wrong branch',
    ],
    [
      'a signal with a bare string',
      (handle: WorkflowHandle) => handle.signal('cancel', 'stop it'),
      'signal: stop it',
    ],
    ['a native request', (handle: WorkflowHandle) => handle.cancel().then(() => undefined), 'temporal'],
  ])('as Canceled after %s, its command stopped first', async (_, cancel, message) => {
    const handle = await engine.start(planOf({ held2: {}, after: { after: ['held2'] } }));
    const command = await engine.held('held2');
    await cancel(handle);
    await command.stopped;
    expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
    expect(await statusOf(handle)).toBe('CANCELLED');
    const { head } = await handle.query<Changes>('changes');
    expect(head).toMatchObject({
      state: 'canceled',
      message: `canceled by ${message}`,
      counts: { canceled: 2 },
    });
  });

  test('as it would have ended, when the cancel comes after a critical failure', async () => {
    const handle = await engine.start(planOf({ held3: {}, held4: {} }));
    const [failing, slow] = await Promise.all([engine.held('held3'), engine.held('held4')]);
    failing.fail();
    await slow.stopped;
    await handle.signal('cancel').catch(() => undefined);
    expect(await failureOf(handle)).toMatchObject({ type: 'RunFailed' });
  });

  test('its commands end when it is terminated', async () => {
    const handle = await engine.start(planOf({ held5: {} }));
    const command = await engine.held('held5');
    await handle.terminate('enough');
    await command.stopped;
    expect(await statusOf(handle)).toBe('TERMINATED');
  });
});

describe('one step', () => {
  test('is canceled alone: its policy applies, the rest goes on', async () => {
    const plan = planOf({
      held6: { onFailure: 'skip_dependents', critical: false },
      below: { after: ['held6'] },
      held7: {},
    });
    const handle = await engine.start(plan);
    const [one, other] = await Promise.all([engine.held('held6'), engine.held('held7')]);
    await handle.executeUpdate('cancelStep', { args: [{ step: 'held6', reason: 'too slow', actor: 'bob' }] });
    await one.stopped;
    other.succeed();
    expect(await handle.result()).toMatchObject({ head: { state: 'succeeded' } });
    const steps = await stepsOf(engine.client, handle.workflowId);
    expect(steps['held6']).toMatchObject({
      state: 'canceled',
      cause: { kind: 'step-canceled', reason: 'too slow', actor: 'bob' },
    });
    expect(steps['below']).toMatchObject({ state: 'skipped', cause: { kind: 'dependency', step: 'held6' } });
  });

  test('cannot be canceled when it is unknown or over, and says so without an event', async () => {
    const handle = await engine.start(planOf({ a: {}, held8: { after: ['a'] } }));
    const command = await engine.held('held8');
    const cancel = (step: string) =>
      handle.executeUpdate('cancelStep', { args: [{ step, reason: '', actor: '' }] });
    expect(await refusalOf(cancel('nope'))).toBe('there is no step "nope" in this run');
    expect(await refusalOf(cancel('a'))).toBe('step "a" has already ended: succeeded');
    const { events } = await handle.fetchHistory();
    const accepted = events!.flatMap((event) => event.workflowExecutionUpdateAcceptedEventAttributes ?? []);
    expect(accepted).toEqual([]);
    command.succeed();
    await handle.result();
  });

  test('is a sub-plan: a run of its own, named for both', async () => {
    const inner = planOf({ x: {}, y: { after: ['x'] } });
    const plan = planOf({ sub: { work: { kind: 'plan', path: 'inner.json', plan: inner } } });
    const handle = await engine.start(plan, { id: 'outer' });
    await handle.result();
    expect(await statesOf(engine.client, 'outer~sub')).toEqual({ x: 'succeeded', y: 'succeeded' });
    expect((await stepsOf(engine.client, 'outer'))['sub']).toMatchObject({
      state: 'succeeded',
      childRun: 'outer~sub',
    });
  });

  test('is a sub-plan that fails, is tried again, and fails the step', async () => {
    const inner = planOf({ held9: {} });
    const retry = {
      maxAttempts: 2,
      initialIntervalSec: 0,
      backoffCoefficient: 1,
      maxIntervalSec: 0,
      nonRetryableExitCodes: [],
    };
    const handle = await engine.start(
      planOf({ sub: { work: { kind: 'plan', path: 'inner.json', plan: inner }, retry } }),
    );
    (await engine.held('held9')).fail();
    (await engine.held('held9')).fail();
    expect(await failureOf(handle)).toMatchObject({
      message: expect.stringContaining('step "held9" failed: exit code 1') as string,
    });
    const { sub } = await stepsOf(engine.client, handle.workflowId);
    expect(sub).toMatchObject({
      state: 'failed',
      failure: { reason: 'sub-plan-failed' },
      attempts: [{ number: 1 }, { number: 2 }],
    });
  });

  test('is a sub-plan whose command dies with the outer run', async () => {
    const inner = planOf({ held10: {} });
    const handle = await engine.start(
      planOf({ sub: { work: { kind: 'plan', path: 'inner.json', plan: inner } } }),
    );
    const command = await engine.held('held10');
    await handle.signal('cancel');
    await command.stopped;
    expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
    expect((await engine.client.workflow.getHandle(`${handle.workflowId}~sub`).describe()).status.name).toBe(
      'CANCELLED',
    );
  });
});

describe('an approval', () => {
  test('waits for a person, holds no place, and passes on who said yes', async () => {
    const plan = planOf({ ask: approval(), held11: {}, ship: { after: ['ask'] } }, 1);
    const handle = await engine.start(plan);
    (await engine.held('held11')).succeed();
    await handle.executeUpdate('approve', {
      args: [{ step: 'ask', approved: true, reason: 'looks good', actor: 'eve' }],
    });
    await handle.result();
    expect((await stepsOf(engine.client, handle.workflowId))['ask']).toMatchObject({
      outputs: { approved_by: 'eve', reason: 'looks good' },
    });
  });

  test('that is refused fails the step, with who and why', async () => {
    const handle = await engine.start(planOf({ ask: approval() }));
    await handle.executeUpdate('approve', {
      args: [{ step: 'ask', approved: false, reason: 'not today', actor: 'eve' }],
    });
    expect(await failureOf(handle)).toMatchObject({
      message: 'step "ask" failed: rejected by eve: not today',
    });
  });

  test('that nobody gives in time fails the step', async () => {
    const handle = await engine.start(planOf({ ask: approval({ timeoutSec: 1 }) }));
    expect(await failureOf(handle)).toMatchObject({ message: 'step "ask" failed: timeout after 1 s' });
  });

  const choosing = (defaultOnTimeout?: string): StepSketch =>
    approval({
      after: ['scan'],
      work: {
        kind: 'approval',
        message: 'Which of ${steps.scan.outputs.files}?',
        choices: [
          { value: 'ours', label: 'What we have' },
          { value: 'theirs', label: 'What they have' },
        ],
        ...(defaultOnTimeout === undefined ? {} : { defaultOnTimeout }),
      },
    });
  const scan: StepSketch = { outputs: { files: { from: 'result', pointer: '/files' } } };
  const onlyFor = (choice: string): StepSketch => ({
    after: ['ask'],
    condition: `steps.ask.outputs.choice == "${choice}"`,
  });

  test('with choices asks with what is known, takes one of them, and conditions read it', async () => {
    const plan = planOf({ scan, ask: choosing(), ours: onlyFor('ours'), theirs: onlyFor('theirs') });
    const handle = await engine.start(plan);
    await engine.reached(handle.workflowId, 'scan');
    const answer = (choice: string | null, approved = true) =>
      handle.executeUpdate('approve', {
        args: [{ step: 'ask', approved, choice, reason: '', actor: 'eve' }],
      });
    await expect
      .poll(async () => (await stepsOf(engine.client, handle.workflowId))['ask']?.asked)
      .toMatchObject({ message: 'Which of files of scan?', defaultOnTimeout: null });
    expect(await refusalOf(answer('their'))).toBe(
      'step "ask" has no choice "their": there are "ours" or "theirs"; did you mean "theirs"?',
    );
    expect(await refusalOf(answer(null))).toBe('step "ask" asks for a choice: "ours" or "theirs"');
    expect(await refusalOf(answer('ours', false))).toContain('cannot be rejected');
    await answer('theirs');
    await handle.result();
    const steps = await stepsOf(engine.client, handle.workflowId);
    expect(steps['ask']!.outputs).toEqual({ choice: 'theirs', approved_by: 'eve', reason: '' });
    expect([steps['ours']!.state, steps['theirs']!.state]).toEqual(['skipped', 'succeeded']);
  });

  test('with a choice for silence takes that when its time is over', async () => {
    const plan = planOf({ scan, ask: { ...choosing('ours'), timeoutSec: 1 }, ours: onlyFor('ours') });
    const handle = await engine.start(plan);
    await handle.result();
    expect((await stepsOf(engine.client, handle.workflowId))['ask']).toMatchObject({
      state: 'succeeded',
      outputs: { choice: 'ours', approved_by: 'timeout', reason: 'nobody answered within 1 s' },
    });
  });

  test('shows the question, the choices and the end of the time in the Web UI', async () => {
    const handle = await engine.start(planOf({ scan, ask: choosing('ours') }));
    await engine.reached(handle.workflowId, 'scan');
    const details = async () =>
      (await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')).currentDetails;
    await expect
      .poll(details)
      .toMatch(/waits for a choice \(ours, theirs\), until .* UTC, then "ours": Which of files of scan\?/);
    await handle.terminate();
  });

  test('without choices takes none', async () => {
    const handle = await engine.start(planOf({ ask: approval() }));
    const choose = () =>
      handle.executeUpdate('approve', {
        args: [{ step: 'ask', approved: true, choice: 'x', reason: '', actor: 'eve' }],
      });
    await expect.poll(async () => (await statesOf(engine.client, handle.workflowId))['ask']).toBe('running');
    expect(await refusalOf(choose())).toBe('step "ask" asks for yes or no, and has no choice "x"');
    await handle.terminate();
  });

  test('is taken only where one is waited for', async () => {
    const handle = await engine.start(planOf({ held12: {}, ask: approval({ after: ['held12'] }) }));
    const command = await engine.held('held12');
    const approve = (step: string) =>
      handle.executeUpdate('approve', { args: [{ step, approved: true, reason: '', actor: 'eve' }] });
    expect(await refusalOf(approve('held12'))).toBe('step "held12" is not an approval');
    expect(await refusalOf(approve('ask'))).toBe('step "ask" is pending: it does not wait for approval now');
    command.succeed();
    await expect
      .poll(() =>
        approve('ask').then(
          () => 'taken',
          () => 'refused',
        ),
      )
      .toBe('taken');
    await handle.result();
  });
});

describe('a paused run', () => {
  test('starts nothing until it is resumed; what runs goes on', async () => {
    const handle = await engine.start(planOf({ held13: {}, next: { after: ['held13'] } }));
    const command = await engine.held('held13');
    const ask = (update: string, reason = 'tea') =>
      handle.executeUpdate(update, { args: [{ reason, actor: 'ann' }] });
    await ask('pause');
    expect(await refusalOf(ask('pause'))).toBe('the run is already paused');
    command.succeed();
    await expect
      .poll(() => statesOf(engine.client, handle.workflowId))
      .toEqual({ held13: 'succeeded', next: 'pending' });
    expect((await handle.query<Changes>('changes')).head).toMatchObject({
      ...{ paused: true, state: 'running', pausedBy: { reason: 'tea', actor: 'ann' } },
    });
    await ask('resume', 'the tea is drunk');
    expect((await handle.query<Changes>('changes')).head).not.toHaveProperty('pausedBy');
    await handle.result();
    expect((await handle.query<Changes>('changes')).head.pauses).toMatchObject([
      { paused: true, reason: 'tea', actor: 'ann' },
      { paused: false, reason: 'the tea is drunk', actor: 'ann' },
    ]);
    expect(await refusalOf(ask('resume')).catch(() => 'closed')).toBeTruthy();
  });

  test('can be canceled', async () => {
    const handle = await engine.start(planOf({ ask: approval(), next: {} }, 1));
    await handle.executeUpdate('pause', { args: [{ reason: '', actor: 'ann' }] });
    await handle.signal('cancel');
    expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
  });
});

describe('what passes between steps', () => {
  test('outputs stand in later commands', async () => {
    const plan = planOf({
      make: { outputs: { sha: { from: 'result', pointer: '/sha' } } },
      held14: {
        after: ['make'],
        work: {
          kind: 'command',
          command: 'use',
          args: ['${steps.make.outputs.sha}'],
          cwd: '.',
          shell: false,
          env: {},
          envMode: 'inherit',
        },
      },
    });
    const handle = await engine.start(plan);
    const command = await engine.held('held14');
    expect(command.task.work.args).toEqual(['sha of make']);
    command.succeed();
    await handle.result();
  });

  test('a condition decides in CEL, over states, exit codes and outputs', async () => {
    const plan = planOf({
      held15: { onFailure: 'continue' },
      mend: { after: ['held15'], condition: 'steps.held15.state == "failed" && steps.held15.exit_code == 3' },
      rest: { after: ['held15'], condition: 'steps.held15.state == "succeeded"' },
    });
    const handle = await engine.start(plan);
    (await engine.held('held15')).fail({ reason: 'exit-code', exitCode: 3, tail: '' });
    await handle.result();
    expect(await statesOf(engine.client, handle.workflowId)).toEqual({
      held15: 'failed',
      mend: 'succeeded',
      rest: 'skipped',
    });
  });
});

test('the Web UI shows the steps by name and a table of them', async () => {
  const handle = await engine.start(planOf({ held16: { name: 'Build | it' }, b: { after: ['held16'] } }));
  const command = await engine.held('held16');
  const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('| ▶ running | `held16` | Build \\| it |');
  const { events } = await handle.fetchHistory();
  const scheduled = events?.find((event) => event.activityTaskScheduledEventAttributes);
  expect(scheduled?.activityTaskScheduledEventAttributes?.activityId).toBe('held16');
  command.succeed();
  await handle.result();
});
