/**
 * The places of a safe merge where it is killed: for each tool that changes something, the moment before it begins.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { clonesIn, newRepo, repoAt, BASE_FILES, type Repo } from '../../git/support/sandbox.js';
import { expectHealthy, snapshot, type Snapshot } from '../../git/support/snapshot.js';
import { drive, safeMergePlan } from '../support/driver.js';
import { tool } from '../support/program.js';
import type { Stage } from './points.js';

/** A tool about to be run, whose beginning can be gone back to. */
export interface Site {
  readonly name: string;
  /** Everything: clones and the bare repository. */
  readonly folder: string;
  readonly stage: Stage;
  /** Puts everything back to the beginning. */
  reset(): void;
  /** Runs it all again, as a person would, and checks what came of it. `remoteHurt`: a git of the remote died, too. */
  again(remoteHurt: boolean): Promise<void>;
}

interface Made {
  readonly mine: Repo;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  again(before: Snapshot, remoteHurt: boolean): Promise<void>;
}

/** Builds the beginning in a folder and keeps a copy of it. */
export async function siteOf(
  name: string,
  program: string,
  folder: string,
  make: (at: string) => Promise<Made>,
): Promise<Site> {
  const at = join(folder, 'at');
  const kept = join(folder, 'kept');
  mkdirSync(at);
  const made = await make(at);
  const copy = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true };
  cpSync(at, kept, copy);
  let before = snapshot(made.mine.path);
  return {
    name,
    folder: at,
    stage: {
      program,
      args: made.args,
      cwd: made.mine.path,
      env: made.env,
      below: at,
      scratch: join(folder, 'scratch'),
    },
    reset() {
      rmSync(at, { recursive: true });
      cpSync(kept, at, copy);
      made.mine.tryGit('update-index', '-q', '--refresh'); // the copy has new inodes
      before = snapshot(made.mine.path);
    },
    again: (remoteHurt) => made.again(before, remoteHurt),
  };
}

/** A merge with conflicts that time decides, up to the step `until`. */
export async function mergeSite(at: string, until: string): Promise<Made> {
  const { remote, mine, theirs } = clonesIn(at, {
    ...BASE_FILES,
    '.gitignore': '*.log\n',
    'gone.txt': 'gone\n',
    'docs/a/deep.txt': 'deep\n',
  });
  theirs.commit('theirs', {
    'dist/bundle.map': 'theirs\n',
    'README.md': 'ONE\ntwo\nthree\nfour\nfive\n',
    'new/from/them.txt': 'new\n',
    'gone.txt': null,
    'docs/a/deep.txt': null,
  });
  theirs.git('push', '--quiet');
  mine.commit('mine', { 'dist/bundle.map': 'mine\n', 'src/code.py': 'a = 1\n\n\nb = 3\n' });
  mine.write({ 'my.log': 'mine alone\n' });
  const tips = [mine.git('rev-parse', 'main'), theirs.git('rev-parse', 'main')];
  const begun = await drive({ root: mine.path, until });
  expect(begun.state, begun.said).toBe('succeeded');
  const { steps, variables } = safeMergePlan();
  const step = steps.find((one) => one.id === until);
  const args = (step?.args ?? []).map((arg) =>
    arg.replace(/\$\{([^}]+)\}/g, (_, name: string) => variables[name]?.default ?? begun.runId),
  );
  return {
    mine,
    args,
    env: { PLANWRIGHT_RUN_ID: begun.runId },
    again: async (before, remoteHurt) => {
      const outcome = await drive({ root: mine.path });
      expect(mine.read('my.log')).toBe('mine alone\n');
      if (remoteHurt && outcome.state === 'failed') {
        expect(snapshot(mine.path)).toEqual(before);
        expect(remote.git('rev-parse', 'main')).toBe(tips[1]);
        return;
      }
      expect(outcome.state, outcome.said).toBe('succeeded');
      const main = mine.git('rev-parse', 'main');
      expect(remote.git('rev-parse', 'main')).toBe(main);
      expect(mine.git('rev-parse', 'main^1', 'main^2').split('\n')).toEqual(tips);
      expect(mine.git('status', '--porcelain')).toBe('');
      expect(mine.read('new/from/them.txt')).toBe('new\n');
      expect(existsSync(join(mine.path, 'gone.txt'))).toBe(false);
      expectHealthy(mine.path);
      expect(repoAt(remote.path).tryGit('fsck', '--no-dangling')).toMatchObject({ code: 0 });
    },
  };
}

/**
 * A merge with a conflict that only a person decides, and a gate: up to `until`. The state directory lies beside the
 * clones, so that it goes back with them.
 */
