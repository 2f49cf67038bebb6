/**
 * Patches by hand: whether they are in a work tree already, and bringing them there, all of them or none.
 */
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { GitFailure } from '../../tools/git/call.js';
import { operationsInProgress, waysOut } from '../../tools/git/in-progress.js';
import { publishing } from '../../tools/git/published.js';
import { gitIn, type Repository } from '../../tools/git/repository.js';
import { readStatus } from '../../tools/git/status.js';
import { pathsOf, tryPatches, type PatchState, type Tried } from '../../tools/git/try-patches.js';
import { writeTree } from '../../tools/git/write-tree.js';
import { PlanwrightError } from '../errors.js';
import { listPatches, opened, readPatch } from './patches.js';

export interface NamedPatch {
  /** As it was asked for; of one in a folder its path. */
  readonly name: string;
  /** Null: it is kept in the repository. */
  readonly file: string | null;
  readonly text: Buffer;
}

export type CheckedPatch = PatchState & {
  readonly patch: string;
  /** Where its file was moved to; null when it stays. */
  readonly movedTo: string | null;
};

export interface PatchesRequest {
  readonly root: string;
  readonly home: string;
  readonly cwd: string;
  /** Files, folders of `*.patch` and `*.diff`, ids of patches that are kept. */
  readonly names: readonly string[];
}

export interface ApplyRequest extends PatchesRequest {
  readonly dryRun: boolean;
  readonly failedDir: string | null;
  readonly archiveDir: string | null;
  readonly now: number;
}

const refuse = (message: string, ...remedies: string[]): PlanwrightError =>
  new PlanwrightError('bad-request', message, remedies);

/** Says of each patch whether the work tree has it, as its files are now; changes nothing. */
export async function checkPatches(request: PatchesRequest): Promise<CheckedPatch[]> {
  const { repository, patches } = await prepared(request);
  const { states } = await tried(repository, request.home, patches, false);
  return patches.map(({ name }, at) => ({ ...states[at]!, patch: name, movedTo: null }));
}

/**
 * Brings patches into the files and the index of a clean work tree, one on top of the other; commits nothing. When one of
 * them conflicts, none is.
 *
 * @throws PlanwrightError `bad-request`; then nothing has changed
 */
export async function applyPatches(request: ApplyRequest): Promise<CheckedPatch[]> {
  const { dryRun, failedDir, archiveDir, home, now } = request;
  const { repository, patches } = await prepared(request);
  for (const folder of [failedDir, archiveDir]) {
    const found = folder === null ? null : await stat(folder).catch(() => null);
    if (found !== null && !found.isDirectory())
      throw refuse(`"${folder}" is not a directory`, 'name another');
  }
  const { states } = await publishing(home, repository, async () => {
    await mustBeClean(repository);
    const first = await tried(repository, home, patches, false);
    if (first.differing.length > 0)
      throw refuse(
        `files that are not committed lie where the patches write: ${first.differing.join(', ')}`,
        'commit them, or move them away',
      );
    if (dryRun || first.states.some(({ kind }) => kind === 'conflicts')) return first;
    const kept = await tried(repository, home, patches, true);
    await write(repository, kept.tree);
    return kept;
  });
  const failed = states.some(({ kind }) => kind === 'conflicts');
  const checked: CheckedPatch[] = [];
  for (const [at, { name, file }] of patches.entries()) {
    const state = states[at]!;
    const to = state.kind === 'conflicts' ? failedDir : failed ? null : archiveOf(archiveDir, now);
    const movedTo = dryRun || file === null || to === null ? null : await moveInto(file, to);
    checked.push({ ...state, patch: name, movedTo });
  }
  return checked;
}

async function prepared({ root, cwd, names }: PatchesRequest) {
  const repository = await opened(root);
  if (repository.workTree === null)
    throw refuse(`"${root}" has no files: it is a bare repository`, 'name a work tree of it with --root');
  const head = await gitIn(repository, ['rev-parse', '--verify', '--quiet', 'HEAD'], { accept: [0, 1, 128] });
  if (head.exitCode !== 0) throw refuse(`"${root}" has no commit yet`, 'make the first one');
  const patches = (await Promise.all(names.map((name) => named(root, cwd, name)))).flat();
  const wrong: string[] = [];
  for (const { name, text } of patches) {
    const paths = await pathsOf(repository, text);
    if (!Array.isArray(paths)) wrong.push(`"${name}" is not a patch: ${paths.trouble}`);
  }
  if (wrong.length > 0)
    throw refuse(wrong.join('\n'), 'name files that "git diff" or "git format-patch" wrote');
  return { repository, patches };
}

async function named(root: string, cwd: string, name: string): Promise<NamedPatch[]> {
  const path = resolve(cwd, name);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) {
    const inside = (await readdir(path)).filter((file) => /\.(patch|diff)$/.test(file)).sort();
    return Promise.all(inside.map((file) => readFrom(join(name, file), join(path, file))));
  }
  if (found !== null) return [await readFrom(name, path)];
  if (!(await listPatches(root, null)).some(({ id, kind }) => id === name && kind === 'patch'))
    throw refuse(
      `there is no patch "${name}": neither a file nor the id of one that is kept`,
      'planwright patch list    has the ids',
    );
  return [{ name, file: null, text: (await readPatch(root, name)).diff }];
}

async function readFrom(name: string, file: string): Promise<NamedPatch> {
  try {
    return { name, file, text: await readFile(file) };
  } catch (error) {
    throw refuse(`"${name}" cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function tried(
  repository: Repository,
  home: string,
  patches: readonly NamedPatch[],
  keeps: boolean,
): Promise<Tried> {
  const scratch = join(home, 'scratch');
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const texts = patches.map(({ text }) => text);
  return tryPatches(repository, scratch, texts, keeps);
}

async function write(repository: Repository, tree: string): Promise<void> {
  try {
    await writeTree(repository, tree);
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    throw refuse(
      `the patches could not be written, the files are as they were: ${error.message}`,
      'see to what git says, then the same again',
    );
  }
}

async function mustBeClean(repository: Repository): Promise<void> {
  const [operation] = await operationsInProgress(repository);
  if (operation !== undefined) {
    const { finish, giveUp } = waysOut(operation);
    throw refuse(`a ${operation} has begun in "${repository.workTree}"`, finish, giveUp);
  }
  const { changed, unmerged } = await readStatus(repository, 'no');
  const dirty = [...changed, ...unmerged];
  if (dirty.length === 0) return;
  const more = dirty.length > 3 ? ` and ${dirty.length - 3} more` : '';
  throw refuse(
    `"${repository.workTree}" has changes that are not committed: ${dirty.slice(0, 3).join(', ')}${more}`,
    'commit them, or put them aside: git stash',
  );
}

/** One folder a day, by the calendar of whoever asks. */
function archiveOf(folder: string | null, now: number): string | null {
  if (folder === null) return null;
  const date = new Date(now);
  const two = (value: number): string => String(value).padStart(2, '0');
  return join(folder, `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`);
}

/** Moves a file into a folder that is made if need be; one that is there already is never written over. */
async function moveInto(file: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const name = basename(file);
  const dot = name.lastIndexOf('.');
  const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  for (let serial = 1; ; serial += 1) {
    const to = join(folder, serial === 1 ? name : `${stem}-${serial}${end}`);
    if ((await stat(to).catch(() => null)) !== null) continue;
    try {
      await rename(file, to);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error; // another disk
      await copyFile(file, to);
      await rm(file);
    }
    return to;
  }
}
