import { expect, test } from 'vitest';
import {
  chainOf,
  DEFAULT_RULES,
  escalate,
  escalationTarget,
  retriesBeforeEscalation,
  ruleOf,
  taskOf,
  type EscalationRules,
} from '../../src/job/escalation.js';
import { DEFAULT_RETRY } from '../../src/job/retry.js';
import { fullForm, loaded, shortForm } from './loading.js';

const aider = (over: object = {}) => loaded(shortForm(over));
const rule = (onFailure: string | null): EscalationRules[string] => ({
  ...{ onFailure, onTimeout: onFailure, retries: 0, priority: 'high' },
});

test('aider is handed to codex after two retries, on failure and on timeout', async () => {
  const found = ruleOf(await aider(), DEFAULT_RULES);
  expect([0, 1, 2, 3].map((retries) => escalationTarget(found, 'failure', retries))).toEqual([
    null,
    null,
    'codex',
    'codex',
  ]);
  expect(escalationTarget(found, 'timeout', 2)).toBe('codex');
  expect(found?.priority).toBe('high');
});

test.each(['codex', 'tests', 'git', 'gemini'])('%s is handed to nobody', async (tool) => {
  expect(chainOf(await aider({ tool }), DEFAULT_RULES)).toEqual([tool]);
});

test('a job that says so is not handed on', async () => {
  for (const retry_policy of ['none', 'retry_same'])
    expect(ruleOf(await aider({ metadata: { retry_policy } }), DEFAULT_RULES)).toBeNull();
});

test('the tool that a job names takes over, and whoever took over follows the rules', async () => {
  const job = await aider({ metadata: { retry_policy: 'escalate_to_claude' } });
  expect(chainOf(job, DEFAULT_RULES)).toEqual(['aider', 'claude']);
  expect(chainOf(job, { ...DEFAULT_RULES, claude: rule('gemini') })).toEqual(['aider', 'claude', 'gemini']);
});

test('the tool that a job names takes over after the retries of the job, however many', async () => {
  const named = (max_retries: number) =>
    aider({ metadata: { retry_policy: 'escalate_to_claude', max_retries } });
  for (const max of [0, 1, 5]) {
    const job = await named(max);
    expect(retriesBeforeEscalation(job, DEFAULT_RETRY, DEFAULT_RULES).maxRetries).toBe(max);
    expect(escalationTarget(ruleOf(job, DEFAULT_RULES), 'failure', max)).toBe('claude');
  }
});

test('a chain stops at a tool that was seen already', async () => {
  // aider -> codex -> claude -> aider
  const circle = { aider: rule('codex'), codex: rule('claude'), claude: rule('aider') };
  const job = await aider();
  expect(chainOf(job, circle)).toEqual(['aider', 'codex', 'claude']);
  const second = escalate(job, { tool: 'codex', reason: 'failure', lastError: '' });
  const third = escalate(second, { tool: 'claude', reason: 'failure', lastError: '' });
  expect(escalationTarget(ruleOf(third, circle), 'failure', 9)).toBeNull();
});

test('no more is tried than what comes before the escalation', async () => {
  const job = await aider();
  expect(retriesBeforeEscalation(job, DEFAULT_RETRY, DEFAULT_RULES).maxRetries).toBe(2);
  expect(retriesBeforeEscalation(job, { ...DEFAULT_RETRY, maxRetries: 1 }, DEFAULT_RULES).maxRetries).toBe(1);
  const git = await aider({ tool: 'git' });
  expect(retriesBeforeEscalation(git, DEFAULT_RETRY, DEFAULT_RULES).maxRetries).toBe(3);
});

test('the new job is the old one but for its tool, its command and its log names', async () => {
  const job = await loaded(
    fullForm({
      tool: 'aider',
      command: { exe: 'aider', args: ['--message-file', 'todo.txt', '--yes-always'] },
      env: { LANG: 'C' },
      dependencies: ['walls'],
      metadata: { files_scope: ['src/a.ts'], timeout_seconds: 60, note: { deep: ['kept'] } },
    }),
  );
  const before = JSON.stringify(job);
  const next = escalate(job, { tool: 'codex', reason: 'timeout', lastError: 'E: no such door' });
  expect(next).toMatchObject({
    id: 'paint-1-escalated-codex',
    tool: 'codex',
    command: null,
    workstream: 'ws-paint',
    env: { LANG: 'C' },
    files: ['src/a.ts'],
    timeoutSec: 60,
    dependsOn: [],
    messageFile: 'todo.txt',
    paths: {
      repoRoot: '.',
      logFile: 'logs/ws-paint/paint-1-escalated-codex.log',
      errorReport: 'logs/ws-paint/paint-1-escalated-codex.error.json',
    },
    metadata: {
      escalated_from: 'paint-1',
      escalation_reason: 'timeout',
      original_job_id: 'paint-1',
      is_escalation: true,
      note: { deep: ['kept'] },
    },
  });
  expect(next.instructions).toContain(
    'aider tried before and did not end in time. It said last:\nE: no such door',
  );
  (next.metadata['note'] as { deep: string[] }).deep.push('changed');
  expect(JSON.stringify(job)).toBe(before);
});

test('the job that a chain began with is remembered to its end', async () => {
  const first = await aider();
  const second = escalate(first, { tool: 'codex', reason: 'failure', lastError: '' });
  const third = escalate(second, { tool: 'claude', reason: 'failure', lastError: '' });
  expect(third.metadata).toMatchObject({ escalated_from: second.id, original_job_id: first.id });
});

test.each([
  [['--message', 'Fix the lock', '--yes'], 'Fix the lock', null],
  [['--message=Fix the lock', 'src/a.ts'], 'Fix the lock', null],
  [['--message-file', 'todo.txt', '--yes-always'], null, 'todo.txt'],
  [['--model', 'gpt-4', '--yes-always', 'mend', 'it'], 'mend it', null],
  [['copilot', 'suggest', '--target', 'shell', 'Mend it'], 'copilot suggest Mend it', null],
  [['--yes-always'], null, null],
])('of the arguments %j the task is read', (args, text, file) => {
  expect(taskOf({ instructions: null, messageFile: null, command: { exe: 'aider', args } })).toEqual({
    text,
    file,
  });
});

test('instructions go before a message file, and that before words of the command', () => {
  const command = { exe: 'aider', args: ['word'] };
  expect(taskOf({ instructions: 'Do it', messageFile: 'm.txt', command })).toEqual({
    text: 'Do it',
    file: 'm.txt',
  });
  expect(taskOf({ instructions: null, messageFile: 'm.txt', command })).toEqual({
    text: null,
    file: 'm.txt',
  });
});
