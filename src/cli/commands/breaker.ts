/**
 * `planwright breaker`: which tools are out of order, and closing or opening their breakers by hand.
 */
import type { Command } from 'commander';
import {
  listBreakers,
  moveBreaker,
  readBreaker,
  type BreakerReport,
} from '../../client/workstreams/breakers.js';
import { currentActor } from '../../client/start-plan.js';
import type { ByHand } from '../../workstream/breaker.js';
import { examples, paintOf, print, printJson, withLink, type Host } from '../command.js';
import { addJson, nameText, reasonText } from '../options.js';
import type { Paint } from '../paint.js';
import { oneLine } from '../text/neutralise.js';
import { localTime, plural, seconds } from '../text/time.js';

interface Options {
  readonly json: boolean;
  readonly reason: string;
}

const TOOL = 'the name of a tool, such as aider';

export function define(command: Command, host: Host): void {
  const { world, exit } = host;
  const list = command
    .command('list')
    .description('list the tools that had trouble and have not worked since');
  addJson(list).action(async ({ json }: Options) =>
    exit(
      await withLink(world, async (link) => {
        const breakers = await listBreakers(link);
        if (json) printJson(world, breakers);
        else if (breakers.length === 0) print(world, 'no tool is in trouble');
        else for (const one of breakers) print(world, ...headLines(one, world.now(), paintOf(world)));
        return 0;
      }),
    ),
  );
  const show = command
    .command('show')
    .description('show how the breaker of a tool stands, and what changed it')
    .argument('<tool>', TOOL, nameText);
  addJson(show).action(async (tool: string, { json }: Options) =>
    exit(
      await withLink(world, async (link) => {
        const report = await readBreaker(link, tool);
        if (json) printJson(world, report);
        else
          print(
            world,
            ...headLines(report, world.now(), paintOf(world)),
            ...changeLines(report, paintOf(world)),
          );
        return 0;
      }),
    ),
  );
  const moves: readonly (readonly [ByHand, string])[] = [
    ['reset', 'close the breaker of a tool and forget its failures: what waits for the tool starts'],
    ['open', 'start nothing with a tool until somebody resets its breaker; what runs goes on'],
  ];
  for (const [what, description] of moves) {
    const move = command
      .command(what)
      .description(description)
      .argument('<tool>', TOOL, nameText)
      .requiredOption('--reason <text>', 'why, for the record', reasonText);
    addJson(move).action(async (tool: string, { json, reason }: Options) =>
      exit(
        await withLink(world, async (link) => {
          const report = await moveBreaker(link, tool, { what, reason, actor: currentActor() });
          if (json) printJson(world, report);
          else print(world, ...headLines(report, world.now(), paintOf(world)));
          return 0;
        }),
      ),
    );
  }
  examples(
    command,
    'planwright breaker list --json',
    'planwright breaker show aider',
    'planwright breaker reset aider --reason "the key is paid for again"',
    'planwright breaker open codex --reason "it is being upgraded"',
  );
}

function headLines(
  { tool, state, text, until, waiting }: BreakerReport,
  now: number,
  paint: Paint,
): string[] {
  const colour = state === 'open' ? paint.red : state === 'half-open' ? paint.yellow : paint.green;
  const leftMs = until === null ? null : Date.parse(until) - now;
  const left =
    leftMs === null
      ? ''
      : leftMs > 0
        ? `, tried again in ${seconds(leftMs)}`
        : ', and the next workstream that wants it tries it';
  const waits = waiting.length === 0 ? '' : `, ${plural(waiting.length, 'workstream')} waiting`;
  return [
    `${paint.bold(oneLine(tool))}  ${colour(text)}${left}${waits}`,
    ...waiting.map(({ run_id: run, step_id: step }) => `  ${paint.marks.pending} run ${run}, step ${step}`),
  ];
}

const changeLines = ({ changes }: BreakerReport, paint: Paint): string[] =>
  changes.map(({ at, to, reason, run_id: run, step_id: step, actor }) => {
    const by = actor === null ? (run === null ? '' : `  run ${run}, step ${step}`) : `  by ${oneLine(actor)}`;
    return `  ${paint.dim(localTime(Date.parse(at)))}  ${to.padEnd(9)}  ${oneLine(reason)}${paint.dim(by)}`;
  });
