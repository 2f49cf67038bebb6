/**
 * Taking stray repositories in: their files into the index, their history to safety. Nothing is deleted.
 */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GitFailure } from '../git/call.js';
import { fileNameOf } from '../git/names.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from '../git/path-bytes.js';
import { gitIn, line, NoRepository, openRepository, type Repository } from '../git/repository.js';
import { readStatus } from '../git/status.js';
import type { NestedRepo } from './nested-repos.js';
import type { RunKey } from './state.js';

export interface Taking {
  readonly repository: Repository;
  readonly run: RunKey;
  readonly repo: NestedRepo;
  /** Also when work would be left only in the backup. */
  readonly force: boolean;
}

/** What was done, for the report. */
export interface Action {
  readonly action: 'absorbed' | 'added_submodule' | 'no_remote' | 'failed';
  readonly path: string;
  readonly success: boolean;
  readonly error?: string;
  readonly remote?: string;
  /** Where the inner git directory is now. */
  readonly backup?: string;
}

/** What taking one repository in comes down to, once it may be done. */
export interface Step {
  readonly action: Action;
  /** Where the git directory goes; null when it stays (a submodule). */
  readonly move: { readonly from: string; readonly to: string } | null;
  /** The entry of `.gitmodules` and the commit it is at; null when it becomes a folder. */
  readonly submodule: { readonly url: string; readonly commit: string } | null;
}

/** Says how the repository becomes a folder: its git directory goes out of the tree, its files are tracked. */
export async function absorb(taking: Taking): Promise<Step | Action> {
  const { repository, run, repo } = taking;
  const inner = await openInner(taking);
  if ('action' in inner) return inner;
  const backup = join(repository.commonDir, 'planwright', 'nested', run, fileNameOf(repo.path));
  const from = pathFromBytes(fileBytes(repository.workTree ?? '', `${repo.path}/.git`));
  return {
    action: { action: 'absorbed', path: repo.path, success: true, backup },
    move: { from, to: backup },
    submodule: null,
  };
}

/** Says how the repository becomes a submodule at the commit it is on. */
export async function keepAsSubmodule(taking: Taking): Promise<Step | Action> {
  const { path } = taking.repo;
  const inner = await openInner(taking);
  if ('action' in inner) return inner;
  const url = await firstRemoteUrl(inner);
  if (url === null) return failed(path, 'it has no remote to get it from', 'no_remote');
  if (/[\n\r]/.test(path)) return failed(path, 'its path has a line break');
  const commit = line(await gitIn(inner, ['rev-parse', '--verify', 'HEAD^{commit}']));
  return {
    action: { action: 'added_submodule', path, success: true, remote: url },
    move: null,
    submodule: { url, commit },
  };
}

/**
 * Builds the index in which the repositories are taken in. Their git directories are out of the way.
 *
 * @param index - a copy of the real one
 * @returns the tree it makes, and the new `.gitmodules` if there is one
 */
export async function stageAll(
  repository: Repository,
  index: string,
  steps: readonly Step[],
): Promise<{ tree: string; modules: string | null }> {
  const env = { GIT_INDEX_FILE: index };
  const modules = `${index}-gitmodules`;
  const kept = steps.flatMap(({ action: { path }, submodule }) =>
    submodule === null ? [] : [{ path, ...submodule }],
  );
  if (kept.length > 0) {
    await copyFile(join(repository.workTree ?? '', '.gitmodules'), modules).catch(() =>
      writeFile(modules, ''),
    );
  }
  const orders: Buffer[] = [];
  for (const { path, url, commit } of kept) {
    await gitIn(repository, ['config', '--file', modules, `submodule.${path}.path`, path]);
    await gitIn(repository, ['config', '--file', modules, `submodule.${path}.url`, url]);
    // Files tracked so far under the path give way to the one entry.
    const zero = '0'.repeat(commit.length);
    for (const file of await trackedBelow(repository, path))
      orders.push(Buffer.from(`0 ${zero}\t`), bytesFromPath(file), NUL);
    orders.push(Buffer.from(`160000 ${commit}\t`), bytesFromPath(path), NUL);
  }
  if (kept.length > 0) {
    const id = line(await gitIn(repository, ['hash-object', '-w', '--no-filters', modules]));
    orders.push(Buffer.from(`100644 ${id}\t.gitmodules\0`));
  }
  await gitIn(repository, ['update-index', '-z', '--index-info'], { env, input: Buffer.concat(orders) });
  const folders = steps.filter(({ submodule }) => submodule === null).map(({ action }) => action.path);
  if (folders.length > 0) {
    const input = Buffer.concat(folders.flatMap((path) => [bytesFromPath(path), NUL]));
    await gitIn(repository, ['add', '--all', '--pathspec-from-file=-', '--pathspec-file-nul'], {
      env,
      input,
    });
  }
  const tree = line(await gitIn(repository, ['write-tree'], { env }));
  return { tree, modules: kept.length > 0 ? modules : null };
}

const NUL = Buffer.from([0]);

const failed = (path: string, error: string, action: Action['action'] = 'failed'): Action => ({
  action,
  path,
  success: false,
  error,
});

/** Opens the inner repository and makes sure that nothing is only there. */
async function openInner({ repository, repo, force }: Taking): Promise<Repository | Action> {
  const top = join(repository.workTree ?? '', repo.path);
  try {
    const inner = await openRepository(top);
    if (inner.workTree === null || inner.commonDir === repository.commonDir) {
      return failed(repo.path, 'its ".git" does not lead to a repository of its own');
    }
    const only = force ? null : await onlyThere(inner);
    return only === null ? inner : failed(repo.path, only);
  } catch (error) {
    if (error instanceof NoRepository || error instanceof GitFailure) return failed(repo.path, error.message);
    throw error;
  }
}

/** Work that exists nowhere else, or null. */
async function onlyThere(inner: Repository): Promise<string | null> {
  const { changed, unmerged, untracked } = await readStatus(inner);
  if (changed.length + unmerged.length + untracked.length > 0) return 'it has work that is not committed';
  const stash = await gitIn(inner, ['rev-parse', '--verify', '--quiet', 'refs/stash'], { accept: [0, 1] });
  if (stash.exitCode === 0) return 'it has stashed work';
  const args = ['rev-list', '--max-count=1', '--branches', '--tags', 'HEAD', '--not', '--remotes'];
  const unpushed = await gitIn(inner, args, { accept: [0, 128] });
  if (unpushed.exitCode === 128) return 'it has no commit yet';
  return unpushed.stdout.length > 0 ? 'it has commits that are on no remote' : null;
}

async function firstRemoteUrl(inner: Repository): Promise<string | null> {
  const names = line(await gitIn(inner, ['remote']))
    .split('\n')
    .filter(Boolean);
  const name = names.includes('origin') ? 'origin' : names[0];
  if (name === undefined) return null;
  const answer = await gitIn(inner, ['config', '--get', `remote.${name}.url`], { accept: [0, 1] });
  return line(answer) || null;
}

async function trackedBelow(repository: Repository, path: string): Promise<string[]> {
  const answer = await gitIn(repository, ['ls-files', '-z', '--', path], { maxBytes: 256 * 1024 * 1024 });
  return [...fields(answer.stdout)].map(pathFromBytes).filter((file) => file.startsWith(`${path}/`));
}
