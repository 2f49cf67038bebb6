/**
 * `planwright workstream`: many tools at work on one repository, each in a worktree of its own.
 */
import type { Command } from 'commander';
import { prepareSet, type PreparedSet } from '../../client/workstreams/prepare-set.js';
import { hasErrors } from '../../plan/load/diagnostics.js';
import { examples, paintOf, print, printJson, type Host } from '../command.js';
import { printProblems } from '../errors.js';
import { addJson } from '../options.js';
import { plural } from '../text/time.js';
import type { ExitCode, World } from '../world.js';
import { listLines, planJson, planLines } from '../workstream-lines.js';
import { defineFromSpec } from '../workstream/from-spec.js';
import { addSet, optionsOf, type SetFlags } from '../workstream/set-options.js';
import { defineNext } from '../workstream/next.js';
import { defineSetup } from '../workstream/setup.js';
import { defineStatus } from '../workstream/status.js';
import { defineSync } from '../workstream/sync.js';
import { defineByHand } from '../workstream/by-hand.js';
import { defineQuestions } from '../workstream/questions.js';
import { printReport, runSet, showSet, type ReportFlags, type RunFlags } from '../workstream-run.js';

export function define(command: Command, host: Host): void {
  const { world, exit } = host;
  const validate = command
    .command('validate')
    .description('load the workstreams and report everything that is wrong');
  addSet(validate).action(async (path: string | undefined, flags: SetFlags) =>
    exit(await validateSet(world, path, flags)),
  );
  const plan = command
    .command('plan')
    .description('show the waves, what is held apart, what is blocked; start nothing');
  addSet(plan).action(async (path: string | undefined, flags: SetFlags) =>
    exit(await showPlan(world, path, flags)),
  );
  const list = command.command('list').description('list the workstreams of a folder');
  addSet(list).action(async (path: string | undefined, flags: SetFlags) => {
    const prepared = await prepareSet(optionsOf(world, path, flags));
    if (flags.json) printJson(world, prepared.selection.chosen);
    else print(world, ...listLines(prepared, paintOf(world)));
    exit(0);
  });
  const run = addSet(command.command('run').description('run the workstreams, land their patches, report'))
    .option('--branch <name>', 'where the patches land (default: the branch that is checked out)')
    .option('--prove', 'land nothing: only find out which patches could', false)
    .option('--strict-waves', 'a wave starts when the one before has ended', false)
    .option('--dry-run', 'call no tool: say what would be done', false)
    .option('--detach', 'start it and return', false);
  run.action(async (path: string | undefined, flags: SetFlags & RunFlags) =>
    exit(await runSet(world, optionsOf(world, path, flags), flags)),
  );
  const show = command
    .command('show')
    .description('show what became of each workstream of a run')
    .argument('<run>', 'id of a run, a part of it, or "last"');
  examples(show, 'planwright workstream show last');
  addJson(show).action(async (id: string, { json }: { readonly json: boolean }) =>
    exit(await showSet(world, id, json)),
  );
  const report = command
    .command('report')
    .description('print the report of a run')
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .option('--html', 'as a page that needs nothing else', false);
  addJson(report).action(async (id: string, flags: ReportFlags) => exit(await printReport(world, id, flags)));
  defineSetup(command, host);
  defineByHand(command, host);
  defineQuestions(command, host);
  defineNext(command, host);
  defineStatus(command, host);
  defineSync(command, host);
  defineFromSpec(command, host);
  examples(
    command,
    'planwright workstream run workstreams --branch main --max-workers 3',
    'planwright workstream validate workstreams',
    'planwright workstream plan workstreams --max-workers 3',
    "planwright workstream plan --only 'ws-2*'",
    'planwright workstream list --json',
    'planwright workstream report last --html > report.html',
    'planwright workstream setup',
    'planwright workstream setup --check',
    'planwright workstream reset last ws-search --reason "the key was missing"',
    'planwright workstream quarantine last',
    'planwright workstream next --dry-run',
    'planwright workstream status --report',
    'planwright workstream sync --dry-run',
    'planwright workstream from-spec --change-id add-search --dry-run',
  );
}

async function validateSet(world: World, path: string | undefined, flags: SetFlags): Promise<ExitCode> {
  const { set, inForce, plan } = await prepareSet(optionsOf(world, path, flags));
  const ok = !hasErrors(set.problems);
  if (flags.json) {
    printJson(world, {
      ok,
      valid: set.bundles.length,
      malformed: set.malformed,
      blocked: set.blocked,
      waves: plan.waves.map((wave) => wave.length),
      collisions: plan.collisions,
      problems: [...inForce.warnings, ...set.problems],
    });
    return ok ? 0 : 2;
  }
  await printProblems(world, [...inForce.warnings, ...set.problems]);
  const paint = paintOf(world);
  const mark = ok ? paint.green(paint.marks.succeeded) : paint.red(paint.marks.failed);
  const bad = [
    ...(set.malformed.length > 0 ? [`${set.malformed.length} malformed`] : []),
    ...(set.blocked.length > 0 ? [`${set.blocked.length} blocked`] : []),
  ];
  print(
    world,
    `${mark} ${[`${plural(set.bundles.length, 'valid workstream')} in ${plural(plan.waves.length, 'wave')}`, ...bad].join(', ')}`,
  );
  return ok ? 0 : 2;
}

async function showPlan(world: World, path: string | undefined, flags: SetFlags): Promise<ExitCode> {
  const prepared: PreparedSet = await prepareSet(optionsOf(world, path, flags));
  if (flags.json) printJson(world, planJson(prepared));
  else
    print(
      world,
      ...planLines(prepared, world.out.isTerminal ? world.out.size().columns - 1 : null, paintOf(world)),
    );
  return 0;
}
