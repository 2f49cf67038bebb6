/**
 * The tools that can do a workstream, as data: how each is called, how it takes its prompt, what its endings mean, how its
 * costs are read. A new tool is one entry here, or one in the configuration.
 */
import type { Capability } from '../workstream.js';

export type PromptDelivery = 'argument' | 'file' | 'stdin' | 'none';

/** What an exit code means for the breaker and the fix loop. Codes that are not listed: 0 worked, any other failed. */
export type ExitMeaning = 'worked' | 'failed' | 'refused' | 'quota';

/** How the cost of a call is read from its output. Nothing in it decides anything but a budget. */
export type CostReader =
  | { readonly kind: 'none' }
  /** One JSON document at the end of standard output; dotted paths into it. */
  | {
      readonly kind: 'json';
      readonly usd: string | null;
      readonly tokensIn: string;
      readonly tokensOut: string;
    }
  /** Lines of JSON; all with this `type` are summed. */
  | {
      readonly kind: 'json-lines';
      readonly type: string;
      readonly tokensIn: string;
      readonly tokensOut: string;
    }
  /** `Tokens: 2.3k sent, 120 received. Cost: $0.01 message, $0.02 session.`; all lines are summed. */
  | { readonly kind: 'aider' };

/** How the lines of an output open by which a call failed, and by which it was answered. The last of them counts. */
export interface FailureLines {
  readonly failed: string;
  readonly answered: string;
}

export interface ToolAdapter {
  readonly name: string;
  readonly title: string;
  readonly executable: string;
  /**
   * Its arguments. In them `{prompt}` is the prompt, `{promptFile}` a file that holds it, `{scratch}` a folder outside the
   * worktree that is the attempt's own, `{root}` the worktree, `{model}` the model that the configuration names. Entries that are exactly `{model…}`, `{files…}` or `{more…}` become several
   * arguments or none: the model's option, the workstream's files, what the configuration adds.
   */
  readonly args: readonly string[];
  /** The option that names a model, when the tool has one. */
  readonly modelOption: string | null;
  readonly prompt: PromptDelivery;
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the worker that reach the tool; one of each group must be set. Everything else of the worker's credentials is kept from it. */
  readonly needs: readonly (readonly string[])[];
  readonly timeoutSec: number;
  readonly capabilities: readonly Capability[];
  /** It changes files by what a model says: work is checked all the same, but only such tools are put on the fix loop. */
  readonly takesErrors: boolean;
  readonly exits: Readonly<Record<number, ExitMeaning>>;
  /** Of a tool whose exit code is 0 also when a call came to nothing; null: its exit code can be believed. */
  readonly failureLines: FailureLines | null;
  /** Words in its output, matched without case and whatever blanks and line ends are between them, that mean no further call can work until somebody pays or waits. */
  readonly quotaWords: readonly string[];
  readonly cost: CostReader;
  /** Files it leaves in the worktree that are no work: they never enter a patch. Patterns as in `scope.ts`. */
  readonly litter: readonly string[];
}

const QUOTA_WORDS = [
  'insufficient_quota',
  'exceeded your current quota',
  'credit balance is too low',
  'billing hard limit',
  'usage limit reached',
  // What Codex says of an API's `insufficient_quota`, and of an account's own limits.
  'quota exceeded',
  'hit your usage limit',
  'hit your spend cap',
  'out of credits',
];

const PLAIN = {
  modelOption: null,
  env: {},
  needs: [],
  takesErrors: false,
  exits: {},
  failureLines: null,
  quotaWords: [],
  cost: { kind: 'none' },
  litter: [],
} as const satisfies Partial<ToolAdapter>;

