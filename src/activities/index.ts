/**
 * The activities of a worker, put together.
 */
import { join } from 'node:path';
import type { Tell } from '../os/progress.mjs';
import { packageRoot } from '../package.js';
import { openContainment } from '../tools/process/index.js';
import type { Activities, HostActivities } from './api.js';
import { findEnded } from './find-ended.js';
import { sweepOrphans } from './leftovers.js';
import { readLogIn } from './read-log.js';
import { requestCancel } from './request-cancel.js';
import { runCommandIn } from './run-command.js';
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
}

export interface WorkerActivities {
  readonly activities: Activities & HostActivities;
  close(): Promise<void>;
}

/** Makes the worker's activities ready: ends what a killed worker left running, and chooses how commands are held. */
export async function openActivities(world: World, tell: Tell): Promise<WorkerActivities> {
  const { ended, trouble } = await sweepOrphans(world.home, world.host);
  if (ended > 0) tell(`ended ${ended} commands that a killed worker had left running`);
  for (const line of trouble) tell(`warning: left running: ${line}`);
  const containment = await openContainment(world.env);
  tell(`holds commands by ${containment.mode}: ${containment.why}`);
  // Before all else on a step's PATH, so that plans can name our own tools as they are.
  const bin = join(packageRoot(), 'bin', 'steps');
  return {
    activities: {
      runCommand: runCommandIn({ ...world, bin, containment }),
      writeRecord: writeRecordIn(world.home),
      readLog: readLogIn(world.home),
      requestCancel,
      findEnded,
    },
    close: () => containment.close(),
  };
}
