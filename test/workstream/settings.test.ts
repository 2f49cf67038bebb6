import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/plan/load/diagnostics.js';
import { defaultSettings, loadSettings } from '../../src/workstream/load/load-settings.js';
import { meansOf } from '../../src/workstream/means.js';
import { toolsOf } from '../../src/workstream/tool/registry.js';

const load = async (text: string) => {
  const { settings, problems } = await loadSettings('config.yaml', text);
  return { settings, lines: problems.map(formatProblem) };
};

test('no file, an empty file and a missing section are all defaults', async () => {
  const { settings, lines } = await load('\n');
  expect(lines).toEqual([]);
  expect(settings).toEqual(defaultSettings());
  expect(settings!.execution).toMatchObject({
    max_workers: 3,
    workstream_pattern: 'ws-*.json',
    tool_timeout_seconds: 600,
  });
  expect(settings!.fix).toMatchObject({
    maxAttempts: 3,
    maxFixes: 2,
    perStep: { static: { maxAttempts: 3, maxFixes: 2 }, runtime: { maxAttempts: 2, maxFixes: 1 } },
  });
});

test('a bad value is said with its key and place, and all of them at once', async () => {
  const { settings, lines } = await load(
    'execution:\n  max_workers: 0\nisolation:\n  strategy: worktre\ndag: 3\n',
  );
  expect(settings).toBeNull();
  expect(lines).toEqual([
    'config.yaml:2:16: error: the configuration: "execution.max_workers" must be a whole number from 1 to 1000, found 0',
    'config.yaml:4:13: error: the configuration: "isolation.strategy" must be one of "worktree", "clone", found "worktre"; did you mean "worktree"?',
    'config.yaml:5:6: error: the configuration: "dag" must be an object, found 3',
  ]);
});

test('who resolves conflicts is set in the words of the safe merge, and a limit that is none is refused', async () => {
  const { settings } = await load(
    'landing: {conflicts: {resolver: "/opt/resolve.sh", max_files: 3, needs: [KEY]}}',
  );
  expect(settings!.landing.conflicts).toEqual({
    ...{ resolver: '/opt/resolve.sh', check: '', maxFiles: 3, maxSeconds: 120, minConfidence: 0.7 },
    needs: ['KEY'],
  });
  const { lines } = await load('landing:\n  conflicts:\n    resolver: "[1]"\n    min_confidence: 2\n');
  expect(lines).toEqual([
    'config.yaml:3:15: error: the configuration: "landing.conflicts.resolver" must be a shell line, or a JSON list such as ["python3", "/opt/resolve.py"], found "[1]"',
    'config.yaml:4:21: error: the configuration: "landing.conflicts.min_confidence" must be a number from 0 to 1, found 2',
  ]);
});

test('what becomes of work whose worker is lost is a policy of two, and how often it is kept has bounds', async () => {
  const means = async (text: string) => meansOf((await load(text)).settings!, ['aider'], []);
  expect((await means('')).checkpointSec).toBeUndefined();
  expect((await means('execution: {on_worker_lost: continue}')).checkpointSec).toBe(30);
  const { lines } = await load('execution:\n  on_worker_lost: resume\n  checkpoint_seconds: 0\n');
  expect(lines).toEqual([
    'config.yaml:2:19: error: the configuration: "execution.on_worker_lost" must be one of "restart", "continue", found "resume"',
    'config.yaml:3:23: error: the configuration: "execution.checkpoint_seconds" must be a whole number from 1 to 3600, found 0',
  ]);
});

test('a tool that may not be used is found wherever it is named', async () => {
  const { lines } = await load(
    'adapters:\n  enabled: [aider]\n  routing:\n    - {pattern: "*.md", tool: codex}\n  fallbacks:\n    aider: [claud]\nexecution: {default_tool: aidr}\n',
  );
  expect(lines.map((line) => line.replace(/^.*error: /, ''))).toEqual([
    'the tool of this rule, "codex" is not a tool that may be used; there are "aider"',
    'the fallback "claud" is not a tool that may be used; there are "aider"',
    'the default tool "aidr" is not a tool that may be used; did you mean "aider"?',
  ]);
});

test('an unknown key is warned of; "interactive" is, too', async () => {
  const { settings, lines } = await load('excution: {}\ntools:\n  codex: {mode: interactive}\n');
  expect(settings).not.toBeNull();
  expect(lines).toEqual([
    'config.yaml:1:1: warning: unknown key "excution" is ignored; did you mean "execution"?',
    'config.yaml:3:17: warning: "codex": "interactive" cannot run unattended; its non-interactive form is used',
  ]);
});

test('a tool that takes its prompt by argument must say by which: else it would be called without one', async () => {
  const tool = (args: string) =>
    load(`tools: { paint: { executable: /bin/paint, prompt: argument${args} } }`);
  expect((await tool('')).lines).toEqual([
    'config.yaml:1:51: error: "paint": its prompt goes by argument, and none of its "args" says where; write "{prompt}" among them: args: ["{prompt}"]',
  ]);
  expect((await tool(', args: ["--do={prompt}"]')).lines).toEqual([]);
});

test('the model of a tool of one’s own is told it where it wants it; an option without one is an error', async () => {
  const tool = (more: string) => load(`tools: { paint: { executable: /bin/paint${more} } }`);
  expect((await tool(', model: fast, args: [--model, "{model}"]')).lines).toEqual([]);
  expect((await tool(', model: fast, env: { PAINT_MODEL: "{model}" }')).lines).toEqual([]);
  expect((await tool(', model: fast')).lines).toEqual([
    'config.yaml:1:50: warning: "paint": its model is told it as PLANWRIGHT_MODEL alone; for an option write "{model}" among its "args": args: [--model, "{model}"]',
  ]);
  expect((await tool(', args: [--model, "{model}"]')).lines).toEqual([
    'config.yaml:1:17: error: "paint": {model} is among what it is called with, and it has no "model"; name the one that is used where nobody asks for another: model: …',
  ]);
  expect((await load('tools: { git: { model: fast } }')).lines).toEqual([
    'config.yaml:1:24: warning: "git": it takes no model',
  ]);
});

test('a tool of one’s own is any command', async () => {
  const { settings } = await load(
    'tools:\n  robot: {executable: ./robot.sh, args: ["--in", "{promptFile}"], prompt: file, timeout_seconds: 9}\n',
  );
  expect(toolsOf(settings!.tools, null)['robot']).toMatchObject({
    executable: './robot.sh',
    more: ['--in', '{promptFile}'],
    timeoutSec: 9,
  });
});

const reference = join(process.env['PLANWRIGHT_REFERENCE_DATA'] ?? '/nowhere', '.uet', 'config.yaml');
describe.runIf(existsSync(reference))('the reference configuration', () => {
  test('loads', async () => {
    const { settings, lines } = await load(readFileSync(reference, 'utf8'));
    expect(lines.filter((line) => line.includes('error'))).toEqual([]);
    expect(settings!.routing.rules.map(({ priority }) => priority)).toEqual([10, 5, 20, 1]);
  });
});
