/**
 * `planwright cancel`: ends a run, or one step of it.
 */
import { Option, type Command } from 'commander';
import { abortsRun, cancelRun, cancelStep, terminateRun } from '../../client/control.js';
import type { Link } from '../../client/link.js';
import { findRun } from '../../client/list-runs.js';
import { followed } from '../../client/planwright.js';
import { readRun } from '../../client/read-run.js';
import { currentActor } from '../../client/start-plan.js';
import { examples, paintOf, print, printJson, tellTo, withLink, type Host } from '../command.js';
import { addJson } from '../options.js';
import { verdictLine } from '../report.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly step?: string;
  readonly reason: string;
  readonly force?: true;
  readonly wait: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .option('--step <id>', 'cancel this step only; that counts as its failure, and its policy applies')
    .option('--reason <text>', 'why, for the record', 'Canceled by user')
    .addOption(
      new Option('--force', 'end it without asking it: for a run that does not answer').conflicts('step'),
    )
    .option('--no-wait', 'do not wait until all that runs has ended');
  addJson(command).action(async (run: string, options: Options) => exit(await cancel(world, run, options)));
  examples(
    command,
    'planwright cancel last',
    'planwright cancel last --step build --reason "takes too long"',
    'planwright cancel last --force --reason "it does not answer"',
  );
}

async function cancel(world: World, run: string, options: Options): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const runId = await findRun(link, run);
    await link.ensureWorker(); // it is the workers that end what runs
    return options.step === undefined
      ? wholeRun(world, link, runId, options)
      : oneStep(world, link, runId, options.step, options);
  });
}

async function wholeRun(
  world: World,
  link: Link,
  runId: string,
  { reason, force, wait, json }: Options,
): Promise<ExitCode> {
  await (force === true ? terminateRun : cancelRun)(link, runId, { reason, actor: currentActor() });
  if (!wait) {
    if (json) printJson(world, { run_id: runId, canceling: true });
    else print(world, `${runId} is being canceled`);
    return 0;
  }
  if (!json) tellTo(world)('canceling: waiting for what runs to end (Ctrl-C leaves it)');
  const leaving = new AbortController();
  const forget = world.onInterrupt(() => leaving.abort());
  try {
    for await (const { record, isFinal } of await followed(link, runId, leaving.signal)) {
      if (!isFinal || record === null) continue;
      const { state } = record.head;
      if (json) printJson(world, { run_id: runId, state });
      else print(world, verdictLine(record.head, paintOf(world)));
      return 0;
    }
    return 0;
  } finally {
    forget();
  }
}

async function oneStep(
  world: World,
  link: Link,
  runId: string,
  step: string,
  { reason, json }: Options,
): Promise<ExitCode> {
  const tell = tellTo(world);
  const view = await readRun(link, runId);
  if (abortsRun(view, step)) tell(`step "${step}" is critical: canceling it aborts the whole run`);
  await cancelStep(link, runId, step, { reason, actor: currentActor() });
  if (json) printJson(world, { run_id: runId, step_id: step, canceling: true });
  else print(world, `step ${step} of ${runId} is being canceled`);
  return 0;
}
