/**
 * `planwright worker`: a worker in the foreground; below it, the pool of all workers.
 */
import type { Command } from 'commander';
import { stateHome } from '../../home.js';
import { examples, tellTo, type Host } from '../command.js';
import { collect, positive } from '../options.js';
import { defineWorkers } from '../workers.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly label: readonly string[];
  readonly slots?: number;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .option(
      '--label <name>',
      'also take steps that ask for this label by "runs_on" (repeatable)',
      collect,
      [],
    )
    .option(
      '--slots <n>',
      'how many steps of each queue run at once (default: 8 for each core, at least 32)',
      positive,
    )
    .action(async (options: Options) => exit(await worker(world, options)));
  command.addHelpText(
    'after',
    '\nSIGTERM or Ctrl-C: takes nothing new and lets running steps end; a second one ends them.',
  );
  defineWorkers(command, { world, exit });
  examples(
    command,
    'planwright worker',
    'planwright worker list',
    'TEMPORAL_ADDRESS=temporal.example:7233 planwright worker --label gpu --slots 2',
  );
}

async function worker(world: World, { label: labels, slots }: Options): Promise<ExitCode> {
  const [{ defaultSlots, runWorker }, { connectTarget }, { onStopSignals }] = await Promise.all([
    import('../../worker.js'),
    import('../../server/target.js'),
    import('../../os/stop-signals.js'),
  ]);
  const tell = tellTo(world);
  const stop = onStopSignals();
  const target = await connectTarget({ env: world.env, tell });
  const finished = await runWorker({
    home: stateHome(world.env),
    target,
    labels,
    slots: slots ?? defaultSlots(),
    stop,
    tell,
  });
  return finished ? 0 : 1;
}
