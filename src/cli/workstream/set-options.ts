/**
 * Which workstreams of which repository a command is about.
 */
import type { Command } from 'commander';
import type { SetOptions } from '../../client/workstreams/prepare-set.js';
import { stateHome } from '../../home.js';
import { addJson, collect, positive } from '../options.js';
import type { World } from '../world.js';

export interface SetFlags {
  readonly root?: string;
  readonly config?: string;
  readonly wsId: readonly string[];
  readonly only: readonly string[];
  readonly strict: boolean;
  readonly maxWorkers?: number;
  readonly json: boolean;
}

/** Adds what says which workstreams are meant. */
export function addSet(command: Command): Command {
  command
    .argument('[path]', 'a folder of bundles, or one bundle file (default: the folder of the repository)')
    .option('--root <repository>', 'the repository (default: where you stand)')
    .option('--config <file>', 'a configuration file, trusted because you name it')
    .option('--ws-id <id>', 'only this workstream (repeatable)', collect, [])
    .option('--only <pattern>', 'only those whose ids match (repeatable)', collect, [])
    .option('--max-workers <n>', 'how many run at once', positive)
    .option('--strict', 'unknown keys and other spellings are errors', false);
  return addJson(command);
}

export const optionsOf = (world: World, path: string | undefined, flags: SetFlags): SetOptions => ({
  home: stateHome(world.env),
  env: world.env,
  cwd: world.cwd,
  only: [...flags.wsId, ...flags.only],
  strict: flags.strict,
  ...(path === undefined ? {} : { path }),
  ...(flags.root === undefined ? {} : { root: flags.root }),
  ...(flags.config === undefined ? {} : { config: flags.config }),
  ...(flags.maxWorkers === undefined ? {} : { maxWorkers: flags.maxWorkers }),
});
