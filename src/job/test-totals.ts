/**
 * How many tests passed, read from a report for programs where there is one, else from what the tool printed last.
 */

export interface TestTotals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly errors: number;
}

const NONE: TestTotals = { passed: 0, failed: 0, skipped: 0, errors: 0 };

const KINDS: Readonly<Record<string, keyof TestTotals>> = {
  passed: 'passed',
  passing: 'passed',
  pass: 'passed',
  xpassed: 'passed',
  failed: 'failed',
  failing: 'failed',
  fail: 'failed',
  skipped: 'skipped',
  pending: 'skipped',
  xfailed: 'skipped',
  error: 'errors',
  errors: 'errors',
};

/** `3 passed, 2 failed,` of pytest, jest and vitest; `# pass 3` of node's own runner. */
const COUNT = /(\d+) (passed|passing|xpassed|failed|failing|skipped|pending|xfailed|errors?)\b/g;
const TAP = /^# (pass|fail|skipped) (\d+)$/gm;
/** Colours would stand between a number and its word. */
const COLOUR = /\u001b\[[0-9;]*m/g;

/** Reads the totals from what a test tool printed; null when it printed none. The last line that counts is the sum. */
export function totalsInText(output: string): TestTotals | null {
  const text = output.replace(COLOUR, '');
  const lines = text.split('\n').filter((line) => line.length < 2_000);
  for (const line of lines.reverse()) {
    // "Test Files  1 passed" counts files; the line of the tests themselves comes after it, so it is met first.
    const counts = [...line.matchAll(COUNT)];
    if (counts.length > 0) return summed(counts.map(([, number, kind]) => [kind!, Number(number)]));
  }
  const tap = [...text.matchAll(TAP)];
  return tap.length === 0 ? null : summed(tap.map(([, kind, number]) => [kind!, Number(number)]));
}

function summed(counts: readonly (readonly [string, number])[]): TestTotals {
  const totals: Record<keyof TestTotals, number> = { ...NONE };
  for (const [kind, count] of counts) totals[KINDS[kind]!] += count;
  return totals;
}

const SUITE = /<testsuite\b([^>]*)>/g;

/** Reads the totals from a report in the form of JUnit; null when it is none. */
export function totalsInReport(xml: string): TestTotals | null {
  const suites = [...xml.matchAll(SUITE)].map(([, attributes]) => attributes!);
  if (suites.length === 0) return null;
  const sum = (name: string): number =>
    suites.reduce((total, text) => total + Number(new RegExp(`\\b${name}="(\\d+)"`).exec(text)?.[1] ?? 0), 0);
  const [tests, failed, errors, skipped] = ['tests', 'failures', 'errors', 'skipped'].map(sum) as [
    number,
    number,
    number,
    number,
  ];
  return { passed: Math.max(0, tests - failed - errors - skipped), failed, skipped, errors };
}

/** Returns where the arguments of a test tool send a report in the form of JUnit, or null. */
export function reportNamed(args: readonly string[]): string | null {
  for (const [at, arg] of args.entries()) {
    const joined = /^--(?:junit-?xml|outputFile|test-reporter-destination)=(.+)$/.exec(arg)?.[1];
    if (joined !== undefined) return joined.endsWith('.xml') ? joined : null;
    if (/^--junit-?xml$/.test(arg)) return args[at + 1] ?? null;
  }
  return null;
}
