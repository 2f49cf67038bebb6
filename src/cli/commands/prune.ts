/**
 * `planwright prune`: removes the logs and records of old runs.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { prune as pruneRuns } from '../../client/prune.js';
import { stateHome } from '../../home.js';
import { examples, paintOf, print, printJson, type Host } from '../command.js';
import { UsageError } from '../errors.js';
import { addJson, ageOf } from '../options.js';
import { localTime, plural, size } from '../text/time.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly olderThan?: number;
  readonly maxSize?: number;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .option('--older-than <age>', 'runs that ended longer ago: 12h, 30d, 8w', ageOf)
    .option('--max-size <size>', 'the oldest, until the rest takes no more: 500MB, 2GB', bytesOf)
    .option('--dry-run', 'say what would go, and remove nothing', false);
  addJson(command).action(async (options: Options) => exit(await prune(world, options)));
  command.addHelpText(
    'after',
    '\nOpen runs are never removed, nor what Temporal itself keeps of closed ones. What a safe merge left in its\n' +
      'repository (reports, rollback points) goes with its run, unless something in it is nowhere else.',
  );
  examples(command, 'planwright prune --older-than 30d --dry-run', 'planwright prune --max-size 2GB');
}

async function prune(world: World, { olderThan, maxSize, dryRun, json }: Options): Promise<ExitCode> {
  if (olderThan === undefined && maxSize === undefined) {
    throw new UsageError('nothing says what is old: give --older-than, --max-size or both', [
      'planwright prune --older-than 30d --dry-run    shows what would go',
    ]);
  }
  const done = await pruneRuns(
    { home: stateHome(world.env) },
    {
      dryRun,
      now: world.now(),
      ...(olderThan === undefined ? {} : { olderThanMs: olderThan }),
      ...(maxSize === undefined ? {} : { maxBytes: maxSize }),
    },
  );
  if (json) {
    printJson(world, { dry_run: dryRun, ...done });
    return 0;
  }
  const paint = paintOf(world);
  const bytes = done.removed.reduce((sum, run) => sum + run.bytes, 0);
  print(
    world,
    ...done.removed.map(
      (run) => `${run.run_id}  ${paint.dim(`${localTime(run.ended_at)}  ${size(run.bytes)}`)}`,
    ),
    `${dryRun ? 'would remove' : 'removed'} ${plural(done.removed.length, 'run')}, ${size(bytes)}; ${plural(done.kept, 'closed run')} (${size(done.keptBytes)}) and ${plural(done.open, 'open one')} stay`,
  );
  return 0;
}

const SIZES: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

function bytesOf(text: string): number {
  const [, value, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]?)B?$/i.exec(text) ?? [];
  if (value === undefined || unit === undefined)
    throw new InvalidArgumentError('It must be a number and kB, MB, GB or TB: 2GB.');
  return Number(value) * SIZES[unit.toUpperCase()]!;
}
