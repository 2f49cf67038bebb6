/**
 * `planwright validate`: checks a plan and reports every problem. Starts nothing.
 */
import type { Command } from 'commander';
import { loadPlanFile } from '../../client/load.js';
import { graphOf, levelsOf } from '../../plan/graph.js';
import { hasErrors } from '../../plan/load/diagnostics.js';
import { examples, paintOf, print, printJson, type Host } from '../command.js';
import { printProblems } from '../errors.js';
import { addJson, addVariables, type Variables } from '../options.js';
import { planLine } from '../report.js';
import { oneLine } from '../text/neutralise.js';
import { plural } from '../text/time.js';
import { cut } from '../text/width.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly var: Variables;
  readonly strict: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  addVariables(command.argument('<plan>', 'a plan file, JSON or YAML')).option(
    '--strict',
    'names in ${...} without a value are errors',
    false,
  );
  addJson(command).action(async (plan: string, options: Options) =>
    exit(await validate(world, plan, options)),
  );
  examples(
    command,
    'planwright validate plans/safe_merge.json --var BRANCH=main',
    'planwright validate plans/test_simple.json --json',
  );
}

async function validate(
  world: World,
  path: string,
  { var: variables, strict, json }: Options,
): Promise<ExitCode> {
  const { plan, problems } = await loadPlanFile(path, { cwd: world.cwd, variables, strict });
  const ok = plan !== null && !hasErrors(problems);
  const levels =
    plan === null
      ? []
      : levelsOf(graphOf(plan.steps)).map((level) => level.map((index) => plan.steps[index]!.id));
  if (json) {
    printJson(world, {
      ok,
      plan_id: plan?.planId ?? null,
      steps: plan?.steps.length ?? null,
      max_concurrency: plan?.maxConcurrency ?? null,
      levels,
      problems,
    });
    return ok ? 0 : 2;
  }
  await printProblems(world, problems);
  const paint = paintOf(world);
  if (plan === null) {
    const errors = problems.filter((problem) => problem.severity === 'error').length;
    print(world, `${paint.red(paint.marks.failed)} ${path}: ${plural(errors, 'error')}`);
    return 2;
  }
  const width = world.out.size().columns - 1;
  print(
    world,
    `${paint.green(paint.marks.succeeded)} ${paint.bold(oneLine(plan.planId))} ${oneLine(plan.version)}: ${planLine(plan)}, ${plural(levels.length, 'level')}`,
    ...levels.map((level, index) => {
      const head = `${String(index + 1).padStart(String(levels.length).length + 2)}  `;
      return `${paint.dim(head)}${world.out.isTerminal ? cut(level.join(', '), width - head.length, paint.marks.ellipsis) : level.join(', ')}`;
    }),
  );
  return 0;
}
