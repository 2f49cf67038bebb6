/**
 * A whole repository as it is, to be compared: every file, link and directory with its bytes and mode, every ref, and all
 * of the git directory but objects and what is ours.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { repoAt } from './sandbox.js';

export interface Snapshot {
  /** Path → kind, mode, content and (of files) time of the last writing. */
  readonly files: Readonly<Record<string, string>>;
  /** The same for the git directory. */
  readonly git: Readonly<Record<string, string>>;
  readonly refs: readonly string[];
  readonly head: string;
  readonly stash: string;
}

const OURS =
  /^(objects|planwright|refs\/planwright|logs\/refs\/planwright|worktrees\/[^/]+\/planwright)(\/|$)/;

/** Takes a snapshot of a repository with or without a work tree. */
export function snapshot(path: string): Snapshot {
  const repo = repoAt(path);
  const common = repo.git('rev-parse', '--path-format=absolute', '--git-common-dir');
  const bare = repo.git('rev-parse', '--is-bare-repository') === 'true';
  const refs = repo.git('for-each-ref', '--format=%(refname) %(objectname) %(symref)');
  return {
    files: bare ? {} : listing(path, (name) => name === '.git', true),
    git: listing(common, (name) => OURS.test(name) || name === 'packed-refs', false),
    refs: refs.split('\n').filter((row) => !row.startsWith('refs/planwright/')),
    head:
      repo.tryGit('symbolic-ref', 'HEAD').output + repo.tryGit('rev-parse', '-q', '--verify', 'HEAD').output,
    stash: repo.tryGit('stash', 'list').output,
  };
}

function listing(top: string, skip: (name: string) => boolean, withTimes: boolean): Record<string, string> {
  const found: Record<string, string> = {};
  const open = [top];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const entry of readdirSync(directory)) {
      const path = join(directory, entry);
      const name = relative(top, path);
      if (skip(name)) continue;
      const stats = lstatSync(path);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isDirectory()) {
        // An empty one counts; one that holds only what is ours does not.
        const empty = readdirSync(path).length === 0;
        if (empty) found[name] = `directory ${mode}`;
        open.push(path);
      } else if (stats.isSymbolicLink()) {
        found[name] = `link ${readlinkSync(path)}`;
      } else if (stats.isFile()) {
        const hash = createHash('sha1').update(readFileSync(path)).digest('hex');
        found[name] = `file ${mode} ${hash}${withTimes ? ` ${stats.mtimeMs}` : ''}`;
      } else {
        found[name] = `other ${mode}`;
      }
    }
  }
  return found;
}

/** Fails when a repository is damaged, or a lock file was left. */
export function expectHealthy(path: string): void {
  const repo = repoAt(path);
  const fsck = repo.tryGit('fsck', '--no-dangling', '--no-progress');
  expect(fsck, `git fsck in ${path}`).toMatchObject({ code: 0 });
  const common = repo.git('rev-parse', '--path-format=absolute', '--git-common-dir');
  expect(lockFilesBelow(common), `lock files in ${common}`).toEqual([]);
}

function lockFilesBelow(top: string): string[] {
  const found: string[] = [];
  const open = [top];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) open.push(path);
      // A lock between processes is a file that stays: ours lie in planwright/locks.
      else if (entry.name.endsWith('.lock') && !path.includes('/planwright/locks/')) found.push(path);
    }
  }
  return found;
}
