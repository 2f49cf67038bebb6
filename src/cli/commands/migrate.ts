/**
 * `planwright migrate`: brings older plans and bundles up to date.
 */
import type { Command } from 'commander';
import { migrateFiles, type MigratedFile } from '../../client/migrate-files.js';
import type { Told } from '../../plan/load/migrate/migrate-text.js';
import { examples, paintOf, print, printJson, tellTo, type Host } from '../command.js';
import { printProblems, UsageError } from '../errors.js';
import { addJson } from '../options.js';
import type { Paint } from '../paint.js';
import { oneLine } from '../text/neutralise.js';
import { plural } from '../text/time.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly write: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<file...>', 'plans and bundles of workstreams, JSON or YAML')
    .option('--write', 'write the files; without it nothing is written', false)
    .option('--dry-run', 'say what would be done, which is the default', false);
  addJson(command).action(async (files: string[], options: Options) =>
    exit(await migrate(world, files, options)),
  );
  command.addHelpText(
    'after',
    '\nEverything that is not understood stays as it is, comments of YAML included; those of JSON move into "metadata".\nWhen one file cannot be migrated none is written.',
  );
  examples(command, 'planwright migrate old-plan.json', 'planwright migrate workstreams/*.json --write');
}

async function migrate(
  world: World,
  files: readonly string[],
  { write, dryRun, json }: Options,
): Promise<ExitCode> {
  if (write && dryRun) throw new UsageError('--write writes and --dry-run does not: choose one');
  const results = await migrateFiles({ files, cwd: world.cwd, write });
  const isRefused = results.some(({ state }) => state === 'refused');
  if (json) {
    printJson(world, { ok: !isRefused, files: results });
    return isRefused ? 2 : 0;
  }
  await printProblems(
    world,
    results.flatMap(({ problems }) => problems),
  );
  const paint = paintOf(world);
  print(world, ...results.flatMap((result) => linesOf(result, paint)));
  const pending = results.filter(({ state }) => state === 'migrated').length;
  if (isRefused && write) tellTo(world)('nothing was written, because a file was refused');
  else if (pending > 0 && !isRefused)
    tellTo(world)(`nothing was written: --write ${pending === 1 ? 'writes it' : `writes all ${pending}`}`);
  return isRefused ? 2 : 0;
}

/** Of the same change in many steps a few are enough. */
const SHOWN = 20;

function linesOf({ file, kind, state, changes, notes }: MigratedFile, paint: Paint): string[] {
  const name = paint.bold(oneLine(file));
  switch (state) {
    case 'current':
      return [`${paint.dim(paint.marks.skipped)} ${name}: is up to date`];
    case 'refused':
      return [`${paint.red(paint.marks.failed)} ${name}: cannot be migrated`];
    case 'migrated':
    case 'written': {
      const mark =
        state === 'written' ? paint.green(paint.marks.succeeded) : paint.yellow(paint.marks.pending);
      const did = `${plural(changes.length, 'change')}${state === 'written' ? ', written' : ''}`;
      return [
        `${mark} ${name}: ${kind}, ${did}`,
        ...told(changes, paint),
        ...told(notes, paint).map((line) => line.replace('    ', '  ! ')),
      ];
    }
    default:
      return state satisfies never;
  }
}

function told(list: readonly Told[], paint: Paint): string[] {
  const lines = list
    .slice(0, SHOWN)
    .map(
      ({ line, where, message }) =>
        `    ${paint.dim(`line ${line}`)}  ${oneLine(where || 'the file')}: ${oneLine(message)}`,
    );
  return list.length > SHOWN ? [...lines, paint.dim(`    and ${list.length - SHOWN} more`)] : lines;
}
