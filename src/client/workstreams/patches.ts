/**
 * Patches that a repository keeps: found by their private refs alone, whatever became of the run that made them.
 */
import { NotRestored, restorePatch, type Restored } from '../../tools/git/restore-patch.js';
import { gitIn, NoRepository, openRepository, type Repository } from '../../tools/git/repository.js';
import { PlanwrightError } from '../errors.js';

export interface KeptPatch {
  readonly id: string;
  /** `evidence`: of an attempt whose changes no patch could hold, or beside one that leaves something out. */
  readonly kind: 'patch' | 'evidence';
  readonly commit: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly subject: string;
}

const PATCHES = 'refs/planwright/patches/';
const EVIDENCE = 'refs/planwright/evidence/';

/**
 * Returns the patches of a repository, newest first; evidence only where there is no patch of that id.
 *
 * @param run - only those whose id begins with it; null for all
 */
export async function listPatches(root: string, run: string | null): Promise<KeptPatch[]> {
  const repository = await opened(root);
  const answer = await gitIn(repository, [
    'for-each-ref',
    '--format=%(refname)%00%(objectname)%00%(committerdate:unix)%00%(contents:subject)',
    PATCHES,
    EVIDENCE,
  ]);
  const all = answer.stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): KeptPatch => {
      const [ref = '', commit = '', at = '0', subject = ''] = line.split('\0');
      const kind = ref.startsWith(PATCHES) ? 'patch' : 'evidence';
      const id = ref.slice((kind === 'patch' ? PATCHES : EVIDENCE).length);
      return { id, kind, commit, at: Number(at) * 1000, subject };
    });
  const patched = new Set(all.flatMap(({ id, kind }) => (kind === 'patch' ? [id] : [])));
  return all
    .filter(({ id, kind }) => (kind === 'patch' || !patched.has(id)) && (run === null || id.startsWith(run)))
    .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
}

/**
 * Returns a patch as text that git applies, with the commit it was made on.
 *
 * @throws PlanwrightError `bad-request` when there is none of that id
 */
export async function readPatch(
  root: string,
  id: string,
): Promise<{ readonly base: string; readonly commit: string; readonly diff: Buffer }> {
  const repository = await opened(root);
  const kept = (await listPatches(root, null)).find((patch) => patch.id === id && patch.kind === 'patch');
  if (kept === undefined) throw noSuchPatch(id);
  const base = `${kept.commit}^1`;
  const flags = ['--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color', '--no-renames'];
  const diff = await gitIn(repository, ['diff-tree', '-p', ...flags, '--end-of-options', base, kept.commit]);
  const parent = await gitIn(repository, ['rev-parse', '--verify', '--end-of-options', base]);
  return { base: parent.stdout.toString('utf8').trim(), commit: kept.commit, diff: diff.stdout };
}

/**
 * Writes what a tool wrote into a directory.
 *
 * @throws PlanwrightError `bad-request` when there is no such patch, or the directory is not empty
 */
export async function restoreTo(root: string, id: string, directory: string): Promise<Restored> {
  try {
    return await restorePatch(await opened(root), id, directory);
  } catch (error) {
    if (!(error instanceof NotRestored)) throw error;
    throw error.reason === 'no-such-patch'
      ? noSuchPatch(id)
      : new PlanwrightError('bad-request', error.message);
  }
}

const noSuchPatch = (id: string): PlanwrightError =>
  new PlanwrightError('bad-request', `there is no patch "${id}" in this repository`, [
    'planwright patch list    has them',
  ]);

/** @throws PlanwrightError `bad-request` when there is no repository */
export async function opened(root: string): Promise<Repository> {
  try {
    return await openRepository(root);
  } catch (error) {
    if (!(error instanceof NoRepository)) throw error;
    throw new PlanwrightError('bad-request', error.message, [error.hint]);
  }
}
