/**
 * `planwright worker list`, `drain`, `pause` and `resume`: the pool of workers.
 */
import type { Command } from 'commander';
import type { WorkerOrder } from '../activities/api.js';
import { currentActor } from '../client/start-plan.js';
import { readWorkerPool, tellWorker, type PooledWorker, type WorkerPool } from '../client/worker-pool.js';
import { examples, paintOf, print, printJson, tellTo, withLink, type Host } from './command.js';
import { addJson } from './options.js';
import type { Paint } from './paint.js';
import { oneLine } from './text/neutralise.js';
import { table } from './text/table.js';
import { plural, seconds } from './text/time.js';
import type { ExitCode, World } from './world.js';

export function defineWorkers(command: Command, { world, exit }: Host): void {
  const list = command.command('list').description('list the workers: state, labels, who works on what');
  addJson(list.option('--all', 'also those that have ended', false)).action(
    async (flags: { readonly all: boolean; readonly json: boolean }) => exit(await listPool(world, flags)),
  );
  examples(list, 'planwright worker list', 'planwright worker list --json');
  for (const kind of ['drain', 'pause', 'resume'] as const) {
    const order = command
      .command(kind)
      .description(WHAT[kind])
      .argument('<worker>', 'its id, or a beginning or ending that only one has')
      .option('--reason <text>', 'why, for its log', 'no reason given');
    addJson(order).action(async (id: string, flags: { readonly reason: string; readonly json: boolean }) =>
      exit(await give(world, id, { kind, reason: flags.reason, actor: currentActor() }, flags.json)),
    );
    examples(order, `planwright worker ${kind} build-2:4711 --reason "the machine is needed"`);
  }
}

const WHAT = {
  drain: 'let a worker finish its steps and end',
  pause: 'let a worker take no more steps; those that run go on',
  resume: 'let a paused worker take steps again',
} as const;

async function listPool(
  world: World,
  { all, json }: { readonly all: boolean; readonly json: boolean },
): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const pool = await readWorkerPool(link);
    const shown = pool.workers.filter((one) => all || one.state !== 'TERMINATED' || one.works_on.length > 0);
    if (!pool.complete)
      tellTo(world)('this cluster does not list workers: only those that asked for steps lately are shown');
    if (json) printJson(world, { ...pool, workers: shown });
    else print(world, ...poolLines(world, shown, pool));
    return 0;
  });
}

function poolLines(world: World, workers: readonly PooledWorker[], pool: WorkerPool): string[] {
  if (workers.length === 0) return ['no worker is there'];
  const paint = paintOf(world);
  const now = world.now();
  const width = world.out.isTerminal ? world.out.size().columns : Infinity;
  const rows = workers.map((worker) => [
    { text: stateText(worker), paint: stateColour(paint, worker) },
    { text: worker.id },
    { text: worker.labels.join(' ') || '-' },
    { text: worker.heartbeat_age_sec === null ? '-' : `${worker.heartbeat_age_sec} s`, right: true },
    {
      text: worker.slots === null ? '-' : `${worker.slots.used}/${worker.slots.used + worker.slots.free}`,
      right: true,
    },
    { text: workText(worker, now), flexible: true },
  ]);
  const counts = Object.entries(pool.counts).filter(([state, count]) => count > 0 && state !== 'TERMINATED');
  const alive = counts.reduce((sum, [, count]) => sum + count, 0);
  return [
    ...table(['state', 'worker', 'labels', 'heard', 'slots', 'works on'], rows, width, paint),
    '',
    `${plural(alive, 'worker')}${counts.length === 0 ? '' : `: ${counts.map(([state, count]) => `${count} ${state.toLowerCase()}`).join(', ')}`}`,
  ];
}

function stateText({ state, paused, healthy, works_on: work }: PooledWorker): string {
  if (state === 'TERMINATED' && work.length > 0) return 'TERMINATED (lost)';
  return `${state}${paused ? ' (paused)' : ''}${healthy || state === 'TERMINATED' ? '' : ' (silent)'}`;
}

function stateColour(
  paint: Paint,
  { state, paused, healthy, works_on: work }: PooledWorker,
): (text: string) => string {
  if (state === 'TERMINATED') return work.length > 0 ? paint.red : paint.dim;
  if (!healthy) return paint.red;
  if (paused || state === 'DRAINING' || state === 'SPAWNING') return paint.yellow;
  return state === 'BUSY' ? paint.blue : paint.green;
}

function workText({ works_on: work }: PooledWorker, now: number): string {
  const [first, ...rest] = work;
  if (first === undefined) return '';
  const since = first.since === null ? '' : ` for ${seconds(Math.max(0, now - Date.parse(first.since)))}`;
  const more = rest.length === 0 ? '' : `, and ${plural(rest.length, 'more step')}`;
  return oneLine(`${first.step_id} of ${first.run_id}${since}${more}`);
}

async function give(world: World, id: string, order: WorkerOrder, json: boolean): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const { worker, changed, others } = await tellWorker(link, id, order);
    if (json) printJson(world, { worker: worker.id, order: order.kind, changed, other_workers: others });
    else print(world, `${worker.id} ${changed ? SAID[order.kind] : 'was told so before'}`);
    if (order.kind !== 'resume' && others === 0 && !json)
      tellTo(world)(
        order.kind === 'pause'
          ? `no other worker takes steps: they wait until "planwright worker resume ${worker.id}"`
          : 'no other worker takes steps; a background worker is replaced, others are not: planwright up',
      );
    return 0;
  });
}

const SAID = {
  drain: 'finishes its steps, then ends',
  pause: 'takes no more steps; those that run go on',
  resume: 'takes steps again',
} as const;
