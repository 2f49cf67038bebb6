/**
 * Settling what a killed run left in a work tree, before anything else looks at it.
 */
import { GitFailure } from '../git/call.js';
import { settle, isMoving, type Settled } from '../git/checkout-recovery.js';
import { withObjects } from '../git/objects.js';
import { LockUnavailable, takeLock } from '../git/process-lock.js';
import { areMoving, settleRefs } from '../git/ref-note.js';
import type { Repository } from '../git/repository.js';
import { checkoutsOf } from '../git/worktrees.js';
import { isOfLfs, lfsFailed } from './lfs.js';
import type { Problem } from './reasons.js';
import { lockFile } from './state.js';
import { listed } from './words.js';

export interface Recovered {
  /** What was put right, for a person. */
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}

/** Time for a run that is at work to end its move. */
const PATIENCE_SEC = 30;

/** Settles broken-off moves of `branch`, of this work tree and of those that hold it. */
export const recover = (repository: Repository, directory: string, branch: string): Promise<Recovered> =>
  settleAll(repository, directory, branch, (work) => alone(repository, branch, work));

/** The same by who holds the branch already. */
export const recoverHeld = (repository: Repository, directory: string, branch: string): Promise<Recovered> =>
  settleAll(repository, directory, branch, (work) => work());

async function settleAll(
  repository: Repository,
  directory: string,
  branch: string,
  held: <Value extends object>(work: () => Promise<Value>) => Promise<Value | Problem>,
): Promise<Recovered> {
  const notes: string[] = [];
  const problems: Problem[] = [];
  if (await areMoving(repository, branch)) {
    const answer = await held(() => settleRefs(repository, branch));
    if ('code' in answer) problems.push(answer);
    else notes.push(...answer.map((lock) => `an earlier run was killed and left "${lock}": removed.`));
  }
  const found = (await checkoutsOf(repository, branch)).flatMap((checkout) => checkout.repository ?? []);
  const here = repository.workTree !== null && !found.some((one) => one.gitDir === repository.gitDir);
  for (const checkout of here ? [repository, ...found] : found) {
    if (!(await isMoving(checkout))) continue;
    const answer = await held(() =>
      withObjects(checkout, directory, (objects) => settle(checkout, objects)).catch((error: unknown) =>
        stuck(checkout, error),
      ),
    );
    if ('code' in answer) problems.push(answer);
    else if (answer.kind === 'foreign') problems.push(foreign(checkout, answer));
    else if (answer.kind !== 'nothing') notes.push(note(checkout, answer));
  }
  return { notes, problems };
}

/** Does something while no run is moving the branch. */
async function alone<Value extends object>(
  repository: Repository,
  branch: string,
  work: () => Promise<Value>,
): Promise<Value | Problem> {
  try {
    const lock = await takeLock(lockFile(repository, branch), PATIENCE_SEC);
    if (lock === null) {
      return {
        code: 'fast_forward_running',
        message: `another run is bringing "${branch}" to a new commit, and has been for ${PATIENCE_SEC} s.`,
        hint: 'Wait until it has ended, then start again.',
      };
    }
    try {
      return await work();
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (!(error instanceof LockUnavailable)) throw error;
    return { code: 'lock_unavailable', message: error.message, hint: 'Install it and start again.' };
  }
}

function note(checkout: Repository, settled: Extract<Settled, { journal: unknown }>): string {
  const what = `an earlier run (${settled.journal.owner}) was killed while it brought ${checkout.workTree ?? ''} from ${settled.journal.from} to ${settled.journal.to}`;
  if (settled.kind === 'finished') return `${what}: finished.`;
  return settled.kind === 'undone' ? `${what}: undone.` : `${what}: cleared up since.`;
}

/** git itself cannot write the files, for want of a content filter or of room: everything stays for the next try. */
function stuck(checkout: Repository, error: unknown): Problem {
  if (!(error instanceof GitFailure)) throw error;
  const said = error.stderr || error.message;
  if (isOfLfs(checkout, said))
    return lfsFailed(
      `cannot put right what an earlier run left half-done in ${checkout.workTree ?? ''}`,
      said,
    );
  return {
    code: 'interrupted_fast_forward',
    message: `an earlier run left files of ${checkout.workTree ?? ''} half-way between two commits, and git cannot put that right: ${said}`,
    hint: 'See to what git says, then start again: it goes on from there. Do not remove the index.lock by hand.',
  };
}

function foreign(checkout: Repository, settled: Extract<Settled, { kind: 'foreign' }>): Problem {
  const { journal, paths, lock } = settled;
  const since = paths.length > 0 ? `and ${listed(paths)} changed since` : 'and the repository changed since';
  const unlock = lock === null ? '' : `rm "${lock}"; `;
  return {
    code: 'interrupted_fast_forward',
    message: `an earlier run was killed while it brought ${checkout.workTree ?? ''} from ${journal.from} to ${journal.to}, ${since}: it is left as it is.`,
    hint: `Copy elsewhere what you need of these files, then: ${unlock}git reset --hard ${journal.branch}`,
  };
}
