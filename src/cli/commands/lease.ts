/**
 * `planwright lease`: who holds what, and holding something oneself.
 */
import type { Command } from 'commander';
import { leaseNameAt } from '../../client/lease-names.js';
import {
  listLeases,
  readLease,
  releaseLease,
  type LeaseReport,
  type LeaseUser,
} from '../../client/leases.js';
import { currentActor } from '../../client/start-plan.js';
import { examples, paintOf, print, printJson, withLink, type Host } from '../command.js';
import { addJson, nameText, reasonText } from '../options.js';
import type { Paint } from '../paint.js';
import { oneLine } from '../text/neutralise.js';
import { localTime, plural, seconds } from '../text/time.js';

interface Options {
  readonly json: boolean;
  readonly reason: string;
}

const NAME = 'the name of a lease; repository:<remote, address or path>#<branch> for a branch';

export function define(command: Command, host: Host): void {
  const { world, exit } = host;
  const list = command.command('list').description('list the leases that somebody has');
  addJson(list).action(async ({ json }: Options) =>
    exit(
      await withLink(world, async (link) => {
        const leases = await listLeases(link);
        if (json) printJson(world, leases);
        else if (leases.length === 0) print(world, 'no lease is held');
        else for (const lease of leases) print(world, ...leaseLines(lease, world.now(), paintOf(world)));
        return 0;
      }),
    ),
  );
  const show = command
    .command('show')
    .description('show who holds a lease and who waits')
    .argument('<name>', NAME, nameText);
  addJson(show).action(async (text: string, { json }: Options) =>
    exit(
      await withLink(world, async (link) => {
        const lease = await readLease(link, await leaseNameAt(text, world.cwd));
        if (json) printJson(world, lease);
        else print(world, ...leaseLines(lease, world.now(), paintOf(world)));
        return 0;
      }),
    ),
  );
  const release = command
    .command('release')
    .description('take a lease away from whoever holds it; the next in the queue gets it')
    .argument('<name>', NAME, nameText)
    .requiredOption('--reason <text>', 'why, for the record', reasonText);
  addJson(release).action(async (text: string, { json, reason }: Options) =>
    exit(
      await withLink(world, async (link) => {
        const name = await leaseNameAt(text, world.cwd);
        const before = await releaseLease(link, name, { reason, actor: currentActor() });
        const runs = before.holders.map(({ run_id: run }) => run);
        if (json) printJson(world, { name, taken_from: runs, reason });
        else print(world, `lease "${oneLine(name)}" is taken from ${[...new Set(runs)].join(', ')}`);
        return 0;
      }),
    ),
  );
  command
    .command('run')
    .description('hold a lease while a command runs')
    .argument('<name>', NAME, nameText)
    .argument('<command...>', 'the command, behind "--"')
    .action(async (text: string, words: [string, ...string[]]) =>
      exit(
        await withLink(world, async (link) => {
          const { runWithLease } = await import('../lease-run.js');
          return runWithLease(world, link, await leaseNameAt(text, world.cwd), words);
        }),
      ),
    );
  examples(
    command,
    'planwright lease list --json',
    'planwright lease show repository:origin#main',
    'planwright lease release gpu --reason "the machine is gone"',
    'planwright lease run gpu -- python train.py',
  );
}

function leaseLines(lease: LeaseReport, now: number, paint: Paint): string[] {
  const { name, holders, waiting, taken } = lease;
  const state = holders.length === 0 ? 'free' : 'held';
  return [
    `${paint.bold(oneLine(name))}  ${state}${waiting.length > 0 ? `, ${plural(waiting.length, 'waiter')}` : ''}`,
    ...holders.map(
      (one) =>
        `  ${paint.marks.running} ${userText(one)}  for ${since(one.granted_at, now)}${tokenOf(one, paint)}`,
    ),
    ...waiting.map(
      (one) => `  ${paint.marks.pending} ${userText(one)}  waits for ${since(one.asked_at, now)}`,
    ),
    ...taken.map(({ at, run_id: run, actor, reason }) =>
      paint.dim(`  taken from ${run} by ${oneLine(actor)} at ${localTime(at)}: ${oneLine(reason)}`),
    ),
  ];
}

const userText = ({ run_id: run, step_id: step }: LeaseUser): string =>
  `run ${run}${step === null ? '' : `, step ${step}`}`;
const since = (at: string | null, now: number): string =>
  at === null ? '?' : seconds(Math.max(0, now - Date.parse(at)));
const tokenOf = ({ token }: LeaseUser, paint: Paint): string =>
  token === null ? '' : paint.dim(`  token ${token}`);
