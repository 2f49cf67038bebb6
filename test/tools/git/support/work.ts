/**
 * Work trees of ours on a real repository, and a look at what is in them.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  capturePatch,
  type CapturedPatch,
  type CaptureRequest,
} from '../../../../src/tools/git/capture-patch.js';
import {
  openOwnWorktree,
  type OwnWorktree,
  type WorktreeRequest,
} from '../../../../src/tools/git/own-worktree.js';
import { openRepository, type Repository } from '../../../../src/tools/git/repository.js';
import { newRepo, type Files, type Repo } from './sandbox.js';

export interface Shop {
  readonly repo: Repo;
  readonly repository: Repository;
  readonly home: string;
  readonly base: string;
  open(changes?: Partial<WorktreeRequest>): Promise<OwnWorktree>;
  capture(worktree: OwnWorktree, changes?: Partial<CaptureRequest>): Promise<CapturedPatch>;
}

export const FILES: Files = {
  'README.md': 'one\ntwo\nthree\n',
  'src/app.py': 'print("a")\n',
  'src/lib/util.py': 'x = 1\n',
  'run.sh': '#!/bin/sh\ntrue\n',
};

/** Makes a repository with one commit, and a state directory beside it. */
export async function shopIn(folder: string, files: Files = FILES): Promise<Shop> {
  const repo = newRepo(join(folder, 'repo'));
  const base = repo.commit('base', files);
  const repository = await openRepository(repo.path);
  const home = join(folder, 'home');
  return {
    ...{ repo, repository, home, base },
    open: (changes = {}) =>
      openOwnWorktree(repository, {
        ...{ home, id: 'ws-a', commit: base, owner: { run: 'run', step: 'ws-a', attempt: 1 } },
        ...changes,
      }),
    capture: (worktree, changes = {}) =>
      capturePatch(worktree, {
        ...{ id: 'run/ws-a-1', file: join(folder, 'ws-a.patch'), message: 'ws-a', atSec: 1_700_000_000 },
        ...changes,
      }),
  };
}

/** Every path below a directory but its own `.git`, with kind, permission to run and content. */
export function contentOf(top: string): Record<string, string> {
  const found: Record<string, string> = {};
  const open = [Buffer.from(top)];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const name of readdirSync(directory, { encoding: 'buffer' })) {
      if (directory.toString() === top && name.toString() === '.git') continue;
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const shown = path.subarray(Buffer.byteLength(top) + 1).toString('latin1');
      const stats = lstatSync(path);
      if (stats.isDirectory()) {
        if (readdirSync(path).length === 0) found[shown] = 'directory';
        open.push(path);
      } else if (stats.isSymbolicLink()) found[shown] = `link ${readlinkSync(path)}`;
      else if (stats.isFile()) {
        const bytes = readFileSync(path);
        const runs = (stats.mode & 0o100) === 0 ? '' : 'x ';
        found[shown] = `${runs}${bytes.toString('latin1')}`;
      }
    }
  }
  return found;
}
