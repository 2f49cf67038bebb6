/**
 * Finds out which repository a lease means, before the run starts: its workflow has no git and no disk.
 */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { whyNotLeaseName } from '../plan/lease-names.js';
import type { Plan, Step } from '../plan/plan.js';
import {
  isRepositoryLease,
  normalisedAddress,
  readRepositoryLease,
  repositoryLease,
} from '../plan/repository-lease.js';
import type { RemoteName } from '../tools/git/names.js';
import { PlanwrightError } from './errors.js';
import { repositoryAt } from './repository.js';

/**
 * Returns the plan with its `repository:` leases in their one form. The same plan when it has none.
 *
 * @param root - remotes and paths are understood from here
 * @throws PlanwrightError `bad-request` for a repository or branch that cannot be found out
 */
export async function withLeaseNames(plan: Plan, root: string): Promise<Plan> {
  if (!allNames(plan).some(isRepositoryLease)) return plan;
  const known = new Map<string, string | null>();
  for (const name of new Set(allNames(plan))) known.set(name, await nameOrNone(name, root));
  return renamed(plan, (name) => known.get(name)!);
}

/** A "?" at the end: if it can be found out. A plan whose steps say better what is wrong with a repository leaves it to them. */
async function nameOrNone(name: string, root: string): Promise<string | null> {
  if (!isRepositoryLease(name) || !name.endsWith('?')) return leaseNameAt(name, root);
  return leaseNameAt(name.slice(0, -1), root).catch((error: unknown) => {
    if (error instanceof PlanwrightError) return null;
    throw error;
  });
}

const allNames = (plan: Plan): readonly string[] => [
  ...(plan.exclusive ?? []),
  ...plan.steps.flatMap((step) => [
    ...(step.exclusive ?? []),
    ...(step.work.kind === 'plan' ? allNames(step.work.plan) : []),
  ]),
];

function renamed(plan: Plan, nameOf: (name: string) => string | null): Plan {
  const names = (list: readonly string[] | undefined): { exclusive?: readonly string[] } =>
    list === undefined ? {} : { exclusive: [...new Set(list.flatMap((name) => nameOf(name) ?? []))] };
  const step = (one: Step): Step => ({
    ...one,
    ...names(one.exclusive),
    work: one.work.kind === 'plan' ? { ...one.work, plan: renamed(one.work.plan, nameOf) } : one.work,
  });
  return { ...plan, ...names(plan.exclusive), steps: plan.steps.map(step) };
}

/** Returns the name under which a lease is held: a repository's in its one form, any other as it is. */
export async function leaseNameAt(name: string, root: string): Promise<string> {
  if (!isRepositoryLease(name)) return name;
  const read = readRepositoryLease(name);
  if (read === null) {
    throw refused(`the lease "${name}" has no branch`, [
      'write it as repository:<remote, address or path>#<branch>',
    ]);
  }
  const branch = read.branch === '' || read.branch === 'HEAD' ? repositoryAt(root)?.branch : read.branch;
  if (!branch) {
    throw refused(`the lease "${name}" names no branch, and none is checked out in "${root}"`, [
      'write the branch behind the "#"',
    ]);
  }
  const place = await placeOf(read.where, root);
  if (place === null) {
    throw refused(
      `the lease "${name}" names the repository "${read.where}", which is no remote of "${root}", no address and no folder`,
      ['git remote -v    lists the remotes'],
    );
  }
  const result = repositoryLease(place, branch);
  const problem = whyNotLeaseName(result);
  if (problem !== null)
    throw refused(`the lease "${result}" must be ${problem}`, ['choose a name of your own']);
  return result;
}

/** A remote's name comes first, as with git itself; then an address; then a path. */
async function placeOf(where: string, root: string): Promise<string | null> {
  const [{ findRemote }, { openRepository }] = await Promise.all([
    import('../tools/git/remote.js'),
    import('../tools/git/repository.js'),
  ]);
  const opened = (folder: string) => openRepository(folder).catch(() => null); // none is an answer here
  const repository = REMOTE.test(where) ? await opened(root) : null;
  const remote =
    repository === null ? null : await findRemote(repository, where as RemoteName).catch(() => null);
  const address = remote?.shownUrl ?? where;
  const place = normalisedAddress(address);
  if (place !== null && !place.startsWith('file:/')) return place;
  const path = resolve(root, address.replace(/^file:\/\/[^/]*/, '')).replace(/\/\.git$/, '');
  // All work trees of a repository are that one repository, and a link is what it leads to.
  const found = await opened(path);
  if (found !== null) return normalisedAddress(realpathSync(found.commonDir).replace(/\/\.git$/, ''));
  return place;
}

/** Neither a path nor an address. */
const REMOTE = /^(?!\.{1,2}$)[\w.-]+$/;

const refused = (message: string, remedies: readonly string[]): PlanwrightError =>
  new PlanwrightError('bad-request', message, remedies);
