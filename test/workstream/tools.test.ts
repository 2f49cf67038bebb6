import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../../src/workstream/tool/adapters.js';
import { commandFor, promptWithErrors, type ToolRequest } from '../../src/workstream/tool/command-for.js';
import { meaningOf, readCost } from '../../src/workstream/tool/outcome.js';
import { toolsOf, type ToolSettings } from '../../src/workstream/tool/registry.js';
import { chainOf, routeTool, type Routing } from '../../src/workstream/tool/routing.js';

const plain: ToolSettings = {
  executable: null,
  model: null,
  args: [],
  prompt: null,
  env: {},
  timeoutSec: null,
  capabilities: null,
  litter: [],
};
const tools = toolsOf(
  {
    aider: { ...plain, model: 'gpt-4' },
    codex: { ...plain, args: ['--profile', 'ci'] },
    robot: { ...plain, args: ['{root}'] },
    painter: { ...plain, model: 'fast', args: ['--use={model}'], env: { PAINTER: '{model}' } },
  },
  null,
);
const request: ToolRequest = {
  prompt: 'do {root} it',
  files: ['a.py', '-x.py'],
  root: '/w',
  scratch: '/s',
  timeoutSec: null,
};

describe('the command of', () => {
  test('aider takes its prompt from a file and its history out of the worktree', () => {
    const command = commandFor(tools['aider']!, request);
    expect(command.args.slice(0, 3)).toEqual(['--message-file', '/s/prompt.md', '--yes-always']);
    expect(command.args).toContain('--no-auto-commits');
    expect(command.args.join(' ')).toContain('--chat-history-file /s/chat.md');
    expect(command.args.slice(-4)).toEqual(['--model', 'gpt-4', 'a.py', './-x.py']);
    expect(command.writes).toEqual([{ path: '/s/prompt.md', text: 'do {root} it' }]); // as it is
    expect(command.stdin).toBeNull();
  });

  test('a tool of one’s own is told its model by argument and by environment', () => {
    const { args, env } = commandFor(tools['painter']!, request);
    expect(args).toEqual(['--use=fast']);
    expect(env).toMatchObject({ PAINTER: 'fast', PLANWRIGHT_MODEL: 'fast' });
    expect(commandFor(tools['robot']!, request).env).not.toHaveProperty('PLANWRIGHT_MODEL');
  });

  test('codex takes it from standard input', () => {
    const command = commandFor(tools['codex']!, request);
    expect(command.args).toEqual([
      'exec',
      '--json',
      '--color',
      'never',
      '--sandbox',
      'workspace-write',
      '--ephemeral',
      '--profile',
      'ci',
      '-',
    ]);
    expect(command.stdin).toBe('do {root} it');
  });

  test('a tool of one’s own is what was configured', () => {
    expect(commandFor(tools['robot']!, request)).toMatchObject({
      program: 'robot',
      args: ['/w'],
      timeoutSec: 600,
    });
  });

  test('each adapter has its prompt where it says', () => {
    for (const adapter of ADAPTERS) {
      const { args, stdin } = commandFor(toolsOf({}, [adapter.name])[adapter.name]!, request);
      expect([adapter.name, stdin !== null]).toEqual([adapter.name, adapter.prompt === 'stdin']);
      expect([adapter.name, args.includes('/s/prompt.md')]).toEqual([
        adapter.name,
        adapter.prompt === 'file',
      ]);
    }
  });

  test('a tool with a prompt as argument points to a file when it is too long for one', () => {
    const tool = { ...tools['robot']!, prompt: 'argument' as const, args: ['{prompt}'] };
    expect(commandFor(tool, request).args).toEqual(['do {root} it']);
    expect(commandFor(tool, { ...request, prompt: 'x'.repeat(200_000) }).args).toEqual([
      'Do what the file /s/prompt.md says.',
    ]);
  });
});

test('a further call says what is wrong', () => {
  expect(promptWithErrors('p', [{ code: 'E1', message: 'no' }])).toMatch(/^p\n\n.*\n- E1: no$/);
});

const REFUSED = 'litellm.AuthenticationError: AuthenticationError: Incorrect API key provided';
const ANSWERED = 'Tokens: 1k sent, 2 received.';

