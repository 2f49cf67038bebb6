/**
 * What every command shares: how it is declared, how it says what it has to say.
 */
import type { Command } from 'commander';
import { openLink, type LinkOptions } from '../client/open-link.js';
import type { Link } from '../client/link.js';
import { paintFor } from './paint.js';
import { neutralise } from './text/neutralise.js';
import type { ExitCode, World } from './world.js';

/** What a command's module is given to declare itself with. */
export interface Host {
  readonly world: World;
  /** Takes the exit code of the command that was chosen. */
  readonly exit: (code: ExitCode) => void;
}

/** A command's module: arguments, options, help and what it does. */
export interface CommandModule {
  readonly define: (command: Command, host: Host) => void;
}

const withExamples = new WeakSet<Command>();

/** Adds examples below a command's help. Those of a group stand below the commands that they show, too. */
export function examples(command: Command, ...lines: readonly string[]): void {
  for (const one of command.commands) {
    const own = lines.filter((line) => `${line} `.includes(`planwright ${command.name()} ${one.name()} `));
    if (own.length > 0 && !withExamples.has(one)) examples(one, ...own);
  }
  withExamples.add(command);
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

/** Says something beside the result. */
export const tellTo =
  ({ err }: Pick<World, 'err'>) =>
  (line: string): void =>
    err.write(`planwright: ${neutralise(line)}\n`);

/** Opens the way to the server for as long as `work` takes. */
export async function withLink(
  world: World,
  work: (link: Link) => Promise<ExitCode>,
  options: LinkOptions = {},
): Promise<ExitCode> {
  const link = openLink({ env: world.env, tell: tellTo(world), ...options });
  try {
    return await work(link);
  } finally {
    await link.close();
  }
}

/** Writes a result for people, line by line. */
export const print = ({ out }: Pick<World, 'out'>, ...lines: readonly string[]): void =>
  out.write(lines.map((line) => `${line}\n`).join(''));

/** Writes a result for programs: one document. */
export const printJson = ({ out }: Pick<World, 'out'>, value: unknown): void =>
  out.write(`${JSON.stringify(value, null, 2)}\n`);

/** Writes one line of a result for programs that read along. */
export const printJsonLine = ({ out }: Pick<World, 'out'>, value: unknown): void =>
  out.write(`${JSON.stringify(value)}\n`);

/** The colours and marks of results. */
export const paintOf = (world: World): ReturnType<typeof paintFor> => paintFor(world.env, world.out);
