/**
 * What is wrong with a plan, as people and programs are told: each problem with its place, what was found, and a way out.
 */
import { nearest } from '../nearest.js';
import { quote } from '../quote.js';
import type { Locator, PlanPath } from './places.js';
import type { Fault } from './source-text.js';

/** Which rule a problem breaks. Programs know a problem by this, never by its message. */
export type ProblemCode =
  | Fault['code']
  | 'not-found'
  | 'unreadable'
  | 'missing-field'
  | 'bad-value'
  | 'unknown-key'
  | 'conflict'
  | 'duplicate-id'
  | 'unknown-step'
  | 'cycle'
  | 'bad-fallback'
  | 'no-provider'
  | 'duplicate-provider'
  | 'bad-variable'
  | 'missing-variable'
  | 'unknown-variable'
  | 'unresolved-variable'
  | 'not-substituted'
  | 'misplaced-secret'
  | 'shell-text'
  | 'bad-reference'
  | 'bad-condition'
  | 'bad-sub-plan'
  | 'unknown-workstream'
  | 'newer-schema'
  | 'too-many-problems';

export type Severity = 'error' | 'warning';

/** One problem. `planwright validate --json` prints these objects. */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  /** The file as the person named it, or `--var` for what came from the command line. */
  readonly file: string;
  /** From 1; 0 when the problem has no place in a file. */
  readonly line: number;
  readonly column: number;
  /** From the document's root: `["steps", 3, "args", 0]`. */
  readonly path: PlanPath;
  readonly message: string;
  /** What to do, or null when the message says it all. */
  readonly hint: string | null;
}

/** A problem that knows its path in the document, but not yet its place in the file. */
export interface Finding {
  readonly code: ProblemCode;
  readonly severity?: Severity;
  readonly path: PlanPath;
  /** What to point at; the value unless said. */
  readonly at?: 'key' | 'value';
  readonly message: string;
  readonly hint?: string | null;
}

/** More help nobody; a file made to have a million problems must not fill the memory either. */
const MAX_FINDINGS = 1_000;

/** How many words are looked at for all "did you mean" of a file: a plan full of wrong names gets help for the first. */
const MAX_LOOKS = 200_000;

/** The findings of one file, in the order they were made. */
export class Findings {
  private readonly found: Finding[] = [];
  private looks = 0;
  private errors = 0;
  private omitted = 0;

  add(finding: Finding): void {
    if (finding.severity !== 'warning') this.errors += 1;
    if (this.found.length < MAX_FINDINGS) this.found.push(finding);
    else this.omitted += 1;
  }

  /** Returns the hint `did you mean "…"?`, or null when nothing is near. */
  didYouMean(word: string, candidates: Iterable<string>): string | null {
    if (this.looks > MAX_LOOKS) return null;
    const meant = nearest(word, this.counted(candidates));
    return meant === null ? null : `did you mean ${quote(meant)}?`;
  }

  private *counted(candidates: Iterable<string>): Iterable<string> {
    for (const candidate of candidates) {
      this.looks += 1;
      yield candidate;
    }
  }

  get hasErrors(): boolean {
    return this.errors > 0;
  }

  get isEmpty(): boolean {
    return this.found.length === 0;
  }

  /** Gives each finding its place. */
  located(file: string, locate: Locator): Problem[] {
    const problems = this.found.map(
      ({ code, severity = 'error', path, at = 'value', message, hint = null }) => ({
        code,
        severity,
        file,
        ...locate(path, at),
        path,
        message,
        hint,
      }),
    );
    if (this.omitted > 0) problems.push(tooMany(file, this.omitted, this.errors > 0 ? 'error' : 'warning'));
    return problems;
  }
}

const tooMany = (file: string, omitted: number, severity: Severity): Problem => ({
  code: 'too-many-problems',
  severity,
  file,
  line: 0,
  column: 0,
  path: [],
  message: `and ${omitted} more problems that are not listed`,
  hint: null,
});

/**
 * Sorts problems by file and place, and leaves out what is said twice.
 *
 * @param files - in the order in which they are to be shown; what is in none of them comes first
 */
export function inOrder(problems: readonly Problem[], files: Iterable<string>): Problem[] {
  const rank = new Map([...files].map((file, index) => [file, index]));
  const rankOf = ({ file }: Problem): number => rank.get(file) ?? -1;
  const seen = new Set<string>();
  return problems
    .filter((problem) => {
      const key = JSON.stringify([problem.file, problem.line, problem.column, problem.code, problem.message]);
      const isNew = !seen.has(key);
      seen.add(key);
      return isNew;
    })
    .sort((a, b) => rankOf(a) - rankOf(b) || placeRank(a) - placeRank(b) || a.column - b.column);
}

// What has no place (a plain "and 12 more") comes last.
const placeRank = (problem: Problem): number => (problem.line === 0 ? Infinity : problem.line);

export const isError = (problem: Problem): boolean => problem.severity === 'error';

export const hasErrors = (problems: readonly Problem[]): boolean => problems.some(isError);

/** Returns one problem as a line: `plan.json:14:20: error: step "ship" depends on …; did you mean "build"?` */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `:${problem.line}:${problem.column}` : '';
  const hint = problem.hint === null ? '' : `; ${problem.hint}`;
  const where = problem.file === '' ? '' : `${problem.file}${place}: `; // who names nothing has no place
  return `${where}${problem.severity}: ${problem.message}${hint}`;
}

/** Returns problems as lines, errors before warnings where not all of them fit. */
export function formatProblems(problems: readonly Problem[], most = 50): string[] {
  if (problems.length <= most) return problems.map(formatProblem);
  const errors = problems.filter(isError);
  const chosen = new Set([...errors, ...problems.filter((problem) => !isError(problem))].slice(0, most));
  const lines = problems.filter((problem) => chosen.has(problem)).map(formatProblem);
  return [...lines, `and ${problems.length - most} more`];
}

/** Returns what is wrong with a file's text as problems of that file. */
export const faultProblems = (file: string, faults: readonly Fault[]): Problem[] =>
  faults.map(({ code, severity, place, message, hint }) => ({
    code,
    severity,
    file,
    ...place,
    path: [],
    message,
    hint,
  }));