describe('the end of a tool', () => {
  test.each([
    ['aider', { kind: 'exited', code: 0 }, 'the user wrote: insufficient_quota', 'worked'],
    ['aider', { kind: 'exited', code: 1 }, 'Error: Insufficient_Quota', 'quota'],
    ['aider', { kind: 'exited', code: 1 }, 'Error', 'failed'],
    ['aider', { kind: 'exited', code: 0 }, `${ANSWERED}\n${REFUSED}\ncheck your key`, 'failed'],
    [
      'aider',
      { kind: 'exited', code: 0 },
      `litellm.RateLimitError: You exceeded your\ncurrent quota`,
      'quota',
    ],
    ['aider', { kind: 'exited', code: 0 }, `${REFUSED}\nRetrying\n${ANSWERED}`, 'worked'],
    ['aider', { kind: 'killed', by: 'timeout' }, 'litellm.RateLimitError: insufficient_quota', 'quota'],
    ['codex', { kind: 'exited', code: 1 }, '{"type":"error","message":"Quota exceeded. Check"}', 'quota'],
    ['codex', { kind: 'exited', code: 0 }, REFUSED, 'worked'],
    ['tests', { kind: 'exited', code: 5 }, '', 'refused'],
    ['codex', { kind: 'killed', by: 'timeout' }, '', 'failed'],
  ] as const)('%s %j means %4$s', (name, end, output, meaning) => {
    expect(meaningOf(tools[name]!, end, output)).toBe(meaning);
  });

  test('says what it cost, each tool in its way; what it does not say is unknown', () => {
    const aider =
      'Tokens: 2.3k sent, 1.1k cache write, 120 received. Cost: $0.01 message, $0.02 session.\nTokens: 700 sent, 80 received.\n';
    expect(readCost(tools['aider']!, aider)).toEqual({ usd: 0.01, tokensIn: 3_000, tokensOut: 200 });
    const codex =
      '{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":2}}\nnoise\n{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}\n';
    expect(readCost(tools['codex']!, codex)).toEqual({ usd: null, tokensIn: 6, tokensOut: 3 });
    expect(readCost(tools['claude']!, 'warning\n{"total_cost_usd":0.5,"usage":{"input_tokens":9}}')).toEqual({
      usd: 0.5,
      tokensIn: 9,
      tokensOut: null,
    });
    expect(
      readCost(
        tools['gemini']!,
        '{"stats":{"models":{"a":{"tokens":{"prompt":3,"candidates":1}},"b":{"tokens":{"prompt":4,"candidates":2}}}}}',
      ),
    ).toEqual({ usd: null, tokensIn: 7, tokensOut: 3 });
    expect(readCost(tools['claude']!, 'nothing')).toEqual({ usd: null, tokensIn: null, tokensOut: null });
  });
});

describe('a workstream goes to', () => {
  const routing: Routing = {
    rules: [
      { pattern: '*.py', tool: 'aider', priority: 10 },
      { pattern: '*.md', tool: 'codex', priority: 5 },
      { pattern: 'test_*.py', tool: 'tests', priority: 20 },
      { pattern: 'docs/**', tool: 'claude', priority: 5 },
    ],
    defaultTool: 'aider',
    tools: { aider: ['refactoring'], codex: ['testing', 'refactoring'], tests: ['testing'], claude: [] },
    fallbacks: { aider: ['codex'], codex: ['claude', 'aider'] },
  };
  const route = (
    tool: string,
    filesScope: string[],
    capability: 'refactoring' | 'testing' | 'linting' | null = null,
  ) => routeTool({ tool, filesScope, capability }, routing);

  test('the tool with the capability it asks for, its own if that has it', () => {
    expect(route('codex', [], 'refactoring')).toMatchObject({ tool: 'codex', by: 'capability' });
    expect(route('claude', [], 'testing')).toMatchObject({ tool: 'codex', by: 'capability' });
    expect(route('claude', [], 'linting')).toMatchObject({
      tool: 'claude',
      by: 'tool',
      note: 'no usable tool has the capability "linting"',
    });
  });

  test('the tool it names', () =>
    expect(route('claude', ['a.py'])).toEqual({ tool: 'claude', by: 'tool', note: null }));

  test('the tool of its files, by the rule of the highest priority', () => {
    expect(route('auto', ['src/test_a.py'])).toEqual({ tool: 'tests', by: 'rules', note: null });
    expect(route('auto', ['docs/a.md'])).toEqual({ tool: 'codex', by: 'rules', note: null }); // of equals the first
    expect(route('auto', ['a.py', 'b.py', 'c.md'])).toEqual({
      tool: 'aider',
      by: 'rules',
      note: 'mixed files: "aider" for 2, "codex" for 1',
    });
  });

  test('the default, when nothing else says; and a refused tool is told of', () => {
    expect(route('cursor', ['a.rs'])).toEqual({
      tool: 'aider',
      by: 'default',
      note: 'the tool "cursor" is not among those that may be used',
    });
  });

  test('those that take over, each once, though the chain leads back', () => {
    expect(chainOf(route('aider', []), routing)).toEqual(['aider', 'codex', 'claude']);
  });
});
