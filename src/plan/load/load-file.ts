/**
 * One plan file, and the files below it, as a plan.
 */
import type { Plan } from '../plan.js';
import { harmless, quote, show } from '../quote.js';
import { checkEnv } from './check-env.js';
import { checkLeases } from './check-leases.js';
import { checkGraph } from './check-graph.js';
import { checkOver } from './check-over.js';
import { checkConditions, checkReferences, checkResources, OpenNeeds } from './check-reads.js';
import { faultProblems, Findings, isError, type Problem } from './diagnostics.js';
import { fillPatches } from './fill-patches.js';
import { noteLists } from './note-lists.js';
import { outlineOf } from './outline.js';
import { besideFile, normalized } from './paths.js';
import { readSteps } from './read-steps.js';
import {
  MAX_STEPS,
  planDocument,
  type PlanDocument,
  variableDocument,
  type VariableDocument,
} from './schema.js';
import { addIssues, addUnknownKeys, isObject, knownKeys } from './shape.js';
import { schemaVersionFault } from './schema-version.js';
import { readSource } from './source.js';
import type { Source } from './source-text.js';
import { stepMapOf } from './step-map.js';
import { substitute, type Substituted } from './substitute.js';
import { addUnknownGiven, resolveVariables, type GivenVariables, type VariableScope } from './variables.js';

/** What is common to all files of one loading. */
export interface Session {
  readonly readText: (path: string) => string | Promise<string>;
  readonly strict: boolean;
  /** Files that were read, by path. A sub-plan that many steps use is read once. */
  readonly sources: Map<string, Promise<Source | ReadFailure>>;
  readonly problems: Problem[];
  readonly unresolved: Set<string>;
  /** Steps so far, those of a sub-plan each time it is used. */
  steps: number;
  /** A bound of what all this comes to when it is packed, in characters, counted in the same way. */
  characters: number;
}

/** Why a file cannot be read. */
export interface ReadFailure {
  readonly code: 'not-found' | 'unreadable';
  readonly message: string;
}

/** How deep plans may use plans. */
const MAX_NESTING = 8;
/** A sub-plan with a warning, used by 20,000 steps, would repeat it as often. */
const MAX_PROBLEMS = 10_000;

/** A few files that use each other often stand for a great deal. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

/** A character of a value may be written as \uXXXX; those of a file are in it as they will be sent. */
const MOST_ESCAPED = 6;
/** What a step does not say, and still has: the defaults of its fields. */
const MOST_UNSAID = 600;

const PLAN_KEYS = knownKeys(planDocument);

/**
 * Loads a file that was read.
 *
 * @param trail - the files from the first to this one: each uses the next
 * @param give - the values for its variables, given where to report what is wrong with them
 * @returns null when there are errors; the session's problems say which
 */
export async function loadFile(
  session: Session,
  trail: readonly string[],
  source: Source,
  give: (findings: Findings) => GivenVariables,
): Promise<Plan | null> {
  const file = trail.at(-1)!;
  const findings = new Findings();
  const plan = source.usable ? await planOf(session, trail, source, findings, give(findings)) : null;
  const hasFaults = source.faults.some((fault) => fault.severity === 'error');
  const problems = faultProblems(file, source.faults);
  if (!findings.isEmpty) problems.push(...findings.located(file, await source.locate()));
  const hasRoom = session.problems.length < MAX_PROBLEMS;
  // Without room one error is still kept: that a plan did not come must have a reason.
  session.problems.push(...(hasRoom ? problems : problems.filter(isError).slice(0, 1)));
  return hasFaults || findings.hasErrors ? null : plan;
}

