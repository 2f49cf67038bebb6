/**
 * The command that makes the demonstration repository.
 */
import { Command, CommanderError, Option } from 'commander';
import { shownText } from '../git/call.js';
import { DemoRefused, makeDemo } from './demo.js';
import type { DemoConflicts } from './history.js';
import { isProgram } from '../program.js';

export interface DemoWorld {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
}

interface DemoFlags {
  readonly conflicts: DemoConflicts;
  readonly gate: boolean;
  readonly replace: boolean;
  readonly json: boolean;
}

/** Reads the arguments, makes the demonstration and returns the exit code. */
export async function main(args: readonly string[], world: DemoWorld): Promise<0 | 1 | 2> {
  const program = new Command('planwright-demo')
    .description('Makes a small repository with two clones to try a safe merge on.')
    .argument('<directory>', 'a new or empty directory')
    .addOption(
      new Option('--conflicts <kind>', 'files that both sides change: none, safe (time decides), all')
        .choices(['none', 'safe', 'all'])
        .default('none'),
    )
    .option('--gate', 'add a check to be run as a gate', false)
    .option('--replace', 'make an earlier demonstration anew', false)
    .option('--json', 'print what was made as JSON', false)
    .addHelpText('after', '\nExample:\n  node dist/tools/demo/main.js ../demo --conflicts safe')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.print(text.trimEnd()),
      writeErr: (text) => world.say(text.trimEnd()),
    });
  try {
    program.parse([...args], { from: 'user' });
    const { json, ...flags } = program.opts<DemoFlags>();
    const demo = await makeDemo({ directory: program.args[0] ?? '', ...flags });
    world.print(json ? JSON.stringify(demo) : `made ${demo.sentence}`);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    world.say(shownText((error as Error).message));
    return error instanceof DemoRefused ? 2 : 1;
  }
}

if (isProgram(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2), {
    print: (text) => void process.stdout.write(`${text}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
  });
}
