/**
 * The command `planwright-merge`: one tool of the safe merge, by name.
 */
import { Command, CommanderError } from 'commander';
import { type CommonOptions, type ExitCode, runTool, type World } from './run-tool.js';
import type { OptionValues, Tool } from './tool.js';
import { mustEnd, tellToEnd } from '../git/ending.js';

/** Tools by name, each loaded when it is called. */
export type Tools = Readonly<Record<string, () => Promise<Tool>>>;

/**
 * Reads the arguments, runs the tool they name and returns its exit code.
 *
 * @param args - without the program's name
 * @param tools - those that are known; one alone where it is clear which is called
 */
export async function main(args: readonly string[], tools: Tools, world: World): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = new Command('planwright-merge')
    .description('The tools of the safe merge, each on its own. Run in this order by plans/safe_merge.json.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.print(text.trimEnd()),
      writeErr: (text) => world.say(text.trimEnd()),
    })
    .showHelpAfterError('(--help says more)')
    .addHelpText('after', '\nExample:\n  planwright-merge env_scan --branch main\n\nSee docs/safe-merge.md.');
  for (const tool of await named(args, tools)) {
    addTool(program, tool, async (common, own) => {
      exitCode = await runTool(tool, common, own, world);
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // commander has said what is wrong; without a tool it has shown the help
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

/** The tool that is called; all of them when it is none, for the help and for "did you mean". */
async function named(args: readonly string[], tools: Tools): Promise<readonly Tool[]> {
  const load = Object.entries(tools).find(([name]) => name === args[0])?.[1];
  return load === undefined ? Promise.all(Object.values(tools).map((each) => each())) : [await load()];
}

function addTool(
  program: Command,
  tool: Tool,
  run: (common: CommonOptions, own: OptionValues) => Promise<void>,
): void {
  const command = program
    .command(tool.argument === undefined ? tool.name : `${tool.name} ${tool.argument}`)
    .summary(tool.summary)
    .description(`${tool.summary}\n\n${tool.help}`);
  for (const { flags, description, default: value } of tool.options)
    command.option(flags, description, value);
  command
    .option('--root <directory>', 'the repository', '.')
    .option('--branch <name>', 'what is merged into; default: the branch that is checked out', '')
    .option(
      '--source <name>',
      'what is merged: <remote>/<branch>, or a local branch; default: <remote>/<branch> of --branch',
      '',
    )
    .option('--remote <name>', 'where it is published; default: origin', '')
    .option('--run <id>', 'the run this belongs to; default: PLANWRIGHT_RUN_ID, else one for each branch', '')
    .option('--output <file>', 'write the report there, too', '')
    .option('--json', 'print the report', false)
    .option('--dry-run', 'say what would be done; change nothing but reports and refs of our own', false)
    .addHelpText(
      'after',
      `\nExample:\n  planwright-merge ${tool.example ?? `${tool.name} --branch main --output report.json`}`,
    )
    .action(async (...given: unknown[]) => {
      const [named] = given;
      const {
        root,
        branch,
        source,
        remote,
        run: id,
        output,
        json,
        dryRun,
        ...own
      } = command.opts<CommonOptions & OptionValues>();
      await run(
        { root, branch, source, remote, run: typeof named === 'string' ? named : id, output, json, dryRun },
        own,
      );
    });
}

/** After a signal: what must not stop half-way has this long to be done … */
const GRACE_MS = 1500;
/** … and its report is written by then, or not. */
const END_MS = 2000;

/** Runs as a program: `scripts/bundle-merge.mjs` makes one of each tool. */
export async function runMain(tools: Tools): Promise<void> {
  let toldBy: NodeJS.Signals | null = null;
  const outOfTime = new Promise<never>((_, reject) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (toldBy !== null) return;
        toldBy = signal;
        setTimeout(() => reject(new Error('out of time')), GRACE_MS);
        setTimeout(() => process.exit(1), END_MS);
        tellToEnd();
      });
    }
  });
  outOfTime.catch(() => undefined); // when nobody waits for it any more
  // `| head` closes the pipe when it has seen enough: the rest is wanted by nobody.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const exitCode = await main(process.argv.slice(2), tools, {
    cwd: process.cwd(),
    env: process.env,
    now: () => Date.now(),
    print: (text) => void process.stdout.write(`${text}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
    outOfTime,
    toldBy: () => toldBy,
  });
  process.exitCode = exitCode;
  if (mustEnd()) process.exit(exitCode); // whatever is still going on
}
