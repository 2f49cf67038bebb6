import { describe, expect, test } from 'vitest';
import { retryDelayMs } from '../../../src/plan/retry-delay.js';
import { commandOf, errorsOf, loaded, planWith, step } from './loading.js';

const firstOf = async (fields: object, globals: object = {}) =>
  (await loaded({ ...planWith([step('a', fields)]), globals })).steps[0]!;

describe('a command', () => {
  test('left bare has the documented defaults', async () => {
    expect(await loaded(planWith([step('a')]))).toEqual({
      planId: 'TEST',
      version: '1',
      description: '',
      project: 'unknown',
      phaseId: 'ORCHESTRATED',
      maxConcurrency: 1,
      env: {},
      variables: {},
      secrets: [],
      steps: [
        {
          id: 'a',
          name: 'a',
          work: {
            kind: 'command',
            command: 'true',
            args: [],
            cwd: '.',
            shell: false,
            env: {},
            envMode: 'inherit',
          },
          dependsOn: [],
          timeoutSec: 1800,
          retry: {
            maxAttempts: 1,
            initialIntervalSec: 0,
            backoffCoefficient: 1,
            maxIntervalSec: 0,
            nonRetryableExitCodes: [],
          },
          idempotent: false,
          critical: true,
          onFailure: { kind: 'abort' },
          condition: null,
          outputs: {},
          provides: [],
          consumes: [],
          tags: [],
          group: null,
          weight: null,
          runsOn: null,
          priority: 'normal',
        },
      ],
    });
  });

  test('takes the globals where it says nothing, and null means nothing', async () => {
    const globals = { default_timeout_sec: 7, default_retries: 4 };
    for (const fields of [{}, { timeout_sec: null }]) {
      expect(await firstOf(fields, globals)).toMatchObject({ timeoutSec: 7, retry: { maxAttempts: 5 } });
    }
    expect(await firstOf({ timeout_sec: 3, retries: 1 }, globals)).toMatchObject({
      timeoutSec: 3,
      retry: { maxAttempts: 2 },
    });
  });

  test('with retries 0 is tried once, whatever the default is', async () => {
    expect((await firstOf({ retries: 0 }, { default_retries: 4 })).retry.maxAttempts).toBe(1);
  });

  test('with the two old fields waits the same time before each attempt', async () => {
    expect((await firstOf({ retries: 2, retry_delay_sec: 5 })).retry).toEqual({
      maxAttempts: 3,
      initialIntervalSec: 5,
      backoffCoefficient: 1,
      maxIntervalSec: 5,
      nonRetryableExitCodes: [],
    });
  });

  test('with retry waits longer and longer', async () => {
    expect((await firstOf({ retry: { max_attempts: 4 } })).retry).toEqual({
      maxAttempts: 4,
      initialIntervalSec: 1,
      backoffCoefficient: 2,
      maxIntervalSec: 300,
      nonRetryableExitCodes: [],
    });
    const retry = {
      initial_interval_sec: 400.5,
      backoff_coefficient: 1.5,
      non_retryable_exit_codes: [2, 64],
    };
    expect((await firstOf({ retry }, { default_retries: 2 })).retry).toEqual({
      maxAttempts: 3,
      initialIntervalSec: 400.5,
      backoffCoefficient: 1.5,
      maxIntervalSec: 400.5,
      nonRetryableExitCodes: [2, 64],
    });
  });

  test('with retry waits longer by the growth of old job files', async () => {
    const { retry } = await firstOf({
      retry: { max_attempts: 9, initial_interval_sec: 2, growth: 'fibonacci' },
    });
    expect([1, 2, 3, 4, 5].map((failed) => retryDelayMs(retry, failed) / 1000)).toEqual([2, 2, 4, 6, 10]);
    const linear = (await firstOf({ retry: { growth: 'linear', max_interval_sec: 2.5 } })).retry;
    expect([1, 2, 3].map((failed) => retryDelayMs(linear, failed) / 1000)).toEqual([1, 2, 2.5]);
  });

  test.each([
    [{ retry: { growth: 'square' } }, '"retry.growth" must be one of "linear", "fibonacci", found "square"'],
    [
      { retry: { growth: 'linear', backoff_coefficient: 2 } },
      '"growth" and "backoff_coefficient" both say how the waits grow; keep one of them',
    ],
    [{ retry: { max_attempts: 0 } }, '"retry.max_attempts" must be a whole number from 1 to 10000, found 0'],
    [
      { retry: { backoff_coefficient: 0.5 } },
      '"retry.backoff_coefficient" must be a number from 1 to 100, found 0.5',
    ],
    [{ retry: { initial_interval_sec: -1 } }, 'found -1'],
    [
      { retry: { non_retryable_exit_codes: [0] } },
      '"retry.non_retryable_exit_codes[0]" must be a whole number from 1 to 255, found 0',
    ],
    [{ retry: 3 }, '"retry" must be an object such as {"max_attempts": 3}, found 3'],
    [{ retry: {}, retries: 1 }, '"retries" and "retry" both say how often it is tried; keep one of them'],
    [{ retry: {}, retry_delay_sec: 0 }, '"retry_delay_sec" and "retry" both say'],
  ])('with %j is refused', async (fields, words) => {
    const errors = await errorsOf(planWith([step('a', fields)]));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(words);
  });

  test('names its outputs by pointers into the result file, or into what it prints', async () => {
    const outputs = {
      version: '/package/version',
      all: '',
      count: { from: 'stdout', pointer: '/a~1b/0' },
      first: { pointer: '/x' },
    };
    expect((await firstOf({ outputs })).outputs).toEqual({
      version: { from: 'result', pointer: '/package/version' },
      all: { from: 'result', pointer: '' },
      count: { from: 'stdout', pointer: '/a~1b/0' },
      first: { from: 'result', pointer: '/x' },
    });
  });

  test.each([
    { x: 'no-slash' },
    { x: '/bad~2' },
    { x: { from: 'stderr' } },
    { x: { form: 'stdout' } },
    { x: 5 },
    { ['x'.repeat(65)]: '/x' },
  ])('has no outputs %j', async (outputs) => {
    expect((await errorsOf(planWith([step('a', { outputs })]))).join()).toContain('bad-value');
  });

  test('keeps everything else it says', async () => {
    const fields = {
      args: ['-v', '  spaced  ', ''],
      cwd: 'sub',
      env: { A: '1' },
      env_mode: 'clean',
      idempotent: true,
      critical: false,
      on_failure: 'skip_dependents',
      provides: ['p'],
      tags: ['t'],
      ui_hints: { group: 'G', weight: 1.5 },
      runs_on: 'gpu',
      priority: 'high',
    };
    const made = await firstOf(fields);
    expect(made).toMatchObject({
      idempotent: true,
      critical: false,
      onFailure: { kind: 'skip_dependents' },
      provides: ['p'],
      tags: ['t'],
      group: 'G',
      weight: 1.5,
      runsOn: 'gpu',
      priority: 'high',
    });
    expect(commandOf(made)).toMatchObject({
      args: ['-v', '  spaced  ', ''],
      cwd: 'sub',
      env: { A: '1' },
      envMode: 'clean',
    });
  });

  test('does not take a "with": its fields stand in the step', async () => {
    expect(await errorsOf(planWith([step('a', { with: {} })]))).toEqual([
      'conflict: step "a": "with" means nothing for "uses": "command"; it belongs to "uses": "plan", "uses": "for_each", "uses": "approval", "uses": "workstream" and "uses": "landing"',
    ]);
  });
});

