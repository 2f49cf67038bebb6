/**
 * `planwright watch`: follows a run to its end.
 */
import type { Command } from 'commander';
import { findRun } from '../../client/list-runs.js';
import { examples, printJsonLine, withLink, type Host } from '../command.js';
import { followToEnd } from '../follow-command.js';
import { addJson } from '../options.js';

export function define(command: Command, { world, exit }: Host): void {
  addJson(
    command.argument('<run>', 'id of a run, a part of it, or "last"'),
    'print JSON, one object a line: the run, what happens, the result',
  ).action(async (run: string, { json }: { json: boolean }) => {
    const code = await withLink(world, async (link) => {
      const runId = await findRun(link, run);
      if (json) printJsonLine(world, { run_id: runId, type: 'run' });
      return followToEnd(world, link, runId, { json, onInterrupt: 'leave' });
    });
    exit(code);
  });
  examples(command, 'planwright watch last', 'planwright watch last --json');
}
