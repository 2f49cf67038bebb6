/**
 * The activities of a worker, put together.
 */
import { join } from 'node:path';
import type { Tell } from '../os/progress.mjs';
import { packageRoot } from '../package.js';
import { sweepWorktrees } from '../tools/git/close-worktree.js';
import { fileNameOf } from '../tools/git/names.js';
import { openContainment } from '../tools/process/index.js';
import { useHelper } from '../tools/process/run-program.js';
import { sweepAllGates } from '../tools/safe-merge/leftovers.js';
import type { LandingActivities } from '../workflows/landing-api.js';
import type { JobActivities } from '../workflows/job-api.js';
import type { Activities, HostActivities, WorkerOrder } from './api.js';
import { beating } from './beating.js';
import { findEnded } from './find-ended.js';
import { findJobs } from './job/find-jobs.js';
import { sweepOrphans } from './leftovers.js';
import { readLogIn } from './read-log.js';
import { requestCancel } from './request-cancel.js';
import { runCommandIn } from './run-command.js';
import type { WorkstreamActivities } from './workstream/api.js';
import { workstreamActivities } from './workstream/index.js';
import { writeRecordIn } from './write-record.js';

/** What activities need of the worker that runs them. */
export interface World {
  readonly home: string;
  readonly host: string;
  /** The worker's own: what the environment of a step is made from. */
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the worker is to finish what it has begun. */
  readonly draining: AbortSignal;
  /** Aborted when it is to end what runs. */
  readonly ending: AbortSignal;
  /** Does what people tell the worker; false when it does so already. */
  readonly obey: (order: WorkerOrder) => Promise<boolean>;
}

export interface WorkerActivities {
  readonly activities: Activities & HostActivities & JobActivities & WorkstreamActivities & LandingActivities;
  close(): Promise<void>;
}

/** Makes the worker's activities ready: ends what a killed worker left running, and chooses how commands are held. */
export async function openActivities(world: World, tell: Tell): Promise<WorkerActivities> {
  const { ended, trouble } = await sweepOrphans(world.home, world.host);
  if (ended > 0) tell(`ended ${ended} commands that a killed worker had left running`);
  for (const line of trouble) tell(`warning: left running: ${line}`);
  void sweepLeft(world.home, tell); // captures what is in them first: steps need not wait for that
  const containment = await openContainment(world.env);
  tell(`holds commands by ${containment.mode}: ${containment.why}`);
  const endHelper = useHelper(); // a worker is large
  // Before all else on a step's PATH, so that plans can name our own tools as they are.
  const bin = join(packageRoot(), 'bin', 'steps');
  const workstreams = workstreamActivities({
    ...world,
    bin,
    containment,
  });
  return {
    activities: {
      ...workstreams,
      findTip: beating((task) => workstreams.findTip(task)),
      mergeForLanding: beating((task) => workstreams.mergeForLanding(task)),
      releaseMerges: beating((task) => workstreams.releaseMerges(task)),
      moveBranch: beating((task) => workstreams.moveBranch(task)),
      runCommand: runCommandIn({ ...world, bin, containment }),
      writeRecord: writeRecordIn(world.home),
      readLog: readLogIn(world.home),
      obeyOrder: (order) => world.obey(order),
      requestCancel,
      findEnded,
      findJobs,
    },
    close: async () => {
      await containment.close();
      await endHelper();
    },
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Removes worktrees whose worker died a day ago and that nobody came back for; what is in them is kept as a patch. */
async function sweepLeft(home: string, tell: Tell): Promise<void> {
  try {
    const fileFor = ({ id }: { readonly id: string }): string =>
      join(home, 'leftovers', `${fileNameOf(id)}.patch`);
    for (const { id, saved, trouble } of await sweepWorktrees(home, DAY_MS, Date.now(), fileFor)) {
      if (trouble !== null) tell(`warning: the worktree "${id}" was left: ${trouble}`);
      else tell(`removed the worktree "${id}"${saved === null ? '' : `; its patch is "${saved.id}"`}`);
    }
    const gates = await sweepAllGates(home);
    for (const path of gates.removed) tell(`removed "${path}": the gate that ran there was killed`);
    for (const line of gates.trouble) tell(`warning: left there: ${line}`);
  } catch (error) {
    tell(
      `warning: old worktrees were not looked for: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
