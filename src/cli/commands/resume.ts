/**
 * `planwright resume`: launches steps of a paused run again.
 */
import type { Command } from 'commander';
import { resumeRun } from '../../client/control.js';
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
    .option('--reason <text>', 'why, for the record', 'resumed by user');
  addJson(command).action(async (run: string, { reason, json }: Options) => {
    const code = await withLink(world, async (link) => {
      const runId = await findRun(link, run);
      await link.ensureWorker();
      await resumeRun(link, runId, { reason, actor: currentActor() });
      if (json) printJson(world, { run_id: runId, paused: false });
      else print(world, `${runId} resumed`);
      return 0;
    });
    exit(code);
  });
  examples(command, 'planwright resume last');
}
