/**
 * `planwright workstream setup`: the configuration made or trusted, and what a run stands on looked at.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { setUpSettings } from '../../client/workstreams/settings-file.js';
import { stateHome } from '../../home.js';
import { print, printJson, withLink, type Host } from '../command.js';
import { printProblems } from '../errors.js';
import { findingLines } from '../findings.js';
import { addJson } from '../options.js';
import type { ExitCode, World } from '../world.js';

interface Flags {
  readonly root?: string;
  readonly check: boolean;
  readonly json: boolean;
}

export function defineSetup(command: Command, { world, exit }: Host): void {
  const setup = command
    .command('setup')
    .description('make the configuration file, or trust the one that is there')
    .option('--root <repository>', 'the repository (default: where you stand)')
    .option('--check', 'make and trust nothing: say whether all that a run stands on is there', false);
  addJson(setup).action(async (flags: Flags) => {
    const root = resolve(world.cwd, flags.root ?? '.');
    if (flags.check) return exit(await check(world, root, flags.json));
    const { file, made, warnings } = await setUpSettings(stateHome(world.env), root);
    if (warnings.length > 0) await printProblems(world, warnings);
    if (flags.json) printJson(world, { file, made, trusted: true });
    else print(world, `${made ? 'made' : 'found'} ${file}; it is trusted as it is now`);
    exit(0);
  });
}

async function check(world: World, root: string, json: boolean): Promise<ExitCode> {
  const { checkSetup } = await import('../../client/workstreams/check-setup.js');
  return withLink(world, async (link) => {
    const findings = await checkSetup(stateHome(world.env), root, link);
    const pass = findings.every(({ state }) => state !== 'failure');
    const rows = findings.map(({ what, state, found, remedy }) => ({ what, state, found, remedy }));
    if (json) printJson(world, { pass, checks: rows });
    else print(world, ...findingLines(world, findings));
    return pass ? 0 : 1;
  });
}
