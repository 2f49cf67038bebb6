/**
 * `planwright approve`: answers a step that waits for a person.
 */
import type { Command } from 'commander';
import { approveStep } from '../../client/control.js';
import { PlanwrightError } from '../../client/errors.js';
import { findRun } from '../../client/list-runs.js';
import { currentActor } from '../../client/start-plan.js';
import { examples, print, printJson, withLink, type Host } from '../command.js';
import { addJson } from '../options.js';

interface Options {
  readonly choice?: string;
  readonly reject: boolean;
  readonly reason: string;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .argument('<step>', 'the approval step')
    .option('--choice <value>', 'which way to go, where the step asks for a choice')
    .option('--reject', 'say no: the step fails, and its policy applies', false)
    .option('--reason <text>', 'why, for the record', '');
  addJson(command).action(async (run: string, step: string, options: Options) => {
    const { choice, reject, reason, json } = options;
    if (reject && choice !== undefined) {
      throw new PlanwrightError('bad-request', '"--reject" and "--choice" contradict each other', [
        'give one of them',
      ]);
    }
    const answer = { approved: !reject, ...(choice === undefined ? {} : { choice }) };
    const code = await withLink(world, async (link) => {
      const runId = await findRun(link, run);
      await link.ensureWorker();
      await approveStep(link, runId, step, answer, { reason, actor: currentActor() });
      if (json) printJson(world, { run_id: runId, step_id: step, choice: null, ...answer });
      else
        print(
          world,
          `step ${step} of ${runId} is ${reject ? 'rejected' : choice === undefined ? 'approved' : `answered with "${choice}"`}`,
        );
      return 0;
    });
    exit(code);
  });
  examples(
    command,
    'planwright approve last release',
    'planwright approve last resolve --choice theirs',
    'planwright approve last release --reject --reason "not on a Friday"',
  );
}
