/**
 * The command line: finds the command, runs it, returns its exit code. Only here and in `real-world.ts` is the process
 * itself touched.
 */
import { Command, CommanderError } from 'commander';
import { commands } from './commands.js';
import { realWorld } from './real-world.js';
import type { ExitCode, World } from './world.js';

/** Runs `planwright …` and returns its exit code. */
export async function main(argv: readonly string[], world: World = realWorld()): Promise<ExitCode> {
  const asJson = argv.includes('--json');
  try {
    return await run(argv, world);
  } catch (error) {
    if (error instanceof CommanderError) return fromCommander(error, argv, world, asJson);
    const { reportError } = await import('./errors.js');
    return reportError(world, error, asJson);
  }
}

async function run(argv: readonly string[], world: World): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = newProgram(world);
  // Only the module of the command that is asked for is loaded: each loads what it needs.
  const wanted = argv[0] === 'help' ? argv[1] : argv.find((argument) => !argument.startsWith('-'));
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary);
    if (name === wanted) {
      const { define } = await load();
      define(command, { world, exit: (chosen) => (code = chosen) });
      const word = argv[argv.indexOf(name) + 1];
      if (isNoCommandOf(command, word)) throw await unknownWordOf(command, word);
    }
  }
  if (wanted !== undefined && wanted !== 'help' && !commands.some(({ name }) => name === wanted)) {
    throw await unknownCommand(wanted, argv);
  }
  await program.parseAsync(argv, { from: 'user' });
  return code;
}

/** A group that also does something by itself would take any word for an argument too many. */
function isNoCommandOf(group: Command, word: string | undefined): word is string {
  if (word === undefined || word.startsWith('-') || word === 'help') return false;
  return group.commands.length > 0 && group.commands.every((command) => command.name() !== word);
}

async function unknownWordOf(group: Command, word: string): Promise<Error> {
  const [{ UsageError }, { nearest }] = await Promise.all([
    import('./errors.js'),
    import('../plan/nearest.js'),
  ]);
  const names = group.commands.map((command) => command.name());
  const meant = nearest(word, names);
  const guess = meant === null ? '' : `; did you mean "${group.name()} ${meant}"?`;
  return new UsageError(`there is no command "${group.name()} ${word}"${guess}`, [
    `there are: ${names.join(', ')}`,
    `planwright ${group.name()} --help    says what they do`,
  ]);
}

async function unknownCommand(wanted: string, argv: readonly string[]): Promise<Error> {
  const [{ UsageError }, { nearest }, { MERGE_PROGRAM, newNameOf }] = await Promise.all([
    import('./errors.js'),
    import('../plan/nearest.js'),
    import('./old-names.js'),
  ]);
  const now = newNameOf(wanted, argv);
  if (now !== null) {
    return new UsageError(`there is no command "${wanted}"; did you mean "${now}"?`, [
      `${now.startsWith(MERGE_PROGRAM) ? '' : 'planwright '}${now} --help    says what can be said there`,
      'docs/migrating.md has every old command, flag and file, and what it is now',
    ]);
  }
  const meant = nearest(
    wanted,
    commands.map(({ name }) => name),
  );
  const guess = meant === null ? '' : `; did you mean "${meant}"?`;
  return new UsageError(`there is no command "${wanted}"${guess}`, [
    'planwright --help    lists the commands',
  ]);
}

function newProgram(world: World): Command {
  const program = new Command('planwright');
  program
    .description('Runs plans - graphs of steps that change a code base - durably on Temporal.')
    .showHelpAfterError('(--help shows what can be said here)')
    .configureOutput({
      writeOut: (text) => world.out.write(text),
      writeErr: (text) => world.err.write(text),
      getOutHelpWidth: () => world.out.size().columns,
      getErrHelpWidth: () => world.err.size().columns,
      outputError: (text, write) => write(text.replace(/^error: /, 'planwright: ')),
    })
    .configureHelp({
      // A flag that is off, a list that is empty: that goes without saying.
      optionDescription: ({ description, defaultValue }) =>
        typeof defaultValue === 'number' || (typeof defaultValue === 'string' && defaultValue !== '')
          ? `${description} (default: ${defaultValue})`
          : description,
    })
    .exitOverride()
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      throw new CommanderError(0, 'planwright.version', '');
    })
    .addHelpText('after', HELP)
    .action(() => {
      program.outputHelp({ error: true }); // nothing was asked for: that is no success
      throw new CommanderError(2, 'planwright.nothing', '');
    });
  return program;
}

const HELP = `
A run is named by its id, by a unique beginning or ending of it, or by "last".

Examples:
  $ planwright start plans/test_simple.json
  $ planwright show last

Exit codes: 0 done, 1 the work failed or was canceled, 2 wrong use or input.`;

async function fromCommander(
  error: CommanderError,
  argv: readonly string[],
  world: World,
  asJson: boolean,
): Promise<ExitCode> {
  if (error.code === 'planwright.version') {
    const { packageVersion } = await import('../package.js');
    world.out.write(`${packageVersion()}\n`);
    return 0;
  }
  if (error.exitCode === 0) return 0;
  const message = error.message.replace(/^error: /, '');
  const flag = /^unknown option '(--[a-z-]+)/.exec(message)?.[1];
  const instead = flag === undefined ? null : (await import('./old-names.js')).insteadOfFlag(flag, argv);
  const remedies = instead === null ? {} : { remedies: [instead] };
  if (asJson) world.out.write(`${JSON.stringify({ type: 'error', code: 'usage', message, ...remedies })}\n`);
  if (instead !== null) world.err.write(`  ${instead}\n`);
  return 2;
}
