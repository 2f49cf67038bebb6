/**
 * Taking one stray repository in: its files into the index, its history to safety. Nothing is deleted.
 */
import { cp, mkdir, rename, rm } from 'node:fs/promises';
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

/** Moves the inner git directory out of the tree and stages the files. */
export async function absorb(taking: Taking): Promise<Action> {
  const { repository, run, repo } = taking;
  const inner = await openInner(taking);
  if ('action' in inner) return inner;
  const backup = join(repository.commonDir, 'planwright', 'nested', run, fileNameOf(repo.path));
  await mkdir(join(backup, '..'), { recursive: true });
  await moveAway(fileBytes(repository.workTree ?? '', `${repo.path}/.git`), backup);
  await stage(repository, repo.path);
  return { action: 'absorbed', path: repo.path, success: true, backup };
}

/** Registers the repository as a submodule at the commit it is on. */
export async function keepAsSubmodule(taking: Taking): Promise<Action> {
  const { repository, repo } = taking;
  const { path } = repo;
  const inner = await openInner(taking);
  if ('action' in inner) return inner;
  const url = await firstRemoteUrl(inner);
  if (url === null) return failed(path, 'it has no remote to get it from', 'no_remote');
  if (/[\n\r]/.test(path)) return failed(path, 'its path has a line break');
  const commit = line(await gitIn(inner, ['rev-parse', '--verify', 'HEAD^{commit}']));
  const modules = join(repository.workTree ?? '', '.gitmodules');
  await gitIn(repository, ['config', '--file', modules, `submodule.${path}.path`, path]);
  await gitIn(repository, ['config', '--file', modules, `submodule.${path}.url`, url]);
  await stage(repository, '.gitmodules');
  // Files tracked so far under the path give way to the one entry.
  const zero = '0'.repeat(commit.length);
  const gone = (await trackedBelow(repository, path)).map((file) => `0 ${zero}\t${file}\0`).join('');
  const input = Buffer.concat([
    Buffer.from(gone),
    Buffer.from(`160000 ${commit}\t`),
    bytesFromPath(path),
    Buffer.from([0]),
  ]);
  await gitIn(repository, ['update-index', '-z', '--index-info'], { input });
  return { action: 'added_submodule', path, success: true, remote: url };
}

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

/** A rename where that goes; else a whole copy first. */
async function moveAway(from: Buffer, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    const source = from.toString('utf8');
    await cp(source, to, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      errorOnExist: true,
    });
    await rm(source, { recursive: true });
  }
}

/** Stages everything at and below a path. */
async function stage(repository: Repository, path: string): Promise<void> {
  const input = Buffer.concat([bytesFromPath(path), Buffer.from([0])]);
  await gitIn(repository, ['add', '--all', '--pathspec-from-file=-', '--pathspec-file-nul'], { input });
}

async function trackedBelow(repository: Repository, path: string): Promise<string[]> {
  const answer = await gitIn(repository, ['ls-files', '-z', '--', path], { maxBytes: 256 * 1024 * 1024 });
  return [...fields(answer.stdout)].map(pathFromBytes).filter((file) => file.startsWith(`${path}/`));
}
