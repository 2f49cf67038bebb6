/**
 * Acceptance tests are shell lines or prose: which of them a machine can run.
 */

export interface AcceptanceTests {
  readonly executable: readonly string[];
  /** Listed as "not executable": neither passed nor failed. */
  readonly prose: readonly string[];
}

/** Sorts a workstream's acceptance tests. */
export function executableTests(tests: readonly string[]): AcceptanceTests {
  return {
    executable: tests.filter((test) => isCommand(test)),
    prose: tests.filter((test) => !isCommand(test)),
  };
}

/** Programs that also open English sentences ("test the…", "find all…") count only with something of a command behind. */
const WORDS_TOO = new Set([
  'test',
  'find',
  'make',
  'go',
  'cat',
  'sort',
  'time',
  'which',
  'type',
  'python',
  'node',
  'git',
]);
const PROGRAMS = new Set([
  ...['pytest', 'python3', 'pip', 'tox', 'nox', 'ruff', 'black', 'mypy', 'flake8', 'pylint', 'isort'],
  ...[
    'npm',
    'npx',
    'yarn',
    'pnpm',
    'tsc',
    'eslint',
    'prettier',
    'vitest',
    'jest',
    'markdownlint',
    'deno',
    'bun',
  ],
  ...[
    'cargo',
    'rustc',
    'gradle',
    'mvn',
    'dotnet',
    'ctest',
    'cmake',
    'bundle',
    'rake',
    'rspec',
    'phpunit',
    'composer',
  ],
  ...[
    'sh',
    'bash',
    'pwsh',
    'powershell',
    'grep',
    'rg',
    'ls',
    'sed',
    'awk',
    'jq',
    'diff',
    'curl',
    'docker',
    'true',
    'false',
    'echo',
    'wc',
    '[',
    '[[',
  ],
]);

/**
 * Says whether a text is a shell line.
 *
 * Guessing wrong towards "prose" only means that a test is listed as not run; guessing wrong towards "command" would
 * fail the workstream over a sentence. So it must look like a command at its beginning.
 */
export function isCommand(text: string): boolean {
  const words = text.trim().split(/\s+/);
  while (words.length > 1 && /^[A-Za-z_][A-Za-z0-9_]*=/.test(words[0]!)) words.shift(); // VAR=value before it
  const [program = '', ...rest] = words;
  if (/^\.{0,2}\/?([\w.@-]+\/)+[\w.@-]+$/.test(program) && !/[.,:;]$/.test(program)) {
    // A path: `./check.sh`, `scripts/check`; "core/db.py works" is a sentence about one.
    return (
      program.startsWith('./') ||
      rest.length === 0 ||
      rest[0]!.startsWith('-') ||
      (/^(bin|scripts?|tools)\//.test(program) && !SENTENCE.test(text))
    );
  }
  if (PROGRAMS.has(program)) return true;
  return (
    WORDS_TOO.has(program) &&
    (rest.some((word) => /^-|[|&;<>$*='"()]|[\w]\/|\.\w+$/.test(word)) || rest.length === 1)
  );
}

/** A third person somewhere: "scripts/status.py displays correct status". */
const SENTENCE =
  /\s(is|are|has|have|must|should|works?|passes|contains?|displays?|generates?|successfully|correctly)\b/i;
