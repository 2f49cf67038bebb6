/**
 * `planwright up`: starts what runs need, where it does not run.
 */
import type { Command } from 'commander';
import { stateHome } from '../../home.js';
import { examples, paintOf, print, printJson, tellTo, type Host } from '../command.js';
import { addJson } from '../options.js';
import type { ExitCode, World } from '../world.js';

export function define(command: Command, { world, exit }: Host): void {
  addJson(command).action(async (options: { json: boolean }) => exit(await start(world, options)));
  examples(command, 'planwright up');
}

async function start(world: World, { json }: { json: boolean }): Promise<ExitCode> {
  const { up } = await import('../../server/lifecycle.js');
  const { target, worker } = await up({ home: stateHome(world.env), env: world.env, tell: tellTo(world) });
  const isReady = worker.kind === 'elsewhere' || worker.polling;
  if (json) {
    const { address, namespace, embedded, webUi } = target;
    printJson(world, { address, namespace, embedded, web_ui: webUi, worker: worker.kind, ready: isReady });
    return isReady ? 0 : 1;
  }
  const paint = paintOf(world);
  const fact = (label: string, text: string): string => `${paint.dim(label.padEnd(8))}${text}`;
  const whose =
    worker.kind === 'elsewhere'
      ? "somebody's on the cluster"
      : worker.polling
        ? 'ready'
        : 'started, not ready yet';
  print(
    world,
    fact('server', `${target.address}, namespace ${target.namespace} (${target.how})`),
    ...(target.webUi === null ? [] : [fact('Web UI', target.webUi)]),
    fact('worker', whose),
  );
  return isReady ? 0 : 1;
}
