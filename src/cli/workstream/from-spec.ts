/**
 * `planwright workstream from-spec`: a bundle made of a change that is described in Markdown.
 */
import { relative } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import {
  changesRoot,
  draftBundle,
  listChanges,
  writeBundle,
  type DraftedBundle,
} from '../../client/workstreams/spec-changes.js';
import { paintOf, print, printJson, type Host } from '../command.js';
import { UsageError } from '../errors.js';
import { addJson } from '../options.js';
import { outputFile } from '../output-file.js';
import { oneLine } from '../text/neutralise.js';
import { plural } from '../text/time.js';
import { pad } from '../text/width.js';
import type { ExitCode, World } from '../world.js';

interface Flags {
  readonly root?: string;
  readonly changeId?: string;
  readonly output?: string;
  readonly wsId?: string;
  readonly tool: string;
  readonly list: boolean;
  readonly interactive: boolean;
  readonly nonInteractive: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

export function defineFromSpec(command: Command, { world, exit }: Host): void {
  const fromSpec = command
    .command('from-spec')
    .description('make a bundle of a change in openspec/changes')
    .option('--change-id <id>', 'the change: the name of its folder')
    .option('--list', 'list the changes', false)
    .option('-i, --interactive', 'choose the change, look at the bundle, say yes', false)
    .option('--non-interactive', 'never ask (also when --interactive is given by habit)', false)
    .option('--output <file>', 'where to write it (default: <id>.json in the folder of workstreams)')
    .option('--ws-id <id>', 'its id, instead of one made from the title')
    .option('--tool <id>', 'the tool that is to do it', toolName, 'aider')
    .option('--dry-run', 'print it, write nothing', false)
    .option('--force', 'overwrite what is there', false)
    .option('--root <repository>', 'the repository (default: the one you stand in)');
  addJson(fromSpec).action(async (flags: Flags) => exit(await fromSpecTo(world, flags)));
}

/** A tool of the configuration or a program: one word, which no shell would read as more than that. */
function toolName(text: string): string {
  if (!/^[\w./][\w./+@-]{0,99}$/.test(text)) {
    throw new InvalidArgumentError(
      'It must be the name of a tool: letters, digits, "_", ".", "/", "+", "@" and "-".',
    );
  }
  return text;
}

async function fromSpecTo(world: World, flags: Flags): Promise<ExitCode> {
  const root = changesRoot(world.cwd, flags.root);
  if (flags.list) return list(world, root, flags.json);
  const asks = flags.interactive && !flags.nonInteractive;
  if (asks && !world.canAsk) {
    throw new UsageError('--interactive needs a terminal: nobody is there to answer', [
      'planwright workstream from-spec --change-id <id>',
    ]);
  }
  const changeId = flags.changeId ?? (asks ? await choose(world, root) : null);
  if (changeId === null) {
    const ids = (await listChanges(root)).map(({ id }) => id);
    throw new UsageError('which change? nothing was chosen', [
      'planwright workstream from-spec --change-id <id>',
      ids.length === 0 ? `there is none in ${root}` : `there are: ${ids.slice(0, 10).join(', ')}`,
    ]);
  }
  const drafted = await draftBundle({
    ...{ root, env: world.env, cwd: world.cwd, changeId, tool: flags.tool },
    wsId: flags.wsId ?? null,
    output: flags.output === undefined ? null : outputFile(world.cwd, root, flags.output),
  });
  const shown = relative(world.cwd, drafted.file) || drafted.file;
  if (asks) {
    world.err.write(drafted.text);
    world.err.write(guessLines(world, drafted).join('\n'));
    const answer = await world.ask(`\nWrite ${shown}? [y/N] `);
    if (answer === null || !/^y(es)?$/i.test(answer.trim())) {
      world.err.write('planwright: nothing was written\n');
      return 1;
    }
  }
  if (!flags.dryRun) await writeBundle(drafted, flags.force);
  report(world, drafted, shown, flags);
  return 0;
}

async function list(world: World, root: string, json: boolean): Promise<ExitCode> {
  const changes = await listChanges(root);
  const width = Math.max(0, ...changes.map(({ id }) => id.length));
  if (json) printJson(world, changes);
  else if (changes.length === 0)
    print(world, `there is no change in ${root}: openspec/changes is not there or empty`);
  else print(world, ...changes.map(({ id, title }) => `${pad(id, width)}  ${oneLine(title)}`));
  return changes.length === 0 ? 1 : 0;
}

async function choose(world: World, root: string): Promise<string | null> {
  const changes = await listChanges(root);
  if (changes.length === 0) return null;
  changes.forEach(({ id, title }, at) => world.err.write(`${at + 1}  ${id}  ${oneLine(title)}\n`));
  const answer = (await world.ask('Which change? Its number or id: '))?.trim() ?? '';
  if (answer === '') return null;
  return changes.find(({ id }) => id === answer)?.id ?? changes[Number(answer) - 1]?.id ?? answer;
}

function report(world: World, drafted: DraftedBundle, shown: string, flags: Flags): void {
  const { bundle, guesses } = drafted;
  if (flags.json) {
    printJson(world, { file: drafted.file, written: !flags.dryRun, bundle, guesses });
    return;
  }
  if (flags.dryRun) {
    world.out.write(drafted.text);
    world.err.write(`${guessLines(world, drafted).join('\n')}\n`);
    return;
  }
  const paint = paintOf(world);
  const tasks = plural((bundle['tasks'] as readonly string[]).length, 'task');
  print(
    world,
    `${paint.green(paint.marks.succeeded)} ${bundle.id}: ${tasks}, written to ${oneLine(shown)}`,
    ...(flags.interactive && !flags.nonInteractive ? [] : guessLines(world, drafted)),
  );
}

function guessLines(world: World, { guesses }: DraftedBundle): string[] {
  const paint = paintOf(world);
  if (guesses.length === 0) return [];
  const width = Math.max(...guesses.map(({ field }) => field.length));
  return [
    'to look at, because the change does not say it:',
    ...guesses.map(
      ({ field, value, why }) => `  ${pad(field, width)}  ${oneLine(value)}  ${paint.dim(oneLine(why))}`,
    ),
  ];
}
