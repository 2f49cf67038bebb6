import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadJobs } from '../../src/job/load/load-jobs.js';
import { toolsOf } from '../../src/workstream/tool/registry.js';
import { fullForm, lines, load, loaded, shortForm, TOOLS } from './loading.js';

test('the full form is read whole', async () => {
  const job = await loaded(
    fullForm({
      run_id: 'run-7',
      dependencies: ['a', 'b', 'a'],
      metadata: {
        retry_policy: 'escalate_to_codex',
        timeout_seconds: 30,
        max_retries: 0,
        message_file: 'notes.txt',
        files_scope: ['src/door.ts'],
        git_operation: 'status',
      },
    }),
  );
  expect(job).toMatchObject({
    id: 'paint-1',
    workstream: 'ws-paint',
    tool: 'git',
    runName: 'run-7',
    command: { exe: 'git', args: ['status', '--short'] },
    paths: { repoRoot: '.', logFile: 'logs/ws-paint/paint-1.log' },
    dependsOn: ['a', 'b'],
    retryPolicy: { kind: 'escalate', tool: 'codex' },
    timeoutSec: 30,
    maxRetries: 0,
    messageFile: 'notes.txt',
    files: ['src/door.ts'],
    metadata: { git_operation: 'status' },
  });
});

test('the short form works in the repository and logs by workstream and job', async () => {
  const job = await loaded(shortForm({ dependencies: ['ws-walls-001'], config: { auto_commit: false } }));
  expect(job.command).toBeNull();
  expect(job.dependsOn).toEqual(['ws-walls-001']);
  expect(job.paths).toEqual({
    repoRoot: '.',
    workingDir: '.',
    logFile: 'logs/ws-paint/ws-paint-001.log',
    errorReport: 'logs/ws-paint/ws-paint-001.error.json',
  });
});

test('a workstream whose name is a path does not lead the logs elsewhere', async () => {
  const job = await loaded(shortForm({ workstream_id: '../../etc' }));
  expect(job.paths.logFile).toBe('logs/..-..-etc/ws-paint-001.log');
  expect((await loaded(shortForm({ workstream_id: '..' }))).paths.logFile).toBe(
    'logs/unnamed/ws-paint-001.log',
  );
});

test.each(['ws-01-001', 'job-2025-11-20-001', 'a', 'A_b.c', '001'])('%s is an id', async (id) => {
  expect((await loaded(shortForm({ job_id: id }))).id).toBe(id);
});

test('a list gives several jobs, and one that is wrong does not stop the others', async () => {
  const found = await load([
    shortForm(),
    shortForm({ job_id: 'has blanks' }),
    shortForm({ job_id: 'third' }),
  ]);
  expect(found.jobs.map(({ job }) => job.id)).toEqual(['ws-paint-001', 'third']);
  expect(lines(found)).toEqual([
    expect.stringMatching(
      /^job\.json:1:\d+: error: job "has blanks": "job_id" must be an id of letters, digits, "\.", "_" and "-", at most 128 characters, found "has blanks"$/,
    ),
  ]);
});

test('all that is wrong is said at once, each with its place', async () => {
  const text = `{
  "job_id": "",
  "tool": "adier",
  "command": { "exe": "git", "args": "status" },
  "env": { "DEBUG": 1 },
  "metadata": { "retry_policy": "sometimes", "timeout_seconds": 0 }
}`;
  const found = await load(text);
  expect(found.jobs).toEqual([]);
  expect(lines(found)).toEqual([
    'job.json:1:1: error: job "": missing required field: workstream_id',
    'job.json:1:1: error: job "": missing required field: paths; a job with "command" and "env" needs "command", "env" and "paths"',
    expect.stringContaining('job.json:2:13: error: job "": "job_id" must be an id'),
    'job.json:4:38: error: job "": "command.args" must be a list of texts, found "status"; write a list: ["status"]',
    expect.stringContaining('job.json:5:21: error: job "": "env.DEBUG" must be a text'),
    expect.stringContaining(
      'job.json:6:33: error: job "": "metadata.retry_policy" must be one of "none", "retry_same"',
    ),
    expect.stringContaining(
      'job.json:6:65: error: job "": "metadata.timeout_seconds" must be a whole number from 1',
    ),
  ]);
});

test('a tool without an adapter is named with the one that was meant', async () => {
  expect(lines(await load(shortForm({ tool: 'adier' })))).toEqual([
    expect.stringMatching(
      /: error: job "ws-paint-001": there is no adapter for the tool "adier"; did you mean "aider"\?$/,
    ),
  ]);
});

test('escalation to a tool that is not there is refused, one that is there is taken', async () => {
  const to = (policy: string): Promise<string[]> =>
    load(shortForm({ metadata: { retry_policy: policy } })).then(lines);
  expect(await to('escalate_to_claude')).toEqual([]);
  expect(await to('escalate_to_oracle')).toEqual([
    expect.stringMatching(
      /there is no adapter for the tool of "retry_policy", "oracle"; there are .*"claude"/,
    ),
  ]);
});

