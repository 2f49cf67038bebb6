/**
 * The environment of a step: what is passed on from the worker's own, and what is added.
 */
import { delimiter } from 'node:path';
import type { CommandWork, StepId } from '../plan/plan.js';

export interface EnvironmentNeeds {
  /** The worker's own. */
  readonly worker: NodeJS.ProcessEnv;
  /** A folder to be looked in before all others of the worker's PATH, or null: our own commands. */
  readonly bin: string | null;
  readonly work: Pick<CommandWork, 'env' | 'envMode'>;
  /** Values of the secrets that `work.env` names. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly runId: string;
  readonly step: StepId;
  readonly attempt: number;
  /** Where the step may write its result. */
  readonly output: string;
}

/** Returns the whole environment of a step's command. */
export function stepEnvironment(needs: EnvironmentNeeds): Record<string, string> {
  const { worker, bin, work, secrets } = needs;
  const base = work.envMode === 'clean' ? onlyPath(worker) : inherited(worker);
  const path = [bin, base['PATH']].filter((part) => part !== null && part !== undefined);
  const own = Object.entries(work.env).map(([name, value]) => [
    name,
    secrets.get(secretIn(value) ?? '') ?? value,
  ]);
  return Object.fromEntries([
    ...Object.entries(base),
    ...(path.length > 0 ? [['PATH', path.join(delimiter)]] : []),
    ...own,
    ['PLANWRIGHT_RUN_ID', needs.runId],
    ['PLANWRIGHT_STEP_ID', needs.step],
    ['PLANWRIGHT_ATTEMPT', String(needs.attempt)],
    ['PLANWRIGHT_OUTPUT', needs.output],
  ]) as Record<string, string>;
}

/** Returns the names of the secrets that an environment asks for: values that are exactly `${NAME}`. */
export function secretsIn(env: Readonly<Record<string, string>>, secrets: readonly string[]): string[] {
  const named = Object.values(env).flatMap((value) => secretIn(value) ?? []);
  return [...new Set(named)].filter((name) => secrets.includes(name));
}

const secretIn = (value: string): string | null => /^\$\{([^{}]*)\}$/.exec(value)?.[1] ?? null;

/** Credentials of the engine, and what tells a step about the worker's own start. */
const ENGINE = [/^TEMPORAL_/, /^PLANWRIGHT_SECRET_/, /^PLANWRIGHT_MARK$/];

/**
 * Sends git elsewhere: `git rev-parse --local-env-vars`, and what hooks are given. A worker started from a git hook or
 * an alias has them. Settings that only say how (`GIT_SSH_COMMAND`, `GIT_AUTHOR_NAME`) stay.
 */
const GIT = [
  /^GIT_(DIR|WORK_TREE|IMPLICIT_WORK_TREE|COMMON_DIR|INDEX_FILE|NAMESPACE|PREFIX|SHALLOW_FILE|GRAFT_FILE)$/,
  /^GIT_(OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|QUARANTINE_PATH|INTERNAL_SUPER_PREFIX)$/,
  /^GIT_(NO_REPLACE_OBJECTS|REPLACE_REF_BASE)$/,
  /^GIT_CONFIG($|_)/,
];

/** What `npm run` sets for its own scripts. NODE_OPTIONS stays: npm does not set it, so the person meant it. */
const NPM = [/^npm_/i, /^INIT_CWD$/];

const LEFT_OUT = [...ENGINE, ...GIT, ...NPM];

function inherited(worker: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(worker)) {
    if (value === undefined || LEFT_OUT.some((pattern) => pattern.test(name))) continue;
    kept[name] = value;
  }
  if (worker['npm_node_execpath'] !== undefined && kept['NODE'] === worker['npm_node_execpath'])
    delete kept['NODE'];
  if (kept['PATH'] !== undefined) kept['PATH'] = withoutNpm(kept['PATH'], worker);
  return kept;
}

/** A command by its bare name cannot be found without a PATH; all else of a clean environment the plan says itself. */
function onlyPath(worker: NodeJS.ProcessEnv): Record<string, string> {
  return worker['PATH'] === undefined ? {} : { PATH: withoutNpm(worker['PATH'], worker) };
}

/**
 * Takes away the folders that `npm run` put in front: with them a step's `tsc` or `eslint` would be ours, not the
 * repository's or the person's. The last of them is npm's own, `node-gyp-bin`.
 */
function withoutNpm(path: string, worker: NodeJS.ProcessEnv): string {
  if (worker['npm_lifecycle_event'] === undefined) return path;
  const folders = path.split(delimiter);
  const last = folders.findIndex((folder) => folder.endsWith('/node-gyp-bin'));
  const added = folders.slice(0, last + 1);
  const isNpms = (folder: string): boolean => /\/(node_modules\/\.bin|node-gyp-bin)$/.test(folder);
  return added.every(isNpms) ? folders.slice(last + 1).join(delimiter) : path;
}
