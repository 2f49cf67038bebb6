/**
 * The checks of a workstream, in its work tree; what they leave there is taken away again.
 */
import { takeSnapshot } from '../../tools/git/work-snapshot.js';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import { shownPath } from '../../tools/git/path-bytes.js';
import { patchEntries } from '../../tools/git/patch-entries.js';
import type { CheckError } from '../../workstream/fix-loop.js';
import { firstBytes } from '../utf8-cut.js';
import type { CheckResult, CheckTask } from './api.js';
import { endText, startLine, type Bench } from './start-line.js';
import type { ToolEnvironment } from './tool-environment.js';

/** So much of what a check said is told to the tool, and kept. */
const MAX_SAID = 2_000;

/**
 * Runs one check.
 *
 * @param stop - ends it
 */
export async function runCheck(
  bench: Bench,
  worktree: Pick<OwnWorktree, 'path'>,
  check: CheckTask,
  round: number,
  environment: ToolEnvironment,
  stop?: AbortSignal,
): Promise<CheckResult> {
  const { name, step, line, timeoutSec, blocking } = check;
  const { attempt } = await startLine(bench, {
    ...{
      command: line,
      args: [],
      shell: true,
      cwd: worktree.path,
      environment,
      env: {},
      timeoutSec,
      number: round,
      ...(stop === undefined ? {} : { stop }),
    },
  });
  const { end } = attempt;
  const base = { name, step, blocking, round, attempt };
  if (end.kind === 'succeeded') return { ...base, result: 'passed', errors: [] };
  const failure = end.kind === 'failed' ? end.failure : null;
  const tail = failure !== null && 'tail' in failure ? failure.tail : '';
  const error: CheckError = {
    code: `${name}: ${endText(attempt)}`,
    message: firstBytes(tail.length > MAX_SAID ? tail.slice(-MAX_SAID) : tail, MAX_SAID),
  };
  // 126 and 127 are the shell's: no such command, none that can be run.
  const couldRun = failure?.reason === 'exit-code' && failure.exitCode !== 126 && failure.exitCode !== 127;
  return { ...base, result: couldRun ? 'failed' : 'error', errors: [error] };
}

/**
 * Brings the work tree back to a tree that was captured. Ignored files stay: they are caches that the next check is glad of.
 *
 * @returns the paths that were brought back, for a person
 */
export async function bringBack(
  worktree: OwnWorktree,
  tree: string,
  isLitter: (path: string) => boolean,
): Promise<string[]> {
  const { git } = worktree;
  const snapshot = await takeSnapshot(worktree, isLitter);
  try {
    if (snapshot.tree === tree) return [];
    const changed = await patchEntries(git.run, tree, snapshot.tree);
    await git.run(['read-tree', '--reset', '-u', tree], { env: { GIT_INDEX_FILE: snapshot.index } });
    return changed.map(({ path }) => shownPath(path));
  } finally {
    await snapshot.discard();
  }
}