test('a tool of the old schema without an adapter runs the command it is given, and needs one', async () => {
  expect(lines(await load(fullForm({ tool: 'mechanical' })))).toEqual([]);
  expect(lines(await load(shortForm({ tool: 'mechanical' })))).toEqual([
    expect.stringContaining('the tool "mechanical" has no adapter that could make a command'),
  ]);
});

test('a tool of the configuration is an adapter by its name', async () => {
  const settings = { executable: null, model: null, args: [], prompt: null, env: {}, timeoutSec: null };
  const tools = toolsOf({ robot: { ...settings, capabilities: null, litter: [] } }, null);
  expect((await loaded(shortForm({ tool: 'robot' }), tools)).tool).toBe('robot');
});

test('a job that depends on itself is refused', async () => {
  expect(lines(await load(shortForm({ dependencies: ['ws-paint-001'] })))).toEqual([
    expect.stringContaining('error: job "ws-paint-001": it depends on itself'),
  ]);
});

test('a job that is too long for the server is refused before it is queued', async () => {
  expect(lines(await load(shortForm({ instructions: 'x'.repeat(600_000) })))).toEqual([
    expect.stringMatching(/job "ws-paint-001": it has 60\d{4} bytes; a job may have 524288; put/),
  ]);
});

test('a job that says nothing of what to do is refused', async () => {
  const { files: _, instructions: __, ...rest } = shortForm() as { files: unknown; instructions: unknown };
  expect(lines(await load(rest))).toEqual([
    expect.stringContaining('it says neither what to run nor what to do; write "command", "env" and "paths"'),
  ]);
});

test('a key that nothing reads is warned of, and metadata is free', async () => {
  const found = await load(shortForm({ instrctions: 'x', metadata: { test_type: 'unit' } }));
  expect(found.jobs.length).toBe(1);
  expect(lines(found)).toEqual([
    expect.stringMatching(
      /warning: job "ws-paint-001": unknown key "instrctions" is ignored; did you mean "instructions"\?$/,
    ),
  ]);
});

test('a secret in the environment is warned of without being shown', async () => {
  const [line] = lines(await load(fullForm({ env: { OPENAI_API_KEY: 'sk-1234567890', OTHER_TOKEN: '' } })));
  expect(line).toContain('"OPENAI_API_KEY" looks like a secret');
  expect(line).not.toContain('sk-12');
});

test.each([
  ['[]', 'this file holds an empty list'],
  ['"job"', 'a job must be an object'],
  ['{', 'this is not JSON'],
  ['[1]', 'a job must be an object with "job_id", "workstream_id" and "tool", found 1'],
])('the file %s is refused', async (text, message) => {
  const found = await load(text);
  expect(found.jobs).toEqual([]);
  expect(lines(found).join('\n')).toContain(message);
});

test('a file that is not there is named', async () => {
  const readText = (file: string): string => readFileSync(file, 'utf8');
  const found = await loadJobs({ files: ['/nowhere/job.json'], readText, tools: TOOLS });
  expect(lines(found)).toEqual([
    '/nowhere/job.json: error: there is no file "/nowhere/job.json"; name a job file, or a folder of them',
  ]);
});

test('one id for two different jobs is refused, the same file named twice is not', async () => {
  const files: Record<string, unknown> = { a: shortForm(), b: shortForm({ instructions: 'Sand it.' }) };
  const both = (...names: string[]) =>
    loadJobs({ files: names, readText: (name) => JSON.stringify(files[name.slice(0, 1)]), tools: TOOLS });
  expect(lines(await both('a.json', 'b.json'))).toEqual([
    expect.stringContaining('b.json:1:1: error: duplicate job id "ws-paint-001": a.json:1 has it too'),
  ]);
  expect(lines(await both('a.json', 'a2.json'))).toEqual([]);
});

const data = process.env['PLANWRIGHT_REFERENCE_DATA'];
describe.skipIf(data === undefined)('the example files of the old system', () => {
  const folder = join(data ?? '', 'schema', 'jobs', 'examples');
  test('load without a problem', async () => {
    const files = readdirSync(folder).map((name) => join(folder, name));
    const found = await loadJobs({ files, readText: (file) => readFileSync(file, 'utf8'), tools: TOOLS });
    expect(lines(found)).toEqual([]);
    expect(found.jobs.map(({ job }) => job.tool)).toEqual(['aider', 'codex', 'git', 'tests']);
  });
});

test.each([
  ['full', fullForm({ metadata: { retry_policy: 'escalate_to_codex', note: 'kept' } })],
  ['short', shortForm({ dependencies: ['a'], config: { model: 'm' } })],
])('a job of the %s form crosses every border as plain JSON and comes back the same', async (_, document) => {
  const job = await loaded(document);
  expect(JSON.parse(JSON.stringify(job))).toStrictEqual(job);
});
