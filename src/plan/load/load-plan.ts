/**
 * From a plan file to a plan that can be run, or to everything that is wrong with it.
 */
import type { Plan } from '../plan.js';
import { packPlan } from '../wire.js';
import { hasErrors, inOrder, type Problem } from './diagnostics.js';
import { loadFile, sourceOf, type Session } from './load-file.js';

export interface LoadRequest {
  /** The plan file as the person named it: problems name it so. */
  readonly path: string;
  /**
   * Reads a file as UTF-8. What it throws becomes a problem; an error's `code` (`ENOENT`, `EISDIR`, `EACCES`) is
   * understood. Sub-plans are asked for by a path relative to that of the plan.
   */
  readonly readText: (path: string) => string | Promise<string>;
  /** The values of `--var`. Those of secrets are checked and not kept. */
  readonly variables?: Readonly<Record<string, string>>;
  /** A name without a value is an error. */
  readonly strict?: boolean;
}

export interface LoadedPlan {
  /** Null when there are errors. */
  readonly plan: Plan | null;
  /** Errors and warnings of all files, in order of place. */
  readonly problems: readonly Problem[];
  /** Names in `${…}` without a value: they stay in the text. */
  readonly unresolved: readonly string[];
  /** Every file that was read, the plan's own first. */
  readonly files: readonly string[];
}

/** What is sent to the server in all, chunk by chunk: a third of what a run's history may hold. */
const MAX_PACKED = 16 * 1024 * 1024;

/** Where problems with the values of `--var` are. */
const COMMAND_LINE = '--var';

/**
 * Loads a plan: reads it and its sub-plans, puts variables in, checks everything. Never throws for what a file, a
 * value or a reader does.
 */
export async function loadPlan(request: LoadRequest): Promise<LoadedPlan> {
  const { path, readText, variables = {}, strict = false } = request;
  const session: Session = {
    readText,
    strict,
    sources: new Map(),
    problems: [],
    unresolved: new Set(),
    steps: 0,
    characters: 0,
  };
  const plan = await loadRoot(session, path, variables);
  const problems = inOrder(session.problems, session.sources.keys());
  return {
    plan: hasErrors(problems) ? null : plan,
    problems,
    unresolved: [...session.unresolved],
    files: [...session.sources.keys()],
  };
}

async function loadRoot(
  session: Session,
  path: string,
  variables: Readonly<Record<string, string>>,
): Promise<Plan | null> {
  const report = (problem: Omit<Problem, 'line' | 'column' | 'path' | 'severity'>): null => {
    session.problems.push({ ...problem, severity: 'error', line: 0, column: 0, path: [] });
    return null;
  };
  const source = await sourceOf(session, path);
  if ('message' in source) return report({ ...source, file: path, hint: null });
  const plan = await loadFile(session, [path], source, () => ({
    values: variables,
    report: (_, { code, message, hint = null }) => report({ code, file: COMMAND_LINE, message, hint }),
    missingAt: 'declaration',
    howToGive: (name) => `--var ${name}=…`,
  }));
  // Packing takes as long as loading: it is done only where it could be too much.
  if (plan === null || session.characters <= MAX_PACKED) return plan;
  const packed = packPlan(plan).length;
  if (packed <= MAX_PACKED) return plan;
  const message = `as it is sent to the server this plan has ${packed} bytes; it may have ${MAX_PACKED}`;
  return report({ code: 'too-large', file: path, message, hint: 'split it into runs of their own' });
}
