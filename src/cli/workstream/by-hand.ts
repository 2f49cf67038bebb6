/**
 * `planwright workstream complete`, `fail`, `reset`, `unblock`, `withdraw`, `rollback`: what a person does to a run of
 * workstreams by hand. Each wants a reason, and is kept with the run.
 */
import type { Command } from 'commander';
import { actByHand, withdrawPatch } from '../../client/control.js';
import { findRun } from '../../client/list-runs.js';
import { readRun } from '../../client/read-run.js';
import { currentActor } from '../../client/start-plan.js';
import { stepNamed } from '../../client/step-named.js';
import { rollBack } from '../../client/workstreams/rollback.js';
import type { ManualAction } from '../../plan/by-hand.js';
import { examples, print, printJson, withLink, type Host } from '../command.js';
import { addJson, reasonText } from '../options.js';
import { startAndFollow } from '../start-and-follow.js';

interface Flags {
  readonly reason: string;
  readonly force?: boolean;
  readonly clearRetryCount?: boolean;
  readonly json: boolean;
}

interface Action {
  readonly action: ManualAction;
  readonly says: string;
  readonly done: string;
  /** A reason, for the example. */
  readonly why: string;
}

const ACTIONS: readonly Action[] = [
  {
    action: 'complete',
    says: 'say that a workstream is done: it is stopped, its patch does not land, what depends on it goes on',
    done: 'is complete',
    why: 'merged by hand',
  },
  {
    action: 'fail',
    says: 'say that a workstream has failed: it is stopped, what depends on it is blocked',
    done: 'has failed',
    why: 'the tool goes round in circles',
  },
  {
    action: 'reset',
    says: 'start a workstream that failed again, in the same run, and let what it blocked wait for it',
    done: 'starts again',
    why: 'the key was missing',
  },
  {
    action: 'unblock',
    says: 'let a blocked workstream start without the patch of what it depends on',
    done: 'is unblocked',
    why: 'it needs nothing of ws-api after all',
  },
];

const RUN = ['<run>', 'id of an open run, a part of it, or "last"'] as const;
const WORKSTREAM = ['<workstream>', 'its id, as "workstream show" has it'] as const;
const REASON = ['--reason <text>', 'why, for the record', reasonText] as const;

export function defineByHand(command: Command, { world, exit }: Host): void {
  for (const { action, says, done, why } of ACTIONS) {
    const one = command
      .command(action)
      .description(says)
      .argument(...RUN)
      .argument(...WORKSTREAM)
      .requiredOption(...REASON);
    if (action !== 'unblock') one.option('--force', 'also when it has ended otherwise already', false);
    if (action === 'reset') one.option('--clear-retry-count', 'with all its retries again', false);
    examples(one, `planwright workstream ${action} last ws-search --reason "${why}"`);
    addJson(one).action(async (run: string, workstream: string, flags: Flags) =>
      exit(
        await withLink(world, async (link) => {
          const runId = await findRun(link, run);
          await link.ensureWorker();
          stepNamed((await readRun(link, runId)).record, workstream);
          const { reason, force = false, clearRetryCount: clearRetries = false, json } = flags;
          const actor = currentActor();
          await actByHand(link, runId, workstream, { action, force, clearRetries }, { reason, actor });
          if (json) printJson(world, { run_id: runId, workstream, action, force, reason, actor });
          else print(world, `${workstream} ${done}, by ${actor}`);
          return 0;
        }),
      ),
    );
  }
  const withdraw = command
    .command('withdraw')
    .description(
      'take a patch out of a landing that goes on: it does not land, and what depends on it neither',
    )
    .argument(...RUN)
    .argument(...WORKSTREAM)
    .requiredOption(...REASON);
  examples(withdraw, 'planwright workstream withdraw last ws-search --reason "not in this release"');
  addJson(withdraw).action(async (run: string, workstream: string, { reason, json }: Flags) =>
    exit(
      await withLink(world, async (link) => {
        const runId = await findRun(link, run);
        await link.ensureWorker();
        stepNamed((await readRun(link, runId)).record, workstream);
        const actor = currentActor();
        await withdrawPatch(link, runId, workstream, { reason, actor });
        if (json) printJson(world, { run_id: runId, workstream, action: 'withdraw', reason, actor });
        else print(world, `the patch of ${workstream} is withdrawn, by ${actor}`);
        return 0;
      }),
    ),
  );
  const rollback = command
    .command('rollback')
    .description('take a patch back that has landed: its reverse lands, through the same gates')
    .argument('<run>', 'id of the run that landed it, a part of it, or "last"')
    .argument(...WORKSTREAM)
    .requiredOption(...REASON)
    .option('--detach', 'start it and return', false);
  examples(rollback, 'planwright workstream rollback last ws-search --reason "customers complain"');
  addJson(rollback).action(
    async (run: string, workstream: string, { reason, json, detach }: Flags & { readonly detach: boolean }) =>
      exit(
        await withLink(world, async (link) => {
          const { record } = await readRun(link, await findRun(link, run));
          stepNamed(record, workstream);
          const back = await rollBack(link, record, workstream, { reason, actor: currentActor() });
          return startAndFollow(world, link, {
            ...{ plan: back.plan, start: () => Promise.resolve(back), json, detach, last: () => [] },
          });
        }),
      ),
  );
}
