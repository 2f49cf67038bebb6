/**
 * `planwright start`: runs a plan and follows it to its end.
 */
import type { Command } from 'commander';
import type { Link } from '../../client/link.js';
import { preparePlan, startPrepared, type Prepared } from '../../client/start-plan.js';
import type { Priority } from '../../plan/plan.js';
import { examples, tellTo, withLink, type Host } from '../command.js';
import { placeFor } from '../demonstration.js';
import { printProblems } from '../errors.js';
import { addJson, addOnly, addPriority, addVariables, type Variables } from '../options.js';
import { startAndFollow } from '../start-and-follow.js';
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

    const { plan } = prepared;
    const begin = () => startPrepared(link, prepared);
    return startAndFollow(world, link, { plan, start: begin, json, detach, last: () => last });
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
