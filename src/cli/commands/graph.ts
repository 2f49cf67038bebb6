/**
 * `planwright graph`: draws the steps of a plan or a run.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PlanError } from '../../client/errors.js';
import { findRun } from '../../client/list-runs.js';
import { loadPlanFile } from '../../client/load.js';
import { readRun } from '../../client/read-run.js';
import type { Plan } from '../../plan/plan.js';
import type { StepKind, StepRecord } from '../../plan/record.js';
import { examples, paintOf, print, printJson, withLink, type Host } from '../command.js';
import { dotOf, graphJson, mermaidOf, textOf, type Drawing } from '../drawing.js';
import { UsageError } from '../errors.js';
import { addJson, addVariables, type Variables } from '../options.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly var: Variables;
  readonly mermaid: boolean;
  readonly dot: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  addVariables(command.argument('<plan-or-run>', 'a plan file; or a run: then with the state of each step'))
    .option('--mermaid', 'for Markdown', false)
    .option('--dot', 'for Graphviz', false);
  addJson(command).action(async (what: string, options: Options) => exit(await graph(world, what, options)));
  examples(
    command,
    'planwright graph plans/test_simple.json',
    'planwright graph plans/safe_merge.json --mermaid',
    'planwright graph last --dot | dot -Tsvg > run.svg',
  );
}

async function graph(world: World, what: string, options: Options): Promise<ExitCode> {
  if (Number(options.mermaid) + Number(options.dot) + Number(options.json) > 1) {
    throw new UsageError('--mermaid, --dot and --json are three forms: choose one');
  }
  const isFile = existsSync(resolve(world.cwd, what)) || /\.(json|ya?ml)$/i.test(what);
  if (isFile) return draw(world, { plan: await planOf(world, what, options.var), states: null }, options);
  return withLink(world, async (link) => {
    const { record } = await readRun(link, await findRun(link, what));
    const states = new Map<string, StepKind>(record.steps.map((step) => [step.id, step.state]));
    const records = new Map<string, StepRecord>(record.steps.map((step) => [step.id, step]));
    return draw(world, { plan: record.plan, states, records }, options);
  });
}

async function planOf(world: World, path: string, variables: Variables): Promise<Plan> {
  const { plan, problems } = await loadPlanFile(path, { cwd: world.cwd, variables });
  if (plan === null) throw new PlanError(path, problems);
  return plan;
}

function draw(world: World, drawing: Drawing, { mermaid, dot, json }: Options): ExitCode {
  if (json) printJson(world, graphJson(drawing));
  else if (mermaid) print(world, ...mermaidOf(drawing));
  else if (dot) print(world, ...dotOf(drawing));
  else
    print(
      world,
      ...textOf(drawing, world.out.isTerminal ? world.out.size().columns - 1 : 160, paintOf(world)),
    );
  return 0;
}
