/**
 * What patches would do to a work tree: tried on an index of our own, so that nothing of the repository changes.
 */
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitAnswer, GitCall } from './call.js';
import { onDisk, parents } from './checkout-files.js';
import { bytesFromPath, fields, pathFromBytes, shownPath } from './path-bytes.js';
import { gitIn, line, type Repository } from './repository.js';

export type PatchState =
  /** All that it does is there already. */
  | { readonly kind: 'applied' }
  | { readonly kind: 'applies' }
  /** What git says: the paths in conflict, or why it cannot begin. */
  | { readonly kind: 'conflicts'; readonly details: readonly string[] };

export interface Tried {
  /** In the order of the patches. */
  readonly states: readonly PatchState[];
  /** The files with every patch that applies. */
  readonly tree: string;
  /** Files on the disk, at paths of the patches, that are not as they are in HEAD. */
  readonly differing: readonly string[];
}

/** Returns the paths a patch names, before and after; or, of text that is no patch, what git says of it. */
export async function pathsOf(
  repository: Repository,
  patch: Buffer,
): Promise<string[] | { trouble: string }> {
  const paths = new Set<string>();
  // A rename is told by its new name alone: backwards that is the old one.
  for (const direction of [[], ['--reverse']]) {
    const args = ['apply', '--numstat', '-z', ...direction];
    const answer = await gitIn(repository, args, { input: patch, accept: [0, 1, 128] });
    if (answer.exitCode !== 0) return { trouble: saidBy(answer)[0] ?? 'git cannot read it' };
    for (const field of fields(answer.stdout)) {
      const name = field.subarray(field.indexOf(0x09, field.indexOf(0x09) + 1) + 1);
      const path = pathFromBytes(name);
      if (path.startsWith('/') || path.split('/').some((part) => /^(\.\.|\.git)$/i.test(part)))
        return { trouble: `invalid path "${shownPath(path)}": it is not one of the work tree's files` };
      paths.add(path);
    }
  }
  return [...paths];
}

/**
 * Tries patches one on top of the other on the files as they lie there.
 *
 * @param scratch - an existing directory of our own
 * @param keeps - whether what comes of it is written to the repository's objects, so that `tree` can be used
 */
