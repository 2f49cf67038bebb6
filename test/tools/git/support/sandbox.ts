/**
 * Real repositories in a folder of their own, out of reach of the person's settings.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** A folder for the tests of one file, and git as if on a fresh machine. */
export interface Sandbox {
  /** Returns a new empty folder. */
  folder(): string;
}

/** To be called once at the top of a test file. */
export function sandbox(): Sandbox {
  let top = '';
  let serial = 0;
  const saved = { ...process.env };
  beforeAll(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'planwright-git-')));
    const home = join(top, 'home');
    mkdirSync(home);
    for (const name of Object.keys(process.env))
      if (/^(GIT_|PLANWRIGHT_|EMAIL$|CI$)/.test(name)) delete process.env[name];
    Object.assign(process.env, {
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: join(home, 'gitconfig'),
    });
    writeFileSync(join(home, 'gitconfig'), '');
  });
  afterAll(() => {
    for (const name of Object.keys(process.env)) if (!(name in saved)) delete process.env[name];
    Object.assign(process.env, saved);
    rmSync(top, { recursive: true, force: true, maxRetries: 10 });
  });
  return {
    folder() {
      serial += 1;
      const folder = join(top, `t${serial}`);
      mkdirSync(folder);
      return folder;
    },
  };
}

/** A repository under test, for whoever prepares it or looks at it. */
export interface Repo {
  readonly path: string;
  /** Runs git there and returns what it prints, without the final newline. */
  git(...args: readonly string[]): string;
  /** The same, whatever the exit code. */
  tryGit(...args: readonly string[]): { code: number; output: string };
  /** Writes files; null deletes. Text goes into the work tree as it is. */
  write(files: Files): void;
  /** Writes files and commits them. Commits are a minute apart, in the order they are made, unless a time is given. */
  commit(message: string, files: Files, atSec?: number): string;
  read(path: string): string;
}

export type Files = Readonly<Record<string, string | Buffer | null>>;

let clock = Date.UTC(2024, 2, 1, 8, 0, 0) / 1000;

/** Returns a repository that is there. */
export function repoAt(path: string): Repo {
  const env = {
    ...process.env,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'commit.gpgSign',
    GIT_CONFIG_VALUE_0: 'false',
  };
  const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}): string =>
    execFileSync('git', args, {
      cwd: path,
      env: { ...env, ...more },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).replace(/\n$/, '');
  const repo: Repo = {
    path,
    git: (...args) => run(args),
    tryGit(...args) {
      try {
        return { code: 0, output: run(args) };
      } catch (error) {
        const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
        return { code: status, output: `${stdout}${stderr}` };
      }
    },
    write(files) {
      for (const [name, content] of Object.entries(files)) {
        const file = join(path, name);
        if (content === null) {
          rmSync(file, { recursive: true, force: true });
          continue;
        }
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content);
      }
    },
    commit(message, files, atSec) {
      repo.write(files);
      run(['add', '--all']);
      clock += 60;
      const date = `@${atSec ?? clock} +0000`;
      run(['commit', '--quiet', '--allow-empty', '-m', message], {
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_DATE: date,
      });
      return run(['rev-parse', 'HEAD']);
    },
    read: (name) => readFileSync(join(path, name), 'utf8'),
  };
  return repo;
}

/** Makes a repository with an identity and no commit. */
export function newRepo(path: string, ...options: readonly string[]): Repo {
  mkdirSync(path, { recursive: true });
  const repo = repoAt(path);
  repo.git('init', '--quiet', '--initial-branch=main', '--template=', ...options);
  repo.git('config', 'user.name', 'Tester');
  repo.git('config', 'user.email', 'tester@example.invalid');
  return repo;
}

/** Two clones of a bare repository with one commit on `main`. */
export interface Clones {
  readonly remote: Repo;
  /** The clone that a safe merge runs in. */
  readonly mine: Repo;
  /** Somebody else's. */
  readonly theirs: Repo;
}

export const BASE_FILES: Files = {
  'README.md': 'one\ntwo\nthree\nfour\nfive\n',
  'src/code.py': 'a = 1\n\n\nb = 2\n',
  'dist/bundle.map': 'base\n',
  'logo.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 1]),
};

/** Makes clones in a folder. */
export function clonesIn(folder: string, files: Files = BASE_FILES): Clones {
  const remote = newRepo(join(folder, 'remote.git'), '--bare');
  const mine = newRepo(join(folder, 'mine'));
  mine.git('remote', 'add', 'origin', remote.path);
  mine.commit('base', files);
  mine.git('push', '--quiet', '--set-upstream', 'origin', 'main');
  const path = join(folder, 'theirs');
  remote.git('clone', '--quiet', '--template=', remote.path, path);
  const theirs = repoAt(path);
  theirs.git('config', 'user.name', 'Colleague');
  theirs.git('config', 'user.email', 'colleague@example.invalid');
  return { remote, mine, theirs };
}
