/**
 * Where a plan's steps run when nobody said it: here, unless that would turn a first try loose on Planwright's own
 * checkout.
 */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { packageRoot } from '../package.js';
import type { Plan } from '../plan/plan.js';
import { UsageError } from './errors.js';
import { programName } from './program-name.js';
import type { World } from './world.js';

export interface Place {
  /** The folder to run in instead of the usual one, or null. */
  readonly root: string | null;
  /** Said first. */
  readonly first: string | null;
  /** Said last. */
  readonly last: readonly string[];
}

export interface PlaceRequest {
  readonly planPath: string;
  /** As given by `--root`. */
  readonly root: string | undefined;
  readonly demo: boolean;
  readonly home: string;
}

/** A plan about a repository says so by its variable for the branch. */
const isRepositoryPlan = (plan: Plan): boolean => Object.hasOwn(plan.variables, 'BRANCH');

const USUAL: Place = { root: null, first: null, last: [] };

/** Decides where a plan runs, and makes the demonstration repository where that is the place. */
export async function placeFor(
  world: World,
  plan: Plan,
  { planPath, root, demo, home }: PlaceRequest,
): Promise<Place> {
  if (demo && !isRepositoryPlan(plan)) {
    throw new UsageError(
      '--demo makes a repository, and this plan is not about one: it has no variable BRANCH',
    );
  }
  if (demo && root !== undefined)
    throw new UsageError('--demo and --root name two places: leave one of them out');
  if (!demo && (root !== undefined || !isRepositoryPlan(plan) || !isOwnCheckout(world.cwd))) return USUAL;
  const [{ makeDemo }, { ulid }] = await Promise.all([import('../tools/demo/demo.js'), import('ulid')]);
  const demos = join(home, 'demos');
  mkdirSync(demos, { recursive: true, mode: 0o700 }); // perhaps the first thing in the state directory, which is private
  const made = await makeDemo({
    directory: join(demos, ulid().toLowerCase()),
    ...(demo ? { conflicts: 'all', gate: true } : {}),
  });
  const why = demo ? 'as asked' : "this is Planwright's own checkout, and no --root was given";
  return {
    root: made.root,
    first: `running on ${made.sentence} (${why})`,
    last: [
      '',
      'On your own repository:',
      `  ${commandName(world)} ${planPath} --root <your repository> --var BRANCH=<branch>`,
    ],
  };
}

/** As the person called us; `npm run demo` is a start, too. */
const commandName = ({ env }: World): string =>
  env['npm_lifecycle_event'] ? 'npm run start-plan --' : `${programName(env)} start`;

/** Whether a folder is part of the checkout that this program runs from; an installed package is nobody's work. */
function isOwnCheckout(folder: string): boolean {
  const own = packageRoot();
  if (!existsSync(join(own, '.git'))) return false;
  const inside = relative(realpathSync(own), realpathSync(folder));
  return inside === '' || (inside !== '..' && !inside.startsWith(`..${sep}`));
}
