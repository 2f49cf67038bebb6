/**
 * `planwright patch`: what tools wrote, kept in the repository under private refs; and patches from files.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { listPatches, readPatch, restoreTo, type KeptPatch } from '../../client/workstreams/patches.js';
import { examples, paintOf, print, printJson, type Host } from '../command.js';
import { addJson } from '../options.js';
import { defineApply } from '../patch-apply.js';
import { oneLine } from '../text/neutralise.js';
import { localTime, plural } from '../text/time.js';
import { pad } from '../text/width.js';

interface Flags {
  readonly root?: string;
  readonly run?: string;
  readonly json: boolean;
}

const ROOT = ['--root <repository>', 'the repository (default: where you stand)'] as const;

export function define(command: Command, host: Host): void {
  const { world, exit } = host;
  const rootOf = ({ root }: Pick<Flags, 'root'>): string => resolve(world.cwd, root ?? '.');
  const list = command
    .command('list')
    .description('list the patches that are kept, newest first')
    .option(...ROOT)
    .option('--run <run>', 'only those of runs whose id begins like this');
  addJson(list).action(async (flags: Flags) => {
    const patches = await listPatches(rootOf(flags), flags.run ?? null);
    if (flags.json) printJson(world, patches);
    else if (patches.length === 0) print(world, 'no patch is kept in this repository');
    else {
      const paint = paintOf(world);
      const width = Math.max(...patches.map(({ id }) => id.length));
      const row = ({ id, kind, at, subject }: KeptPatch): string =>
        `${pad(id, width)}  ${pad(kind, 8)}  ${paint.dim(localTime(at))}  ${oneLine(subject)}`;
      print(world, ...patches.map(row));
    }
    exit(0);
  });
  const show = command
    .command('show')
    .description('print a patch, as git would apply it')
    .argument('<patch>', 'its id, as "patch list" has it')
    .option(...ROOT);
  addJson(show).action(async (id: string, flags: Flags) => {
    const patch = await readPatch(rootOf(flags), id);
    if (flags.json)
      printJson(world, { id, base: patch.base, commit: patch.commit, bytes: patch.diff.length });
    else world.out.write(patch.diff);
    exit(0);
  });
  const restore = command
    .command('restore')
    .description('write the files of a patch into an empty directory, with what the patch left out')
    .argument('<patch>', 'its id, as "patch list" has it')
    .argument('<directory>', 'is made; must be empty if it is there')
    .option(...ROOT);
  addJson(restore).action(async (id: string, directory: string, flags: Flags) => {
    const to = resolve(world.cwd, directory);
    const { kept, dropped } = await restoreTo(rootOf(flags), id, to);
    if (flags.json) printJson(world, { id, directory: to, left_out: kept.length, dropped });
    else {
      const more = kept.length === 0 ? '' : `, with ${plural(kept.length, 'path')} that the patch leaves out`;
      print(world, `restored to ${to}${more}`);
      for (const { count, reason, paths } of dropped) {
        const some = `${paths
          .slice(0, 3)
          .map((path) => oneLine(path.slice(0, 80)))
          .join(', ')}${count > 3 ? ' …' : ''}`;
        print(world, `  not kept: ${plural(count, 'path')}, ${reason}: ${some}`);
      }
    }
    exit(0);
  });
  defineApply(command, host);
  examples(
    command,
    'planwright patch list',
    'planwright patch show <patch> | git apply --stat',
    'planwright patch restore <patch> ../what-it-wrote --json',
    'planwright patch check patches --validate',
    'planwright patch apply patches/*.patch --archive-dir patches/archive --failed-dir patches/failed',
  );
}