describe('an approval', () => {
  const approval = (fields: object = {}) => ({
    id: 'ask',
    name: 'Ask',
    uses: 'approval',
    with: { message: 'Go?' },
    ...fields,
  });

  test('waits a day unless it says otherwise, whatever the default of commands is', async () => {
    const globals = { default_timeout_sec: 5, default_retries: 3 };
    const plan = await loaded({ ...planWith([approval()]), globals });
    expect(plan.steps[0]).toMatchObject({
      work: { kind: 'approval', message: 'Go?' },
      timeoutSec: 86_400,
      retry: { maxAttempts: 1 },
    });
    expect((await loaded(planWith([approval({ timeout_sec: 31_536_000 })]))).steps[0]!.timeoutSec).toBe(
      31_536_000,
    );
  });

  test('may name variables in its question', async () => {
    const plan = planWith([approval({ with: { message: 'Ship ${V}?' } })]);
    expect((await loaded(plan, { variables: { V: '2.0' } })).steps[0]!.work).toEqual({
      kind: 'approval',
      message: 'Ship 2.0?',
    });
  });

  test('may put outputs of the steps above it into its question', async () => {
    const above = step('scan', { outputs: { files: '/files' } });
    const question = { message: 'Take ${V} for ${steps.scan.outputs.files}?' };
    const plan = planWith([above, approval({ depends_on: ['scan'], with: question })]);
    // What a variable brings in is no reference: it is escaped.
    const variables = { V: '${steps.scan.outputs.files}' };
    expect((await loaded(plan, { variables })).steps[1]!.work).toEqual({
      kind: 'approval',
      message: 'Take $${steps.scan.outputs.files} for ${steps.scan.outputs.files}?',
    });
    expect(await errorsOf(planWith([above, approval({ with: question })]))).toEqual([
      'bad-reference: step "ask": it reads "scan", which it does not depend on; add "scan" to its depends_on',
    ]);
  });

  test('may offer choices, and have one for silence', async () => {
    const choices = ['ours', { value: 'theirs', label: 'What they wrote' }];
    const input = { message: 'Which?', choices, default_on_timeout: 'ours' };
    expect((await loaded(planWith([approval({ with: input })]))).steps[0]!.work).toEqual({
      kind: 'approval',
      message: 'Which?',
      choices: [
        { value: 'ours', label: 'ours' },
        { value: 'theirs', label: 'What they wrote' },
      ],
      defaultOnTimeout: 'ours',
    });
  });

  test('gives its choice as an output, and none when it has no choices', async () => {
    const reader = step('use', { depends_on: ['ask'], args: ['${steps.ask.outputs.choice}'] });
    const asking = approval({ with: { message: 'Which?', choices: ['a', 'b'] } });
    expect((await loaded(planWith([asking, reader]))).steps).toHaveLength(2);
    expect((await errorsOf(planWith([approval(), reader]))).join()).toContain(
      'step "ask" has no output "choice"',
    );
  });

  test.each([
    [{ choices: ['a'] }, '"with.choices" must be a list of 2 to 50 choices'],
    [{ choices: ['a', '-x'] }, '"with.choices[1]" must be a choice'],
    [{ choices: ['a', { value: 'b', text: 'B' }] }, 'with.choices[1]'],
    [{ choices: ['a', 'b', 'a'] }, 'the choice "a" is in "choices" twice'],
    [{ choices: ['ours', 'theirs'], default_on_timeout: 'their' }, 'did you mean "theirs"?'],
    [{ default_on_timeout: 'ours' }, 'give the step "choices"'],
  ])('with choices as in %j is refused', async (input, words) => {
    const errors = await errorsOf(planWith([approval({ with: { message: 'Which?', ...input } })]));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(words);
  });

  test.each([
    [{ with: {} }, 'missing-field: step "ask": missing required field: with.message'],
    [{ with: undefined }, 'missing-field: step "ask": missing required field: with'],
    [{ with: { message: '' } }, '"with.message" must be a text of 1 to 4096 characters'],
    [{ timeout_sec: 0 }, '"timeout_sec" must be'],
    [
      { retries: 1 },
      '"retries" means nothing for "uses": "approval"; it belongs to "uses": "command", "uses": "plan" and "uses": "workstream"',
    ],
    [{ env: {} }, '"env" means nothing for "uses": "approval"'],
    [{ outputs: {} }, '"outputs" means nothing'],
    [{ idempotent: true }, '"idempotent" means nothing'],
  ])('with %j is refused', async (fields, words) => {
    const errors = await errorsOf(planWith([approval(fields)]));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(words);
  });
});