export async function tryPatches(
  repository: Repository,
  scratch: string,
  patches: readonly Buffer[],
  keeps: boolean,
): Promise<Tried> {
  const own = await mkdtemp(join(scratch, 'patches-'));
  try {
    const objects = join(repository.commonDir, 'objects');
    await mkdir(join(own, 'objects'));
    const places = keeps
      ? {}
      : { GIT_OBJECT_DIRECTORY: join(own, 'objects'), GIT_ALTERNATE_OBJECT_DIRECTORIES: objects };
    return await trial(repository, own, patches, places);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

type Run = (index: string, args: readonly string[], options?: Partial<GitCall>) => Promise<GitAnswer>;

async function trial(
  repository: Repository,
  own: string,
  patches: readonly Buffer[],
  places: Readonly<Record<string, string>>,
): Promise<Tried> {
  const run: Run = (index, args, options = {}) =>
    gitIn(repository, args, { ...options, env: { ...places, GIT_INDEX_FILE: join(own, index) } });
  await run('files', ['read-tree', 'HEAD']);
  await takeIn(repository, run, patches);
  const differing = await run('files', ['diff-index', '--cached', '--name-only', '-z', 'HEAD']);
  const applied = await appliedAmong(own, run, patches);
  const states: PatchState[] = [];
  let tree = line(await run('files', ['write-tree']));
  for (const [at, patch] of patches.entries()) {
    if (applied.has(at)) {
      states.push({ kind: 'applied' });
      continue;
    }
    // With a conflict git leaves it in the index: only a copy may be lost to it.
    await copyFile(join(own, 'files'), join(own, 'next'));
    const answer = await run('next', ['apply', '--cached', '--3way', QUIET], {
      input: patch,
      accept: [0, 1, 128],
    });
    if (answer.exitCode !== 0) {
      const unmerged = [
        ...fields((await run('next', ['diff', '--name-only', '--diff-filter=U', '-z'])).stdout),
      ];
      const paths = unmerged.map((path) => shownPath(pathFromBytes(path)));
      states.push({ kind: 'conflicts', details: paths.length > 0 ? [...new Set(paths)] : saidBy(answer) });
      continue;
    }
    await rename(join(own, 'next'), join(own, 'files'));
    const after = line(await run('files', ['write-tree']));
    // Its changes came another way, beside others that no reverse of it can see past.
    states.push({ kind: after === tree ? 'applied' : 'applies' });
    tree = after;
  }
  return { states, tree, differing: [...fields(differing.stdout)].map(pathFromBytes) };
}

const QUIET = '--whitespace=nowarn';

/** Takes the files at the paths of the patches into our index as they lie on the disk; no other path matters. */
async function takeIn(repository: Repository, run: Run, patches: readonly Buffer[]): Promise<void> {
  const top = repository.workTree!;
  const wanted = new Set<string>();
  for (const patch of patches) {
    const paths = await pathsOf(repository, patch);
    for (const path of Array.isArray(paths) ? paths : []) {
      const kinds = await Promise.all(parents(path).map((parent) => onDisk(top, parent)));
      const cut = kinds.findIndex((kind) => kind === 'file' || kind === 'link');
      if (cut >= 0) wanted.add(parents(path)[cut]!);
      else if (['file', 'link', 'nothing'].includes(await onDisk(top, path))) wanted.add(path);
    }
  }
  const input = Buffer.concat([...wanted].flatMap((path) => [bytesFromPath(path), Buffer.from([0])]));
  await run('files', ['update-index', '--add', '--remove', '--replace', '-z', '--stdin'], { input });
}

/**
 * Says which are in the files already. The last is taken away first: what a later one wrote over an earlier one hides that
 * one from a reverse of its own.
 */
async function appliedAmong(own: string, run: Run, patches: readonly Buffer[]): Promise<ReadonlySet<number>> {
  await copyFile(join(own, 'files'), join(own, 'back'));
  const applied = new Set<number>();
  for (const at of [...patches.keys()].reverse()) {
    const patch = patches[at]!;
    const isIn = (await apply(run, 'back', patch, ['--reverse'])) || (await isInByMerge(own, run, patch));
    if (isIn) applied.add(at);
  }
  return applied;
}

/**
 * Says whether a patch is in among lines that changed since, and takes it away if so. It is when a three-way reverse takes
 * something away and the patch brings exactly that back: of half a patch it would bring more.
 */
async function isInByMerge(own: string, run: Run, patch: Buffer): Promise<boolean> {
  const [back, without, trial] = [join(own, 'back'), join(own, 'without'), join(own, 'trial')];
  const whole = line(await run('back', ['write-tree']));
  // Whether it applies or not: on the way git writes what the patch makes of its base, and the reverse begins there.
  await copyFile(back, trial);
  await apply(run, 'trial', patch, ['--3way']);
  await copyFile(back, without);
  if (!(await apply(run, 'without', patch, ['--3way', '--reverse']))) return false;
  await copyFile(without, trial);
  if (!(await apply(run, 'trial', patch, ['--3way']))) return false;
  if (line(await run('without', ['write-tree'])) === whole) return false;
  if (line(await run('trial', ['write-tree'])) !== whole) return false;
  await rename(without, back);
  return true;
}

async function apply(run: Run, index: string, patch: Buffer, how: readonly string[]): Promise<boolean> {
  const args = ['apply', '--cached', QUIET, ...how];
  return (await run(index, args, { input: patch, accept: [0, 1, 128] })).exitCode === 0;
}

const saidBy = ({ stderr }: GitAnswer): string[] =>
  stderr
    .split('\n')
    .filter((text) => text.startsWith('error: '))
    .map((text) => text.slice('error: '.length));