async function planOf(
  session: Session,
  trail: readonly string[],
  source: Source,
  findings: Findings,
  given: GivenVariables,
): Promise<Plan | null> {
  const raw = source.value;
  if (!isObject(raw)) {
    const message = `a plan must be an object with "plan_id", "version", "globals" and "steps", found ${show(raw)}`;
    findings.add({ code: 'bad-value', path: [], message });
    return null;
  }
  const fault = schemaVersionFault(raw['schema_version']);
  if (fault !== null) {
    // What a newer language means by the rest nobody here can say.
    findings.add({ ...fault, path: ['schema_version'] });
    return null;
  }
  const scope = resolveVariables(declarationsOf(raw['variables']), given, findings);
  const { strict } = session;
  const substituted = substitute(raw, scope, findings, { strict, howToGive: given.howToGive });
  for (const name of substituted.unresolved) session.unresolved.add(name);
  const putIn = substituted.characters + lengthOf(scope.values);
  session.characters += source.length + putIn * MOST_ESCAPED;
  const document = substituted.document as Readonly<Record<string, unknown>>;

  addUnknownKeys(findings, document, PLAN_KEYS, [], '');
  refuseExclusiveGlobals(document['globals'], findings);
  const read = planDocument.safeParse(document);
  if (!read.success) addIssues(findings, read.error.issues, document, [], '');
  const steps = Array.isArray(document['steps']) ? document['steps'].slice(0, MAX_STEPS) : [];
  const used = await checkBetween(steps, substituted, scope, findings);
  addUnknownGiven(scope, given, used, findings);

  session.steps += steps.length;
  session.characters += steps.length * MOST_UNSAID;
  if (session.steps > MAX_STEPS || session.characters > MAX_CHARACTERS) {
    const what =
      session.steps > MAX_STEPS ? `${MAX_STEPS} steps` : `${MAX_CHARACTERS / 1024 / 1024} MB of text`;
    const message = `with its sub-plans, each counted as often as it is used, this plan has more than ${what}`;
    const hint = 'start the large ones as runs of their own';
    findings.add({ code: 'too-large', path: ['steps'], message, hint });
    return null;
  }
  const globals = read.success ? read.data.globals : DEFAULT_GLOBALS;
  if (read.success) checkLeases(read.data.exclusive, [], '', findings);
  checkEnv(globals.env, ['globals', 'env'], '', findings);
  const made = await readSteps(steps, {
    globals,
    findings,
    loadSubPlan: (index, ...what) => loadSubPlan(session, trail, findings, index, ...what),
    checkOver: (over, condition, path) => checkOver(over, condition, path, findings),
  });
  return read.success && made.length === steps.length ? assembled(read.data, scope, made) : null;
}

/** A plan that relies on a lease must not run without it: a warning of an unknown key would not be enough. */
function refuseExclusiveGlobals(globals: unknown, findings: Findings): void {
  if (!isObject(globals) || !Object.hasOwn(globals, 'exclusive')) return;
  const message = '"exclusive" means nothing in "globals"';
  const hint = 'write it beside "globals": it is a field of the plan';
  findings.add({ code: 'conflict', path: ['globals', 'exclusive'], at: 'key', message, hint });
}

function lengthOf(values: ReadonlyMap<string, string>): number {
  let length = 0;
  for (const [name, value] of values) length += name.length + value.length;
  return length;
}

/** Steps are looked at even when the plan around them is wrong: then as if it had said nothing. */
const DEFAULT_GLOBALS = planDocument.shape.globals.parse({});

