/**
 * `planwright retry`: runs a plan again without what succeeded.
 */
import type { Command } from 'commander';
import { findRun } from '../../client/list-runs.js';
import { retryRun } from '../../client/retry-run.js';
import { webUiOf } from '../../client/web-ui.js';
import type { Priority } from '../../plan/plan.js';
import type { RunAgain } from '../../plan/reuse.js';
import { examples, print, printJsonLine, tellTo, withLink, type Host } from '../command.js';
import { followToEnd } from '../follow-command.js';
import { addJson, addOnly, addPriority, addVariables, type Variables } from '../options.js';
import { programName } from '../program-name.js';
import { plural } from '../text/time.js';
import { reportPlaces } from '../workstream-run.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly var: Variables;
  readonly detach: boolean;
  readonly json: boolean;
  readonly strict: boolean;
  readonly priority?: Priority;
  readonly only: readonly string[];
}

export function define(command: Command, { world, exit }: Host): void {
  addVariables(command.argument('<run>', 'id of a run that has ended, a part of it, or "last"'))
    .option('--detach', 'start it and return', false)
    .option('--strict', 'refuse a plan with names in ${...} that have no value', false);
  addJson(
    addOnly(addPriority(command)),
    'print JSON, one object a line: the run, what happens, the result',
  ).action(async (run: string, options: Options) => exit(await retry(world, run, options)));
  command.addHelpText(
    'after',
    '\nThe plan file is read again, so what was mended in it counts. Steps that succeeded are not run again while they and\nall that they depend on are the same.',
  );
  examples(command, 'planwright retry last', 'planwright retry last --only deploy');
}

async function retry(
  world: World,
  run: string,
  { json, detach, strict, only, priority, var: variables }: Options,
): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const tell = tellTo(world);
    const earlier = await findRun(link, run);
    await link.client(); // until here Ctrl-C simply ends this process
    let interrupted = 0;
    const forget = world.onInterrupt(() => (interrupted += 1)); // from here on there may be a run to cancel
    const { runId, plan, notes, reused, again, items, met } = await retryRun(link, earlier, {
      variables,
      strict,
      ...(only.length > 0 ? { only } : {}),
      ...(priority === undefined ? {} : { priority }),
    });
    await link.ensureWorker();
    forget();
    for (const note of notes) tell(note);
    if (met.length > 0) tell(`taken as done: ${met.join(', ')}`);
    for (const { step, because } of again) tell(`step "${step}" runs again: ${WHY[because]}`);
    for (const { step, reused: kept } of items) tell(`step "${step}": ${plural(kept, 'item')} kept`);
    if (json) {
      const webUi = webUiOf(await link.target(), runId);
      printJsonLine(world, {
        run_id: runId,
        type: 'run',
        plan_id: plan.planId,
        retry_of: earlier,
        reused,
        items,
        web_ui: webUi,
      });
    } else tell(`retry of ${earlier}: ${plural(reused.length, 'step')} of ${plan.steps.length} kept`);
    if (detach) {
      if (!json) print(world, `started ${runId}`, `  ${programName(world.env)} watch ${runId}`);
      return 0;
    }
    const last = (): readonly string[] => reportPlaces(world, link, runId);
    return followToEnd(world, link, runId, { json, onInterrupt: 'cancel', interrupted, last });
  });
}

const WHY: Readonly<Record<RunAgain, string>> = {
  fallback: 'it is a fallback, and whether it is needed is decided anew',
  changed: 'it was changed',
  dependency: 'something it depends on runs again',
  variables: 'it has a condition, and variables have other values',
};
