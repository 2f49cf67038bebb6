import { expect, test } from 'vitest';
import { compileJob } from '../../src/job/compile.js';
import { DEFAULT_RETRY } from '../../src/job/retry.js';
import type { CommandWork, Step } from '../../src/plan/plan.js';
import { packPlan, unpackPlan } from '../../src/plan/wire.js';
import { fullForm, loaded, shortForm, TOOLS } from './loading.js';

async function stepOf(document: Record<string, unknown>): Promise<Step & { readonly work: CommandWork }> {
  const job = await loaded(document);
  const plan = compileJob({
    ...{ job, tool: TOOLS[job.tool] ?? null, retry: DEFAULT_RETRY, priority: 'high', runsBefore: 0 },
  });
  expect(unpackPlan(packPlan(plan))).toEqual(plan); // nothing is lost on the way
  return plan.steps[0] as Step & { readonly work: CommandWork };
}

test('a job is a plan of one step, run as it is written', async () => {
  const step = await stepOf(fullForm({ env: { LANG: 'C' } }));
  expect(step).toMatchObject({ id: 'job', priority: 'high', retry: { maxAttempts: 4 }, timeoutSec: 60 });
  expect(step.work).toMatchObject({ command: 'git', args: ['status', '--short'], cwd: '.', shell: false });
  expect(step.work.env).toMatchObject({ LANG: 'C' });
});

test('git is never asked for a password, whatever the job says', async () => {
  expect((await stepOf(fullForm({ env: { GIT_TERMINAL_PROMPT: '1' } }))).work.env).toMatchObject({
    GIT_TERMINAL_PROMPT: '0',
  });
});

test('tests find the repository, unless the job says otherwise', async () => {
  const path = async (env: object) =>
    (await stepOf(fullForm({ tool: 'tests', command: { exe: 'pytest', args: [] }, env }))).work;
  expect((await path({})).job!.ifUnset).toEqual({ PYTHONPATH: '{root}' });
  const own = await path({ PYTHONPATH: 'lib' });
  expect([own.env['PYTHONPATH'], own.job!.ifUnset]).toEqual(['lib', {}]);
});

test.each([
  ['aider', 600],
  ['codex', 600],
  ['git', 60],
  ['tests', 300],
  ['mechanical', 600],
])('%s has %i s, unless the job says otherwise', async (tool, seconds) => {
  expect((await stepOf(fullForm({ tool }))).timeoutSec).toBe(seconds);
  expect((await stepOf(fullForm({ tool, metadata: { timeout_seconds: 7 } }))).timeoutSec).toBe(7);
});

test('of the short form the adapter makes the command', async () => {
  const { work } = await stepOf(shortForm({ config: { model: 'gpt-4' } }));
  const file = '{root}/logs/ws-paint/ws-paint-001/prompt.md';
  expect(work.command).toBe('aider');
  expect(work.args.slice(0, 2)).toEqual(['--message-file', file]);
  expect(work.args.slice(-3)).toEqual(['--model', 'gpt-4', 'src/door.ts']);
  expect(work.job).toMatchObject({
    prompt: { path: 'logs/ws-paint/ws-paint-001/prompt.md', parts: [{ text: 'Paint the door.' }] },
    logFile: 'logs/ws-paint/ws-paint-001.log',
  });
});

test('a tool that reads standard input gets its prompt there', async () => {
  const { work } = await stepOf(shortForm({ tool: 'codex' }));
  expect([work.command, ...work.args.slice(0, 4)]).toEqual([
    'sh',
    '-c',
    'exec "$@" <"$PLANWRIGHT_PROMPT_FILE"',
    'sh',
    'codex',
  ]);
});

test('a tool without a prompt gets its arguments and files', async () => {
  const { work } = await stepOf(
    shortForm({ tool: 'tests', config: { args: ['-q'] }, files: ['tests/a.py'] }),
  );
  expect([work.command, ...work.args]).toEqual(['pytest', '-q', 'tests/a.py']);
  expect(work.job!.prompt).toBeNull();
});