export async function decisionSite(at: string, until: 'conflict_settle' | 'merge_gate'): Promise<Made> {
  const home = join(at, 'home');
  vi.stubEnv('PLANWRIGHT_HOME', home);
  const { remote, mine, theirs } = clonesIn(at, BASE_FILES);
  theirs.commit('theirs', { 'src/code.py': 'theirs\n', 'new.txt': 'new\n' });
  theirs.git('push', '--quiet');
  mine.commit('mine', { 'src/code.py': 'mine\n' });
  const tips = [mine.git('rev-parse', 'main'), theirs.git('rev-parse', 'main')];
  const play = { root: mine.path, variables: { ON_UNRESOLVED: 'pause', GATE: GREEN }, decision: 'theirs' };
  const begun = await drive({ ...play, until });
  expect(begun.state, begun.said).toBe('succeeded');
  return {
    mine,
    args: [until, ...(until === 'conflict_settle' ? ['--decision=theirs'] : [])],
    env: { PLANWRIGHT_RUN_ID: begun.runId, PLANWRIGHT_HOME: home, SAFE_MERGE_GATE: GREEN },
    again: async () => {
      // As the engine does with a step whose worker was lost, then the rest of the run.
      const step = await tool(
        mine.path,
        [until, '--decision=theirs'].slice(0, until === 'merge_gate' ? 1 : 2),
        {
          PLANWRIGHT_RUN_ID: begun.runId,
          SAFE_MERGE_GATE: GREEN,
        },
      );
      expect(step.code, step.stderr).toBe(0);
      expect(mine.git('worktree', 'list').split('\n')).toHaveLength(1);
      expect(mine.git('rev-parse', 'main')).toBe(tips[0]);
      const outcome = await drive(play);
      expect(outcome.state, outcome.said).toBe('succeeded');
      expect(remote.git('rev-parse', 'main')).toBe(mine.git('rev-parse', 'main'));
      expect(mine.git('rev-parse', 'main^1', 'main^2').split('\n')).toEqual(tips);
      expect(mine.read('src/code.py')).toBe('theirs\n');
      expect(mine.git('status', '--porcelain')).toBe('');
      expectHealthy(mine.path);
    },
  };
}

/** Leaves a file behind, as a build would. */
const GREEN = 'echo built > built.txt && test -e new.txt';

/** A merge that was published, about to be taken back. */
export async function rollbackSite(at: string): Promise<Made> {
  const { remote, mine, theirs } = clonesIn(at, BASE_FILES);
  theirs.commit('theirs', { 'new.txt': 'new\n' });
  theirs.git('push', '--quiet');
  mine.commit('mine', { 'mine.txt': 'm\n' });
  const was = theirs.git('rev-parse', 'main^{tree}');
  const begun = await drive({ root: mine.path });
  expect(begun.state, begun.said).toBe('succeeded');
  const merge = mine.git('rev-parse', 'main');
  const args = ['rollback', begun.runId];
  return {
    mine,
    args,
    env: {},
    again: async (before, remoteHurt) => {
      // What a kill left behind is put right by the scan that opens whatever comes next.
      const scan = await tool(mine.path, ['env_scan', '--branch=main', '--run=next']);
      expect(scan.code, scan.stderr).toBe(0);
      const ran = await tool(mine.path, args);
      if (remoteHurt && ran.code !== 0) {
        expect(snapshot(mine.path)).toEqual(before);
        expect(remote.git('rev-parse', 'main')).toBe(merge);
        return;
      }
      expect(ran.code, ran.stderr).toBe(0);
      expect(remote.git('rev-parse', 'main')).toBe(mine.git('rev-parse', 'main'));
      expect(mine.git('rev-parse', 'main^{tree}')).toBe(was);
      expect(mine.git('rev-parse', 'main^')).toBe(merge);
      expect(mine.git('status', '--porcelain')).toBe('');
      expect(existsSync(join(mine.path, 'mine.txt'))).toBe(false);
      expectHealthy(mine.path);
      expect(repoAt(remote.path).tryGit('fsck', '--no-dangling')).toMatchObject({ code: 0 });
    },
  };
}

/** Two stray repositories, one to be kept as a submodule. */
export async function nestedSite(at: string): Promise<Made> {
  const mine = newRepo(join(at, 'mine'));
  mine.commit('base', { 'a.txt': 'a\n', '.gitignore': '*.log\n' });
  const commits: string[] = [];
  for (const path of ['lib/inner', 'kept']) {
    const bare = newRepo(join(at, `${path.replace('/', '-')}.git`), '--bare');
    const inner = newRepo(join(mine.path, path));
    commits.push(inner.commit('inner', { 'inner.txt': 'i\n', 'sub/x.txt': 'x\n' }));
    inner.git('remote', 'add', 'origin', bare.path);
    inner.git('push', '--quiet', '--set-upstream', 'origin', 'main');
  }
  writeFileSync(join(mine.path, 'my.log'), 'mine alone\n');
  const args = ['nested_repos_normalize', '--apply', '--keep=kept', '--run=nested'];
  return {
    mine,
    args,
    env: {},
    again: async () => {
      const ran = await tool(mine.path, [...args, '--json']);
      expect(ran.code, ran.stderr).toBe(0);
      expect(mine.git('log', '--format=%s')).toBe('Take nested repositories in\nbase');
      expect(mine.git('status', '--porcelain')).toBe('');
      expect(mine.git('ls-files').split('\n')).toEqual([
        ...['.gitignore', '.gitmodules', 'a.txt', 'kept', 'lib/inner/inner.txt', 'lib/inner/sub/x.txt'],
      ]);
      expect(readFileSync(join(mine.path, 'lib/inner/inner.txt'), 'utf8')).toBe('i\n');
      expect(repoAt(join(mine.path, 'kept')).git('rev-parse', 'HEAD')).toBe(commits[1]);
      const backups = join(mine.path, '.git/planwright/nested');
      expect(mine.git('rev-parse', '--path-format=absolute', '--git-common-dir')).toBe(
        join(mine.path, '.git'),
      );
      expect(existsSync(backups)).toBe(true);
      expect(mine.read('my.log')).toBe('mine alone\n');
      expectHealthy(mine.path);
      await Promise.resolve();
    },
  };
}
