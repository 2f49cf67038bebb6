/**
 * `planwright events`: what happened in a run, oldest first.
 */
import type { Command } from 'commander';
import { EventTail } from '../../client/event-tail.js';
import { findRun } from '../../client/list-runs.js';
import { followed } from '../../client/planwright.js';
import { readRun } from '../../client/read-run.js';
import type { RunEvent } from '../../plan/event.js';
import { eventsOf } from '../../plan/events.js';
import type { RunRecord } from '../../plan/record.js';
import { readQuarantine } from '../../record/notes.js';
import { examples, paintOf, printJsonLine, withLink, type Host } from '../command.js';
import { addJson } from '../options.js';
import { eventLine } from '../progress/event-line.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly follow: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .option('-f, --follow', 'go on until the run has ended', false);
  addJson(command, 'print JSON, one event a line').action(async (run: string, options: Options) =>
    exit(await events(world, run, options)),
  );
  examples(command, 'planwright events last', 'planwright events last -f --json');
}

async function events(world: World, run: string, { follow, json }: Options): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const runId = await findRun(link, run);
    if (!follow) {
      const view = await readRun(link, runId);
      await write(world, eventsOf(view.record, view), view.record, json);
      return 0;
    }
    const leaving = new AbortController();
    const forget = world.onInterrupt(() => leaving.abort());
    const tail = new EventTail();
    try {
      for await (const update of await followed(link, runId, leaving.signal)) {
        if (update.record !== null)
          await write(world, tail.take(update, readQuarantine(link.home, runId)), update.record, json);
      }
      return 0;
    } finally {
      forget();
    }
  });
}

const PAGE = 500;

async function write(
  world: World,
  list: readonly RunEvent[],
  record: RunRecord,
  json: boolean,
): Promise<void> {
  const paint = paintOf(world);
  for (let from = 0; from < list.length; from += PAGE) {
    for (const event of list.slice(from, from + PAGE)) {
      if (json) printJsonLine(world, event);
      else {
        const line = eventLine(event, record, paint);
        if (line !== null) world.out.write(`${line}\n`);
      }
    }
    await world.out.drained();
  }
}
