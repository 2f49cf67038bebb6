/**
 * `planwright patch check` and `patch apply`: patches from files, or of those that are kept, and the files of a work tree.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { applyPatches, checkPatches, type CheckedPatch } from '../client/workstreams/patch-files.js';
import { stateHome } from '../home.js';
import { paintOf, print, printJson, type Host } from './command.js';
import { addJson } from './options.js';
import { oneLine } from './text/neutralise.js';
import { plural } from './text/time.js';
import { pad, widthOf } from './text/width.js';
import type { World } from './world.js';

interface Flags {
  readonly root?: string;
  readonly json: boolean;
}
interface ApplyFlags extends Flags {
  readonly dryRun: boolean;
  readonly failedDir?: string;
  readonly archiveDir?: string;
}

const WHICH = ['<patch...>', 'patch files, folders of them, ids as "patch list" has them'] as const;
const ROOT = ['--root <repository>', 'the repository (default: where you stand)'] as const;

export function defineApply(command: Command, { world, exit }: Host): void {
  const placesOf = ({ root }: Flags) => ({
    root: resolve(world.cwd, root ?? '.'),
    home: stateHome(world.env),
    cwd: world.cwd,
  });
  const check = command
    .command('check')
    .description('say whether patches are applied already, and whether they could be; change nothing')
    .argument(...WHICH)
    .option('--validate', 'exit code 1 while one of them is not applied', false)
    .option(...ROOT);
  addJson(check).action(async (names: string[], flags: Flags & { readonly validate: boolean }) => {
    const patches = await checkPatches({ ...placesOf(flags), names });
    if (flags.json) printJson(world, { ...countsOf(patches), patches: patches.map(rowOf) });
    else print(world, ...linesOf(world, patches), summaryOf(patches));
    exit(flags.validate && patches.some(({ kind }) => kind !== 'applied') ? 1 : 0);
  });
  const apply = command
    .command('apply')
    .description('bring patches into a clean work tree: all of them, or none when one conflicts')
    .argument(...WHICH)
    .option('--dry-run', 'say what would happen, change nothing', false)
    .option('--failed-dir <folder>', 'move the files of patches that conflict there')
    .option('--archive-dir <folder>', 'move the files of applied patches there, into a folder for the day')
    .option(...ROOT);
  addJson(apply).action(async (names: string[], flags: ApplyFlags) => {
    const { dryRun, failedDir, archiveDir } = flags;
    const folder = (name: string | undefined): string | null =>
      name === undefined ? null : resolve(world.cwd, name);
    const patches = await applyPatches({
      ...placesOf(flags),
      ...{ names, dryRun, failedDir: folder(failedDir), archiveDir: folder(archiveDir), now: world.now() },
    });
    const failed = patches.some(({ kind }) => kind === 'conflicts');
    const changed = !failed && !dryRun && patches.some(({ kind }) => kind === 'applies');
    if (flags.json) printJson(world, { changed, ...countsOf(patches), patches: patches.map(rowOf) });
    else {
      const fresh = patches.filter(({ kind }) => kind === 'applies').length;
      const end = failed
        ? 'nothing was applied: the files are as they were'
        : fresh === 0
          ? 'nothing to apply'
          : dryRun
            ? `would apply ${plural(fresh, 'patch', 'patches')}`
            : `applied ${plural(fresh, 'patch', 'patches')} to the files and the index; nothing is committed`;
      print(world, ...linesOf(world, patches, changed), end);
    }
    exit(failed ? 1 : 0);
  });
}

const countsOf = (patches: readonly CheckedPatch[]) => {
  const of = (kind: CheckedPatch['kind']): number => patches.filter((patch) => patch.kind === kind).length;
  return { applied: of('applied'), applies: of('applies'), conflicts: of('conflicts') };
};

const rowOf = (checked: CheckedPatch) => ({
  patch: checked.patch,
  state: checked.kind,
  conflicts: checked.kind === 'conflicts' ? checked.details : [],
  moved_to: checked.movedTo,
});

function summaryOf(patches: readonly CheckedPatch[]): string {
  const { applied, applies, conflicts } = countsOf(patches);
  const pending = applies + conflicts;
  if (pending === 0) return patches.length === 0 ? 'there is no patch' : `all applied: ${applied}`;
  return `${plural(pending, 'patch', 'patches')} pending, ${applied} applied`;
}

function linesOf(world: World, patches: readonly CheckedPatch[], areNew = false): string[] {
  const paint = paintOf(world);
  const width = Math.max(0, ...patches.map(({ patch }) => widthOf(oneLine(patch))));
  return patches.flatMap((checked) => {
    const { kind, patch, movedTo } = checked;
    const [mark, says] = {
      applied: [paint.green(paint.marks.succeeded), areNew ? 'was applied already' : 'applied'],
      applies: areNew ? [paint.green(paint.marks.succeeded), 'applied'] : [paint.yellow('+'), 'applies'],
      conflicts: [paint.red(paint.marks.failed), 'conflicts'],
    }[kind];
    const details = kind === 'conflicts' ? checked.details : [];
    return [
      `${mark} ${pad(oneLine(patch), width)}  ${says}${movedTo === null ? '' : paint.dim(`  moved to ${oneLine(movedTo)}`)}`,
      ...details.map((detail) => `    ${oneLine(detail)}`),
    ];
  });
}