export const ADAPTERS: readonly ToolAdapter[] = [
  {
    ...PLAIN,
    name: 'aider',
    title: 'Aider',
    executable: 'aider',
    args: [
      ...['--message-file', '{promptFile}', '--yes-always'],
      // The engine makes the commits; a tool that commits is found out, but it need not be asked to.
      ...['--no-auto-commits', '--no-dirty-commits', '--no-gitignore'],
      ...['--no-suggest-shell-commands', '--no-detect-urls', '--no-check-update', '--no-show-release-notes'],
      // Not `--analytics-disable`, which writes that into the person's own settings.
      ...['--no-pretty', '--no-stream', '--no-fancy-input', '--no-analytics'],
      ...['--chat-history-file', '{scratch}/chat.md', '--input-history-file', '{scratch}/input'],
      ...['{model…}', '{more…}', '{files…}'],
    ],
    modelOption: '--model',
    prompt: 'file',
    // Else it folds lines at 80 columns: what it says of costs and errors, too.
    env: { COLUMNS: '1000' },
    needs: [
      [
        'OPENAI_API_KEY',
        'OPENAI_API_BASE',
        'ANTHROPIC_API_KEY',
        'OLLAMA_API_BASE',
        'GEMINI_API_KEY',
        'OPENROUTER_API_KEY',
        'DEEPSEEK_API_KEY',
      ],
    ],
    timeoutSec: 600,
    capabilities: ['code_generation', 'refactoring'],
    takesErrors: true,
    // A key that is refused, a quota that is used up: it exits with 0 all the same.
    failureLines: { failed: 'litellm.', answered: 'Tokens: ' },
    quotaWords: QUOTA_WORDS,
    cost: { kind: 'aider' },
    litter: ['.aider*', '.aider*/**'],
  },
  {
    ...PLAIN,
    name: 'codex',
    title: 'Codex',
    executable: 'codex',
    // `-` reads the prompt from standard input: no length limit, and nothing of it in the process list.
    // Its sessions are nobody's to resume, and many at once would share them.
    args: [
      ...['exec', '--json', '--color', 'never', '--sandbox', 'workspace-write', '--ephemeral'],
      ...['{model…}', '{more…}', '-'],
    ],
    modelOption: '--model',
    prompt: 'stdin',
    // `codex exec` sends no OPENAI_API_KEY: with that alone every call is refused.
    needs: [['CODEX_API_KEY', 'CODEX_HOME']],
    timeoutSec: 600,
    capabilities: ['code_generation', 'refactoring', 'testing'],
    takesErrors: true,
    quotaWords: QUOTA_WORDS,
    cost: {
      kind: 'json-lines',
      type: 'turn.completed',
      tokensIn: 'usage.input_tokens',
      tokensOut: 'usage.output_tokens',
    },
  },
  {
    ...PLAIN,
    name: 'claude',
    title: 'Claude Code',
    executable: 'claude',
    args: ['--print', '--output-format', 'json', '--permission-mode', 'acceptEdits', '{model…}', '{more…}'],
    modelOption: '--model',
    prompt: 'stdin',
    needs: [['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CONFIG_DIR']],
    env: { DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
    timeoutSec: 600,
    capabilities: ['code_generation', 'refactoring', 'testing'],
    takesErrors: true,
    quotaWords: QUOTA_WORDS,
    cost: {
      kind: 'json',
      usd: 'total_cost_usd',
      tokensIn: 'usage.input_tokens',
      tokensOut: 'usage.output_tokens',
    },
  },
  {
    ...PLAIN,
    name: 'gemini',
    title: 'Gemini CLI',
    executable: 'gemini',
    args: ['--output-format', 'json', '--approval-mode', 'auto_edit', '{model…}', '{more…}'],
    modelOption: '--model',
    prompt: 'stdin',
    needs: [['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_APPLICATION_CREDENTIALS']],
    timeoutSec: 600,
    capabilities: ['code_generation', 'refactoring'],
    takesErrors: true,
    quotaWords: [...QUOTA_WORDS, 'resource_exhausted'],
    cost: {
      kind: 'json',
      usd: null,
      tokensIn: 'stats.models.*.tokens.prompt',
      tokensOut: 'stats.models.*.tokens.candidates',
    },
  },
  {
    ...PLAIN,
    name: 'git',
    title: 'git',
    executable: 'git',
    args: ['{more…}'],
    prompt: 'none',
    env: { GIT_TERMINAL_PROMPT: '0' },
    timeoutSec: 60,
    capabilities: ['version_checking'],
  },
  {
    ...PLAIN,
    name: 'tests',
    title: 'Tests',
    executable: 'pytest',
    args: ['{more…}'],
    prompt: 'none',
    env: { PYTHONPATH: '{root}' },
    timeoutSec: 300,
    capabilities: ['testing', 'linting'],
    // pytest: 5 is "no tests were collected", 2 to 4 are interrupted, internal error and wrong use.
    exits: { 1: 'failed', 2: 'refused', 3: 'refused', 4: 'refused', 5: 'refused' },
  },
];

/** What a tool of the configuration starts from: any command that takes its prompt from a file. */
export const ANY_COMMAND: Omit<ToolAdapter, 'name' | 'title' | 'executable'> = {
  ...PLAIN,
  args: ['{more…}'],
  prompt: 'file',
  timeoutSec: 600,
  capabilities: ['code_generation'],
  takesErrors: true,
};
