/**
 * `planwright down`: stops what `up` starts.
 */
import type { Command } from 'commander';
import { stateHome } from '../../home.js';
import { examples, print, printJson, tellTo, type Host } from '../command.js';
import { addJson } from '../options.js';
import { plural } from '../text/time.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly force: boolean;
  readonly keepServer: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .option('--force', 'end running steps at once, instead of letting them finish', false)
    .option('--keep-server', 'stop the workers only', false);
  addJson(command).action(async (options: Options) => exit(await stop(world, options)));
  command.addHelpText(
    'after',
    '\nOpen runs are not lost: they go on at the next "planwright up" or "planwright start".',
  );
  examples(command, 'planwright down', 'planwright down --keep-server');
}

async function stop(world: World, { force, keepServer, json }: Options): Promise<ExitCode> {
  const { down } = await import('../../server/lifecycle.js');
  const { workers, server, openRuns, openJobs } = await down(
    { home: stateHome(world.env), env: world.env, tell: tellTo(world) },
    { force, keepServer },
  );
  if (json) {
    printJson(world, {
      ...{ workers: workers.length, server: server?.address ?? null },
      ...{ open_runs: openRuns, open_jobs: openJobs },
    });
    return 0;
  }
  const stopped = [
    ...workers.map((cluster) => `stopped the background worker${cluster === null ? '' : ` of ${cluster}`}`),
    ...(server === null ? [] : [`stopped the Temporal server at ${server.address}`]),
  ];
  print(world, ...(stopped.length > 0 ? stopped : ['nothing was running']));
  const [runs, jobs] = [openRuns ?? 0, openJobs ?? 0];
  if (runs > 0) print(world, `${plural(runs, 'run is', 'runs are')} open and will go on: planwright up`);
  if (jobs > 0) print(world, `${plural(jobs, 'job has', 'jobs have')} not ended and will be there again`);
  return 0;
}
