/**
 * `planwright start`: runs a plan and follows it to its end.
 */
import type { Command } from 'commander';
import type { Link } from '../../client/link.js';
import { preparePlan, startPrepared, type Prepared } from '../../client/start-plan.js';
import { webUiOf } from '../../client/web-ui.js';
import type { Priority } from '../../plan/plan.js';
import { examples, print, printJsonLine, paintOf, tellTo, withLink, type Host } from '../command.js';
import { placeFor } from '../demonstration.js';
import { printProblems } from '../errors.js';
import { followToEnd } from '../follow-command.js';
import { addJson, addOnly, addPriority, addVariables, type Variables } from '../options.js';
import { programName } from '../program-name.js';
import { labelled, planLine } from '../report.js';
import { oneLine } from '../text/neutralise.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly var: Variables;
  readonly root?: string;
  readonly demo: boolean;
  readonly detach: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly strict: boolean;
  readonly priority?: Priority;
  readonly only: readonly string[];
}

export function define(command: Command, { world, exit }: Host): void {
  addVariables(command.argument('<plan>', 'a plan file, JSON or YAML'))
    .option('--root <folder>', 'where the steps run (default: here)')
    .option('--demo', 'run a repository plan on a demonstration repository, made to be difficult', false)
    .option('--detach', 'start it and return', false)
    .option('--dry-run', 'print what would be run and what skipped; start nothing', false)
    .option('--strict', 'refuse a plan with names in ${...} that have no value', false);
  addJson(
    addOnly(addPriority(command)),
    'print JSON, one object a line: the run, what happens, the result',
  ).action(async (plan: string, options: Options) => exit(await start(world, plan, options)));
  examples(
    command,
    'planwright start plans/test_simple.json',
    'planwright start plans/safe_merge.json --root ../my-project --var BRANCH=main',
    'planwright start plans/test_simple.json --detach --json',
    'planwright start plans/safe_merge.json --dry-run',
  );
}

async function start(world: World, planPath: string, options: Options): Promise<ExitCode> {
  const { json, detach } = options;
  if (options.dryRun) {
    const prepared = await readPlan(world, planPath, options);
    if (prepared.warnings.length > 0) await printProblems(world, prepared.warnings);
    const { dryRun } = await import('../dry-run.js');
    await dryRun(world, prepared, json);
    return 0;
  }
  return withLink(world, async (link) => {
    // While the plan is read the way to a server that runs is opened; none is started for a plan that may be wrong.
    const warm = link.clientIfThere().catch(() => null);
    const { prepared, last } = await prepare(world, link, planPath, options);
    await warm;

    const ready = link.ensureWorker();
    ready.catch(() => undefined); // awaited below, once the run is there or failed to be
    await link.client(); // may take minutes the first time; until here Ctrl-C simply ends this process
    let interrupted = 0;
    const forget = world.onInterrupt(() => (interrupted += 1)); // from here on there may be a run to cancel
    const { runId, notes } = await startPrepared(link, prepared);
    for (const note of notes) tellTo(world)(note);
    const webUi = webUiOf(await link.target(), runId);
    if (json)
      printJsonLine(world, { run_id: runId, type: 'run', plan_id: prepared.plan.planId, web_ui: webUi });
    else if (!detach) sayWhatRuns(world, prepared, webUi);
    await ready.catch((error: unknown) => {
      tellTo(world)(`run ${runId} is started, and waits for a worker`);
      throw error;
    });
    forget();
    if (detach) return detached(world, prepared, runId, webUi, json);
    return followToEnd(world, link, runId, { json, onInterrupt: 'cancel', last, interrupted });
  });
}

/** Reads the plan and finds its place; says what is odd about them. Nothing is started. */
async function prepare(
  world: World,
  { home }: Link,
  planPath: string,
  options: Options,
): Promise<{ readonly prepared: Prepared; readonly last: readonly string[] }> {
  const prepared = await readPlan(world, planPath, options);
  const { root, demo } = options;
  const place = await placeFor(world, prepared.plan, { planPath, root, demo, home });
  if (place.first !== null) tellTo(world)(place.first);
  const { warnings, met } = prepared;
  if (warnings.length > 0) await printProblems(world, warnings);
  if (met.length > 0) tellTo(world)(`taken as done: ${met.join(', ')}`);
  return { prepared: { ...prepared, root: place.root ?? prepared.root }, last: place.last };
}

const readPlan = (
  world: World,
  planPath: string,
  { root, strict, only, priority, var: variables }: Options,
): Promise<Prepared> =>
  preparePlan({
    planPath,
    cwd: world.cwd,
    variables,
    strict,
    only,
    ...(root === undefined ? {} : { root }),
    ...(priority === undefined ? {} : { priority }),
  });

function sayWhatRuns({ err }: World, { plan }: Prepared, webUi: string | null): void {
  const lines = [`${oneLine(plan.planId)}: ${planLine(plan)}`, ...(webUi === null ? [] : [webUi])];
  err.write(lines.map((line) => `${line}\n`).join(''));
}

function detached(
  world: World,
  { plan }: Prepared,
  runId: string,
  webUi: string | null,
  json: boolean,
): ExitCode {
  if (json) return 0;
  const paint = paintOf(world);
  const program = programName(world.env);
  const next = labelled(
    [
      ['Web UI', webUi],
      ['Follow', `${program} watch ${runId}`],
      ['Cancel', `${program} cancel ${runId}`],
    ],
    paint,
  );
  print(world, `started ${paint.bold(oneLine(plan.planId))}: ${planLine(plan)}`, ...next);
  return 0;
}
