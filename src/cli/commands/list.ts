/**
 * `planwright list`: runs, newest first.
 */
import type { Command } from 'commander';
import { listRuns, type ListedRun } from '../../client/list-runs.js';
import type { RunState } from '../../plan/record.js';
import { examples, paintOf, print, printJson, tellTo, withLink, type Host } from '../command.js';
import { addJson, addState, positive } from '../options.js';
import { stateColour, stateMark } from '../run-state.js';
import { oneLine } from '../text/neutralise.js';
import { table } from '../text/table.js';
import { ago, duration, localTime } from '../text/time.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly state?: RunState;
  readonly plan?: string;
  readonly project?: string;
  readonly limit: number;
  readonly all: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  addState(command)
    .option('--plan <plan_id>', 'only runs of this plan')
    .option('--project <name>', 'only runs of this project')
    .option('--limit <n>', 'at most so many', positive, 100)
    .option('--all', 'also runs of sub-plans', false);
  addJson(command).action(async (options: Options) => exit(await list(world, options)));
  examples(
    command,
    'planwright list',
    'planwright list --state failed --limit 5',
    'planwright list --plan PLAN-SAFE-MERGE-001 --json',
  );
}

async function list(world: World, { json, ...filter }: Options): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const { runs, isOffline } = await listRuns(link, filter);
    if (isOffline && runs.some((run) => run.state === 'running')) {
      tellTo(world)(
        'the Temporal server does not run: open runs are shown as they were; "planwright up" lets them go on',
      );
    }
    if (json) printJson(world, runs);
    else if (runs.length === 0) tellTo(world)('no runs');
    else print(world, ...lines(world, runs));
    return 0;
  });
}

function lines(world: World, runs: readonly ListedRun[]): string[] {
  const paint = paintOf(world);
  const now = world.now();
  const width = world.out.isTerminal ? world.out.size().columns : Infinity;
  const rows = runs.map((run) => {
    const created = Date.parse(run.created_at);
    const ended = run.ended_at === null ? now : Date.parse(run.ended_at);
    const progress = run.state === 'running' && run.progress !== null ? ` ${run.progress} %` : '';
    const state = run.paused && run.ended_at === null ? 'paused' : run.state;
    return [
      { text: `${stateMark(paint, run.state)} ${state}${progress}`, paint: stateColour(paint, run.state) },
      { text: run.run_id },
      { text: world.out.isTerminal ? ago(now - created) : localTime(created), paint: paint.dim },
      { text: duration(ended - created), right: true },
      { text: oneLine(run.error_message ?? ''), paint: paint.dim, flexible: true },
    ];
  });
  return table(['state', 'run', 'started', 'took', ''], rows, width, paint);
}