/** Returns the declarations that are well-formed; the others are reported with the rest of the document. */
function declarationsOf(raw: unknown): Record<string, VariableDocument> | undefined {
  if (!isObject(raw)) return undefined;
  const entries = Object.entries(raw).flatMap(([name, value]) => {
    const read = variableDocument.safeParse(value);
    return read.success ? [[name, read.data] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** Checks what must hold between steps. Returns the names of variables that the plan uses. */
async function checkBetween(
  steps: readonly unknown[],
  substituted: Substituted,
  scope: VariableScope,
  findings: Findings,
): Promise<ReadonlySet<string>> {
  const map = stepMapOf(steps.map(outlineOf));
  const needs = new OpenNeeds();
  const canAsk = checkGraph(map, findings);
  checkResources(map, needs, findings);
  checkReferences(substituted.references, map, needs, findings);
  const used = await checkConditions(map, scope, needs, findings);
  // With a step missing or in a circle, "does not depend on it" would be said of what does.
  if (canAsk) needs.report(map, findings);
  return new Set([...substituted.used, ...used]);
}

function assembled(document: PlanDocument, scope: VariableScope, steps: Plan['steps']): Plan {
  const { project, phase_id: phase } = document.metadata;
  return {
    planId: document.plan_id,
    version: document.version,
    description: document.description,
    project: typeof project === 'string' && project !== '' ? project : 'unknown',
    phaseId: typeof phase === 'string' && phase !== '' ? phase : 'ORCHESTRATED',
    maxConcurrency: document.globals.max_concurrency,
    env: document.globals.env,
    variables: Object.fromEntries(scope.values),
    secrets: [...scope.secrets],
    ...(document.exclusive.length === 0 ? {} : { exclusive: [...new Set(document.exclusive)] }),
    ...(scope.late.size === 0 ? {} : { late: Object.fromEntries(scope.late) }),
    steps: noteLists(fillPatches(steps)),
  };
}

async function loadSubPlan(
  session: Session,
  trail: readonly string[],
  findings: Findings,
  index: number,
  path: string,
  variables: Readonly<Record<string, string>>,
  late: readonly string[],
): Promise<Plan | null> {
  const at = ['steps', index, 'with'];
  const refuse = (message: string, hint: string | null): null => {
    findings.add({ code: 'bad-sub-plan', path: [...at, 'path'], message, hint });
    return null;
  };
  const file = besideFile(trail.at(-1)!, path);
  const again = trail.map(normalized).indexOf(file);
  if (again >= 0) {
    const circle = [...trail.slice(again), file].map((name) => quote(name).slice(1, -1));
    return refuse(`plans use each other in a circle: ${circle.join(' → ')}`, null);
  }
  if (trail.length > MAX_NESTING)
    return refuse(`sub-plans are more than ${MAX_NESTING} levels deep here`, null);
  const source = await sourceOf(session, file);
  if ('message' in source)
    return refuse(`the sub-plan ${quote(path)} cannot be used: ${source.message}`, null);
  return loadFile(session, [...trail, file], source, () => ({
    values: variables,
    late,
    report: (name, finding) => findings.add({ ...finding, path: [...at, 'variables', name] }),
    missingAt: 'giver',
    howToGive: (name) => `"variables": {"${name}": "…"} in the step that uses this plan`,
  }));
}

/** Reads a file once, however many steps use it. */
export function sourceOf(session: Session, file: string): Promise<Source | ReadFailure> {
  let source = session.sources.get(file);
  if (source === undefined) session.sources.set(file, (source = readFile(session, file)));
  return source;
}

async function readFile(session: Session, file: string): Promise<Source | ReadFailure> {
  let text: string;
  try {
    text = await session.readText(file);
  } catch (error) {
    return failureOf(file, error);
  }
  const source = await readSource(file, text);
  let locator: ReturnType<Source['locate']> | undefined;
  return { ...source, locate: () => (locator ??= source.locate()) };
}

/** Says why a file could not be read. */
export function failureOf(file: string, error: unknown): ReadFailure {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return { code: 'not-found', message: `there is no file ${quote(file)}` };
  if (file === '') return { code: 'not-found', message: 'the name of the plan file is empty' };
  if (code === 'EISDIR')
    return { code: 'unreadable', message: `${quote(file)} is a folder, not a plan file` };
  if (code === 'EACCES' || code === 'EPERM')
    return { code: 'unreadable', message: `${quote(file)} may not be read` };
  const said = error instanceof Error ? error.message : String(error);
  return { code: 'unreadable', message: `${quote(file)} cannot be read: ${harmless(said)}` };
}
