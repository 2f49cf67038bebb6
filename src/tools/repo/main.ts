/**
 * The command `planwright-repo`: tools that look after a repository, each a step of a shipped plan.
 */
import { writeFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { GitFailure } from '../git/call.js';
import { NoRepository } from '../git/repository.js';
import { commitGate } from './commit-gate.js';
import { restoreDocIds } from './doc-id.js';
import { Refused } from './refused.js';

/** What a tool needs of its process. */
export interface RepoWorld {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
}

/** What a tool came to. The report is printed, and is the step's result file. */
export interface Done {
  readonly exitCode: 0 | 1;
  readonly report: object;
}

interface GateFlags {
  readonly root: string;
  readonly commit: string;
  readonly gate: readonly string[];
  readonly move: string;
  readonly maxSeconds: string;
}

interface DocIdFlags {
  readonly root: string;
  readonly index: string;
  readonly write: boolean;
  readonly under: readonly string[];
}

const each = (value: string, before: readonly string[]): string[] => [...before, value];

/** Reads the arguments, runs the tool they name and returns its exit code. */
export async function main(args: readonly string[], world: RepoWorld): Promise<0 | 1 | 2> {
  let exitCode: 0 | 1 = 0;
  const finish = ({ exitCode: code, report }: Done): void => {
    exitCode = code;
    const text = JSON.stringify(report, null, 2);
    world.print(text);
    const result = world.env['PLANWRIGHT_OUTPUT'];
    if (result) writeFileSync(result, text);
  };
  const program = new Command('planwright-repo')
    .description('Tools that look after a repository. Each prints a report as JSON.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.print(text.trimEnd()),
      writeErr: (text) => world.say(text.trimEnd()),
    })
    .showHelpAfterError('(--help says more)');
  program
    .command('commit_gate')
    .description('runs commands on exactly the tree of a commit, in a work tree of its own')
    .option('--root <directory>', 'the repository', '.')
    .option('--commit <name>', 'a commit or branch', 'HEAD')
    .option(
      '--gate <command>',
      'a shell line, or a JSON list of program and arguments; may be repeated',
      each,
      [],
    )
    .option('--move <branch>', 'moves this branch to the commit when all gates are green', '')
    .option('--max-seconds <count>', 'the most each gate may take', '1800')
    .addHelpText(
      'after',
      '\nExit codes: 0 green, 1 red, 2 wrong use.\n\nExample:\n  planwright-repo commit_gate --commit topic --gate "npm test" --move main',
    )
    .action(async (flags: GateFlags) => finish(await commitGate(flags, world)));
  program
    .command('doc_id')
    .description('finds files that have lost their doc id, and gives it back from an index or from history')
    .option('--root <directory>', 'the repository', '.')
    .option('--index <file>', 'a JSON object of paths and ids; it goes before history', '')
    .option('--under <path>', 'only files below this; may be repeated', each, [])
    .option('--write', 'write the files; without it nothing is written', false)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 an id is claimed twice, 2 wrong use.\n\nExample:\n  planwright-repo doc_id --under docs --write',
    )
    .action(async (flags: DocIdFlags) => finish(await restoreDocIds(flags, world)));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof Refused || error instanceof NoRepository || error instanceof GitFailure))
      throw error;
    world.say(`planwright-repo: ${error.message}`);
    return 2;
  }
}

/** Runs as a program. */
export async function runMain(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2), {
    cwd: process.cwd(),
    env: process.env,
    print: (text) => void process.stdout.write(`${text}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
  });
}
