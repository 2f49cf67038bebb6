/**
 * The life of one tool: find the repository and the run, do the work, write the report whatever came of it.
 */
import { join, resolve } from 'node:path';
import { writeAtomically } from '../git/atomic-file.js';
import { GitFailure, shownText } from '../git/call.js';
import type { ProcessLock } from '../git/process-lock.js';
import { NoRepository, openRepository, type Repository } from '../git/repository.js';
import { branchName, remoteName } from '../git/names.js';
import { appendEvent } from './events.js';
import { fullReport, invokerOf, message, phaseEvent, type Place } from './outcome.js';
import { isOfLfs, lfsFailed } from './lfs.js';
import { type ReasonCode, type Report, type Stop, Stopped, stopped } from './reasons.js';
import {
  byHandKey,
  eventsFile,
  makeRunDirectory,
  readReport,
  REPORT_FILES,
  runDirectory,
  type RunKey,
  runKey,
  writeReport,
} from './state.js';
import { freeOwnRefs, takeRun } from './run-lock.js';
import { resolveTarget, shownSource, type Source, type Target, type TargetOptions } from './target.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';

/** What a tool needs of the process it runs in. */
export interface World {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
  /** Results. */
  readonly print: (text: string) => void;
  /** Talk. */
  readonly say: (text: string) => void;
  /** Rejects when the process is told to end and what it was at does not end in time. Never resolves. */
  readonly outOfTime?: Promise<never>;
  /** The signal that told the process to end, or null. */
  readonly toldBy?: () => NodeJS.Signals | null;
}

export interface CommonOptions extends TargetOptions {
  readonly root: string;
  readonly run: string;
  readonly output: string;
  readonly json: boolean;
  readonly dryRun: boolean;
}

export type ExitCode = 0 | 1 | 2 | 3;

/** The gate that is blamed when a tool cannot say better. */
const FALLBACK_REASON: Readonly<Record<Tool['name'], ReasonCode>> = {
  env_scan: 'env_scan_failed',
  sync_health_check: 'sync_health_failed',
  nested_repos_detect: 'nested_repo_block',
  nested_repos_normalize: 'nested_repo_block',
  file_classification: 'file_classification_failed',
  git_fetch: 'fetch_failed',
  git_merge: 'merge_refused',
  timestamp_resolver: 'conflicts_unresolved',
  ai_conflict_resolver: 'conflicts_unresolved',
  conflict_settle: 'conflicts_unresolved',
  merge_gate: 'gate_failed',
  guarded_push: 'guarded_push_failed',
  emit_success_event: 'metrics_emit_failed',
  rollback: 'rollback_failed',
  report: 'metrics_emit_failed',
  forget: 'metrics_emit_failed',
};

/** Runs a tool and returns its exit code. Never throws for what can be wrong with a repository. */
export async function runTool(
  tool: Tool,
  common: CommonOptions,
  own: OptionValues,
  world: World,
): Promise<ExitCode> {
  const place: Place = { repository: null, run: null, target: null, began: world.now() };
  let held: ProcessLock | null = null;
  try {
    const work = async (): Promise<Finding> => {
      const context = await locate(tool, common, world, place);
      held = await hold(tool, context);
      return tool.run(context, own);
    };
    const finding = await (world.outOfTime === undefined ? work() : Promise.race([work(), world.outOfTime]));
    const by = world.toldBy?.() ?? null;
    if (by !== null) throw canceled(by, finding.report, finding.summary);
    await conclude(tool, common, world, place, null, finding.report, finding);
    if (!common.json) world.print(`${tool.name}: ${finding.summary}`);
    return 0;
  } catch (error) {
    const by = world.toldBy?.() ?? null;
    const { stop, report } = by === null ? asStopped(tool, error, place) : asCanceled(by, error);
    await conclude(tool, common, world, place, stop, report, null);
    world.say(message(tool, stop));
    return stop.exitCode;
  } finally {
    await (held as ProcessLock | null)?.release();
  }
}

/** Whatever came of it: it was told to end, and did. What was found, or done, until then is in the report. */
function asCanceled(by: NodeJS.Signals, error: unknown): Stopped {
  if (error instanceof Stopped && error.stop.reasonCode === 'canceled') return error;
  return canceled(by, error instanceof Stopped ? error.report : {}, null);
}

function canceled(by: NodeJS.Signals, report: Report, done: string | null): Stopped {
  const how = done === null ? 'before it was done' : `when it was done already: ${done}`;
  return stopped(
    'canceled',
    1,
    {
      code: 'canceled',
      message: `it was told to end (${by}), ${how}.`,
      hint: 'Start the safe merge again: it goes on from what it finds.',
    },
    report,
  );
}

/** Longer than what a killed worker leaves behind takes to die. */
const PATIENCE_SEC = 30;

async function hold(tool: Tool, { repository, run, dryRun }: Context): Promise<ProcessLock> {
  const lock = await takeRun(repository, run, PATIENCE_SEC);
  if (lock !== null) {
    // A step is repeated when its worker was lost, and its git may have been killed with it.
    if (!dryRun) await freeOwnRefs(repository, run);
    return lock;
  }
  throw stopped(FALLBACK_REASON[tool.name], 1, {
    code: 'run_busy',
    message: `another tool of this run ("${run}") is still at work, after ${PATIENCE_SEC} s.`,
    hint: 'Wait until it has ended, then start again.',
  });
}

const isDryRun = ({ dryRun }: CommonOptions, { env }: World): boolean =>
  dryRun || /^(1|true|yes)$/i.test(env['SAFE_MERGE_DRY_RUN'] ?? '');

