/**
 * The commit that workstreams start from: looked up before the start, because a workflow has no git.
 */
import type { Plan } from '../../plan/plan.js';
import { gitIn, line, openRepository, NoRepository } from '../../tools/git/repository.js';
import { PlanwrightError } from '../errors.js';

/**
 * Returns the tip of the branch that the patches are to land on; without a landing, what is checked out in `root`. Null
 * for a plan without workstreams.
 *
 * @throws PlanwrightError `bad-request` when there is no such repository, branch or commit
 */
export async function baseOf(plan: Plan, root: string): Promise<string | null> {
  const works = plan.steps.map(({ work }) => work);
  const landing = works.find((work) => work.kind === 'landing');
  if (landing === undefined && !works.some(({ kind }) => kind === 'workstream')) return null;
  const name = landing === undefined || landing.branch === '' ? 'HEAD' : landing.branch;
  try {
    const repository = await openRepository(root);
    const found = await gitIn(
      repository,
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`],
      { accept: [0, 1, 128] },
    );
    if (found.exitCode === 0) return line(found);
  } catch (error) {
    if (!(error instanceof NoRepository)) throw error;
    throw new PlanwrightError('bad-request', `workstreams need a repository: ${error.message}`, [error.hint]);
  }
  const shown = name.replace(/^refs\/heads\//, '');
  throw new PlanwrightError('bad-request', `there is no commit "${shown}" in "${root}" to start from`, [
    name === 'HEAD' ? 'make a first commit' : 'name a branch that is there: --branch <name>',
  ]);
}
