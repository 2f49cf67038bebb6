/**
 * A repository to show a safe merge on: two clones of a bare one, whose branches have gone their own ways.
 */
import { mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { git } from '../git/call.js';
import {
  COLLEAGUE,
  colleagueHistory,
  CONFLICTING,
  type DemoCommit,
  type DemoConflicts,
  importStream,
  sharedHistory,
  YOU,
  yourHistory,
} from './history.js';

export interface DemoOptions {
  /** Made if need be; must be empty, or hold a demonstration when `replace` is set. */
  readonly directory: string;
  /** `safe`: in files that time may decide; `all`: also in one that a person must. Default `none`. */
  readonly conflicts?: DemoConflicts;
  /** Adds a check, to be run as a gate. */
  readonly gate?: boolean;
  /** Makes an earlier demonstration anew. */
  readonly replace?: boolean;
}

export interface Demo {
  readonly directory: string;
  /** Your clone: where a safe merge is to run. */
  readonly root: string;
  readonly colleague: string;
  /** The bare repository that both push to. */
  readonly remote: string;
  readonly branch: string;
  /** The command of the gate, or null. */
  readonly gate: readonly string[] | null;
  /** What was made, in one line. */
  readonly sentence: string;
}

/** A directory that is not ours to fill. */
export class DemoRefused extends Error {
  override readonly name = 'DemoRefused';
}

const BRANCH = 'main';
const MARK = '.planwright-demo.json';
const PARTS = ['remote.git', 'yours', 'colleague'] as const;

/**
 * Makes the demonstration. Every time and everywhere it has the same commits.
 *
 * @throws DemoRefused when the directory holds anything else
 */
export async function makeDemo(options: DemoOptions): Promise<Demo> {
  const { conflicts = 'none', gate = false, replace = false } = options;
  const directory = await claim(resolve(options.directory), replace);
  const [remote, root, colleague] = PARTS.map((part) => join(directory, part)) as [string, string, string];
  const ref = `refs/heads/${BRANCH}`;
  // No template: its hooks and excludes differ from machine to machine.
  await git({
    cwd: directory,
    args: ['init', '--quiet', '--bare', '--template=', `--initial-branch=${BRANCH}`, remote],
  });
  await commit(remote, ref, null, sharedHistory(gate));
  const yours = yourHistory(conflicts);
  const theirs = colleagueHistory(conflicts);
  await Promise.all([
    clone(directory, remote, root, YOU, ref, yours),
    clone(directory, remote, colleague, COLLEAGUE, ref, theirs),
  ]);
  await git({ cwd: colleague, args: ['push', '--quiet', 'origin', `${ref}:${ref}`] });
  const clash = CONFLICTING[conflicts] === 0 ? '' : `, with ${CONFLICTING[conflicts]} files in conflict`;
  return {
    directory,
    root,
    colleague,
    remote,
    branch: BRANCH,
    gate: gate ? ['node', 'check.mjs'] : null,
    sentence: `a demonstration in ${directory}: "yours" and "colleague" are clones of "remote.git", ${BRANCH} has commits on both sides that the other lacks (${yours.length} in yours, ${theirs.length} in the remote)${clash}`,
  };
}

/** Makes sure that everything in the directory is ours, and empties it. */
async function claim(directory: string, replace: boolean): Promise<string> {
  await mkdir(directory, { recursive: true });
  const entries = await readdir(directory);
  if (entries.length > 0) {
    const known = new Set<string>([...PARTS, MARK]);
    const strangers = entries.filter((entry) => !known.has(entry));
    if (!(await isMarked(directory)) || strangers.length > 0) {
      const found = strangers[0] ?? entries[0] ?? '';
      throw new DemoRefused(
        `"${directory}" is not empty (it holds "${found}"): name a new directory for the demonstration.`,
      );
    }
    if (!replace)
      throw new DemoRefused(`"${directory}" already holds a demonstration: say --replace to make it anew.`);
    for (const part of PARTS) await rm(join(directory, part), { recursive: true, force: true });
  }
  // First, so that what is half made can be made anew.
  await writeFile(
    join(directory, MARK),
    `${JSON.stringify({ format: 1, what: 'planwright demonstration' })}\n`,
  );
  return realpath(directory);
}

async function isMarked(directory: string): Promise<boolean> {
  try {
    const mark: unknown = JSON.parse(await readFile(join(directory, MARK), 'utf8'));
    return (
      typeof mark === 'object' && mark !== null && 'what' in mark && mark.what === 'planwright demonstration'
    );
  } catch {
    return false;
  }
}

async function clone(
  directory: string,
  remote: string,
  to: string,
  who: { readonly name: string; readonly email: string },
  ref: string,
  commits: readonly DemoCommit[],
): Promise<void> {
  const settings = [
    `user.name=${who.name}`,
    `user.email=${who.email}`,
    'core.autocrlf=false', // a person's own setting would make every file look different
  ];
  const config = settings.flatMap((setting) => ['--config', setting]);
  await git({
    cwd: directory,
    args: ['clone', '--quiet', '--no-checkout', '--template=', ...config, remote, to],
  });
  await commit(to, ref, `${ref}^0`, commits);
  await git({ cwd: to, args: ['read-tree', '-m', '-u', 'HEAD'] });
}

async function commit(
  repository: string,
  ref: string,
  from: string | null,
  commits: readonly DemoCommit[],
): Promise<void> {
  await git({
    cwd: repository,
    args: ['fast-import', '--quiet', '--date-format=raw'],
    input: importStream(ref, from, commits),
  });
}
