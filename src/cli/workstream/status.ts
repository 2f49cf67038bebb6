/**
 * `planwright workstream status`: how far each workstream is, by what runs know and people noted.
 */
import { relative, resolve, join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { currentActor } from '../../client/start-plan.js';
import { prepareSet } from '../../client/workstreams/prepare-set.js';
import { runVerdicts } from '../../client/workstreams/run-verdicts.js';
import { noteStatuses, readStatusBook, STATUS_FILE } from '../../client/workstreams/status-book.js';
import { stateHome } from '../../home.js';
import { writeShared } from '../../os/shared-file.js';
import { quote } from '../../plan/quote.js';
import {
  idMeant,
  isKnownStatus,
  isStatus,
  statusCounts,
  STATUSES,
  statusTable,
  type StatusBook,
  type WorkstreamStatus,
} from '../../workstream/status.js';
import { paintOf, print, printJson, tellTo, withLink, type Host } from '../command.js';
import { UsageError } from '../errors.js';
import { addJson } from '../options.js';
import { outputFile } from '../output-file.js';
import type { Paint } from '../paint.js';
import { oneLine } from '../text/neutralise.js';
import { localTime } from '../text/time.js';
import { pad } from '../text/width.js';
import type { ExitCode, World } from '../world.js';
import { optionsOf, type SetFlags } from './set-options.js';

interface Flags extends Pick<SetFlags, 'root' | 'config'> {
  readonly update?: readonly string[];
  readonly report: boolean;
  readonly output?: string;
  readonly history?: string | true;
  readonly file?: string;
  readonly json: boolean;
}

export function defineStatus(command: Command, { world, exit }: Host): void {
  const status = command
    .command('status')
    .description('note how far a workstream is, or report how far each of them is')
    .argument('[path]', 'a folder of bundles, or one bundle file (default: the folder of the repository)')
    .option(
      '--update <words...>',
      `note a status: <workstream> <status> <message>; one of ${STATUSES.join(', ')}`,
    )
    .option('--report', 'print how far each is', false)
    .option('--output <file>', 'write the report into a file')
    .option('--history [workstream]', 'print what was noted, when and by whom')
    .option('--file <file>', `where statuses are noted (default: ${STATUS_FILE} of the repository)`)
    .option('--root <repository>', 'the repository (default: where you stand)')
    .option('--config <file>', 'a configuration file, trusted because you name it');
  addJson(status).action(async (path: string | undefined, flags: Flags) => {
    const { update, report, output, history, json } = flags;
    if (update === undefined && !report && output === undefined && history === undefined && !json) {
      status.outputHelp({ error: true });
      throw new CommanderError(
        2,
        'planwright.nothing',
        'say what is to be done: --report, --update or --history',
      );
    }
    exit(await statusOf(world, path, flags));
  });
}

async function statusOf(world: World, path: string | undefined, flags: Flags): Promise<ExitCode> {
  const prepared = await prepareSet(optionsOf(world, path, { wsId: [], only: [], strict: false, ...flags }));
  const file = flags.file === undefined ? join(prepared.root, STATUS_FILE) : resolve(world.cwd, flags.file);
  const named = prepared.set.bundles.map(({ workstream: { id, tasks } }) => ({ id, name: tasks[0] ?? '' }));
  const book = await readStatusBook(file);
  const ids = [...new Set([...named.map(({ id }) => id as string), ...Object.keys(book.notes)])].sort();
  if (flags.update !== undefined) return update(world, file, flags.update, ids, flags);
  if (flags.history !== undefined) {
    const only = flags.history === true ? null : meant(flags.history, ids);
    return history(world, book, only, flags.json);
  }
  const to = flags.output === undefined ? null : outputFile(world.cwd, prepared.root, flags.output);
  return withLink(world, async (link) => {
    const table = statusTable(named, book, await runVerdicts(link, prepared.root));
    for (const { id, status } of table) {
      if (!isKnownStatus(status)) tellTo(world)(`${id} has a status that is none of ours: ${quote(status)}`);
    }
    const document = {
      generated_at: new Date(world.now()).toISOString(),
      summary: statusCounts(table),
      workstreams: table,
    };
    const paint = paintOf(world);
    if (to !== null) {
      const text = flags.json
        ? `${JSON.stringify(document, null, 2)}\n`
        : `${reportLines(table, world.now(), PLAIN(paint)).join('\n')}\n`;
      await writeShared(to, text);
      tellTo(world)(`the report is in ${relative(world.cwd, to) || to}`);
    }
    if (flags.json) printJson(world, document);
    else print(world, ...reportLines(table, world.now(), paint));
    return 0;
  });
}

async function update(
  world: World,
  file: string,
  [asked = '', status = '', ...words]: readonly string[],
  ids: readonly string[],
  { json }: Flags,
): Promise<ExitCode> {
  const message = words.join(' ').trim();
  if (status === '' || message === '') {
    throw new UsageError('--update needs three words: a workstream, its status and a message', [
      'planwright workstream status --update ws-search completed "merged by hand"',
    ]);
  }
  const id = meant(asked, ids);
  if (!isStatus(status))
    throw new UsageError(`there is no status ${quote(status)}`, [`it is one of: ${STATUSES.join(', ')}`]);
  const note = {
    ...{ id, status, message, run: null },
    timestamp: new Date(world.now()).toISOString(),
    actor: currentActor(),
  };
  await noteStatuses(stateHome(world.env), file, [note]);
  if (json) printJson(world, note);
  else print(world, `${id} is ${status}: ${oneLine(message)}`);
  return 0;
}

export function meant(text: string, ids: readonly string[]): string {
  const found = idMeant(text, ids);
  if ('id' in found) return found.id;
  throw new UsageError(found.problem, ['planwright workstream list    has them']);
}

function history(world: World, { notes }: StatusBook, only: string | null, json: boolean): ExitCode {
  const changes = Object.entries(notes)
    .filter(([id]) => only === null || id === only)
    .flatMap(([id, list]) => list.map((note, at) => ({ id, from: list[at - 1]?.status ?? null, ...note })))
    .sort((a, b) => ((a.timestamp ?? '') < (b.timestamp ?? '') ? -1 : 1));
  if (json) {
    printJson(world, changes);
    return 0;
  }
  const paint = paintOf(world);
  if (changes.length === 0) print(world, 'nothing was noted yet');
  for (const { id, from, status, message, timestamp, actor, run } of changes) {
    const who = run === null ? (actor ?? 'unknown') : `run ${run}`;
    print(
      world,
      `${paint.dim(timeText(timestamp))}  ${id}  ${from ?? 'not_started'} ${paint.marks.arrow} ${status}  ${oneLine(message)}  ${paint.dim(oneLine(who))}`,
    );
  }
  return 0;
}

const timeText = (timestamp: string | null): string => {
  if (timestamp === null || Number.isNaN(Date.parse(timestamp))) return '-'.padEnd(19);
  return localTime(timestamp);
};

const same = (text: string): string => text;
/** A file has no colours. */
const PLAIN = (paint: Paint): Paint => ({
  ...paint,
  ...{ bold: same, dim: same, red: same, green: same, yellow: same, blue: same },
});

function reportLines(table: readonly WorkstreamStatus[], now: number, paint: Paint): string[] {
  const width = Math.max(0, ...table.map(({ id }) => id.length));
  const statusWidth = Math.max(0, ...table.map(({ status }) => status.length));
  return [
    `${paint.bold('Workstreams')} at ${localTime(now)}`,
    '',
    ...table.map((one) => {
      const by = one.source === 'manual' ? 'by hand' : one.source === 'run' ? `run ${one.run ?? ''}` : '';
      const when = one.updated_at === null ? '' : timeText(one.updated_at);
      const says = oneLine(one.message) || oneLine(one.name);
      return `${pad(oneLine(one.id), width)}  ${colourOfStatus(paint, one.status)(pad(oneLine(one.status), statusWidth))}  ${says}${by === '' ? '' : paint.dim(`  ${by}, ${when}`)}`.trimEnd();
    }),
    '',
    Object.entries(statusCounts(table))
      .map(([status, count]) => `${count} ${oneLine(status)}`)
      .join(', '),
  ];
}

function colourOfStatus(paint: Paint, status: string): (text: string) => string {
  switch (status) {
    case 'completed':
      return paint.green;
    case 'in_progress':
      return paint.blue;
    case 'not_started':
      return paint.dim;
    case 'blocked':
    case 'manual':
      return paint.yellow;
    default:
      return paint.red;
  }
}
