/**
 * The work trees of a repository, and who of them uses a branch.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../os/paths.js';
import { fields } from './path-bytes.js';
import { gitIn, line, openRepository, type Repository } from './repository.js';

export interface WorkTree {
  readonly path: string;
  /** Full ref name; null when HEAD is detached or there are no files (bare). */
  readonly branch: string | null;
  /** Null while the branch has no commit. */
  readonly head: string | null;
  readonly bare: boolean;
  readonly locked: boolean;
  /** Its directory is gone. */
  readonly missing: boolean;
}

/** Returns all work trees, the main one first. */
export async function listWorkTrees(repository: Repository): Promise<WorkTree[]> {
  const answer = await gitIn(repository, ['worktree', 'list', '--porcelain', '-z']);
  const found: WorkTree[] = [];
  let facts = new Map<string, string>();
  for (const field of fields(answer.stdout)) {
    const text = field.toString('utf8');
    if (text === '') {
      if (facts.has('worktree')) found.push(workTreeOf(facts));
      facts = new Map();
      continue;
    }
    const space = text.indexOf(' ');
    facts.set(space < 0 ? text : text.slice(0, space), space < 0 ? '' : text.slice(space + 1));
  }
  return found;
}

function workTreeOf(facts: ReadonlyMap<string, string>): WorkTree {
  const head = facts.get('HEAD') ?? '';
  return {
    path: facts.get('worktree') ?? '',
    branch: facts.get('branch') ?? null,
    head: /^0*$/.test(head) ? null : head,
    bare: facts.has('bare'),
    locked: facts.has('locked'),
    missing: facts.has('prunable'),
  };
}

/** Returns the branch (short name) that the repository's own work tree is on, with or without a commit; null when detached. */
export async function checkedOut(repository: Repository): Promise<string | null> {
  // Asked so often that a process each time would count. What is not the plain form is git's to read.
  const head = (await text(repository.gitDir, 'HEAD')) ?? '';
  const [, plain] = /^ref: refs\/heads\/([^\n]+)$/.exec(head) ?? [];
  if (plain !== undefined && plain !== '.invalid') return plain;
  const answer = await gitIn(repository, ['symbolic-ref', '--quiet', 'HEAD'], { accept: [0, 1] });
  const ref = line(answer);
  return answer.exitCode === 0 && ref.startsWith('refs/heads/') ? ref.slice('refs/heads/'.length) : null;
}

/** Returns the branch that a rebase or bisection in this work tree began on and will come back to, or null. */
export async function leftFor(repository: Repository): Promise<string | null> {
  const { gitDir } = repository;
  const rebased =
    (await text(gitDir, 'rebase-merge', 'head-name')) ?? (await text(gitDir, 'rebase-apply', 'head-name'));
  if (rebased?.startsWith('refs/heads/')) return rebased.slice('refs/heads/'.length);
  return text(gitDir, 'BISECT_START');
}

/** A work tree where a branch is checked out. */
export interface Checkout {
  readonly path: string;
  /** Null when its directory cannot be reached: on a drive that is not there, say. */
  readonly repository: Repository | null;
}

/** Returns where `branch` (short name) is checked out, this work tree first. Work trees whose directory was deleted do not count. */
export async function checkoutsOf(repository: Repository, branch: string): Promise<Checkout[]> {
  const found: Checkout[] = [];
  if (repository.workTree !== null && (await checkedOut(repository)) === branch) {
    found.push({ path: repository.workTree, repository });
  }
  const main = repository.gitDir === repository.commonDir;
  if (main && !(await hasLinked(repository))) return found;
  const all = await listWorkTrees(repository);
  // git cannot name the main work tree's directory when its git directory is elsewhere; but then it is this one.
  const others = main ? all.slice(1) : all;
  for (const tree of others) {
    if (tree.bare || tree.branch !== `refs/heads/${branch}`) continue;
    if (tree.missing && !tree.locked) continue;
    const opened = await openRepository(tree.path).catch(() => null);
    if (opened !== null && opened.gitDir === repository.gitDir) continue;
    const usable = opened !== null && opened.workTree !== null && opened.commonDir === repository.commonDir;
    found.push({ path: tree.path, repository: usable ? opened : null });
  }
  return found;
}

/** Tells whether there are work trees beside the main one: where they are listed, git keeps a directory of each. */
export const hasLinked = async (repository: Repository): Promise<boolean> =>
  (await namesIn(join(repository.commonDir, 'worktrees'))).length > 0;

/** An operation that will come back to a branch although it is checked out nowhere. */
export interface BranchUse {
  readonly operation: 'rebase' | 'bisect';
  /** The git directory of the work tree where it goes on. */
  readonly gitDir: string;
}

/** Returns the rebases and bisections, in any work tree, that will set `branch` (short name) or go back to it. */
export async function usesOf(repository: Repository, branch: string): Promise<BranchUse[]> {
  const linked = join(repository.commonDir, 'worktrees');
  const gitDirs = [repository.commonDir, ...(await namesIn(linked)).map((name) => join(linked, name))];
  const uses: BranchUse[] = [];
  for (const gitDir of gitDirs) {
    const rebased = [
      await text(gitDir, 'rebase-merge', 'head-name'),
      await text(gitDir, 'rebase-apply', 'head-name'),
    ];
    if (rebased.includes(`refs/heads/${branch}`)) uses.push({ operation: 'rebase', gitDir });
    // `rebase --update-refs` moves more branches than the one it stands on.
    const more = (await text(gitDir, 'rebase-merge', 'update-refs')) ?? '';
    if (more.split('\n').includes(`refs/heads/${branch}`)) uses.push({ operation: 'rebase', gitDir });
    if ((await text(gitDir, 'BISECT_START')) === branch) uses.push({ operation: 'bisect', gitDir });
  }
  return uses;
}

async function text(...path: string[]): Promise<string | null> {
  try {
    return (await readFile(join(...path), 'utf8')).trimEnd();
  } catch {
    return null;
  }
}