async function locate(tool: Tool, common: CommonOptions, world: World, place: Place): Promise<Context> {
  const repository = await openRepository(resolve(world.cwd, common.root));
  place.repository = repository;
  const id = common.run || world.env['PLANWRIGHT_RUN_ID'] || '';
  if (id !== '') place.run = runKey(id);
  const begun =
    place.run === null || tool.name === 'env_scan' ? null : await begunTarget(repository, place.run);
  if (begun !== null) checkSame(tool, common, begun);
  const target = begun ?? (await resolveTarget(repository, common, FALLBACK_REASON[tool.name]));
  place.target = target;
  place.run ??= byHandKey(target.branch);
  return {
    repository,
    cwd: world.cwd,
    run: place.run,
    directory: await makeRunDirectory(repository, place.run),
    target,
    invoker: invokerOf(world.env),
    env: world.env,
    dryRun: isDryRun(common, world),
    now: world.now,
    say: world.say,
  };
}

/** What the run's env_scan settled: later steps must mean the same branch, whatever is checked out by then. */
async function begunTarget(repository: Repository, run: RunKey): Promise<Target | null> {
  const report = await readReport(join(runDirectory(repository, run), REPORT_FILES.env_scan));
  const target = report?.['target'] as
    { branch?: unknown; remote?: unknown; source?: Partial<Source> } | undefined;
  const { branch, remote, source } = target ?? {};
  if (typeof branch !== 'string' || typeof remote !== 'string' || typeof source?.branch !== 'string')
    return null;
  const kind = source.kind === 'local' ? 'local' : 'remote';
  return {
    branch: branchName(branch),
    remote: remoteName(remote),
    source: { kind, branch: branchName(source.branch) },
  };
}

function checkSame(tool: Tool, given: TargetOptions, begun: Target): void {
  const pairs: [name: string, given: string, begun: string][] = [
    ['branch', given.branch, begun.branch],
    ['source', given.source, shownSource(begun)],
    ['remote', given.remote, begun.remote],
  ];
  for (const [name, now, then] of pairs) {
    if (now === '' || now === then) continue;
    throw stopped(FALLBACK_REASON[tool.name], 2, {
      code: 'other_target',
      message: `this run began with ${name} "${then}", and is now asked for "${now}".`,
      hint: `Leave --${name} out, or begin another run: env_scan with another --run.`,
    });
  }
}

/** Writes the report, the step's result and, on a stop that counts, an event. */
async function conclude(
  tool: Tool,
  common: CommonOptions,
  world: World,
  place: Place,
  stop: Stop | null,
  found: Report,
  finding: Finding | null,
): Promise<void> {
  const report = fullReport(tool, world, place, stop, found);
  const { repository, run } = place;
  const files = [
    ...(repository === null || run === null
      ? []
      : [join(runDirectory(repository, run), REPORT_FILES[tool.name])]),
    ...(common.output === '' ? [] : [resolve(world.cwd, common.output)]),
  ];
  for (const file of files) await attempt(tool, world, `report "${file}"`, () => writeReport(file, report));
  const resultFile = world.env['PLANWRIGHT_OUTPUT'] ?? '';
  if (resultFile !== '') {
    const result = {
      run,
      report: files[0] ?? null,
      reason_code: stop?.reasonCode ?? null,
      summary: finding?.summary ?? null,
      ...finding?.result,
    };
    await attempt(tool, world, `result "${resultFile}"`, () =>
      writeAtomically(resultFile, JSON.stringify(result)),
    );
  }
  if (common.json) world.print(JSON.stringify(report, null, 2));
  if (repository !== null && run !== null && place.target !== null && endsRun(tool, stop)) {
    const directory = runDirectory(repository, run);
    const { target } = place;
    await attempt(tool, world, 'summary', async () => {
      await (await import('./report.js')).writeRunReport({ directory, run, target }, directory);
    });
  }
  const counts = stop === null ? (tool.endsPhase ?? false) : stopsRun(tool, stop);
  if (!counts || repository === null || isDryRun(common, world)) return;
  await attempt(tool, world, 'event', () =>
    appendEvent(eventsFile(repository), phaseEvent(tool, world, place, stop, report)),
  );
}

/** The last thing a run does: what stops it, or the last step. */
const endsRun = (tool: Tool, stop: Stop | null): boolean =>
  tool.name === 'emit_success_event' || (stop !== null && stopsRun(tool, stop));

const stopsRun = (tool: Tool, stop: Stop): boolean => !tool.tolerated || stop.reasonCode === 'canceled';

/** What cannot be written is said; the outcome itself stands. */
async function attempt(tool: Tool, world: World, what: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    world.say(`${tool.name}: the ${what} could not be written: ${(error as Error).message}`);
  }
}

function asStopped(tool: Tool, error: unknown, { repository }: Place): Stopped {
  if (error instanceof Stopped) return error;
  const reasonCode = FALLBACK_REASON[tool.name];
  if (error instanceof NoRepository) {
    const code = error.reason.replaceAll('-', '_');
    return stopped(reasonCode, 2, { code, message: error.message, hint: error.hint });
  }
  if (error instanceof GitFailure && isOfLfs(repository, error.stderr))
    return stopped(reasonCode, 1, lfsFailed(`does not work (git ${error.command})`, error.stderr));
  if (error instanceof GitFailure) {
    return stopped(reasonCode, 1, {
      code: error.reason === 'not-installed' ? 'git_missing' : 'git_failed',
      message: error.message,
      hint: 'Try the same in a terminal; when git is content there, please report this.',
    });
  }
  const { code, message: text } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) {
    return stopped(reasonCode, 1, {
      code: code === 'ENOSPC' ? 'disk_full' : 'system_error',
      message: shownText(text),
      hint:
        code === 'ENOSPC'
          ? 'Make room and start again.'
          : 'Check the path and its permissions, then start again.',
    });
  }
  throw error; // a bug: its stack says where
}
