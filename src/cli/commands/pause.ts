/**
 * `planwright pause`: launches no further steps; those that run go on.
 */
import type { Command } from 'commander';
import { pauseRun } from '../../client/control.js';
import { findRun } from '../../client/list-runs.js';
import { currentActor } from '../../client/start-plan.js';
import { examples, print, printJson, withLink, type Host } from '../command.js';
import { addJson } from '../options.js';

interface Options {
  readonly reason: string;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .option('--reason <text>', 'why, for the record', 'paused by user');
  addJson(command).action(async (run: string, { reason, json }: Options) => {
    const code = await withLink(world, async (link) => {
      const runId = await findRun(link, run);
      await link.ensureWorker();
      await pauseRun(link, runId, { reason, actor: currentActor() });
      if (json) printJson(world, { run_id: runId, paused: true });
      else print(world, `${runId} paused: running steps go on, no further one is launched`);
      return 0;
    });
    exit(code);
  });
  examples(command, 'planwright pause last', 'planwright pause last --reason "the build machine is needed"');
}
